//! What is played: sessions and their calls.

use std::sync::Arc;

use behaviour::Ending;

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;
/// A Monday, 2025-01-06, midnight in UTC.
pub(super) const BEGIN: i64 = 1_736_121_600;

/// An exchange, as the gateway sees it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Second at which it ends.
    pub(super) at: i64,
    /// `crm/customer.read`.
    pub(super) operation: Arc<str>,
    pub(super) writes: bool,
    /// What the request binds.
    pub(super) bound: Option<String>,
    /// Classes of the answer.
    pub(super) found: Vec<&'static str>,
    pub(super) ending: Ending,
}

/// A session of an agent.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: Arc<str>,
    /// Whose process: its pid.
    pub(super) workload: u32,
    pub(super) token: Arc<str>,
    pub(super) calls: Vec<Call>,
}

impl Session {
    /// A session in a process of its own, with a token of its own.
    pub(super) fn new(id: String, workload: u32, calls: Vec<Call>) -> Self {
        Self {
            token: format!("token of {id}").into(),
            id: id.into(),
            workload,
            calls,
        }
    }
}

/// What an agent does over and over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    /// `crm/customer.read`.
    pub(super) operation: &'static str,
    pub(super) writes: bool,
    /// Classes that its answers hold.
    pub(super) classes: &'static [&'static str],
    /// Whether the request names what it is about; a list does not.
    pub(super) binds: bool,
}

impl Work {
    /// The call of it, released.
    pub(super) fn call(&self, at: i64, id: &str) -> Call {
        Call {
            at,
            operation: self.operation.into(),
            writes: self.writes,
            bound: self.binds.then(|| id.to_owned()),
            found: self.classes.to_vec(),
            ending: Ending::Released,
        }
    }
}

/// A read of one record.
pub(super) const fn read(operation: &'static str, classes: &'static [&'static str]) -> Work {
    Work {
        operation,
        writes: false,
        classes,
        binds: true,
    }
}

/// A read of a list.
pub(super) const fn list(operation: &'static str, classes: &'static [&'static str]) -> Work {
    Work {
        operation,
        writes: false,
        classes,
        binds: false,
    }
}

/// A write of one record.
pub(super) const fn write(operation: &'static str) -> Work {
    Work {
        operation,
        writes: true,
        classes: &[],
        binds: true,
    }
}
