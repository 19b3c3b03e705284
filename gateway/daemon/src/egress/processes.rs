//! What agents' processes do: who they are when they take a turn, and what has changed since the last.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use audit::ProcessRecord;
use flows::{Credentials, Namespaces, Process, Turn, TurnKind, Workload};
use jiff::Timestamp;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

/// Living processes of agents that are remembered.
const KNOWN_MAX: u64 = 32_768;
/// Turns that can be asked for.
const RECENT_MAX: usize = 8_192;

/// What a process was when it last took a turn.
#[derive(Clone)]
struct Known {
    credentials: Credentials,
    namespaces: Namespaces,
    /// What it runs, once that was looked up.
    process: Arc<ProcessRecord>,
}

/// One turn, as JSON has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TurnView {
    #[serde(flatten)]
    pub(crate) turn: audit::Turn,
}

/// Agents' processes.
pub(super) struct Processes {
    known: Cache<(u32, u64), Known>,
    recent: Mutex<(VecDeque<(u64, TurnView)>, u64)>,
}

impl Processes {
    pub(super) fn new() -> Self {
        Self {
            known: super::reconcile::lately(KNOWN_MAX),
            recent: Mutex::default(),
        }
    }

    /// What a turn tells: what has changed since the last one, then the turn itself. `look` finds out
    /// about the process, which takes a while.
    pub(super) fn take(
        &self,
        turn: &Turn,
        agent: &str,
        look: impl FnOnce(&Turn) -> Option<Process>,
    ) -> Vec<audit::Turn> {
        let key = (turn.pid, turn.start_ns);
        let before = match turn.kind {
            TurnKind::Fork => None,
            TurnKind::Exec | TurnKind::Exit | TurnKind::Change => self.known.get(&key),
        };
        let process = match (&before, turn.kind) {
            // What it ran is what it runs, and the file may be gone by now.
            (Some(known), TurnKind::Exit | TurnKind::Change) => Arc::clone(&known.process),
            _ => Arc::new(
                look(turn).map_or_else(|| unseen(turn), |process| proxy::record::process(&process)),
            ),
        };
        let mut told = Vec::new();
        let record = |what: &'static str, exit| written(turn, agent, &process, what, exit);
        // What was told last is what it was; of a process that is met for the first time the kernel knows.
        let was = before.as_ref().map(|known| known.credentials);
        if let Some(was) = was.or(turn.before)
            && was != turn.credentials
        {
            let mut changed = record("credentials", None);
            changed.before = Some(credentials(was));
            told.push(changed);
        }
        if before.is_some_and(|known| differ(known.namespaces, turn.namespaces)) {
            told.push(record("namespaces", None));
        }
        told.extend(match turn.kind {
            TurnKind::Fork => Some(record("fork", None)),
            TurnKind::Exec => Some(record("exec", None)),
            TurnKind::Exit => Some(record("exit", Some(turn.exit))),
            TurnKind::Change => None,
        });
        if turn.kind == TurnKind::Exit {
            self.known.invalidate(&key);
        } else {
            let known = Known {
                credentials: turn.credentials,
                namespaces: turn.namespaces,
                process,
            };
            self.known.insert(key, known);
        }
        for turn in &told {
            self.see(turn.clone());
        }
        told
    }

    /// What happened since `since`; how much of that is forgotten by now, and the number to ask with the next
    /// time.
    pub(super) fn since(&self, since: u64) -> (Vec<TurnView>, u64, u64) {
        let recent = self.lock();
        let seen = recent.0.iter().filter(|(number, _)| *number >= since);
        let oldest = recent.0.front().map_or(recent.1, |(number, _)| *number);
        let turns = seen.map(|(_, turn)| turn.clone()).collect();
        (turns, oldest.saturating_sub(since), recent.1)
    }

    fn see(&self, turn: audit::Turn) {
        let mut recent = self.lock();
        let number = recent.1;
        recent.1 += 1;
        if recent.0.len() == RECENT_MAX {
            recent.0.pop_front();
        }
        recent.0.push_back((number, TurnView { turn }));
    }

