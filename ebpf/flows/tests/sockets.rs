//! Sockets that are neither TCP's nor UDP's: told of an agent that is observed, refused to one that is held.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/attested.rs"]
mod attested;
#[path = "support/cgroups.rs"]
#[expect(unused, reason = "not every file of tests needs all of it")]
mod cgroups;
#[expect(unused, reason = "not every file of tests needs all of it")]
mod support;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use attested::source;
use cgroups::Cgroups;
use flows::{AgentRule, Condition, Egress, FlowRecord, FlowSink, Gap, Rules, State, Verdict};

use support::PATIENCE;

/// Keeps what is told of them.
#[derive(Default)]
struct Odd(Mutex<Vec<FlowRecord>>);

impl FlowSink for Odd {
    fn flow(&self, flow: FlowRecord) {
        if !matches!(flow.protocol, "tcp" | "udp") {
            self.0.lock().unwrap().push(flow);
        }
    }

    fn gap(&self, _: Gap) {}
}

impl Odd {
    fn wait(&self, count: usize) -> Vec<FlowRecord> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut told = self.0.lock().unwrap();
            if told.len() >= count {
                return std::mem::take(&mut told);
            }
            assert!(Instant::now() < deadline, "not told: {told:?}");
            drop(told);
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_socket_of_another_kind_is_told_or_refused() {
    let Some(source) = source() else { return };
    let cgroups = Cgroups::new("sockets");
    let odd = Arc::new(Odd::default());
    source.follow(Arc::<Odd>::clone(&odd)).unwrap();
    for (egress, code, verdict) in [
        (Egress::Observe, 0, Verdict::None),
        (Egress::Deny, libc::EPERM, Verdict::Denied),
        (Egress::Redirect, libc::EPERM, Verdict::Denied),
    ] {
        let agent = AgentRule {
            number: AgentRule::number_of("sockets"),
            conditions: BTreeSet::from([Condition::CgroupTree(cgroups.name.clone())]),
            egress,
            allowed: BTreeSet::new(),
        };
        let number = agent.number;
        let rules = Rules {
            agents: vec![agent],
            ..Rules::default()
        };
        source.enforce(&rules).unwrap();
        let before = source.totals().denied;
        let output = cgroups.run(&cgroups.inner, &["sockets"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let came: Vec<i32> = text.lines().map(|line| line.parse().unwrap()).collect();
        // Raw sockets for ICMP, ICMPv6 and TCP; UDP-Lite, which not every kernel has; and TCP as it should be.
        let [icmp, icmp6, tcp, udplite, plain, packet] = came.as_slice() else {
            panic!("{text}")
        };
        assert_eq!([icmp, icmp6, tcp, plain], [&code, &code, &code, &0]);
        // A packet socket is told where the kernel has probes, and never refused.
        assert_eq!(*packet, 0);
        let count = if *udplite == code { 4 } else { 3 };
        let of_packets = usize::from(Path::new("/sys/bus/event_source/devices/kprobe").exists());
        let told = odd.wait(count + of_packets);
        let (packets, told): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|flow| flow.protocol == "packet");
        assert_eq!((told.len(), packets.len()), (count, of_packets), "{told:?}");
        for flow in packets {
            assert_eq!(
                (flow.verdict, flow.agent, flow.uid),
                (Verdict::None, number, 0)
            );
        }
        let state = if code == 0 {
            State::Established
        } else {
            State::Denied
        };
        for flow in &told {
            assert_eq!(
                (flow.verdict, flow.state, flow.mode),
                (verdict, state, egress)
            );
            assert_eq!((flow.agent, flow.uid), (number, 0), "{flow:?}");
            assert_ne!(flow.pid, 0);
        }
        let raw = told.iter().filter(|flow| flow.protocol == "raw");
        assert_eq!(raw.count(), 3, "{told:?}");
        // Nothing more is known of them, so nothing stays.
        let stays = source.flows();
        assert!(
            !stays
                .iter()
                .any(|flow| flow.agent == number && flow.protocol != "tcp"),
            "{stays:?}"
        );
        if code != 0 {
            assert_eq!(source.totals().denied - before, count as u64);
        }
    }
    source.unfollow();
}
