//! Tokens in a document of any kind become the values they stand for, written as the document writes its
//! values: in the events of a stream also where a model's words part them, in documents in strings, in
//! base64 and data URLs.
//!
//! The document was judged before, and what is put in is judged no more. Where it cannot be read on, the
//! rest passes as it is, tokens and all.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use classifiers::document::{Classifier, Embedded, Found, Media, Seek, Sink};
use classifiers::embedded::{self, EMBEDDED_DEPTH_MAX, Held};

use super::{Restore, Restored, Restorer};
use crate::document::{Piece, settle};
use crate::{Action, Output, Pseudonyms, notation, token};

const TOKENS: Seek = Seek {
    find: token::find,
    growing: token::growing,
};

/// Restores tokens in one document as it streams.
pub struct DocumentRestorer<R> {
    restore: R,
    keys: Arc<dyn Pseudonyms>,
    media: Media,
    classifier: Classifier,
    held: BytesMut,
    pieces: Vec<Piece>,
    sorted: usize,
    /// Where what is held begins in the document.
    base: u64,
    /// Whether it cannot be read any further.
    is_blind: bool,
    restored: Restored,
}

impl<R: Restore> DocumentRestorer<R> {
    /// A restorer for one document of this kind.
    pub fn new(media: Media, restore: R, keys: Arc<dyn Pseudonyms>) -> Self {
        Self {
            restore,
            keys,
            media,
            classifier: Classifier::seeking(media, TOKENS),
            held: BytesMut::new(),
            pieces: Vec::new(),
            sorted: 0,
            base: 0,
            is_blind: false,
            restored: Restored::default(),
        }
    }

    /// Takes the next bytes, appends what may go on.
    pub fn push(&mut self, chunk: &Bytes, out: &mut Output) {
        if self.is_blind {
            return out.share(chunk, 0..chunk.len());
        }
        self.held.extend_from_slice(chunk);
        let from = self.classifier.pushed().saturating_sub(self.base);
        let unread = self.held.split_off(
            usize::try_from(from)
                .unwrap_or(usize::MAX)
                .min(self.held.len()),
        );
        // A character may be cut.
        let whole = match std::str::from_utf8(&unread) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let is_text = unread.len() - whole < char::MAX_LEN_UTF8;
        let text = unread.get(..whole).unwrap_or_default();
        let read = is_text && self.seek(|classifier, sink| classifier.push(text, sink).is_ok());
        self.held.unsplit(unread);
        self.settle(read, out);
    }

    /// Releases text that others continue as if it had ended.
    pub fn flush(&mut self, out: &mut Output) {
        let read = self.seek(|classifier, sink| classifier.flush(sink).is_ok());
        self.settle(read, out);
    }

    /// Ends the document and releases what was held back.
    pub fn finish(&mut self, out: &mut Output) {
        if !self.is_blind {
            self.seek(|classifier, sink| classifier.finish(sink).is_ok());
        }
        self.settle(false, out);
    }

    /// Whether something is held that [`DocumentRestorer::flush`] may release.
    pub fn is_growing(&self) -> bool {
        self.media == Media::Sse && !self.held.is_empty()
    }

    /// What became of the tokens so far.
    pub fn restored(&self) -> &Restored {
        &self.restored
    }

    /// Gives up who decides, and what became of the tokens.
    pub(crate) fn into_parts(self) -> (R, Restored) {
        (self.restore, self.restored)
    }

    fn seek(&mut self, step: impl FnOnce(&mut Classifier, &mut Turner<'_, R>) -> bool) -> bool {
        let mut turner = Turner {
            restore: &mut self.restore,
            keys: &self.keys,
            pieces: &mut self.pieces,
            restored: &mut self.restored,
        };
        step(&mut self.classifier, &mut turner)
    }

    /// Releases what is held no more; everything if no more is `read`.
    fn settle(&mut self, read: bool, out: &mut Output) {
        self.is_blind |= !read;
        let until = if read {
            self.classifier.pushed() - self.classifier.held()
        } else {
            u64::MAX
        };
        settle(
            &mut self.held,
            &mut self.pieces,
            &mut self.sorted,
            &mut self.base,
            until,
            out,
        );
    }
}

/// Who turns back what was found.
struct Turner<'a, R> {
    restore: &'a mut R,
    keys: &'a Arc<dyn Pseudonyms>,
    pieces: &'a mut Vec<Piece>,
    restored: &'a mut Restored,
}

impl<R: Restore> Sink for Turner<'_, R> {
    fn found(&mut self, found: &Found<'_>) {
        // A line of text may be looked at more than once, as a whole and under its name.
        let Some(first) = found.ranges.first() else {
            return;
        };
        if self
            .pieces
            .iter()
            .rev()
            .any(|piece| piece.range.start == first.start)
        {
            return;
        }
        let Some((class, value)) = token::open(found.value(), &**self.keys) else {
            self.restored.unopened += 1;
            return;
        };
        let value = String::from_utf8(value)
            .ok()
            .filter(|_| self.restore.may_restore(class));
        let Some(value) = value else {
            self.restored.refused += 1;
            return;
        };
        self.restored.count(class);
        let mut text = notation::write(&value, found.notations);
        for range in found.ranges {
            self.pieces.push(Piece {
                range: range.clone(),
                action: Action::Tokenize,
                text: std::mem::take(&mut text),
            });
        }
    }

    fn embedded(&mut self, embedded: &Embedded<'_>) -> bool {
        let Some(text) = self.within(embedded.text, embedded.depth) else {
            return true;
        };
        let text = String::from_utf8_lossy(&text);
        let mut text = notation::write(&text, embedded.notations);
        for range in embedded.ranges {
            self.pieces.push(Piece {
                range: range.clone(),
                action: Action::Tokenize,
                text: std::mem::take(&mut text),
            });
        }
        true
    }
}

impl<R: Restore> Turner<'_, R> {
    /// A text with the tokens turned back that it holds; none if it holds none.
    fn within(&mut self, text: &[u8], depth: usize) -> Option<Vec<u8>> {
        if depth >= EMBEDDED_DEPTH_MAX {
            return None;
        }
        match embedded::unwrap(text) {
            Some(Held::Text(held)) => {
                let inner = self.opened(held.text(), depth + 1)?;
                Some(held.wrap(text, &inner))
            }
            Some(Held::Media | Held::Binary) => None,
            None => self.opened(text, depth + 1),
        }
    }

    fn opened(&mut self, text: &[u8], depth: usize) -> Option<Vec<u8>> {
        if !embedded::is_json(text) && embedded::unwrap(text).is_some() {
            return self.within(text, depth);
        }
        let restore = &mut *self.restore;
        let mut restorer =
            Restorer::text(|class| restore.may_restore(class), Arc::clone(self.keys));
        let mut out = Vec::with_capacity(text.len());
        restorer.push(text, &mut out);
        restorer.finish(&mut out);
        self.restored.add(restorer.restored());
        (out != text).then_some(out)
    }
}
