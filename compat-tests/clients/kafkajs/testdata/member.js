// A member of a group: KEY=VALUE arguments, commands on stdin, one JSON line on
// stdout for all that happens. See ../../groups.
'use strict'

const readline = require('readline')
const { Kafka, logLevel } = require('kafkajs')

const flags = Object.fromEntries(process.argv.slice(2).map(a => [a.slice(0, a.indexOf('=')), a.slice(a.indexOf('=') + 1)]))
let pace = 0
let stopping = false
let owned = []

// Says what happened, and when by a clock that all processes of a machine have in common.
function say(event, more = {}) {
  const line = JSON.stringify({ event, ...more })
  process.stdout.write(`{"at":${process.hrtime.bigint()},${line.slice(1)}\n`)
}

// KafkaJS does not show the generation, and says when it rejoins but not what it gives up: everything.
function release(event) {
  if (owned.length > 0) say(event, { generation: -1, partitions: owned })
  owned = []
}

const kafka = new Kafka({
  brokers: [flags.bootstrap],
  logLevel: logLevel.WARN,
  logCreator: () => ({ log }) => process.stderr.write(JSON.stringify(log) + '\n'),
  retry: { initialRetryTime: 100, retries: 20 },
})
const consumer = kafka.consumer({
  groupId: flags.group,
  sessionTimeout: Number(flags.session),
  heartbeatInterval: Number(flags.heartbeat),
  maxWaitTimeInMs: 100,
})
const events = consumer.events
consumer.on(events.REBALANCING, () => release('revoked'))
consumer.on(events.GROUP_JOIN, ({ payload }) => {
  release('lost') // not after REBALANCING: the coordinator did not know the member any more
  owned = payload.memberAssignment[flags.topic] || []
  say('assigned', { generation: -1, partitions: owned })
})
consumer.on(events.COMMIT_OFFSETS, ({ payload }) => {
  const offsets = payload.topics.flatMap(t => t.partitions).map(p => [p.partition, Number(p.offset)])
  say('committed', { offsets: Object.fromEntries(offsets) })
})
consumer.on(events.CRASH, ({ payload }) => {
  say('error', { text: String(payload.error) })
  if (!payload.restart) process.exit(1)
})

async function join() {
  await consumer.subscribe({ topic: flags.topic, fromBeginning: flags.reset === 'earliest' })
  await consumer.run({
    autoCommitInterval: 200,
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning, isStale }) => {
      for (const m of batch.messages) {
        if (!isRunning() || isStale()) return
        if (pace > 0) await new Promise(done => setTimeout(done, pace))
        if (stopping) return
        say('record', { partition: batch.partition, offset: Number(m.offset), value: m.value.toString() })
        resolveOffset(m.offset)
        await heartbeat()
      }
    },
  })
}

function fail(e) {
  process.stderr.write(e.stack + '\n')
  process.exit(1)
}

async function leave() {
  stopping = true
  say('closing')
  await consumer.disconnect()
  say('closed')
  process.exit(0)
}

// go: join. stop: leave the group. pace N: take N ms for each record. The end of the input is the end of the test.
const commands = readline.createInterface({ input: process.stdin })
commands.on('line', line => {
  if (line === 'go') join().catch(fail)
  else if (line === 'stop') leave().catch(fail)
  else if (line.startsWith('pace ')) pace = Number(line.slice(5))
})
commands.on('close', () => { if (!stopping) process.exit(3) })
consumer.connect().then(() => say('ready'), fail)
