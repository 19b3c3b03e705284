//! Puts a process where it cannot do what it need not do.
//!
//! What is given up here is given up for good, by this process and all that it starts; on Linux
//! most of it belongs to a thread, so it is given up before there is a second one.

mod files;
mod memory;
mod namespace;
mod privileges;
mod serving;
mod syscalls;

pub use files::{Files, Held, hold_files};
pub use memory::keep_memory_private;
pub use namespace::{User, become_user, seal};
pub use privileges::drop_capabilities;
pub use serving::hold_serving;
pub use syscalls::hold_in;

use std::io;

/// Why a process could not be put there.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {hint}")]
pub struct SandboxError {
    /// What was tried.
    pub step: &'static str,
    /// How to mend it, or what that usually means.
    pub hint: &'static str,
    /// The cause.
    #[source]
    pub source: io::Error,
}

/// An error of one step, and how to mend it.
pub(crate) fn failed<E: Into<io::Error>>(
    step: &'static str,
    hint: &'static str,
) -> impl FnOnce(E) -> SandboxError {
    move |source| SandboxError {
        step,
        hint,
        source: source.into(),
    }
}
