//! A bar on a terminal; nothing elsewhere.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far it is.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Up to `total` bytes or records.
    pub(crate) fn new(total: u64, bytes: bool) -> Self {
        let bar = ProgressBar::new(total);
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let shape = if bytes {
            "{bar:32} {percent:>3} %  {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left  {msg}"
        } else {
            "{bar:32} {percent:>3} %  {human_pos} of {human_len}, {per_sec}, {eta} left  {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(shape) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// There is so much in all.
    pub(crate) fn of(&self, total: u64) {
        self.0.set_length(total);
    }

    /// It is there now; of so many records.
    pub(crate) fn at(&self, position: u64, records: u64) {
        self.0.set_message(format!("{records} records"));
        self.0.set_position(position);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
