//! Memory that holds keys: nobody looks into it, and no crash leaves it on a disk.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::{SandboxError, failed};

/// Leaves no core dump of this process and those that it forks, and closes them to debuggers of their own user
/// (`PR_SET_DUMPABLE`): only who may trace everything reads their memory.
///
/// # Errors
/// If the kernel refuses, which it has no reason to.
pub fn keep_memory_private() -> Result<(), SandboxError> {
    const HINT: &str = "the kernel refused what a process may always do";
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).map_err(failed("leave no core dump", HINT))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed("keep debuggers out", HINT))
}
