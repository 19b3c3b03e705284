//! What agents ask for past the gateway, where the operator has it looked at.
//!
//! The kernel tells who calls, not over which connection: a call is a flow's if the same process made both, the call
//! after the flow began, and it names the host that the flow goes to. It is a hint for people, as names are.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use flows::{Called, FlowRecord};
use moka::sync::Cache;
use names::request::{Asked, asked};

use super::naming::Name;

/// Processes whose calls are remembered.
const PROCESSES_MAX: u64 = 4_096;
/// Calls of one process.
const CALLS_MAX: usize = 16;

type Recent = Arc<Mutex<VecDeque<(SystemTime, Asked)>>>;

/// What was asked for lately, by process.
pub(super) struct Calls(Cache<(u32, u64), Recent>);

impl Calls {
    pub(super) fn new() -> Self {
        Self(super::reconcile::lately(PROCESSES_MAX))
    }

    /// Reads how a request begins, and forgets the bytes.
    pub(super) fn heard(&self, called: &Called) {
        let Some(asked) = asked(&called.bytes) else {
            return;
        };
        let process = (called.pid, called.start_ns);
        let recent = self.0.get_with(process, Arc::default);
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == CALLS_MAX {
            recent.pop_front();
        }
        recent.push_back((called.at, asked));
    }

    /// What the flow asked for first, if that was seen.
    pub(super) fn of(&self, flow: &FlowRecord, name: Option<&Name>) -> Option<Asked> {
        let recent = self.0.get(&(flow.pid, flow.start_ns))?;
        let recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut since = recent.iter().filter(|(at, _)| *at >= flow.opened);
        let found = since.find(|(_, asked)| leads_to(asked, flow, name));
        found.map(|(_, asked)| asked.clone())
    }
}

/// Whether the call names whom the flow goes to. One that names nobody, or a name where the flow has none, may be any
/// flow's of its process: it is taken for this one's.
fn leads_to(asked: &Asked, flow: &FlowRecord, name: Option<&Name>) -> bool {
    let Some(host) = &asked.host else {
        return true;
    };
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match (host.parse::<IpAddr>(), name) {
        (Ok(address), _) => address == flow.wanted().ip(),
        (Err(_), Some(name)) => host.eq_ignore_ascii_case(&name.name),
        (Err(_), None) => true,
    }
}
