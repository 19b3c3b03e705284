//! What `tidegate audit` tells about the log.

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use crate::gateway::Gateway;

/// One record, as `audit show N -o json` prints it.
#[derive(Clone, Debug)]
pub struct Record(pub Value);

impl Record {
    /// The first value called `name`, wherever it is nested.
    pub fn find(&self, name: &str) -> Option<&Value> {
        find(&self.0, name)
    }

    /// The same as text; empty where there is none.
    pub fn text(&self, name: &str) -> String {
        match self.find(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        }
    }

    /// The same as a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.find(name)?.as_u64()
    }

    /// Its place in the log.
    pub fn index(&self) -> Option<u64> {
        self.number("index")
    }

    /// `open`, `close`, `refuse`, `start`, `stop`.
    pub fn kind(&self) -> String {
        self.text("kind")
    }
}

/// More records than any test makes.
const LIST_MAX: &str = "1000000";

/// Every record of the log, oldest first.
pub fn list(gateway: &Gateway) -> Result<Vec<Record>> {
    let output = gateway.audit(&["list", "--limit", LIST_MAX, "-o", "json"])?;
    ensure!(
        output.status.success(),
        "audit list failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut records = parse(&String::from_utf8(output.stdout)?)?;
    records.sort_by_key(Record::index);
    Ok(records)
}

/// A list is one array, or one object a line.
fn parse(text: &str) -> Result<Vec<Record>> {
    if let Ok(Value::Array(records)) = serde_json::from_str(text) {
        return Ok(records.into_iter().map(Record).collect());
    }
    text.lines()
        .map(|line| Ok(Record(serde_json::from_str(line)?)))
        .collect()
}

/// Record number `index`.
pub fn show(gateway: &Gateway, index: u64) -> Result<Record> {
    let output = gateway.audit(&["show", &index.to_string(), "-o", "json"])?;
    ensure!(
        output.status.success(),
        "audit show {index} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(Record(
        serde_json::from_slice(&output.stdout).context("audit show printed no JSON")?,
    ))
}

/// The record that closes the exchange which record `opening` began.
pub fn closing(gateway: &Gateway, opening: u64) -> Result<Record> {
    list(gateway)?
        .into_iter()
        .find(|record| record.kind() == "close" && record.number("opening") == Some(opening))
        .ok_or_else(|| anyhow!("no record closes record {opening}"))
}

fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields
            .get(name)
            .or_else(|| fields.values().find_map(|field| find(field, name))),
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}
