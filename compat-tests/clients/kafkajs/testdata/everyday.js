// KafkaJS in everyday use, as it is told. See ../../everyday.
'use strict'

const path = require('path')
const { Kafka, CompressionTypes, ConfigResourceTypes, logLevel } = require('kafkajs')
const { bootstrap, read, serve, Taker } = require(path.join(__dirname, '..', '..', 'everyday', 'javascript', 'everyday.js'))

// snippet: client
const settings = {
  brokers: [bootstrap],
  // A broker that restarts is away for longer than the default of five tries.
  retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 60 },
}
// snippet: end
const kafka = new Kafka({
  ...settings,
  logLevel: logLevel.WARN,
  logCreator: () => ({ log }) => process.stderr.write(JSON.stringify(log) + '\n'),
})
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

const resource = topic => ({ type: ConfigResourceTypes.TOPIC, name: topic })

const client = {
  async produce(topic, codec, idempotent, messages) {
    const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP }
    const p = await producer(idempotent, { idempotent: idempotent === 'true' })
    await p.send({ topic, acks: -1, compression: codecs[codec], messages })
  },
  async transact(topic, id, ending, messages) {
    const p = await producer(id, { transactionalId: id, idempotent: true, maxInFlightRequests: 1 })
    const txn = await p.transaction()
    await txn.send({ topic, messages })
    await (ending === 'commit' ? txn.commit() : txn.abort())
  },
  // KafkaJS reads as a member of a group only.
  async read(topic, partitions, count, level) {
    const reader = kafka.consumer({ groupId: `reads-${topic}-${process.pid}-${reads++}`, readUncommitted: level === 'uncommitted', maxWaitTimeInMs: 250 })
    const all = new Taker()
    await reader.connect()
    await reader.subscribe({ topic, fromBeginning: true })
    await reader.run({ autoCommit: false, eachMessage: async ({ partition, message }) => all.give(read(partition, message)) })
    const records = await all.take(Number(count))
    await reader.disconnect()
    return { records }
  },
  async join(topic, group) {
    taker = new Taker()
    // snippet: consumer
    member = kafka.consumer({ groupId: group, maxWaitTimeInMs: 250 })
    await member.connect()
    await member.subscribe({ topic, fromBeginning: true })
    // snippet: end
    await member.run({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        const offset = String(BigInt(message.offset) + 1n)
        taken[partition] = { topic, partition, offset }
        taker.give(read(partition, message))
      },
    })
  },
  async take(count) {
    return { records: await taker.take(Number(count)) }
  },
  async commit() {
    await member.commitOffsets(Object.values(taken))
  },
  async leave() {
    await member.disconnect()
  },
  async create(topic, partitions, config) {
    const [name, value] = config.split('=')
    await admin.createTopics({ topics: [{ topic, numPartitions: Number(partitions), configEntries: [{ name, value }] }] })
  },
  async list() {
    return { topics: await admin.listTopics() }
  },
  async describe(topic) {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return { partitions: topics[0].partitions.length }
  },
  async config(topic, name) {
    const { resources } = await admin.describeConfigs({ resources: [{ ...resource(topic), configNames: [name] }] })
    return { value: resources[0].configEntries[0].configValue }
  },
  async alter(topic, config) {
    const [name, value] = config.split('=')
    await admin.alterConfigs({ resources: [{ ...resource(topic), configEntries: [{ name, value }] }] })
  },
  async grow(topic, count) {
    await admin.createPartitions({ topicPartitions: [{ topic, count: Number(count) }] })
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
