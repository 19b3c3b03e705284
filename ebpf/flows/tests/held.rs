//! An agent that is known by a cgroup above its own is held to its rule, from its first instruction on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/attested.rs"]
mod attested;
#[expect(unused, reason = "not every file of tests needs all of it")]
mod support;

use std::{
    collections::BTreeSet,
    fs,
    net::{SocketAddr, TcpListener},
    os::fd::AsFd as _,
    path::PathBuf,
    process::{Command, Output},
    sync::Arc,
    thread,
    time::Instant,
};

use attested::source;
use flows::{
    AgentRule, Condition, Egress, Flow, FlowRecord, FlowSink, FlowSource as _, Gap, KernelSource,
    Rules, State,
};

use support::{CALLER, Door, PATIENCE, run};

/// Hears of everything, and is not asked.
struct Deaf;

impl FlowSink for Deaf {
    fn flow(&self, _: FlowRecord) {}

    fn gap(&self, _: Gap) {}
}

/// A cgroup in a cgroup, as long as this lives.
struct Cgroups {
    outer: PathBuf,
    inner: PathBuf,
    /// The outer one's path in its hierarchy.
    name: String,
}

impl Cgroups {
    fn new() -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mut mounts = mounts.lines().map(|line| line.split(' '));
        let root = mounts.find_map(|mut words| {
            let at = words.nth(1)?;
            (words.next()? == "cgroup2").then(|| PathBuf::from(at))
        });
        let name = format!("/tidegate-held-{}", std::process::id());
        let outer = root.unwrap().join(name.trim_start_matches('/'));
        let inner = outer.join("inner");
        fs::create_dir_all(&inner).unwrap();
        Self { outer, inner, name }
    }

    /// Runs the caller in the inner one, or in none of both.
    fn call(&self, inside: bool, to: SocketAddr) -> Output {
        let to = to.to_string();
        if !inside {
            return Command::new(CALLER)
                .args(["connect", &to])
                .output()
                .unwrap();
        }
        let script = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(&self.inner);
        command.args([CALLER, "connect", &to]).output().unwrap()
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for path in [&self.inner, &self.outer] {
            // The last one in it may not be gone altogether.
            let deadline = Instant::now() + PATIENCE;
            while fs::remove_dir(path).is_err() && Instant::now() < deadline {
                thread::yield_now();
            }
        }
    }
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
    let cgroups = Cgroups::new();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = elsewhere.local_addr().unwrap();
    let gateway = Door::open(source, "127.0.0.1:0");
    source.follow(Arc::new(Deaf)).unwrap();

    let agent = hold(source, &cgroups, Egress::Deny, gateway.address());
    assert!(cgroups.call(false, to).status.success());
    let refused = cgroups.call(true, to);
    assert!(!refused.status.success());
    let why = String::from_utf8(refused.stdout).unwrap();
    assert!(why.contains("os error 1"), "{why}");
    // The gateway itself is no way past it.
    assert!(cgroups.call(true, gateway.address()).status.success());
    assert_eq!(gateway.admit().0.process.agent, agent);

    hold(source, &cgroups, Egress::Redirect, gateway.address());
    assert!(cgroups.call(true, to).status.success());
    let (stream, peer) = gateway.listener.accept().unwrap();
    let local = stream.local_addr().unwrap();
    let owned = source.owner(stream.as_fd(), Flow { peer, local }).unwrap();
    assert_eq!(owned.attribution.process.agent, agent);
    assert_eq!(owned.original, Some(to));
    source.unfollow();
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
