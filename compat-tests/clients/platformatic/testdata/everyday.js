// @platformatic/kafka in everyday use, as it is told. See ../../everyday.
'use strict'

const path = require('path')
const kafka = require('@platformatic/kafka')
const { bootstrap, read, serve, Taker } = require(path.join(__dirname, '..', '..', 'everyday', 'javascript', 'everyday.js'))

const { Admin, Consumer, Producer, ConfigResourceTypes, FetchIsolationLevels, IncrementalAlterConfigOperationTypes } = kafka

// snippet: client
const settings = {
  clientId: 'everyday',
  bootstrapBrokers: [bootstrap],
  // A broker that restarts is away for longer than the default of three tries.
  retries: 600,
  retryDelay: 100,
}
// snippet: end
const admin = new Admin(settings)
const producers = {}
let member, stream, taker
let taken = {}
let reads = 0

function producer(name, more) {
  producers[name] ||= new Producer({ ...settings, ...more })
  return producers[name]
}

const bytes = s => (s === null ? undefined : Buffer.from(s))

const messagesOf = (topic, records) =>
  records.map(r => ({
    topic,
    partition: r.partition,
    timestamp: BigInt(r.timestamp),
    key: bytes(r.key),
    value: bytes(r.value),
    headers: new Map(Object.entries(r.headers).map(([k, v]) => [Buffer.from(k), Buffer.from(v)])),
  }))

const of = m => read(m.partition, { ...m, offset: m.offset, timestamp: m.timestamp, key: m.key, value: m.value, headers: Object.fromEntries(m.headers) })

const client = {
  async produce(topic, codec, idempotent, records) {
    const p = producer(idempotent, { idempotent: idempotent === 'true' })
    await p.send({ messages: messagesOf(topic, records), acks: -1, compression: codec })
  },
  async transact(topic, id, ending, records) {
    const p = producer(id, { idempotent: true, transactionalId: id })
    const txn = await p.beginTransaction()
    await txn.send({ messages: messagesOf(topic, records), acks: -1 })
    await (ending === 'commit' ? txn.commit() : txn.abort())
  },
  // It reads as a member of a group only.
  async read(topic, partitions, count, level) {
    const reader = new Consumer({ ...settings, groupId: `reads-${topic}-${process.pid}-${reads++}`, autocommit: false, maxWaitTime: 250 })
    const isolationLevel = level === 'committed' ? FetchIsolationLevels.READ_COMMITTED : FetchIsolationLevels.READ_UNCOMMITTED
    const all = new Taker()
    const from = await reader.consume({ topics: [topic], mode: 'earliest', isolationLevel })
    from.on('data', m => all.give(of(m)))
    const records = await all.take(Number(count))
    await from.close()
    await reader.close(true)
    return { records }
  },
  async join(topic, group, protocol) {
    taker = new Taker()
    // snippet: consumer
    member = new Consumer({ ...settings, groupId: group, groupProtocol: protocol, autocommit: false, maxWaitTime: 250 })
    stream = await member.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' })
    // snippet: end
    stream.on('error', e => process.stderr.write([e, ...(e.errors || [])].join('\n') + '\n'))
    stream.on('data', m => {
      taken[m.partition] = { topic, partition: m.partition, offset: m.offset + 1n, leaderEpoch: -1 }
      taker.give(of(m))
    })
  },
  async take(count) {
    return { records: await taker.take(Number(count)) }
  },
  async commit() {
    await member.commit({ offsets: Object.values(taken) })
  },
  async leave() {
    await member.close(true)
  },
  async create(topic, partitions, config) {
    const [name, value] = config.split('=')
    await admin.createTopics({ topics: [topic], partitions: Number(partitions), replicas: 1, configs: [{ name, value }] })
  },
  async list() {
    return { topics: await admin.listTopics() }
  },
  async describe(topic) {
    const metadata = await admin.metadata({ topics: [topic] })
    return { partitions: metadata.topics.get(topic).partitions.length }
  },
  async config(topic, name) {
    const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: [name] }
    const [answer] = await admin.describeConfigs({ resources: [resource] })
    return { value: answer.configs.find(c => c.name === name).value }
  },
  async alter(topic, config) {
    const [name, value] = config.split('=')
    const configs = [{ name, value, configOperation: IncrementalAlterConfigOperationTypes.SET }]
    await admin.incrementalAlterConfigs({ resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs }] })
  },
  async grow(topic, count) {
    await admin.createPartitions({ topics: [{ name: topic, count: Number(count), assignments: null }] })
  },
  async delete(topic) {
    await admin.deleteTopics({ topics: [topic] })
  },
  async offset(topic, partition, at) {
    const timestamp = { earliest: -2n, latest: -1n }[at] ?? BigInt(at)
    const [answer] = await admin.listOffsets({ topics: [{ name: topic, partitions: [{ partitionIndex: Number(partition), timestamp }] }] })
    return { offset: Number(answer.partitions[0].offset) }
  },
}

serve(client)
