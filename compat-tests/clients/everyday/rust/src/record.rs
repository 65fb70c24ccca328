use serde_json::{json, Value};

use crate::Result;

/// A record that is written or was read.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    pub(crate) fn json(&self) -> Value {
        let text = |b: &Vec<u8>| String::from_utf8_lossy(b).into_owned();
        json!({
            "partition": self.partition,
            "offset": self.offset,
            "timestamp": self.timestamp,
            "key": self.key.as_ref().map(text),
            "value": self.value.as_ref().map(text),
            "headers": self.headers.iter().map(|(name, value)| (name, text(value))).collect::<Vec<_>>(),
        })
    }
}

/// Reads words of the form PARTITION|TIMESTAMP|KEY|VALUE|NAME=VALUE,NAME=VALUE.
pub(crate) fn parse(words: &[&str]) -> Result<Vec<Record>> {
    words.iter().map(|word| one(word)).collect()
}

fn one(word: &str) -> Result<Record> {
    let fields: Vec<&str> = word.split('|').collect();
    let [partition, timestamp, key, value, headers] = fields[..] else {
        return Err(format!("record {word}: want 5 fields").into());
    };
    let or_null = |s: &str| (s != "-").then(|| s.as_bytes().to_vec());
    let header = |h: &str| {
        let (name, value) = h.split_once('=').unwrap_or((h, ""));
        (name.to_string(), value.as_bytes().to_vec())
    };
    Ok(Record {
        partition: partition.parse()?,
        offset: 0,
        timestamp: timestamp.parse()?,
        key: or_null(key),
        value: or_null(value),
        headers: headers.split(',').filter(|h| !h.is_empty()).map(header).collect(),
    })
}
