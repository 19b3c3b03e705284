//! Choosing a source.

use std::{io, sync::Arc};

use crate::{FlowSource, KernelSource, ProcSource};

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
pub fn open(mode: Mode) -> Result<Opened, FlowsError> {
    if mode != Mode::Proc {
        match KernelSource::open() {
            Ok(source) => {
                return Ok(Opened {
                    source: Arc::new(source),
                    note: None,
                });
            }
            Err(error) if mode == Mode::Kernel => return Err(error),
            Err(error) => return proc_instead(&error),
        }
    }
    Ok(Opened {
        source: Arc::new(ProcSource::open()?),
        note: None,
    })
}

fn proc_instead(error: &FlowsError) -> Result<Opened, FlowsError> {
    let note = causes(error);
    tracing::warn!(
        reason = note,
        "owners of connections are inferred from /proc"
    );
    Ok(Opened {
        source: Arc::new(ProcSource::open()?),
        note: Some(note),
    })
}

/// The error and its causes on one line; a verifier's log, which is long, is cut.
fn causes(error: &dyn std::error::Error) -> String {
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
