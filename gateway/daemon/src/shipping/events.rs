//! Records as events, in batches that a destination takes at once.

use std::collections::BTreeSet;

use audit::Followed;
use jiff::Timestamp;
use serde_json::Value;
use syslog_fmt::Severity;

use crate::syslog::{Message, Syslog};

/// A batch is full with so many bytes; one event more may go over it. Half of what proxies before collectors take
/// without being told to take more.
pub(super) const BATCH_BYTES_MAX: usize = 512 * 1024;

/// What kind of message of syslog an event is.
const MESSAGE_KIND: &str = "ocsf";

/// What `severity_id` says of what is nothing to worry about.
const INFORMATIONAL: u64 = 1;

/// An event of OCSF.
pub(super) struct Shipped {
    /// Milliseconds since 1970.
    pub(super) at_ms: i64,
    /// The record's index.
    pub(super) sequence: u64,
    pub(super) uid: String,
    /// Its class, as `class_uid` has it.
    pub(super) class: u32,
    /// Above informational.
    pub(super) is_grave: bool,
    /// Canonical JSON, one line.
    pub(super) json: String,
}

/// Events that go at once.
#[derive(Default)]
pub(super) struct Batch(pub(super) Vec<Shipped>);

/// The events of these classes (all, if there are none), in the order of the log, but for the first `taken`; a batch is
/// full with `most` bytes.
pub(super) fn batches(
    followed: &Followed,
    classes: &BTreeSet<u32>,
    taken: usize,
    most: usize,
) -> Vec<Batch> {
    let (mut batches, mut bytes) = (vec![], most);
    for event in each(followed, classes).skip(taken) {
        if bytes >= most {
            batches.push(Batch::default());
            bytes = 0;
        }
        bytes += event.json.len();
        if let Some(Batch(last)) = batches.last_mut() {
            last.push(event);
        }
    }
    batches
}

/// The events of these classes (all, if there are none), in the order of the log.
pub(super) fn each<'f>(
    followed: &'f Followed,
    classes: &'f BTreeSet<u32>,
) -> impl Iterator<Item = Shipped> + 'f {
    let matters = followed.matters.iter();
    let events = matters.flat_map(|matter| ocsf::events(matter, &followed.anchor));
    events
        .map(|event| shipped(&event))
        .filter(|event| classes.is_empty() || classes.contains(&event.class))
}

/// Messages of syslog, one after the other.
pub(super) fn as_syslog(syslog: &Syslog, batch: &Batch) -> std::io::Result<Vec<u8>> {
    let mut messages = Vec::new();
    for event in &batch.0 {
        let severity = if event.is_grave {
            Severity::Warning
        } else {
            Severity::Info
        };
        let at = Timestamp::from_millisecond(event.at_ms).map_err(std::io::Error::other)?;
        let (timestamp, sequence) = (at.to_string(), event.sequence.to_string());
        let message = Message {
            severity,
            timestamp: &timestamp,
            kind: MESSAGE_KIND,
            data: [("uid", &event.uid), ("sequence", &sequence)],
            text: &event.json,
        };
        syslog.counted(&message, &mut messages)?;
    }
    Ok(messages)
}

fn shipped(event: &Value) -> Shipped {
    let number = |at: &str| event.pointer(at).and_then(Value::as_u64);
    let uid = event.pointer("/metadata/uid").and_then(Value::as_str);
    let class = number("/class_uid").and_then(|class| u32::try_from(class).ok());
    Shipped {
        class: class.unwrap_or_default(),
        at_ms: event
            .get("time")
            .and_then(Value::as_i64)
            .unwrap_or_default(),
        sequence: number("/metadata/sequence").unwrap_or_default(),
        uid: uid.unwrap_or_default().to_owned(),
        is_grave: number("/severity_id").is_some_and(|id| id > INFORMATIONAL),
        json: event.to_string(),
    }
}
