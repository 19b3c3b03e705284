//! What `tidegate audit` tells about the log.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;

use crate::gateway::{Gateway, POLL};

/// How long a broken exchange may take to be closed, deadlines included.
const CLOSING_MAX: Duration = Duration::from_mins(2);

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

/// Every record of the log but those that reading it made, oldest first.
pub fn list(gateway: &Gateway) -> Result<Vec<Record>> {
    let output = gateway.audit(&["list", "--limit", LIST_MAX, "-o", "json"])?;
    ensure!(
        output.status.success(),
        "audit list failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let entries: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    let mut records: Vec<Record> = entries.into_iter().map(Record).collect();
    records.retain(|record| record.kind() != "query");
    records.sort_by_key(Record::index);
    Ok(records)
}

/// The log as lines of OCSF events, as another system gets it.
pub fn ocsf(gateway: &Gateway) -> Result<String> {
    let file = gateway.folder().join("ocsf.jsonl").display().to_string();
    let output = gateway.audit(&["export", "--format", "ocsf", "--to", &file])?;
    ensure!(
        output.status.success(),
        "audit export failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::read_to_string(&file).map_err(Into::into)
}

/// Record number `index`.
pub fn show(gateway: &Gateway, index: u64) -> Result<Record> {
    let shown = shown(gateway, index)?;
    let entry = shown.get("entry").cloned();
    Ok(Record(entry.ok_or_else(|| anyhow!("no entry in {shown}"))?))
}

/// The record that closes the exchange which record `opening` began; it may take a moment where
/// the exchange broke off.
pub fn closing(gateway: &Gateway, opening: u64) -> Result<Record> {
    let deadline = Instant::now() + CLOSING_MAX;
    while Instant::now() < deadline {
        match shown(gateway, opening)?.get("closing") {
            Some(Value::Null) | None => thread::sleep(POLL),
            Some(closing) => return Ok(Record(closing.clone())),
        }
    }
    bail!("no record closes record {opening}")
}

/// Record number `index` with what belongs to it, and whether it is proven to be in the tree.
pub fn shown(gateway: &Gateway, index: u64) -> Result<Value> {
    let output = gateway.audit(&["show", &index.to_string(), "-o", "json"])?;
    ensure!(
        output.status.success(),
        "audit show {index} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("audit show printed no JSON")
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
