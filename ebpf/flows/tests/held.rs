//! An agent that is known by a cgroup above its own is held to its rule, from its first instruction on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/attested.rs"]
mod attested;
#[path = "support/cgroups.rs"]
mod cgroups;
#[expect(unused, reason = "not every file of tests needs all of it")]
mod support;

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpListener},
    os::fd::AsFd as _,
    process::{Command, Stdio},
    sync::Arc,
};

use attested::source;
use cgroups::Cgroups;
use flows::{
    AgentRule, Condition, Egress, Flow, FlowRecord, FlowSink, FlowSource as _, Gap, KernelSource,
    Rules, Source, State,
};

use support::{CALLER, Door, run};

/// Hears of everything, and is not asked.
struct Deaf;

impl FlowSink for Deaf {
    fn flow(&self, _: FlowRecord) {}

    fn gap(&self, _: Gap) {}
}

/// The rule for all in the outer cgroup and below.
fn hold(source: &KernelSource, cgroups: &Cgroups, egress: Egress, gateway: SocketAddr) -> u32 {
    let agent = AgentRule {
        number: AgentRule::number_of("held"),
        conditions: BTreeSet::from([Condition::CgroupTree(cgroups.name.clone())]),
        egress,
        allowed: BTreeSet::new(),
    };
    let number = agent.number;
    let rules = Rules {
        agents: vec![agent],
        gates: vec![gateway],
        redirect_ports: [gateway.port(), 0],
        fail_open: false,
    };
    source.enforce(&rules).unwrap();
    number
}

#[test]
fn an_agent_by_its_cgroup_is_refused_or_led_to_the_gateway() {
    let Some(source) = source() else { return };
    let cgroups = Cgroups::new("held");
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = elsewhere.local_addr().unwrap();
    let gateway = Door::open(source, "127.0.0.1:0");
    source.follow(Arc::new(Deaf)).unwrap();

    let agent = hold(source, &cgroups, Egress::Deny, gateway.address());
    assert!(cgroups.call(None, to).status.success());
    let refused = cgroups.call(Some(&cgroups.inner), to);
    assert!(!refused.status.success());
    let why = String::from_utf8(refused.stdout).unwrap();
    assert!(why.contains("os error 1"), "{why}");
    // The gateway itself is no way past it.
    assert!(
        cgroups
            .call(Some(&cgroups.inner), gateway.address())
            .status
            .success()
    );
    assert_eq!(gateway.admit().0.process.agent, agent);

    hold(source, &cgroups, Egress::Redirect, gateway.address());
    assert!(cgroups.call(Some(&cgroups.inner), to).status.success());
    let (stream, peer) = gateway.listener.accept().unwrap();
    let local = stream.local_addr().unwrap();
    let owned = source.owner(stream.as_fd(), Flow { peer, local }).unwrap();
    assert_eq!(owned.attribution.process.agent, agent);
    assert_eq!(owned.original, Some(to));
    source.unfollow();
}

#[test]
fn a_port_that_the_gateway_has_left_is_as_others() {
    let Some(source) = source() else { return };
    let cgroups = Cgroups::new("left");
    let (first, second) = (
        Door::open(source, "127.0.0.1:0"),
        Door::open(source, "127.0.0.1:0"),
    );
    let caller_of = |door: &Door<'_>| {
        let mut caller = Command::new(CALLER)
            .args(["hold", &door.to()])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let (stream, owner) = door.accept();
        drop((stream, caller.stdin.take()));
        caller.wait().unwrap();
        owner.unwrap().source
    };
    hold(source, &cgroups, Egress::Observe, first.address());
    assert_eq!(caller_of(&first), Source::Kernel);
    hold(source, &cgroups, Egress::Observe, second.address());
    assert_eq!(caller_of(&second), Source::Kernel);
    // Nobody asks any more who calls there, so nothing is kept.
    assert_eq!(caller_of(&first), Source::Proc);
    // The same of a listener in another namespace.
    let listener = [first.address()];
    source.gate(1, &listener, true).unwrap();
    assert_eq!(caller_of(&first), Source::Kernel);
    source.gate(1, &listener, false).unwrap();
    assert_eq!(caller_of(&first), Source::Proc);
}

#[test]
fn a_namespace_has_one_number_whatever_asks_for_it() {
    let Some(source) = source() else { return };
    // Whose connection it is, `connect` keeps for who listens as the gateway does; of others the flow alone.
    let gateway = Door::open(source, "127.0.0.1:0");
    run(Command::new(CALLER).args(["connect", &gateway.to()]));
    let by_connect = gateway.admit().0.process.netns;
    let local = gateway.address();
    let listens = |flow: &FlowRecord| flow.state == State::Listening && flow.local == local;
    let listener = source.flows().into_iter().find(listens).unwrap();
    assert_ne!(by_connect, 0);
    assert_eq!(listener.netns, by_connect);
}
