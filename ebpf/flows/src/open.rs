//! Choosing a source.

use std::{io, path::PathBuf, sync::Arc};

use crate::{
    FlowSource, Keeper, KernelSource, Options, ProcSource, TooManyPorts,
    inferring::Inferring,
    witness::{Looks, Witness},
};

/// Which source to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The kernel's if it can be had, else `/proc`'s.
    #[default]
    Auto,
    /// The kernel's, or an error.
    Kernel,
    /// `/proc`'s.
    Proc,
}

/// A source, and what there is to say about the choice.
pub struct Opened {
    /// The source.
    pub source: Arc<dyn FlowSource>,
    /// The same, if it is the kernel's: flows and rules are had from there alone.
    pub kernel: Option<Arc<KernelSource>>,
    /// Whoever looks at processes.
    pub keeper: Arc<Keeper>,
    /// Why it is not the kernel's, though that was wanted.
    pub note: Option<String>,
}

/// Why a source could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum FlowsError {
    /// There was no BPF compiler when the crate was built.
    #[error("this build has no kernel programs")]
    NotBuilt,
    /// `/sys/kernel/btf/vmlinux` is missing or unreadable.
    #[error("the kernel does not describe its own types (BTF)")]
    Btf(#[source] io::Error),
    /// The kernel's description of its types is not understood.
    #[error("the kernel's description of its own types (BTF) is broken")]
    BtfBroken,
    /// The kernel lacks a field that the programs read.
    #[error("this kernel has no field `{0}` that the programs could read")]
    Field(&'static str),
    /// No cgroup v2 hierarchy is mounted.
    #[error("no cgroup v2 hierarchy is mounted")]
    Cgroup,
    /// The cgroup v2 hierarchy cannot be opened.
    #[error("the cgroup v2 hierarchy cannot be opened")]
    CgroupOpen(#[source] io::Error),
    /// The object could not be loaded: no privilege, or an old kernel.
    #[error("the kernel programs could not be loaded")]
    Load(#[source] Box<aya::EbpfError>),
    /// One program was refused.
    #[error("the kernel refused the program `{name}`")]
    Program {
        /// Which.
        name: &'static str,
        /// Why.
        #[source]
        source: Box<aya::programs::ProgramError>,
    },
    /// A map is missing or of another kind.
    #[error("the kernel programs' map `{name}` cannot be used")]
    Map {
        /// Which.
        name: &'static str,
        /// Why.
        #[source]
        source: Box<aya::maps::MapError>,
    },
    /// The object lacks a program or a map.
    #[error("the object has no `{0}`")]
    Missing(&'static str),
    /// Everything is attached, but a connection to oneself was not attributed.
    #[error("the kernel programs run but did not name this process as the owner of its own call")]
    Unanswered,
    /// The connection to oneself could not be made.
    #[error("no connection to oneself over 127.0.0.1")]
    Loopback(#[source] io::Error),
    /// Pins cannot be had where they are wanted.
    #[error("`{directory}` cannot hold pinned programs", directory = directory.display())]
    Pins {
        /// Where.
        directory: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The directory is in no BPF file system.
    #[error("`{}` is in no BPF file system; run `mount -t bpf bpf /sys/fs/bpf`", .0.display())]
    NoBpffs(PathBuf),
    /// Another gateway runs with these pins.
    #[error("another gateway holds the pins in `{}`; stop it, or give each its own directory", .0.display())]
    PinsInUse(PathBuf),
    /// Another version of this program has pinned something there.
    #[error("`{}` is of another version; run `tidegate flows detach` once, which ends what it enforces", .0.display())]
    PinsOfAnother(PathBuf),
    /// A program could not be pinned, or exchanged for one that is.
    #[error("the program `{name}` could not be pinned")]
    Pin {
        /// Which.
        name: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An agent's ports do not fit.
    #[error("the rules cannot be given to the kernel")]
    Ports(#[source] TooManyPorts),
    /// The privileged part has no process, or does not answer.
    #[error("the process with the kernel's part does not answer")]
    Keeper(#[source] io::Error),
    /// It refused, and said why.
    #[error("{0}")]
    Refused(String),
    /// A process that the programs did not see begin.
    #[error("process {0} began before the kernel programs did: start it again")]
    Unwatched(u32),
    /// A process that is another agent's, and stays it.
    #[error("process {0} is another agent's, and stays it")]
    AnothersProcess(u32),
    /// Somebody follows the flows already.
    #[error("the flows are followed already")]
    Followed,
    /// The thread that reads events could not be started.
    #[error("no thread for the kernel's events")]
    Thread(#[source] io::Error),
    /// `/proc` is missing.
    #[error("/proc is not mounted")]
    Proc(#[source] io::Error),
}

/// Opens the source that `mode` asks for.
///
/// # Errors
/// With [`Mode::Auto`] only if `/proc` is missing.
pub fn open(mode: Mode, options: &Options) -> Result<Opened, FlowsError> {
    choose(mode, options, None)
}

/// The same, with everything that needs privileges in a process of its own, which first calls
/// `confine`: this one may give up its privileges then. There must be one thread.
///
/// # Errors
/// As [`open`], and if there can be no such process.
pub fn open_apart(mode: Mode, options: &Options, confine: fn()) -> Result<Opened, FlowsError> {
    choose(mode, options, Some(confine))
}

fn choose(mode: Mode, options: &Options, apart: Option<fn()>) -> Result<Opened, FlowsError> {
    let mut note = None;
    if mode != Mode::Proc {
        match KernelSource::attach(options) {
            Ok(attached) => {
                let source = Arc::new(attached.start(apart)?);
                return Ok(Opened {
                    keeper: source.keeper(),
                    kernel: Some(Arc::clone(&source)),
                    source,
                    note: None,
                });
            }
            Err(error) if mode == Mode::Kernel => return Err(error),
            Err(error) => {
                let causes = causes(&error);
                tracing::warn!(
                    reason = causes,
                    "owners of connections are inferred from /proc"
                );
                note = Some(causes);
            }
        }
    }
    let witness = Witness {
        looks: Looks {
            kernel: None,
            inferred: ProcSource::open()?,
        },
        enforcer: None,
    };
    let keeper = Arc::new(match apart {
        None => Keeper::here(witness),
        Some(confine) => Keeper::apart(witness, move || {
            confine();
            Ok(())
        })?,
    });
    Ok(Opened {
        source: Arc::new(Inferring::new(Arc::clone(&keeper))),
        kernel: None,
        keeper,
        note,
    })
}

/// The error and its causes on one line; a verifier's log, which is long, is cut.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    /// Enough for every message of ours and of the system's.
    const NOTE_CHARS_MAX: usize = 600;
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    let line = told.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(NOTE_CHARS_MAX).collect()
}
