// Does transactions as it is told. See ..
'use strict'

const readline = require('readline')
const { Kafka, logLevel } = require('kafkajs')

const flags = Object.fromEntries(process.argv.slice(2).map(a => [a.slice(0, a.indexOf('=')), a.slice(a.indexOf('=') + 1)]))
const sleep = ms => new Promise(done => setTimeout(done, ms))

const kafka = new Kafka({
  brokers: [flags.bootstrap],
  logLevel: logLevel.WARN,
  logCreator: () => ({ log }) => process.stderr.write(JSON.stringify(log) + '\n'),
  retry: { initialRetryTime: 100, retries: 20 },
})
const producer = kafka.producer({
  transactionalId: flags.id,
  transactionTimeout: Number(flags.timeout),
  maxInFlightRequests: 1,
  idempotent: true,
})
let txn

// The batch that the group has for us; its handler waits, with heartbeats, until the
// transaction has ended, and goes on behind it or gets it again.
let offered = null
let taken = null

async function offer({ batch, resolveOffset, heartbeat, isRunning, isStale }) {
  const mine = { batch, ended: false, committed: false }
  offered = mine
  while (!mine.ended && isRunning() && !isStale()) {
    await heartbeat()
    await sleep(100)
  }
  if (offered === mine) offered = null
  if (mine.committed) resolveOffset(batch.messages[batch.messages.length - 1].offset)
}

function ended(committed) {
  if (taken) Object.assign(taken, { ended: true, committed })
  taken = null
}

const worker = {
  // KafkaJS gets its id and epoch with the first transaction.
  async init() {
    await producer.connect()
    await worker.begin()
    await txn.abort()
    if (!flags.group) return
    const consumer = kafka.consumer({
      groupId: flags.group, sessionTimeout: Number(flags.session), heartbeatInterval: 500, maxWaitTimeInMs: 100,
    })
    await consumer.connect()
    await consumer.subscribe({ topic: flags.from, fromBeginning: true })
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: offer })
  },
  async begin() {
    txn = await producer.transaction()
  },
  async send(topic, partition, name, n) {
    const messages = Array.from({ length: Number(n) }, (_, i) => ({ partition: Number(partition), value: `${name}.${i}` }))
    await txn.send({ topic, messages })
  },
  async take() {
    for (let tries = 0; !offered && tries < 20; tries++) await sleep(50)
    if (!offered) return { count: 0 }
    taken = offered
    offered = null
    await worker.begin()
    const { partition, messages } = taken.batch
    await txn.send({ topic: flags.to, messages: messages.map(m => ({ partition, value: m.value })) })
    return { count: messages.length }
  },
  async offsets() {
    const { topic, partition, messages } = taken.batch
    const offset = String(BigInt(messages[messages.length - 1].offset) + 1n)
    await txn.sendOffsets({ consumerGroupId: flags.group, topics: [{ topic, partitions: [{ partition, offset }] }] })
  },
  async commit() {
    await txn.commit()
    ended(true)
  },
  async abort() {
    await txn.abort()
    ended(false)
  },
  // KafkaJS reads as a member of a group only.
  async read(topic, level, partitions) {
    const reader = kafka.consumer({ groupId: `reads-${topic}-${level}`, readUncommitted: level === 'uncommitted' })
    const records = []
    await reader.connect()
    await reader.subscribe({ topic, fromBeginning: true })
    let left = Number(partitions)
    await new Promise(done => reader.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        const value = message.value.toString()
        records.push({ partition, offset: Number(message.offset), value })
        if (value === 'end' && --left === 0) done()
      },
    }))
    await reader.disconnect()
    return { records }
  },
}

async function serve() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, ...args] = line.split(' ')
    let answer
    try {
      answer = { ok: true, ...(await worker[command](...args)) }
    } catch (e) {
      answer = { error: String(e) }
    }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
  process.exit(0)
}

serve()
