//! A text that is a JSON document and still grows, as the arguments of a tool do that a model calls: each
//! value is judged as soon as it is whole, under the names around it, however long the document is.

use super::desk::Desk;
use super::json::{Levels, Reader};
use super::path::Path;
use super::units::Out;
use super::{Notation, Sink};
use crate::Context;
use crate::media::json::Walker;

/// A value is waited for up to so many bytes; what is longer is judged as text.
const OPEN_BYTES_MAX: usize = 64 * 1024;

/// A document as far as it came. Places in it count from its first byte.
pub(super) struct Arguments {
    walker: Walker,
    levels: Levels,
    path: Path,
    /// Bytes that were read.
    read: u64,
    /// Where the last token ended.
    end: u64,
}

/// How a document goes on.
pub(super) enum Read {
    /// Everything before this byte is judged for good.
    Until(u64),
    /// What begins here is no JSON.
    Broken(u64),
}

impl Arguments {
    /// Whether a text begins as a document does.
    pub(super) fn begin(text: &[u8]) -> Option<Self> {
        matches!(text.trim_ascii_start().first(), Some(b'{' | b'[')).then(|| Self {
            walker: Walker::new(),
            levels: Levels::new(Context::ROOT),
            path: Path::default(),
            read: 0,
            end: 0,
        })
    }

    /// How many bytes were read.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Reads what follows.
    pub(super) fn push(&mut self, bytes: &[u8], out: Out<'_>) -> Read {
        let Out { desk, sink } = out;
        self.read += bytes.len() as u64;
        let walked = self.standing(desk, |this, desk| this.walk(bytes, desk, sink));
        if walked && self.walker.held() <= OPEN_BYTES_MAX {
            Read::Until(self.read - self.walker.held() as u64)
        } else {
            Read::Broken(self.end)
        }
    }

    /// Returns whether what was read is JSON.
    fn walk(&mut self, bytes: &[u8], desk: &mut Desk, sink: &mut dyn Sink) -> bool {
        let mut reader = Reader::new(desk, &mut self.levels, sink);
        reader.end = self.end;
        let walked = self.walker.push(bytes, &mut reader);
        self.end = reader.end;
        walked.is_ok()
    }

    /// Puts the desk where the document stands: in a string of JSON.
    fn standing<T>(&mut self, desk: &mut Desk, step: impl FnOnce(&mut Self, &mut Desk) -> T) -> T {
        let outer = std::mem::replace(&mut desk.path, std::mem::take(&mut self.path));
        desk.around.push(Notation::Json);
        (desk.nested, desk.depth) = (Some(0), 1);
        let stepped = step(self, desk);
        (desk.nested, desk.depth) = (None, 0);
        desk.around.pop();
        self.path = std::mem::replace(&mut desk.path, outer);
        stepped
    }
}
