//! What the programs in Rust have in common: KEY=VALUE arguments, commands on stdin, one
//! JSON line on stdout for each. See ../../doc.go.

mod record;

use std::io::{self, BufRead, Write};

use serde_json::{json, Value};

pub use record::Record;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The times that are none, by the numbers of the wire.
pub const LATEST: i64 = -1;
pub const EARLIEST: i64 = -2;

/// A client that does what it is told. What it leaves out it has not.
pub trait Client {
    fn produce(&mut self, topic: &str, codec: &str, idempotent: bool, records: Vec<Record>) -> Result<()>;
    fn read(&mut self, topic: &str, partitions: i32, count: usize, committed: bool) -> Result<Vec<Record>>;
    fn list(&mut self) -> Result<Vec<String>>;
    fn describe(&mut self, topic: &str) -> Result<usize>;
    fn create(&mut self, topic: &str, partitions: i32, name: &str, value: &str) -> Result<()>;
    fn delete(&mut self, topic: &str) -> Result<()>;
    /// The offset at a time (ms), or at LATEST or EARLIEST.
    fn offset(&mut self, topic: &str, partition: i32, at: i64) -> Result<i64>;

    fn transact(&mut self, _topic: &str, _id: &str, _commit: bool, _records: Vec<Record>) -> Result<()> {
        lacks()
    }
    fn join(&mut self, _topic: &str, _group: &str, _protocol: &str) -> Result<()> {
        lacks()
    }
    fn take(&mut self, _count: usize) -> Result<Vec<Record>> {
        lacks()
    }
    fn commit(&mut self) -> Result<()> {
        lacks()
    }
    fn leave(&mut self) -> Result<()> {
        lacks()
    }
    fn config(&mut self, _topic: &str, _name: &str) -> Result<String> {
        lacks()
    }
    fn alter(&mut self, _topic: &str, _name: &str, _value: &str) -> Result<()> {
        lacks()
    }
    fn grow(&mut self, _topic: &str, _partitions: usize) -> Result<()> {
        lacks()
    }
}

fn lacks<T>() -> Result<T> {
    Err("the client has no such thing".into())
}

/// Runs a client until its input ends.
pub fn serve<C: Client>(start: impl FnOnce(&str) -> Result<C>) -> Result<()> {
    let bootstrap = std::env::args().find_map(|a| a.strip_prefix("bootstrap=").map(String::from)).ok_or("no bootstrap=HOST:PORT")?;
    let mut client = start(&bootstrap)?;
    let mut out = io::stdout();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let answer = obey(&mut client, &words).unwrap_or_else(|e| json!({"error": format!("{e:?}")}));
        writeln!(out, "{answer}")?;
    }
    Ok(())
}

fn obey(c: &mut impl Client, words: &[&str]) -> Result<Value> {
    let mut more = json!({});
    match *words {
        ["produce", topic, codec, idempotent, ref records @ ..] => c.produce(topic, codec, idempotent == "true", record::parse(records)?)?,
        ["transact", topic, id, ending, ref records @ ..] => c.transact(topic, id, ending == "commit", record::parse(records)?)?,
        ["read", topic, partitions, count, level] => {
            let records = c.read(topic, partitions.parse()?, count.parse()?, level == "committed")?;
            more["records"] = records.iter().map(Record::json).collect();
        }
        ["join", topic, group, protocol] => c.join(topic, group, protocol)?,
        ["take", count] => more["records"] = c.take(count.parse()?)?.iter().map(Record::json).collect(),
        ["commit"] => c.commit()?,
        ["leave"] => c.leave()?,
        ["create", topic, partitions, config] => {
            let (name, value) = pair(config)?;
            c.create(topic, partitions.parse()?, name, value)?;
        }
        ["list"] => more["topics"] = json!(c.list()?),
        ["describe", topic] => more["partitions"] = json!(c.describe(topic)?),
        ["config", topic, name] => more["value"] = json!(c.config(topic, name)?),
        ["alter", topic, config] => {
            let (name, value) = pair(config)?;
            c.alter(topic, name, value)?;
        }
        ["grow", topic, partitions] => c.grow(topic, partitions.parse()?)?,
        ["delete", topic] => c.delete(topic)?,
        ["offset", topic, partition, at] => {
            let at = match at {
                "earliest" => EARLIEST,
                "latest" => LATEST,
                time => time.parse()?,
            };
            more["offset"] = json!(c.offset(topic, partition.parse()?, at)?);
        }
        _ => return Err(format!("no such command: {}", words[0]).into()),
    }
    more["ok"] = json!(true);
    Ok(more)
}

fn pair(config: &str) -> Result<(&str, &str)> {
    config.split_once('=').ok_or_else(|| format!("{config}: want NAME=VALUE").into())
}
