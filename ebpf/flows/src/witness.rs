//! What only a privileged process can tell or do: look at other processes, and write the rules.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use abi::ProcessKey;
use serde::{Deserialize, Serialize};

use crate::{
    AgentRule, Ancestor, Flow, ProcSource, Process, Rules,
    cgroup::Cgroups,
    diag,
    enforce::{Enforcer, Gateway},
    lineage::Lineage,
    open::causes,
};

/// A question to the witness. Nobody but the gateway can ask, and nothing in it is a path to open
/// or an address to read: it names processes, flows and agents by numbers, but for the rules, which
/// are the configuration's.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Question {
    /// What the process ran, and who started it; the path of the cgroup.
    Trace { process: Key, cgroup: u64 },
    /// The path of a cgroup.
    Cgroup(u64),
    /// Who has the other end of a connection in this network namespace, by `/proc`.
    Infer { peer: SocketAddr, local: SocketAddr },
    /// The cookie of the caller's socket of a connection in this network namespace.
    Cookie { peer: SocketAddr, local: SocketAddr },
    /// The process as `/proc` has it.
    Describe(u32),
    /// The rules, and the gateway's network namespace.
    Enforce { rules: Rules, gateway: Gateway },
    /// Where agents may go, anew.
    Allow(Vec<AgentRule>),
    /// The gateway lives; whether it is time to look what has changed, and whether nobody wants to hear
    /// of flows that are no agent's.
    Beat { round: bool, quiet: bool },
    /// The process becomes this agent's.
    Launch { pid: u32, agent: u32 },
    /// The gateway listens there, or does no longer.
    Gate {
        netns: u64,
        listeners: Vec<SocketAddr>,
        open: bool,
    },
}

/// The answer to it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Traced(Box<Traced>),
    Cgroup(Option<String>),
    Cookie(Option<u64>),
    Process(Option<Box<Process>>),
    Done(Result<(), String>),
}

/// A [`ProcessKey`] on its way.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Key {
    start_ns: u64,
    pid: u32,
    exec: u32,
}

impl From<ProcessKey> for Key {
    fn from(key: ProcessKey) -> Self {
        Self {
            start_ns: key.start_ns,
            pid: key.pid,
            exec: key.exec,
        }
    }
}

impl From<Key> for ProcessKey {
    fn from(key: Key) -> Self {
        Self {
            start_ns: key.start_ns,
            pid: key.pid,
            exec: key.exec,
        }
    }
}

/// What is known of a process beside its numbers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Traced {
    #[serde(with = "path")]
    pub(crate) exe: Option<PathBuf>,
    pub(crate) exe_sha256: Option<[u8; 32]>,
    pub(crate) ancestors: Vec<Ancestor>,
    pub(crate) cgroup: Option<String>,
}

/// Whoever looks, and whoever acts: the second may not have to wait for the first, who may be
/// hashing a large file.
pub(crate) struct Witness {
    pub(crate) looks: Looks,
    pub(crate) enforcer: Option<Enforcer>,
}

/// Looks at processes.
pub(crate) struct Looks {
    pub(crate) kernel: Option<(Lineage, Arc<Cgroups>)>,
    pub(crate) inferred: ProcSource,
}

impl Question {
    /// Whether it asks to act.
    pub(crate) fn acts(&self) -> bool {
        matches!(
            self,
            Self::Enforce { .. }
                | Self::Allow(_)
                | Self::Beat { .. }
                | Self::Launch { .. }
                | Self::Gate { .. }
        )
    }
}

impl Looks {
    /// None to a question that asks to act.
    pub(crate) fn answer(&self, question: Question) -> Option<Answer> {
        Some(match question {
            Question::Trace { process, cgroup } => {
                let traced = self.trace(&process.into(), cgroup);
                Answer::Traced(Box::new(traced.unwrap_or_default()))
            }
            Question::Cgroup(id) => {
                Answer::Cgroup(self.kernel.as_ref().and_then(|(_, all)| all.path(id)))
            }
            Question::Infer { peer, local } => {
                Answer::Process(self.inferred.infer(Flow { peer, local }).map(Box::new))
            }
            Question::Cookie { peer, local } => {
                let found = diag::caller(Flow { peer, local });
                Answer::Cookie(found.map(|found| found.cookie))
            }
            Question::Describe(pid) => Answer::Process(self.inferred.process(pid).map(Box::new)),
            _ => return None,
        })
    }

    fn trace(&self, process: &ProcessKey, cgroup: u64) -> Option<Traced> {
        let (lineage, cgroups) = self.kernel.as_ref()?;
        let (executable, ancestors) = lineage.trace(process);
        Some(Traced {
            exe: executable.path,
            exe_sha256: executable.sha256,
            ancestors,
            cgroup: cgroups.path(cgroup),
        })
    }
}

/// Does what is asked; nothing where there is no kernel's part, and where only a look is asked for.
pub(crate) fn act(enforcer: Option<&mut Enforcer>, question: Question) -> Answer {
    let Some(enforcer) = enforcer else {
        return Answer::Done(Ok(()));
    };
    let done = match question {
        Question::Enforce { rules, gateway } => enforcer.install(&rules, gateway),
        Question::Allow(agents) => enforcer.allow(&agents),
        Question::Beat { round, quiet } => {
            enforcer.beat(round, quiet);
            Ok(())
        }
        Question::Launch { pid, agent } => enforcer.launch(pid, agent),
        Question::Gate {
            netns,
            listeners,
            open,
        } => enforcer.gate(netns, &listeners, open),
        _ => Ok(()),
    };
    Answer::Done(done.map_err(|error| causes(&error)))
}

/// A path on its way: any bytes, as the kernel has them.
pub(crate) mod path {
    use std::{ffi::OsString, path::PathBuf};

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::Path;

    #[expect(clippy::ref_option, reason = "serde gives the field as it is")]
    pub(crate) fn serialize<S: Serializer>(
        path: &Option<PathBuf>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let path = path.as_deref().map(Path::as_os_str);
        path.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<OsString>::deserialize(deserializer)?.map(PathBuf::from))
    }
}
