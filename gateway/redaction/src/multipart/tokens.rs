//! Tokens in the parts of a form: turned back in what each part releases.
//!
//! A value that is put in stands between delimiters, and whoever made it may know them: what would make
//! a delimiter within a part interrupts the form, also to those who take a line feed alone for the end of a
//! line (RFC 2046 section 5.1.1 wants both its characters).

use std::sync::Arc;

use classifiers::document::Media;

use crate::{DocumentRestorer, Interrupted, Output, Pseudonyms, Restore, Restored};

type Part = DocumentRestorer<Box<dyn Restore + Send>>;

const FORGED: Interrupted = Interrupted::Form("a value that is turned back would end its part");

/// Turns tokens back in one form.
pub(super) struct Tokens {
    /// Who decides, while no part has it.
    restore: Option<Box<dyn Restore + Send>>,
    keys: Arc<dyn Pseudonyms>,
    part: Option<Box<Part>>,
    restored: Restored,
    delimiter: Vec<u8>,
    /// The end of what the part released, where a delimiter may have begun.
    tail: Vec<u8>,
}

impl Tokens {
    /// Whether a line of what the part released last begins as a delimiter does.
    fn has_delimiter(&self) -> bool {
        let dashes = self.delimiter.get(2..).unwrap_or_default();
        let mut found = memchr::memmem::find_iter(&self.tail, dashes);
        found.any(|at| {
            let before = self.tail.get(..at).unwrap_or_default();
            before.ends_with(b"\n") || before.ends_with(b"\r")
        })
    }

    pub(super) fn new(
        restore: Box<dyn Restore + Send>,
        keys: Arc<dyn Pseudonyms>,
        delimiter: Vec<u8>,
    ) -> Self {
        Self {
            restore: Some(restore),
            keys,
            part: None,
            restored: Restored::default(),
            delimiter,
            tail: Vec::new(),
        }
    }

    pub(super) fn restored(&self) -> &Restored {
        &self.restored
    }

    /// Begins a part of this kind; nothing is turned back in one that nobody reads.
    pub(super) fn begin(&mut self, media: Option<Media>) {
        // The line end of the part's head.
        self.tail = b"\r\n".to_vec();
        if let Some(media) = media {
            let restore = self.restore.take();
            self.part = restore.map(|restore| {
                let keys = Arc::clone(&self.keys);
                Box::new(DocumentRestorer::new(media, restore, keys))
            });
        }
    }

    /// Lets go on what a part released.
    pub(super) fn pass(
        &mut self,
        judged: Output,
        ended: bool,
        out: &mut Output,
    ) -> Result<(), Interrupted> {
        let Some(part) = &mut self.part else {
            judged.for_each(|piece| out.write(&piece));
            return Ok(());
        };
        let mut turned = Output::new();
        judged.for_each(|piece| part.push(&piece, &mut turned));
        if ended {
            part.finish(&mut turned);
        }
        for piece in turned {
            self.tail.extend_from_slice(&piece);
            if self.has_delimiter() {
                return Err(FORGED);
            }
            let kept = self.tail.len().saturating_sub(self.delimiter.len() - 1);
            self.tail.drain(..kept);
            out.write(&piece);
        }
        if ended && let Some(part) = self.part.take() {
            let (restore, restored) = part.into_parts();
            self.restore = Some(restore);
            self.restored.add(&restored);
        }
        Ok(())
    }
}
