//! What happened, so that nobody can later say otherwise.

mod event;

pub use event::*;
