//! Cuts a stream into the units that are judged whole, wherever its chunks were cut.

use super::desk::Desk;
use super::{Sink, UNIT_BYTES_MAX, Unreadable};

/// What is looked at in one go: a unit that a chunk's end cut through costs a copy of this much.
const PIECE_BYTES: usize = 16 * 1024;

/// The bytes of the unit that is still open.
#[derive(Debug, Default)]
pub(crate) struct Units {
    carry: Vec<u8>,
    seen: Seen,
    /// Where the open unit begins in the document.
    base: u64,
}

/// Where a unit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Behind this many bytes.
    At(usize),
    /// Not in these bytes; the next look begins here.
    Later(Seen),
}

/// How far the open unit was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Bytes that hold no end.
    pub(crate) bytes: usize,
    /// What the one who looks has to remember.
    pub(crate) state: u8,
}

impl Cut {
    /// Not in these many bytes, and nothing to remember.
    pub(crate) fn later(bytes: usize) -> Self {
        Self::Later(Seen { bytes, state: 0 })
    }
}

/// Who knows where units end and judges them.
pub(crate) trait Judge {
    /// Where the unit ends that begins with `bytes`, of which some were seen. Where it finds the
    /// end must not depend on how many bytes follow.
    fn cut(&self, bytes: &[u8], seen: Seen) -> Cut;
    /// Judges a unit that begins at byte `start` of the document.
    fn unit(&mut self, unit: &[u8], start: u64, out: Out<'_>) -> Result<(), Unreadable>;
}

/// Where judgements go.
pub(crate) struct Out<'a> {
    pub(crate) desk: &'a mut Desk,
    pub(crate) sink: &'a mut dyn Sink,
}

impl Out<'_> {
    pub(crate) fn again(&mut self) -> Out<'_> {
        Out {
            desk: &mut *self.desk,
            sink: &mut *self.sink,
        }
    }
}

impl Units {
    /// Hands over every unit that ends in these bytes.
    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        judge: &mut impl Judge,
        mut out: Out<'_>,
    ) -> Result<(), Unreadable> {
        for piece in chunk.chunks(PIECE_BYTES) {
            if self.carry.is_empty() {
                let used = self.walk(piece, judge, &mut out)?;
                self.carry
                    .extend_from_slice(piece.get(used..).unwrap_or_default());
                continue;
            }
            let mut bytes = std::mem::take(&mut self.carry);
            bytes.extend_from_slice(piece);
            let used = self.walk(&bytes, judge, &mut out)?;
            bytes.drain(..used.min(bytes.len()));
            self.carry = bytes;
        }
        Ok(())
    }

    /// Hands over the units that end in `bytes`, and returns how many bytes those are.
    fn walk(
        &mut self,
        bytes: &[u8],
        judge: &mut impl Judge,
        out: &mut Out<'_>,
    ) -> Result<usize, Unreadable> {
        let mut used = 0;
        let mut seen = std::mem::take(&mut self.seen);
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let (length, ended) = match judge.cut(rest, seen) {
                Cut::At(end) => (end.clamp(1, rest.len()), true),
                Cut::Later(so_far) => {
                    self.seen = so_far;
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
            seen = Seen::default();
            judge.unit(rest.get(..length).unwrap_or_default(), start, out.again())?;
        }
        Ok(used)
    }

    /// Where the next unit begins.
    pub(crate) fn end(&self) -> u64 {
        self.base
    }

    /// Hands over the unit that the end of the document ends.
    pub(crate) fn finish(
        &mut self,
        judge: &mut impl Judge,
        out: Out<'_>,
    ) -> Result<(), Unreadable> {
        let unit = std::mem::take(&mut self.carry);
        let start = self.base;
        self.base += unit.len() as u64;
        self.seen = Seen::default();
        if unit.is_empty() {
            return Ok(());
        }
        judge.unit(&unit, start, out)
    }
}
