//! Changes of credentials of a running process are told, and connections are their maker's as it is then.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/attested.rs"]
mod attested;
#[path = "support/spawn.rs"]
#[expect(unused, reason = "not every file of tests needs all of it")]
mod spawn;
#[expect(unused, reason = "not every file of tests needs all of it")]
mod support;

use std::{
    collections::BTreeSet,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use attested::source;
use flows::{
    AgentRule, Condition, Credentials, Egress, FlowRecord, FlowSink, Gap, Rules, Turn, TurnKind,
};

use spawn::copy_of_caller;
use support::{Door, PATIENCE};

const NOBODY: u32 = 65_534;
const NET_RAW: u64 = 1 << 13;

/// Keeps the turns.
#[derive(Default)]
struct Told(Mutex<Vec<Turn>>);

impl FlowSink for Told {
    fn flow(&self, _: FlowRecord) {}

    fn gap(&self, _: Gap) {}

    fn turn(&self, turn: Turn) {
        self.0.lock().unwrap().push(turn);
    }
}

impl Told {
    /// The first change that fits, once there is one.
    fn change(&self, pid: u32, fits: impl Fn(Credentials, Credentials) -> bool) -> Turn {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let turns = self.0.lock().unwrap();
            let found = turns.iter().find(|turn| {
                turn.kind == TurnKind::Change
                    && turn.pid == pid
                    && turn
                        .before
                        .is_some_and(|before| fits(before, turn.credentials))
            });
            if let Some(found) = found {
                return found.clone();
            }
            assert!(Instant::now() < deadline, "no such change: {turns:?}");
            drop(turns);
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn who_a_process_becomes_is_told_and_its_connection_is_that_users() {
    let Some(source) = source() else { return };
    let folder = tempfile::tempdir().unwrap();
    let program = copy_of_caller(folder.path(), "becomes", "becomes");
    let door = Door::open(source, "127.0.0.1:0");
    let agent = AgentRule {
        number: AgentRule::number_of("becomes"),
        conditions: BTreeSet::from([Condition::Executable(program.clone())]),
        egress: Egress::Observe,
        allowed: BTreeSet::new(),
    };
    let number = agent.number;
    let rules = Rules {
        agents: vec![agent],
        gates: vec![door.address()],
        redirect_ports: [0, 0],
        fail_open: false,
    };
    source.enforce(&rules).unwrap();
    let told = Arc::new(Told::default());
    source.follow(Arc::<Told>::clone(&told)).unwrap();

    let mut child = Command::new(&program)
        .args(["become", &NOBODY.to_string(), &door.to()])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let mut stdin = child.stdin.take().unwrap();
    let mut go_on = || stdin.write_all(b"!").unwrap();
    let lost = |before: Credentials, now: Credentials| {
        before.capabilities & NET_RAW != 0 && now.capabilities & NET_RAW == 0
    };
    let became = |before: Credentials, now: Credentials| {
        (before.uid, before.euid) == (0, 0) && (now.uid, now.euid) == (NOBODY, NOBODY)
    };
    // Where the kernel has probes each is told at once, without any call; else with the first call.
    let at_once = Path::new("/sys/bus/event_source/devices/kprobe").exists();
    go_on();
    if at_once {
        assert_eq!(told.change(pid, lost).credentials.uid, 0);
    }
    go_on();
    if at_once {
        told.change(pid, became);
    }
    go_on();
    let (owner, caller) = door.admit();
    assert!(child.wait().unwrap().success());
    assert_eq!((owner.process.pid, owner.process.agent), (caller, number));
    assert_eq!((owner.process.uid, owner.process.gid), (NOBODY, NOBODY));
    told.change(pid, lost);
    let change = told.change(pid, became);
    assert_eq!(change.agent, number);
    assert_eq!(change.credentials.capabilities, 0);
    assert_eq!(change.credentials.gid, NOBODY);
    // Each once: the call told nothing that had been told before.
    let turns = told.0.lock().unwrap();
    let changes = turns
        .iter()
        .filter(|turn| turn.pid == pid && turn.kind == TurnKind::Change);
    assert_eq!(changes.count(), if at_once { 3 } else { 1 }, "{turns:?}");
    drop(turns);
    source.unfollow();
}
