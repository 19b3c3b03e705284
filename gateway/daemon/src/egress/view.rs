//! A flow as operators and programs read it.

use std::{sync::Arc, time::SystemTime};

use flows::{Direction, Egress, FlowRecord, State, Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{naming::Name, processes::TurnView};

/// Something that happened, with its number.
pub(super) struct Seen {
    pub(super) number: u64,
    pub(super) view: FlowView,
}

/// What a bypass was.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) technique: &'static str,
    pub(crate) result: &'static str,
    pub(crate) found: SystemTime,
}

/// One flow, as JSON has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FlowView {
    /// The kernel's name of it; records of exchanges have it as `flow`.
    pub(crate) id: String,
    /// `tcp` or `udp`.
    pub(crate) protocol: String,
    /// `connecting`, `established`, `listening`, `closed`, `denied`.
    pub(crate) state: String,
    /// `out` or `in`.
    pub(crate) direction: String,
    /// This end.
    pub(crate) local: String,
    /// The other end.
    pub(crate) remote: String,
    /// Where it wanted to go, if it was led elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) original: Option<String>,
    /// By which name the agent goes there, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// How that is known: `sni`, `dns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) named_by: Option<String>,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workload: Option<String>,
    /// The process.
    pub(crate) pid: u32,
    /// Its command name.
    pub(crate) comm: String,
    /// Its real user id, where it was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uid: Option<u32>,
    /// What was decided.
    pub(crate) verdict: String,
    /// `observe`, `deny`, `redirect`.
    pub(crate) egress: String,
    /// Of a bypass: by what it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) technique: Option<String>,
    /// Of a bypass: `passed`, `refused`, `failed_open`, `sealed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<String>,
    /// Of a bypass: what it asked for first, where that is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<audit::Call>,
    /// Of a bypass: how long after its beginning, as the kernel has it, it was found, microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) found_after_us: Option<u64>,
    /// When it began.
    pub(crate) opened: String,
    /// When it was established.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) established: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<String>,
    /// How long it lasted, or has lasted, microseconds.
    pub(crate) duration_us: u64,
    /// Payload sent.
    pub(crate) sent_bytes: u64,
    /// Payload received.
    pub(crate) received_bytes: u64,
    /// Packets sent.
    pub(crate) sent_packets: u64,
    /// Packets received.
    pub(crate) received_packets: u64,
    /// TCP: segments sent again.
    pub(crate) retransmits: u32,
    /// TCP: the smoothed round-trip time, microseconds.
    pub(crate) rtt_us: u64,
}

impl FlowView {
    pub(crate) fn new(
        flow: &FlowRecord,
        agent: Option<&Arc<str>>,
        name: Option<&Name>,
        found: Option<Answer>,
    ) -> Self {
        let ended = matches!(flow.state, State::Closed | State::Denied);
        Self {
            id: flow.id.to_string(),
            protocol: flow.protocol.to_owned(),
            state: state(flow.state).to_owned(),
            direction: match flow.direction {
                Direction::Out => "out",
                Direction::In => "in",
            }
            .to_owned(),
            local: flow.local.to_string(),
            remote: flow.remote.to_string(),
            original: flow.original.map(|to| to.to_string()),
            name: name.map(|it| it.name.as_ref().to_owned()),
            named_by: name.map(|it| it.by.to_owned()),
            workload: agent.map(|agent| agent.as_ref().to_owned()),
            pid: flow.pid,
            comm: flow.comm.clone(),
            uid: (flow.uid != u32::MAX).then_some(flow.uid),
            verdict: verdict(flow.verdict).to_owned(),
            egress: match flow.mode {
                Egress::Observe => "observe",
                Egress::Deny => "deny",
                Egress::Redirect => "redirect",
            }
            .to_owned(),
            technique: found.map(|found| found.technique.to_owned()),
            result: found.map(|found| found.result.to_owned()),
            call: None,
            found_after_us: found.map(|found| {
                let after = found.found.duration_since(flow.opened).unwrap_or_default();
                u64::try_from(after.as_micros()).unwrap_or(u64::MAX)
            }),
            opened: when(flow.opened),
            established: flow.established.map(when),
            closed: ended.then(|| when(flow.changed)),
            duration_us: u64::try_from(flow.duration().as_micros()).unwrap_or(u64::MAX),
            sent_bytes: flow.sent_bytes,
            received_bytes: flow.received_bytes,
            sent_packets: flow.sent_packets,
            received_packets: flow.received_packets,
            retransmits: flow.retransmits,
            rtt_us: u64::try_from(flow.rtt.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// What an agent's own flows came to that have ended since the gateway started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// The agent.
    pub(crate) workload: String,
    /// Flows that it began.
    pub(crate) flows: u64,
    /// Payload sent.
    pub(crate) sent_bytes: u64,
    /// Payload received.
    pub(crate) received_bytes: u64,
}

/// What the admin address answers.
#[derive(Debug, Default, Serialize, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the name that readers of the JSON know"
)]
pub(crate) struct Flows {
    /// The number to ask with the next time.
    pub(crate) next: u64,
    /// What has happened since the number that was asked with and is forgotten by now: whoever follows has
    /// missed so much.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) lost: u64,
    /// The flows.
    pub(crate) flows: Vec<FlowView>,
    /// By agent, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) totals: Vec<Totals>,
    /// Turns in the lives of processes, where those were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) turns: Vec<TurnView>,
}

/// A line of an answer that is written as it is read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Line {
    /// A flow.
    Flow(Box<FlowView>),
    /// The last line: what [`Flows`] has besides. Without it the answer has broken off.
    End {
        /// As there.
        next: u64,
        /// As there.
        lost: u64,
    },
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn when(at: SystemTime) -> String {
    Timestamp::try_from(at).unwrap_or_default().to_string()
}

fn state(state: State) -> &'static str {
    match state {
        State::Connecting => "connecting",
        State::Established => "established",
        State::Listening => "listening",
        State::Closed => "closed",
        State::Denied => "denied",
    }
}

pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::None => "none",
        Verdict::Governed => "governed",
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
        Verdict::Redirected => "redirected",
        Verdict::FailedOpen => "failed_open",
        Verdict::Exempt => "exempt",
    }
}
