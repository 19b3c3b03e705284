//! How fast a log is read, and whom it is told how far that is.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressDrawTarget};
use proof::parallel;

/// How a long log is read.
pub(crate) struct Pace {
    /// Threads that judge it.
    pub(super) threads: usize,
    bar: ProgressBar,
}

impl Pace {
    /// By a command, on all processors, with a bar if there is a terminal.
    pub(super) fn alone() -> Self {
        let bar = ProgressBar::new(0);
        if !io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let threads = parallel::threads();
        Self { threads, bar }
    }

    /// Beside calls that are served: on one thread, and nobody is told.
    pub(crate) fn aside() -> Self {
        let bar = ProgressBar::hidden();
        Self { threads: 1, bar }
    }

    /// So much is read, of so much.
    pub(super) fn tell(&self, read: u64, all: u64) {
        self.bar.set_length(all);
        self.bar.set_position(read);
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
