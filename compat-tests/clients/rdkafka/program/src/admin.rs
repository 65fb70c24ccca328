//! What it asks about topics, and has done to them.

use everyday::Result;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication, TopicResult};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::{Program, WITHIN};

type Admin = AdminClient<DefaultClientContext>;

fn admin(p: &Program) -> Result<Admin> {
    Ok(p.settings().create()?)
}

/// The one answer to a request about one topic.
fn done(answers: Vec<TopicResult>) -> Result<()> {
    for answer in answers {
        answer.map_err(|(topic, code)| format!("{topic}: {code}"))?;
    }
    Ok(())
}

pub fn create(p: &Program, topic: &str, partitions: i32, name: &str, value: &str) -> Result<()> {
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1)).set(name, value);
    done(p.runtime.block_on(admin(p)?.create_topics(&[new], &AdminOptions::new()))?)
}

pub fn delete(p: &Program, topic: &str) -> Result<()> {
    done(p.runtime.block_on(admin(p)?.delete_topics(&[topic], &AdminOptions::new()))?)
}

pub fn grow(p: &Program, topic: &str, partitions: usize) -> Result<()> {
    let more = NewPartitions::new(topic, partitions);
    done(p.runtime.block_on(admin(p)?.create_partitions(&[more], &AdminOptions::new()))?)
}

pub fn list(p: &Program) -> Result<Vec<String>> {
    let metadata = admin(p)?.inner().fetch_metadata(None, WITHIN)?;
    Ok(metadata.topics().iter().map(|t| t.name().to_string()).collect())
}

pub fn describe(p: &Program, topic: &str) -> Result<usize> {
    let metadata = admin(p)?.inner().fetch_metadata(Some(topic), WITHIN)?;
    Ok(metadata.topics()[0].partitions().len())
}

pub fn config(p: &Program, topic: &str, name: &str) -> Result<String> {
    let topic = ResourceSpecifier::Topic(topic);
    let mut answers = p.runtime.block_on(admin(p)?.describe_configs(&[topic], &AdminOptions::new()))?;
    let resource = answers.remove(0)?;
    let entry = resource.get(name).ok_or("no such config")?;
    Ok(entry.value.clone().unwrap_or_default())
}

pub fn alter(p: &Program, topic: &str, name: &str, value: &str) -> Result<()> {
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
    let mut answers = p.runtime.block_on(admin(p)?.alter_configs(&[change], &AdminOptions::new()))?;
    answers.remove(0).map_err(|(_, code)| code.to_string())?;
    Ok(())
}

pub fn offset(p: &Program, topic: &str, partition: i32, at: i64) -> Result<i64> {
    let consumer: BaseConsumer = p.settings().set("group.id", "offsets").create()?;
    let (low, high) = consumer.fetch_watermarks(topic, partition, WITHIN)?;
    match at {
        everyday::EARLIEST => return Ok(low),
        everyday::LATEST => return Ok(high),
        _ => {}
    }
    let mut times = TopicPartitionList::new();
    times.add_partition_offset(topic, partition, Offset::Offset(at))?;
    let found = consumer.offsets_for_times(times, WITHIN)?;
    match found.elements()[0].offset() {
        Offset::Offset(offset) => Ok(offset),
        _ => Ok(-1), // after the last record
    }
}
