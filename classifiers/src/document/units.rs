//! Cuts a stream into the units that are judged whole, wherever its chunks were cut.

use super::{UNIT_BYTES_MAX, Unreadable};

/// What is looked at in one go: a unit that a chunk's end cut through costs a copy of this much.
const PIECE_BYTES: usize = 16 * 1024;

/// The bytes of the unit that is still open.
#[derive(Debug, Default)]
pub(crate) struct Units {
    carry: Vec<u8>,
    /// How much of the carry is known not to hold an end.
    scanned: usize,
    /// Where the open unit begins in the document.
    base: u64,
}

/// Where a unit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Behind this many bytes.
    At(usize),
    /// Not in these bytes; the next look begins at this one.
    Later(usize),
}

impl Units {
    /// Hands `each` every unit that ends in these bytes, with its place. `cut` looks at the bytes
    /// of a unit from some byte on; where it finds the end must not depend on how many follow.
    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        cut: impl Fn(&[u8], usize) -> Cut,
        mut each: impl FnMut(&[u8], u64) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        for piece in chunk.chunks(PIECE_BYTES) {
            if self.carry.is_empty() {
                let used = self.walk(piece, &cut, &mut each)?;
                self.carry
                    .extend_from_slice(piece.get(used..).unwrap_or_default());
                continue;
            }
            let mut bytes = std::mem::take(&mut self.carry);
            bytes.extend_from_slice(piece);
            let used = self.walk(&bytes, &cut, &mut each)?;
            bytes.drain(..used.min(bytes.len()));
            self.carry = bytes;
        }
        Ok(())
    }

    /// Hands over the units that end in `bytes`, and returns how many bytes those are.
    fn walk(
        &mut self,
        bytes: &[u8],
        cut: &impl Fn(&[u8], usize) -> Cut,
        each: &mut impl FnMut(&[u8], u64) -> Result<(), Unreadable>,
    ) -> Result<usize, Unreadable> {
        let mut used = 0;
        let mut from = std::mem::take(&mut self.scanned);
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let (length, ended) = match cut(rest, from) {
                Cut::At(end) => (end, true),
                Cut::Later(scanned) => {
                    self.scanned = scanned;
                    (rest.len(), false)
                }
            };
            if length > UNIT_BYTES_MAX {
                return Err(Unreadable::TooLong { offset: self.base });
            }
            if !ended {
                break;
            }
            let start = self.base;
            self.base += length as u64;
            used += length;
            from = 0;
            each(rest.get(..length).unwrap_or_default(), start)?;
        }
        Ok(used)
    }

    /// Hands over the unit that the end of the document ends.
    pub(crate) fn finish(
        &mut self,
        mut each: impl FnMut(&[u8], u64) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let unit = std::mem::take(&mut self.carry);
        let start = self.base;
        self.base += unit.len() as u64;
        self.scanned = 0;
        if unit.is_empty() {
            return Ok(());
        }
        each(&unit, start)
    }
}
