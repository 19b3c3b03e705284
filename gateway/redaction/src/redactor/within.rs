//! Documents in strings: opened, edited as what they are, and put back the way they came.
//!
//! JSON in a string is walked like the document around it, below the place where the string stands:
//! `{"arguments": "{\"email\": …}"}` has its finding at `/arguments/email`. What base64 and data URLs
//! hold is JSON again, or text. A string of which nothing is edited stays as it is written.

use bytes::Bytes;
use classifiers::embedded::{self, EMBEDDED_DEPTH_MAX, Held, Wrapped};
use classifiers::media::json::Token;
use classifiers::{ValueKind, classify_value, classify_value_with};

use super::{Disclose, Editor, Interrupted};
use crate::uninspected::{Gap, Opaque};
use crate::{Action, Output};

/// What became of a string that was opened.
enum Opened {
    /// It holds no document: it is judged as text.
    Not,
    /// Nothing in it changes.
    Same,
    /// This stands in its place.
    Edited(Vec<u8>),
    /// Nothing may stand in its place.
    Dropped,
}

impl<D: Disclose> Editor<'_, D> {
    /// Deals with a text that may hold a document. Returns whether it did.
    #[cold]
    #[inline(never)]
    pub(super) fn open(&mut self, token: Token<'_>) -> bool {
        let value = token.decoded;
        let opened = if embedded::is_json(value) {
            self.document(value)
        } else {
            match embedded::unwrap(value) {
                // What its name says of it covers all of it, whatever it holds.
                Some(held) if !self.is_covered(value) => self.wrapped(value, &held),
                _ => Opened::Not,
            }
        };
        match opened {
            Opened::Not => return false,
            Opened::Same => self.keep(token),
            Opened::Edited(text) => {
                let text = String::from_utf8(text).unwrap_or_default();
                let json = serde_json::to_vec(&text).unwrap_or_default();
                self.put(token, &json);
            }
            Opened::Dropped => self.put(token, b"null"),
        }
        true
    }

    /// Puts this in the place of a token.
    fn put(&mut self, token: Token<'_>, json: &[u8]) {
        self.make_room(token);
        self.out.write(json);
        *self.settled = token.start + token.raw.len() as u64;
    }

    /// Finds what a text holds that stands here.
    fn look(&mut self, text: &[u8]) {
        let context = self.trail.context(self.keys);
        self.findings.clear();
        match self.keys.operator() {
            None => classify_value(context, ValueKind::Text, text, self.findings),
            Some(operator) => {
                classify_value_with(operator, context, ValueKind::Text, text, self.findings);
            }
        }
    }

    /// Whether something that may not be shown is all of the value.
    fn is_covered(&mut self, value: &[u8]) -> bool {
        self.look(value);
        let disclose = &mut *self.disclose;
        self.findings.iter().any(|finding| {
            finding.start == 0
                && finding.end as usize == value.len()
                && disclose.action(finding.class) != Action::Show
        })
    }

    /// Notes that a part of the message is not inspected.
    fn miss(&mut self, gap: Gap) {
        self.gaps.note(gap);
        // What nobody could read is no reason to refuse a message, as what is enciphered is none.
        if self.opaque == Opaque::Refuse && gap != Gap::EmbeddedBinary {
            self.stopped.get_or_insert(Interrupted::Uninspected(gap));
        }
    }

    /// Edits what base64 or a data URL holds.
    fn wrapped(&mut self, value: &[u8], held: &Held) -> Opened {
        let held = match held {
            Held::Text(held) => held,
            Held::Media => {
                self.miss(Gap::EmbeddedMedia);
                return Opened::Not;
            }
            Held::Binary => {
                self.miss(Gap::EmbeddedBinary);
                return Opened::Not;
            }
        };
        if self.depth == EMBEDDED_DEPTH_MAX {
            self.miss(Gap::EmbeddedDepth);
            return Opened::Not;
        }
        self.depth += 1;
        let opened = self.held(held);
        self.depth -= 1;
        match opened {
            Opened::Edited(text) => Opened::Edited(held.wrap(value, &text)),
            // As it is written, it may still be something: a token, a key.
            Opened::Same | Opened::Not => Opened::Not,
            Opened::Dropped => Opened::Dropped,
        }
    }

    /// Edits a text that was unwrapped.
    fn held(&mut self, held: &Wrapped) -> Opened {
        let text = held.text();
        let opened = match embedded::may_be(text) {
            true if embedded::is_json(text) => self.document(text),
            true => match embedded::unwrap(text) {
                Some(held) => self.wrapped(text, &held),
                None => Opened::Not,
            },
            false => Opened::Not,
        };
        if !matches!(opened, Opened::Not) || self.stopped.is_some() {
            return opened;
        }
        self.look(text);
        if self.findings.is_empty() || !self.judge(text) {
            return Opened::Same;
        }
        match self.rewriter.bare(text, self.edits, self.pseudonyms) {
            Some(text) => Opened::Edited(text.to_vec()),
            None => Opened::Dropped,
        }
    }

    /// Edits a text that is a JSON document, below the place where it stands. What is around the document, and is white space to
    /// others than JSON, stays.
    fn document(&mut self, text: &[u8]) -> Opened {
        let document = text.trim_ascii();
        let opened = self.edited(document);
        match opened {
            Opened::Edited(edited) if document.len() < text.len() => {
                let head = text.len() - text.trim_ascii_start().len();
                let tail = head + document.len();
                let (head, tail) = (text.get(..head), text.get(tail..));
                let parts = [head.unwrap_or_default(), &edited, tail.unwrap_or_default()];
                Opened::Edited(parts.concat())
            }
            opened => opened,
        }
    }

    fn edited(&mut self, text: &[u8]) -> Opened {
        if self.depth == EMBEDDED_DEPTH_MAX {
            self.miss(Gap::EmbeddedDepth);
            return Opened::Not;
        }
        let mut walker = self.within.pop().unwrap_or_default();
        walker.reset();
        // Names are kept as places in the chunk, which is another one now.
        self.trail.keep_names(self.chunk);
        let chunk = Bytes::copy_from_slice(text);
        let (mut settled, mut out) = (0, Output::new());
        let mut editor = Editor {
            disclose: &mut *self.disclose,
            pseudonyms: self.pseudonyms,
            summary: &mut *self.summary,
            keys: &mut *self.keys,
            trail: &mut *self.trail,
            findings: &mut *self.findings,
            edits: &mut *self.edits,
            rewriter: &mut *self.rewriter,
            order: &mut *self.order,
            chunk: &chunk,
            base: 0,
            settled: &mut settled,
            within: &mut *self.within,
            depth: self.depth + 1,
            opaque: self.opaque,
            gaps: &mut *self.gaps,
            edited: false,
            stopped: None,
            out: &mut out,
        };
        // That it can be read is known.
        let read = walker
            .push(&chunk, &mut editor)
            .and_then(|()| walker.finish(&mut editor));
        editor.settle(chunk.len() as u64);
        let (edited, stopped) = (editor.edited, editor.stopped.take());
        self.within.push(walker);
        if let Some(stopped) = stopped {
            self.stopped = Some(stopped);
            return Opened::Same;
        }
        match (read, edited) {
            (Err(_), _) => Opened::Not,
            (Ok(()), false) => Opened::Same,
            (Ok(()), true) => Opened::Edited(out.contiguous().to_vec()),
        }
    }
}
