// What the programs in JavaScript have in common: KEY=VALUE arguments, commands on
// stdin, one JSON line on stdout for each. See ../doc.go.
'use strict'

const readline = require('readline')

const flags = Object.fromEntries(process.argv.slice(2).map(a => [a.slice(0, a.indexOf('=')), a.slice(a.indexOf('=') + 1)]))

const orNull = field => (field === '-' ? null : field)

function parse(word) {
  const [partition, timestamp, key, value, headers] = word.split('|')
  return {
    partition: Number(partition),
    timestamp,
    key: orNull(key),
    value: orNull(value),
    headers: headers === '' ? {} : Object.fromEntries(headers.split(',').map(h => h.split('='))),
  }
}

const text = b => (b === null || b === undefined ? null : b.toString())

// A record that was read, as KafkaJS has it, for JSON.
function read(partition, m) {
  return {
    partition,
    offset: Number(m.offset),
    timestamp: Number(m.timestamp),
    key: text(m.key),
    value: text(m.value),
    headers: Object.entries(m.headers || {}).map(([k, v]) => [k, text(v)]),
  }
}

// Collects records until there are enough, and lets the handler wait for the next time.
class Taker {
  constructor() {
    this.records = []
    this.wanted = 0
  }

  give(record) {
    this.records.push(record)
    this.look()
  }

  take(count) {
    return new Promise(done => {
      this.wanted = count
      this.done = done
      this.look()
    })
  }

  look() {
    if (!this.done || this.records.length < this.wanted) return
    const done = this.done
    this.done = null
    done(this.records.splice(0, this.wanted))
  }
}

async function serve(client) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, ...args] = line.split(' ')
    let answer
    try {
      const records = command === 'produce' || command === 'transact' ? args.splice(3).map(parse) : []
      answer = { ok: true, ...(await client[command](...args, records)) }
    } catch (e) {
      answer = { error: [e, ...(e.errors || [])].join(': ') }
    }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
  process.exit(0)
}

module.exports = { bootstrap: flags.bootstrap, read, serve, Taker }
