// @confluentinc/kafka-javascript in everyday use, as it is told. See ../../everyday.
'use strict'

const path = require('path')
const { setTimeout } = require('timers/promises')
const { AdminClient, KafkaJS } = require('@confluentinc/kafka-javascript')
const { bootstrap, read, serve, Taker } = require(path.join(__dirname, '..', '..', 'everyday', 'javascript', 'everyday.js'))

// snippet: client
const kafka = new KafkaJS.Kafka({ 'bootstrap.servers': bootstrap })
// snippet: end
const admin = kafka.admin()
const producers = {}
let member, taker
let taken = {}
let reads = 0

async function producer(name, settings) {
  if (!producers[name]) {
    producers[name] = kafka.producer(settings)
    await producers[name].connect()
  }
  return producers[name]
}

const client = {
  async produce(topic, codec, idempotent, messages) {
    // snippet: producer
    const settings = { 'compression.codec': codec, 'enable.idempotence': idempotent === 'true' }
    // snippet: end
    const p = await producer(codec + idempotent, settings)
    await p.send({ topic, messages })
  },
  async transact(topic, id, ending, messages) {
    const p = await producer(id, { 'transactional.id': id })
    const txn = await p.transaction()
    await txn.send({ topic, messages })
    await (ending === 'commit' ? txn.commit() : txn.abort())
  },
  // It reads as a member of a group only.
  async read(topic, partitions, count, level) {
    const reader = kafka.consumer({
      'group.id': `reads-${topic}-${process.pid}-${reads++}`, 'auto.offset.reset': 'earliest', 'enable.auto.commit': false,
      'isolation.level': `read_${level}`,
    })
    const all = new Taker()
    await reader.connect()
    await reader.subscribe({ topic })
    await reader.run({ eachMessage: async ({ partition, message }) => all.give(read(partition, message)) })
    const records = await all.take(Number(count))
    await reader.disconnect()
    return { records }
  },
  async join(topic, group, protocol) {
    taker = new Taker()
    // snippet: consumer
    member = kafka.consumer({
      'group.id': group, 'group.protocol': protocol, 'auto.offset.reset': 'earliest', 'enable.auto.commit': false,
    })
    await member.connect()
    await member.subscribe({ topic })
    // snippet: end
    await member.run({
      eachMessage: async ({ topic, partition, message }) => {
        taken[partition] = { topic, partition, offset: String(BigInt(message.offset) + 1n) }
        taker.give(read(partition, message))
      },
    })
  },
  async take(count) {
    return { records: await taker.take(Number(count)) }
  },
  async commit() {
    const offsets = Object.values(taken)
    // snippet: commit
    // It does not wait for the broker's answer.
    await member.commitOffsets(offsets)
    const stands = ({ partition, offset }) => offsets.some(o => o.partition === partition && o.offset === offset)
    while (!(await member.committed(offsets)).every(stands)) await setTimeout(10)
    // snippet: end
  },
  async leave() {
    await member.disconnect()
  },
  async create(topic, partitions, config) {
    const [name, value] = config.split('=')
    await admin.createTopics({ topics: [{ topic, numPartitions: Number(partitions), replicationFactor: 1, configEntries: [{ name, value }] }] })
  },
  async list() {
    return { topics: await admin.listTopics() }
  },
  async describe(topic) {
    const [metadata] = await admin.fetchTopicMetadata({ topics: [topic] })
    return { partitions: metadata.partitions.length }
  },
  // What its newer interface does not have is in the older one.
  async grow(topic, count) {
    const older = AdminClient.create({ 'bootstrap.servers': bootstrap })
    await new Promise((done, failed) => older.createPartitions(topic, Number(count), 30000, e => (e ? failed(e) : done())))
    older.disconnect()
  },
  async delete(topic) {
    await admin.deleteTopics({ topics: [topic] })
  },
  async offset(topic, partition, at) {
    const ends = at === 'earliest' || at === 'latest'
    const offsets = await (ends ? admin.fetchTopicOffsets(topic) : admin.fetchTopicOffsetsByTimestamp(topic, Number(at)))
    const found = offsets.find(o => o.partition === Number(partition))
    return { offset: Number(at === 'earliest' ? found.low : found.offset) }
  },
}

admin.connect().then(() => serve(client))
