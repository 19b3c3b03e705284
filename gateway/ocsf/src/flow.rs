//! A flow that the kernel's table has, or had, as Network Activity 4001.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::event::merged;

const CLASS: u32 = 4001;

/// Where a flow stands: `network_activity.activity_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It was opened, and is.
    Open = 1,
    /// It has ended.
    Close = 2,
    /// It was refused.
    Refuse = 5,
    /// It waits for others to begin.
    Listen = 7,
}

/// A flow, whoever's.
#[derive(Clone, Debug)]
pub struct Flow<'a> {
    /// The kernel's name of it.
    pub id: &'a str,
    /// Where it stands.
    pub activity: Activity,
    /// Whether this end began it.
    pub outward: bool,
    /// `tcp` or `udp`.
    pub protocol: &'a str,
    /// This end.
    pub local: SocketAddr,
    /// The other end, as it was asked for.
    pub remote: SocketAddr,
    /// By which name it is gone to.
    pub name: Option<&'a str>,
    /// The agent whose it is.
    pub agent: Option<&'a str>,
    /// The process.
    pub pid: u32,
    /// Its command name.
    pub comm: &'a str,
    /// Its real user id, where it was seen.
    pub uid: Option<u32>,
    /// When it began, milliseconds since 1970.
    pub opened_ms: i64,
    /// When it ended, likewise.
    pub closed_ms: Option<i64>,
    /// Payload sent and received.
    pub bytes: [u64; 2],
    /// Packets sent and received.
    pub packets: [u64; 2],
    /// What was decided, in the gateway's words.
    pub verdict: &'a str,
    /// By what it went past the gateway, if it did.
    pub technique: Option<&'a str>,
}

/// The event of a flow.
pub fn flow(flow: &Flow<'_>) -> Value {
    let end =
        |at: SocketAddr| json!({ "ip": at.ip().to_canonical().to_string(), "port": at.port() });
    let far = merged(end(flow.remote), json!({ "hostname": flow.name }));
    // A socket that listens has no other end.
    let (from, to) = if flow.activity == Activity::Listen {
        (end(flow.local), Value::Null)
    } else if flow.outward {
        (end(flow.local), far)
    } else {
        (far, end(flow.local))
    };
    let activity = flow.activity as u32;
    let process = merged(
        json!({ "pid": flow.pid }),
        json!({
            "name": Some(flow.comm).filter(|comm| !comm.is_empty()),
            "user": flow.uid.map(|uid| json!({ "uid": uid.to_string() })),
        }),
    );
    let own = merged(
        json!({ "process": process, "verdict": flow.verdict }),
        json!({ "technique": flow.technique }),
    );
    let [sent, received] = flow.bytes;
    let [packets_out, packets_in] = flow.packets;
    let at = flow.closed_ms.unwrap_or(flow.opened_ms);
    let mut event = merged(
        json!({
            "class_uid": CLASS,
            "category_uid": CLASS / 1000,
            "activity_id": activity,
            "type_uid": CLASS * 100 + activity,
            "time": at,
            "start_time": flow.opened_ms,
            "severity_id": if flow.technique.is_some() { 3 } else { 1 },
            "metadata": {
                "version": crate::VERSION,
                "uid": format!("{}/{activity}", flow.id),
                "log_name": "flows",
                "product": { "name": "Tidegate", "vendor_name": "Tidegate" },
            },
            "src_endpoint": from,
            "connection_info": {
                "uid": flow.id,
                // `direction_id`: inbound, outbound.
                "direction_id": if flow.outward { 2 } else { 1 },
                "protocol_name": flow.protocol,
            },
            "traffic": {
                "bytes": sent.saturating_add(received), "bytes_in": received, "bytes_out": sent,
                "packets": packets_out.saturating_add(packets_in),
                "packets_in": packets_in, "packets_out": packets_out,
            },
            "unmapped": { "tidegate": own },
        }),
        json!({
            "dst_endpoint": to,
            "app_name": flow.agent,
            "end_time": flow.closed_ms,
            "duration": flow.closed_ms.map(|closed| closed.saturating_sub(flow.opened_ms)),
        }),
    );
    event.sort_all_objects();
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_of_every_kind_are_events_of_the_schema() {
        let validator = crate::tests::validator(u64::from(CLASS));
        for activity in [
            Activity::Open,
            Activity::Close,
            Activity::Refuse,
            Activity::Listen,
        ] {
            for outward in [true, false] {
                let made = flow(&Flow {
                    id: "4711",
                    activity,
                    outward,
                    protocol: "tcp",
                    local: "127.0.0.1:40000".parse().unwrap(),
                    remote: "[2001:db8::7]:443".parse().unwrap(),
                    name: outward.then_some("api.tests.example"),
                    agent: outward.then_some("spiffe://a.example/x"),
                    pid: 7,
                    comm: "agent",
                    uid: Some(1000),
                    opened_ms: 1_767_323_045_006,
                    closed_ms: (activity == Activity::Close).then_some(1_767_323_046_000),
                    bytes: [1, 2],
                    packets: [3, 4],
                    verdict: "none",
                    technique: outward.then_some("direct"),
                });
                let faults: Vec<_> = validator
                    .iter_errors(&made)
                    .map(|fault| format!("{} at {}", fault, fault.instance_path()))
                    .collect();
                assert!(faults.is_empty(), "{made:#}: {faults:#?}");
                let far = if outward {
                    "dst_endpoint"
                } else {
                    "src_endpoint"
                };
                if activity == Activity::Listen {
                    assert_eq!(made["src_endpoint"]["port"], 40_000);
                } else {
                    assert_eq!(made[far]["ip"], "2001:db8::7");
                }
            }
        }
    }
}
