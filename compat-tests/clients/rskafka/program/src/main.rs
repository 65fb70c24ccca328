//! rskafka in everyday use, as it is told. See ../../../everyday.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::DateTime;
use everyday::{Record, Result};
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use tokio::runtime::Runtime;

fn main() -> Result<()> {
    everyday::serve(Program::new)
}

struct Program {
    runtime: Runtime,
    client: Client,
    partitions: HashMap<(String, i32), Arc<PartitionClient>>,
}

// snippet: client
async fn connect(bootstrap: &str) -> Result<Client> {
    Ok(ClientBuilder::new(vec![bootstrap.to_string()]).build().await?)
}

async fn partition(client: &Client, topic: &str, partition: i32) -> Result<PartitionClient> {
    Ok(client.partition_client(topic, partition, UnknownTopicHandling::Retry).await?)
}
// snippet: end

/// What one answer may have, and how long the broker may wait for some.
const FETCH_BYTES: std::ops::Range<i32> = 1..1 << 20;
const FETCH_MS: i32 = 250;
const ADMIN_MS: i32 = 30_000;

impl Program {
    fn new(bootstrap: &str) -> Result<Self> {
        let runtime = Runtime::new()?;
        let client = runtime.block_on(connect(bootstrap))?;
        Ok(Program { runtime, client, partitions: HashMap::new() })
    }

    fn partition(&mut self, topic: &str, number: i32) -> Result<Arc<PartitionClient>> {
        let key = (topic.to_string(), number);
        if let Some(p) = self.partitions.get(&key) {
            return Ok(p.clone());
        }
        let p = Arc::new(self.runtime.block_on(partition(&self.client, topic, number))?);
        self.partitions.insert(key, p.clone());
        Ok(p)
    }
}

impl everyday::Client for Program {
    /// It writes one partition at a time, and knows no idempotence.
    fn produce(&mut self, topic: &str, codec: &str, _idempotent: bool, records: Vec<Record>) -> Result<()> {
        let compression = match codec {
            "none" => Compression::NoCompression,
            "gzip" => Compression::Gzip,
            "snappy" => Compression::Snappy,
            "lz4" => Compression::Lz4,
            "zstd" => Compression::Zstd,
            other => return Err(format!("no codec {other}").into()),
        };
        let mut sorted: HashMap<i32, Vec<_>> = HashMap::new();
        for r in records {
            let timestamp = DateTime::from_timestamp_millis(r.timestamp).ok_or("no such time")?;
            let headers = r.headers.into_iter().collect();
            sorted.entry(r.partition).or_default().push(rskafka::record::Record { key: r.key, value: r.value, headers, timestamp });
        }
        for (number, records) in sorted {
            let p = self.partition(topic, number)?;
            self.runtime.block_on(p.produce(records, compression))?;
        }
        Ok(())
    }

    /// It reads from offsets, and whatever is there: committed or not.
    fn read(&mut self, topic: &str, partitions: i32, count: usize, _committed: bool) -> Result<Vec<Record>> {
        let mut next = vec![0; partitions as usize];
        let mut all = Vec::new();
        while all.len() < count {
            for number in 0..partitions {
                let p = self.partition(topic, number)?;
                let (got, _) = self.runtime.block_on(p.fetch_records(next[number as usize], FETCH_BYTES, FETCH_MS))?;
                for r in got {
                    next[number as usize] = r.offset + 1;
                    all.push(Record {
                        partition: number,
                        offset: r.offset,
                        timestamp: r.record.timestamp.timestamp_millis(),
                        key: r.record.key,
                        value: r.record.value,
                        headers: r.record.headers.into_iter().collect(),
                    });
                }
            }
        }
        Ok(all)
    }

    /// A new topic has the broker's configs: it cannot send any.
    fn create(&mut self, topic: &str, partitions: i32, _name: &str, _value: &str) -> Result<()> {
        let controller = self.client.controller_client()?;
        Ok(self.runtime.block_on(controller.create_topic(topic, partitions, 1, ADMIN_MS))?)
    }

    fn list(&mut self) -> Result<Vec<String>> {
        let topics = self.runtime.block_on(self.client.list_topics())?;
        Ok(topics.into_iter().map(|t| t.name).collect())
    }

    fn describe(&mut self, topic: &str) -> Result<usize> {
        let topics = self.runtime.block_on(self.client.list_topics())?;
        let found = topics.into_iter().find(|t| t.name == topic).ok_or("no such topic")?;
        Ok(found.partitions.len())
    }

    fn delete(&mut self, topic: &str) -> Result<()> {
        let controller = self.client.controller_client()?;
        Ok(self.runtime.block_on(controller.delete_topic(topic, ADMIN_MS))?)
    }

    fn offset(&mut self, topic: &str, partition: i32, at: i64) -> Result<i64> {
        let at = match at {
            everyday::EARLIEST => OffsetAt::Earliest,
            everyday::LATEST => OffsetAt::Latest,
            time => OffsetAt::Timestamp(DateTime::from_timestamp_millis(time).ok_or("no such time")?),
        };
        let p = self.partition(topic, partition)?;
        Ok(self.runtime.block_on(p.get_offset(at))?)
    }
}