    fn lock(&self) -> MutexGuard<'_, (VecDeque<(u64, TurnView)>, u64)> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a process is elsewhere; what it has left at its end is no change.
fn differ(before: Namespaces, now: Namespaces) -> bool {
    let pairs = [
        (before.user, now.user),
        (before.mount, now.mount),
        (before.pid, now.pid),
        (before.net, now.net),
    ];
    pairs
        .into_iter()
        .any(|(before, now)| now != 0 && before != now)
}

/// A process that nobody can be asked about any more.
fn unseen(turn: &Turn) -> ProcessRecord {
    ProcessRecord {
        pid: turn.pid,
        start_ns: turn.start_ns,
        uid: turn.credentials.uid,
        gid: turn.credentials.gid,
        cgroup_id: turn.cgroup,
        cgroup: None,
        comm: turn.comm.clone(),
        exe: None,
        exe_sha256: None,
        ancestors: Vec::new(),
    }
}

fn credentials(of: Credentials) -> audit::Credentials {
    let Credentials {
        uid,
        gid,
        euid,
        egid,
        capabilities,
    } = of;
    audit::Credentials {
        uid,
        gid,
        euid,
        egid,
        capabilities: format!("{capabilities:x}"),
    }
}

fn written(
    turn: &Turn,
    agent: &str,
    process: &ProcessRecord,
    what: &'static str,
    exit: Option<u32>,
) -> audit::Turn {
    let workload = process.cgroup.as_deref().map(Workload::of);
    let workload = workload.unwrap_or_default();
    let Namespaces {
        user,
        mount,
        pid,
        net,
    } = turn.namespaces;
    let namespaces = [("user", user), ("mount", mount), ("pid", pid), ("net", net)];
    let namespaces = namespaces.into_iter().filter(|(_, number)| *number != 0);
    let namespaces: BTreeMap<_, _> = namespaces
        .map(|(name, number)| (name.to_owned(), number))
        .collect();
    audit::Turn {
        at: Timestamp::try_from(turn.at).unwrap_or_default(),
        agent: agent.to_owned(),
        turn: what.into(),
        before: None,
        process: ProcessRecord {
            uid: turn.credentials.uid,
            gid: turn.credentials.gid,
            comm: turn.comm.clone(),
            ..process.clone()
        },
        parent: turn.parent,
        euid: turn.credentials.euid,
        egid: turn.credentials.egid,
        capabilities: format!("{:x}", turn.credentials.capabilities),
        namespaces,
        unit: workload.unit,
        container: workload.container,
        pod: workload.pod,
        exit,
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn turn(kind: TurnKind, euid: u32, net: u32) -> Turn {
        Turn {
            kind,
            pid: 7,
            start_ns: 1,
            exec: 0,
            parent: 6,
            at: SystemTime::UNIX_EPOCH,
            cgroup: 1,
            agent: 1,
            exit: 256,
            credentials: Credentials {
                uid: 1000,
                gid: 1000,
                euid,
                egid: 1000,
                capabilities: if euid == 0 { 0x1ff } else { 0 },
            },
            namespaces: Namespaces {
                user: 1,
                mount: 1,
                pid: 1,
                net,
            },
            before: None,
            comm: "agent".into(),
        }
    }

    #[test]
    fn a_change_is_told_as_it_happens_and_once() {
        let processes = Processes::new();
        let take = |turn: &Turn| processes.take(turn, "agent", |_| None);
        take(&turn(TurnKind::Exec, 1000, 1));
        let changed = Turn {
            before: Some(turn(TurnKind::Exec, 1000, 1).credentials),
            ..turn(TurnKind::Change, 0, 1)
        };
        let told = take(&changed);
        assert_eq!(
            (told.len(), &*told[0].turn, told[0].euid),
            (1, "credentials", 0)
        );
        let before = told[0].before.as_ref().unwrap();
        assert_eq!((before.euid, before.capabilities.as_str()), (1000, "0"));
        // Each thread that follows the first.
        assert!(take(&changed).is_empty());
        assert_eq!(take(&turn(TurnKind::Exit, 0, 0)).len(), 1);
        // Of a process that this gateway never heard of, the kernel tells what it was.
        assert_eq!(take(&changed)[0].before.as_ref().unwrap().euid, 1000);
    }

    #[test]
    fn what_changed_between_two_turns_is_told_before_the_second() {
        let processes = Processes::new();
        let take = |turn: Turn| -> Vec<String> {
            let told = processes.take(&turn, "agent", |_| None);
            told.iter().map(|turn| turn.turn.to_string()).collect()
        };
        assert_eq!(take(turn(TurnKind::Fork, 1000, 1)), ["fork"]);
        assert_eq!(take(turn(TurnKind::Exec, 1000, 1)), ["exec"]);
        assert_eq!(take(turn(TurnKind::Exec, 0, 1)), ["credentials", "exec"]);
        assert_eq!(take(turn(TurnKind::Exec, 0, 2)), ["namespaces", "exec"]);
        // It has left its namespaces, and that is no change.
        assert_eq!(take(turn(TurnKind::Exit, 0, 0)), ["exit"]);
        let (told, forgotten, next) = processes.since(0);
        assert_eq!((told.len(), forgotten, next), (7, 0, 7));
        assert_eq!(told[6].turn.exit, Some(256));
        assert_eq!(told[2].turn.capabilities, "1ff");
        assert_eq!(processes.since(6).0.len(), 1);
        for _ in 0..RECENT_MAX {
            take(turn(TurnKind::Fork, 1000, 1));
        }
        let (told, forgotten, next) = processes.since(6);
        assert_eq!(
            (told.len() as u64 + forgotten, told.len()),
            (next - 6, RECENT_MAX)
        );
    }
}
