//! The gateway is exempt from its own rules by its cgroup and its process, and nobody else is, wherever he is.
//!
//! The test's process is the gateway. It is an agent by its cgroup at the same time: were it not exempt, all that it
//! calls would be led to itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/cgroups.rs"]
mod cgroups;
#[expect(unused, reason = "not every file of tests needs all of it")]
mod support;

use std::{
    collections::BTreeSet,
    fs, io,
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd as _,
    path::Path,
    process,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use cgroups::Cgroups;
use flows::{
    AgentRule, Condition, Egress, Flow, FlowRecord, FlowSink, Gap, KernelSource, Options, Rules,
    Verdict,
};

use support::{Door, say_skipped};

/// How long a call that arrives may take on a busy host; who waits for one that does not waits as long.
const ARRIVAL_MAX: Duration = Duration::from_secs(10);

/// Hears of everything, and is not asked.
struct Deaf;

impl FlowSink for Deaf {
    fn flow(&self, _: FlowRecord) {}

    fn gap(&self, _: Gap) {}
}

fn move_to(cgroup: &Path) {
    fs::write(cgroup.join("cgroup.procs"), process::id().to_string()).unwrap();
}

/// Calls, and tells whether the call arrives where it was to go: a moment later, on a busy host.
fn arrives(to: &TcpListener) -> bool {
    to.set_nonblocking(true).unwrap();
    let called = TcpStream::connect(to.local_addr().unwrap()).unwrap();
    let deadline = Instant::now() + ARRIVAL_MAX;
    let arrived = loop {
        match to.accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            accepted => break accepted.is_ok(),
        }
        if Instant::now() > deadline {
            break false;
        }
        thread::sleep(Duration::from_millis(1));
    };
    drop(called);
    arrived
}

/// Somebody else in this cgroup calls, and is led to the gateway as the agent.
fn is_led(cgroups: &Cgroups, from: &Path, to: SocketAddr, gateway: &Door<'_>, agent: u32) {
    assert!(cgroups.call(Some(from), to).status.success());
    let (stream, peer) = gateway.listener.accept().unwrap();
    let local = stream.local_addr().unwrap();
    let owned = gateway.source.owner(stream.as_fd(), Flow { peer, local });
    let owned = owned.unwrap();
    assert_eq!(owned.original, Some(to));
    assert_eq!(owned.attribution.process.agent, agent);
}

#[test]
fn the_gateways_own_calls_never_come_back_and_nobody_shares_that() {
    let cgroups = Cgroups::new("exempt");
    // As if it were a unit with an agent beside it: so it makes a cgroup of its own.
    let mut beside = process::Command::new("sleep").arg("600").spawn().unwrap();
    fs::write(cgroups.inner.join("cgroup.procs"), beside.id().to_string()).unwrap();
    move_to(&cgroups.inner);
    let own_cgroup = flows::own_cgroup().unwrap();
    let own = cgroups.inner.join(format!("tidegate-{}", process::id()));
    let listed = fs::read_to_string(own.join("cgroup.procs")).unwrap();
    assert_eq!(listed.trim(), process::id().to_string());
    // Alone in it now: it stays.
    assert_eq!(flows::own_cgroup().unwrap(), own_cgroup);

    let options = Options {
        own_cgroup: Some(own_cgroup),
        ..Options::default()
    };
    let source = match KernelSource::open(&options) {
        Ok(source) => source,
        Err(error) => {
            say_skipped("the gateway's exemption", &format!("{error:?}"));
            beside.kill().unwrap();
            beside.wait().unwrap();
            return;
        }
    };
    let gateway = Door::open(&source, "127.0.0.1:0");
    let agent = AgentRule {
        number: AgentRule::number_of("exempt"),
        conditions: BTreeSet::from([Condition::CgroupTree(cgroups.name.clone())]),
        egress: Egress::Redirect,
        allowed: BTreeSet::new(),
    };
    let number = agent.number;
    source
        .enforce(&Rules {
            agents: vec![agent],
            gates: vec![gateway.address()],
            redirect_ports: [gateway.address().port(), 0],
            fail_open: false,
        })
        .unwrap();
    source.follow(Arc::new(Deaf)).unwrap();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = elsewhere.local_addr().unwrap();

    for _ in 0..100 {
        assert!(arrives(&elsewhere));
    }
    let exempt = |flow: &FlowRecord| flow.remote == to && flow.pid == process::id();
    let called = TcpStream::connect(to).unwrap();
    let flow = source.flows().into_iter().find(exempt).unwrap();
    assert_eq!(flow.verdict, Verdict::Exempt);
    drop((called, elsewhere.accept().unwrap()));
    // An agent where the gateway was, and one that is put where the gateway is.
    is_led(&cgroups, &cgroups.inner, to, &gateway, number);
    is_led(&cgroups, &own, to, &gateway, number);
    // The gateway elsewhere: whatever has made it go there, it is not exempt any more.
    move_to(&cgroups.outer);
    assert!(!arrives(&elsewhere));
    move_to(&own);
    let (came_back, _) = gateway.listener.accept().unwrap();
    drop(came_back);
    while elsewhere.accept().is_ok() {}
    assert!(arrives(&elsewhere));

    source.unfollow();
    move_to(cgroups.outer.parent().unwrap());
    beside.kill().unwrap();
    beside.wait().unwrap();
    cgroups::remove(&own);
}
