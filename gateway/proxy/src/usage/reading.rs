//! Reads from an answer on its way what a model used. It changes nothing, and what it cannot read is as if
//! nothing had been said.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use classifiers::media::sse::{Line, line, line_end};
use serde_json::Value;

use super::{Counts, Metering, places::Told};

/// The longest document that is read for it, in bytes.
const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// The longest line of a stream that is read for it, in bytes.
const LINE_BYTES_MAX: usize = 256 * 1024;

/// What an answer says of what was used, so far.
pub(crate) struct Reading {
    metering: Arc<Metering>,
    /// Whether it comes in lines: events.
    is_stream: bool,
    /// What came and was not read yet.
    kept: BytesMut,
    /// Whether what came is too long to be read: all of a document, the rest of a line.
    is_lost: bool,
    told: Told,
    /// Bytes of the answer that came, without their content coding.
    came: u64,
}

impl Reading {
    pub(crate) fn new(metering: Arc<Metering>, is_stream: bool) -> Self {
        Self {
            metering,
            is_stream,
            kept: BytesMut::new(),
            is_lost: false,
            told: Told::default(),
            came: 0,
        }
    }

    /// Reads on.
    pub(crate) fn see(&mut self, piece: &Bytes) {
        if self.is_stream {
            self.lines(piece);
        } else if self.kept.len() + piece.len() > DOCUMENT_BYTES_MAX {
            self.is_lost = true;
            self.kept = BytesMut::new();
        } else if !self.is_lost {
            self.kept.extend_from_slice(piece);
        }
    }

    /// So many bytes of it came by now, whatever becomes of them.
    pub(crate) fn came(&mut self, bytes: u64) {
        self.came = self.came.max(bytes);
    }

    /// How many.
    pub(crate) fn bytes(&self) -> u64 {
        self.came
    }

    /// What was said by now, with the model that answers.
    pub(super) fn told(&mut self) -> (Option<Counts>, Option<Arc<str>>) {
        let rest = std::mem::take(&mut self.kept);
        if !self.is_lost && !rest.is_empty() {
            if self.is_stream {
                self.line(&rest);
            } else {
                self.document(&rest);
            }
        }
        (self.told.counts(), self.told.model.clone())
    }

    fn lines(&mut self, mut piece: &[u8]) {
        while let Some(end) = line_end(piece, 0) {
            let (own, rest) = piece.split_at(end);
            piece = rest;
            let own = own.split_last().map_or(own, |(_, line)| line);
            let kept = std::mem::take(&mut self.kept);
            let is_lost = std::mem::take(&mut self.is_lost);
            if is_lost || kept.len() + own.len() > LINE_BYTES_MAX {
                continue;
            }
            if kept.is_empty() {
                self.line(own);
            } else {
                self.line(&[&kept[..], own].concat());
            }
        }
        if self.kept.len() + piece.len() > LINE_BYTES_MAX {
            self.is_lost = true;
            self.kept = BytesMut::new();
        } else if !self.is_lost {
            self.kept.extend_from_slice(piece);
        }
    }

    /// One line: the data of an event, as these services write it.
    fn line(&mut self, bytes: &[u8]) {
        if let Line::Field(name, value) = line(bytes)
            && bytes.get(name) == Some(b"data")
            && let Some(data) = bytes.get(value)
        {
            self.document(data);
        }
    }

    fn document(&mut self, bytes: &[u8]) {
        if let Ok(document) = serde_json::from_slice::<Value>(bytes) {
            self.told.then(self.metering.places.answer.told(&document));
        }
    }
}
