//! Turns in the lives of agents' processes.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ProcessRecord;

/// Who a process is for the kernel, and what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The real user id.
    pub uid: u32,
    /// The real group id.
    pub gid: u32,
    /// The effective user id.
    pub euid: u32,
    /// The effective group id.
    pub egid: u32,
    /// The effective capabilities, hexadecimal, one bit each.
    pub capabilities: String,
}

/// A turn in the life of an agent's process, as the kernel saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// When.
    pub at: Timestamp,
    /// The agent.
    pub agent: String,
    /// `fork`, `exec`, `exit`; `credentials`, `namespaces`: these changed, just now or since the turn before.
    pub turn: Cow<'static, str>,
    /// Of `credentials`: what they were, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Credentials>,
    /// The process.
    pub process: ProcessRecord,
    /// Who forked it; 0 if unknown.
    pub parent: u32,
    /// The effective user id.
    pub euid: u32,
    /// The effective group id.
    pub egid: u32,
    /// The effective capabilities, hexadecimal, one bit each.
    pub capabilities: String,
    /// The numbers of its namespaces: `user`, `mount`, `pid`, `net`; none where it has left them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespaces: BTreeMap<String, u32>,
    /// The unit of the system's service manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The container's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The pod's UID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Of an exit: the status as `wait` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<u32>,
}
