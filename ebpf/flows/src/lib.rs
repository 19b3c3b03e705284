//! Who owns a connection: the kernel's answer, or `/proc`'s.

mod process;

pub use process::{Ancestor, Attribution, Flow, FlowSource, Process, Source};
