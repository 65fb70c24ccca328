//! rdkafka in everyday use, as it is told: what it writes and reads. See
//! ../../../everyday.

mod admin;

use std::collections::HashMap;
use std::time::Duration;

use everyday::{Record, Result};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::runtime::Runtime;

fn main() -> Result<()> {
    everyday::serve(|bootstrap| {
        Ok(Program {
            bootstrap: bootstrap.to_string(),
            runtime: Runtime::new()?,
            producers: HashMap::new(),
            member: None,
            taken: HashMap::new(),
        })
    })
}

/// Within bounds one call.
const WITHIN: Duration = Duration::from_secs(60);

struct Program {
    bootstrap: String,
    runtime: Runtime,
    producers: HashMap<String, FutureProducer>,
    member: Option<BaseConsumer>,
    taken: HashMap<(String, i32), i64>, // the offset behind it
}

impl Program {
    fn settings(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }

    fn send(&self, producer: &FutureProducer, topic: &str, records: &[Record]) -> Result<()> {
        self.runtime.block_on(async {
            let mut sent = Vec::new();
            for r in records {
                let headers = r.headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(value) }));
                let mut record: FutureRecord<[u8], [u8]> = FutureRecord::to(topic).partition(r.partition).timestamp(r.timestamp).headers(headers);
                (record.key, record.payload) = (r.key.as_deref(), r.value.as_deref());
                sent.push(producer.send_result(record).map_err(|(e, _)| e)?);
            }
            for delivery in sent {
                delivery.await?.map_err(|(e, _)| e)?;
            }
            Ok(())
        })
    }

    fn member(&self) -> Result<&BaseConsumer> {
        self.member.as_ref().ok_or_else(|| "it is in no group".into())
    }
}

/// The next message. The client gets over all errors but fatal ones.
fn poll(consumer: &BaseConsumer) -> Result<BorrowedMessage<'_>> {
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => return Ok(message),
            Some(Err(e @ KafkaError::MessageConsumptionFatal(_))) => return Err(e.into()),
            _ => {}
        }
    }
}

fn record(m: &BorrowedMessage) -> Record {
    let headers = m.headers().into_iter().flat_map(|all| all.iter());
    Record {
        partition: m.partition(),
        offset: m.offset(),
        timestamp: m.timestamp().to_millis().unwrap_or(-1),
        key: m.key().map(Vec::from),
        value: m.payload().map(Vec::from),
        headers: headers.map(|h| (h.key.to_string(), h.value.unwrap_or_default().to_vec())).collect(),
    }
}

impl everyday::Client for Program {
    fn produce(&mut self, topic: &str, codec: &str, idempotent: bool, records: Vec<Record>) -> Result<()> {
        let name = format!("{codec} {idempotent}");
        if !self.producers.contains_key(&name) {
            let mut config = self.settings();
            // snippet: producer
            config.set("compression.codec", codec);
            config.set("enable.idempotence", idempotent.to_string());
            let producer: FutureProducer = config.create()?;
            // snippet: end
            self.producers.insert(name.clone(), producer);
        }
        self.send(&self.producers[&name], topic, &records)
    }

    fn transact(&mut self, topic: &str, id: &str, commit: bool, records: Vec<Record>) -> Result<()> {
        if !self.producers.contains_key(id) {
            let mut config = self.settings();
            // snippet: transactions
            config.set("transactional.id", id);
            let producer: FutureProducer = config.create()?;
            producer.init_transactions(WITHIN)?;
            // snippet: end
            self.producers.insert(id.to_string(), producer);
        }
        let producer = &self.producers[id];
        producer.begin_transaction()?;
        self.send(producer, topic, &records)?;
        if commit {
            producer.commit_transaction(WITHIN)?;
        } else {
            producer.abort_transaction(WITHIN)?;
        }
        Ok(())
    }

    fn read(&mut self, topic: &str, partitions: i32, count: usize, committed: bool) -> Result<Vec<Record>> {
        let mut config = self.settings();
        config.set("group.id", "reads");
        config.set("isolation.level", if committed { "read_committed" } else { "read_uncommitted" });
        let consumer: BaseConsumer = config.create()?;
        let mut from = TopicPartitionList::new();
        for partition in 0..partitions {
            from.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&from)?;
        (0..count).map(|_| Ok(record(&poll(&consumer)?))).collect()
    }

    fn join(&mut self, topic: &str, group: &str, protocol: &str) -> Result<()> {
        let mut config = self.settings();
        // snippet: consumer
        config.set("group.id", group);
        config.set("group.protocol", protocol); // "classic", the default, or "consumer"
        config.set("auto.offset.reset", "earliest");
        config.set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create()?;
        consumer.subscribe(&[topic])?;
        // snippet: end
        (self.member, self.taken) = (Some(consumer), HashMap::new());
        Ok(())
    }

    fn take(&mut self, count: usize) -> Result<Vec<Record>> {
        let mut all = Vec::new();
        let mut taken = HashMap::new();
        while all.len() < count {
            let message = poll(self.member()?)?;
            taken.insert((message.topic().to_string(), message.partition()), message.offset() + 1);
            all.push(record(&message));
        }
        self.taken.extend(taken);
        Ok(all)
    }

    fn commit(&mut self) -> Result<()> {
        let mut offsets = TopicPartitionList::new();
        for ((topic, partition), offset) in &self.taken {
            offsets.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        }
        Ok(self.member()?.commit(&offsets, CommitMode::Sync)?)
    }

    fn leave(&mut self) -> Result<()> {
        self.member = None; // it leaves when it is dropped
        Ok(())
    }

    fn create(&mut self, topic: &str, partitions: i32, name: &str, value: &str) -> Result<()> {
        admin::create(self, topic, partitions, name, value)
    }

    fn list(&mut self) -> Result<Vec<String>> {
        admin::list(self)
    }

    fn describe(&mut self, topic: &str) -> Result<usize> {
        admin::describe(self, topic)
    }

    fn config(&mut self, topic: &str, name: &str) -> Result<String> {
        admin::config(self, topic, name)
    }

    fn alter(&mut self, topic: &str, name: &str, value: &str) -> Result<()> {
        admin::alter(self, topic, name, value)
    }

    fn grow(&mut self, topic: &str, partitions: usize) -> Result<()> {
        admin::grow(self, topic, partitions)
    }

    fn delete(&mut self, topic: &str) -> Result<()> {
        admin::delete(self, topic)
    }

    fn offset(&mut self, topic: &str, partition: i32, at: i64) -> Result<i64> {
        admin::offset(self, topic, partition, at)
    }
}
