//! Rows in lines of JSON: the lines are the elements of one array, at the empty path.
//!
//! A line that is no JSON document by itself cannot be told from a row of others, so that it ends the
//! answer; a row that may not go on takes its line end with it.

use json_event_parser::JsonEvent;

use super::tokens::Tokens;
use super::walk::Walk;
use super::{HELD_BYTES_MAX, Plan, Withheld};
use crate::Interrupted;

const TOO_LONG: Interrupted = Interrupted::Form("a line is too long to be told from others' rows");
const NO_DOCUMENT: Interrupted = Interrupted::Form("a line is no JSON document by itself");

/// Shapes lines of JSON as they come.
pub(super) struct Lines {
    walk: Walk,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn new(plan: Plan) -> Self {
        let mut walk = Walk::new(plan);
        walk.within_array();
        Self {
            walk,
            line: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Interrupted> {
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() > HELD_BYTES_MAX {
                return Err(TOO_LONG);
            }
            if piece.ends_with(b"\n") {
                self.shape(out)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Interrupted> {
        self.shape(out)
    }

    pub(super) fn withheld(&self) -> Withheld {
        self.walk.withheld()
    }

    pub(super) fn held(&self) -> usize {
        self.line.len()
    }

    /// Lets go on what may of the line.
    fn shape(&mut self, out: &mut Vec<u8>) -> Result<(), Interrupted> {
        let line = std::mem::take(&mut self.line);
        if line.trim_ascii().is_empty() {
            out.extend_from_slice(&line);
            return Ok(());
        }
        let mut left = Vec::with_capacity(line.len());
        let walk = &mut self.walk;
        let read = Tokens::new().push(&line, true, |event: &JsonEvent<'_>, raw| {
            walk.event(event, raw, &mut left)
        });
        read.map_err(|_| NO_DOCUMENT)?;
        if !left.trim_ascii().is_empty() {
            out.extend_from_slice(&left);
        }
        Ok(())
    }
}
