//! What of the file system stays open to a process.

use std::{io, path::PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};

use crate::{SandboxError, failed};

/// The newest rules that this was written for; an older kernel holds fewer.
const KNOWN: ABI = ABI::V6;

/// Files and folders, with everything below them. What is not there is nobody's.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// May be read.
    pub read: Vec<PathBuf>,
    /// May be read, written, made and removed.
    pub write: Vec<PathBuf>,
}

/// How much of it the kernel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// All.
    Whole,
    /// What this kernel knows of it.
    Partly,
    /// Nothing: this kernel has no Landlock, or it is not among its security modules.
    Not,
}

/// Closes everything but `files` to this process, and abstract Unix sockets of others.
///
/// Descriptors that are open stay what they are. The process must have one thread.
///
/// # Errors
/// If the kernel refuses; not if it is old.
pub fn hold_files(files: &Files) -> Result<Held, SandboxError> {
    let held = restrict(files).map_err(io::Error::other);
    let hint = "the kernel refused what a process may always do";
    let status = held.map_err(failed("restrict access to files", hint))?;
    Ok(match status {
        RulesetStatus::FullyEnforced => Held::Whole,
        RulesetStatus::PartiallyEnforced => Held::Partly,
        RulesetStatus::NotEnforced => Held::Not,
    })
}

fn restrict(files: &Files) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::from_all(KNOWN) & !AccessFs::Execute;
    let rules = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .scope(Scope::AbstractUnixSocket)?
        .create()?
        .add_rules(path_beneath_rules(&files.read, read))?
        .add_rules(path_beneath_rules(&files.write, write))?;
    Ok(rules.restrict_self()?.ruleset)
}
