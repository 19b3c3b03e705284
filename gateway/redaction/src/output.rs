//! What may be released: slices of what came in, and what was written in their place.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// Shorter pieces are copied, because a slice costs more than copying that many bytes.
const SLICE_BYTES_MIN: usize = 512;

/// Released bytes in order, as segments. Its size is bounded by what one push can release; whoever
/// pushes drains it in between.
#[derive(Debug, Default)]
pub struct Output {
    segments: VecDeque<Bytes>,
    /// The segment that is being written.
    tail: BytesMut,
    length: usize,
}

impl Output {
    /// An empty output.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes in all segments.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes the next segment out.
    pub fn pop(&mut self) -> Option<Bytes> {
        self.seal();
        let segment = self.segments.pop_front()?;
        self.length -= segment.len();
        Some(segment)
    }

    /// Takes everything out as one piece; copies only if there are several.
    pub fn contiguous(&mut self) -> Bytes {
        self.seal();
        let whole = match (self.segments.pop_front(), self.segments.is_empty()) {
            (None, _) => Bytes::new(),
            (Some(only), true) => only,
            (Some(first), false) => {
                let mut whole = BytesMut::with_capacity(self.length);
                whole.extend_from_slice(&first);
                self.segments
                    .drain(..)
                    .for_each(|segment| whole.extend_from_slice(&segment));
                whole.freeze()
            }
        };
        self.length = 0;
        whole
    }

    /// Appends a range of the bytes that came in, without copying them if they are many.
    pub(crate) fn share(&mut self, chunk: &Bytes, range: Range<usize>) {
        if range.len() < SLICE_BYTES_MIN && !(self.tail.is_empty() && self.segments.is_empty()) {
            return self.write(chunk.get(range).unwrap_or_default());
        }
        self.seal();
        self.length += range.len();
        self.segments.push_back(chunk.slice(range));
    }

    /// Appends a copy.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        self.tail.extend_from_slice(bytes);
    }

    /// Makes room for a chunk that is being edited.
    pub(crate) fn expect(&mut self, bytes: usize) {
        if self.tail.is_empty() {
            self.tail.reserve(bytes);
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.segments.push_back(self.tail.split().freeze());
        }
    }
}

impl Iterator for Output {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.pop()
    }
}
