//! Edits one document that is not JSON as it streams: what the classifier tells is replaced in the
//! bytes that are held, and what it holds no more is released.
//!
//! | action       | what is found in text         | a number or a boolean of JSON  |
//! | ------------ | ----------------------------- | ------------------------------ |
//! | drop         | nothing stands in its place   | `null`, and for a string too   |
//! | all others   | as in a JSON string, written in the document's own notation | as in JSON |
//!
//! A finding of several parts (a value split over the events of a stream) is replaced in the first;
//! the others become empty. Where findings overlap, what they cover goes under the strongest action.

mod replace;
mod within;

use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use classifiers::declared;
use classifiers::document::{Classifier, Media, Unreadable};

use crate::uninspected::{Gaps, Opaque};
use crate::{Action, Disclose, Interrupted, Output, Pseudonyms, Summary, Workspace};
use replace::Editor;
use within::Within;

/// What a redactor of documents works with and the next one can use again.
#[derive(Default)]
pub(crate) struct Documents {
    classifier: Option<Box<Classifier>>,
    held: BytesMut,
    pieces: Vec<Piece>,
    within: Within,
}

impl Documents {
    pub(crate) fn capacity(&self) -> usize {
        let pieces = self.pieces.capacity() * size_of::<Piece>();
        self.held.capacity() + pieces + self.within.capacity()
    }
}

/// A part of the document that may not be released as it is, and what stands in its place.
pub(crate) struct Piece {
    pub(crate) range: Range<u64>,
    pub(crate) action: Action,
    pub(crate) text: Vec<u8>,
}

/// Edits one document as it streams.
pub struct DocumentRedactor<D> {
    disclose: D,
    pseudonyms: Arc<dyn Pseudonyms>,
    media: Media,
    classifier: Box<Classifier>,
    work: Box<Workspace>,
    summary: Summary,
    /// Where the bytes that are held begin in the document.
    base: u64,
    opaque: Opaque,
    gaps: Gaps,
    /// How many pieces are in order: all but those that came since.
    sorted: usize,
    interrupted: Option<Interrupted>,
}

impl<D: Disclose> DocumentRedactor<D> {
    /// A redactor for one document of this kind.
    pub fn new(
        media: Media,
        disclose: D,
        pseudonyms: Arc<dyn Pseudonyms>,
        mut work: Box<Workspace>,
    ) -> Self {
        let classifier = match (work.documents.classifier.take(), work.operator()) {
            (Some(mut classifier), _) => {
                classifier.reset(media);
                classifier
            }
            (None, None) => Box::new(Classifier::new(media)),
            (None, Some(operator)) => {
                Box::new(Classifier::with_operator(media, Arc::clone(operator)))
            }
        };
        work.documents.held.clear();
        work.documents.pieces.clear();
        Self {
            disclose,
            pseudonyms,
            media,
            classifier,
            work,
            summary: Summary::default(),
            base: 0,
            opaque: Opaque::Pass,
            gaps: Gaps::default(),
            sorted: 0,
            interrupted: None,
        }
    }

    /// The same, which does so with what a string holds and cannot be inspected.
    #[must_use]
    pub fn treating(mut self, opaque: Opaque) -> Self {
        self.opaque = opaque;
        self
    }

    /// What could not be inspected so far.
    pub fn gaps(&self) -> Gaps {
        self.gaps
    }

    /// A redactor for a text that stands under `name`, as the value of a form's field does.
    pub fn named(
        name: &[u8],
        disclose: D,
        pseudonyms: Arc<dyn Pseudonyms>,
        work: Box<Workspace>,
    ) -> Self {
        let mut this = Self::new(Media::Text, disclose, pseudonyms, work);
        this.classifier.reset_named(name);
        this
    }

    /// Says that the outermost value of each event of a stream is at this place, as the API's owner has
    /// described it; the workspace must be for that API. Call it before the first push.
    pub fn set_place(&mut self, place: declared::Place) {
        if let Some(declared) = self.work.declarations() {
            self.classifier.set_place(declared, place);
        }
    }

    /// Takes the next bytes, appends to `out` what may be released: see [`crate::Redactor::push`].
    pub fn push(&mut self, chunk: &Bytes, out: &mut Output) -> Result<(), Interrupted> {
        self.guarded(|this| this.take(chunk, out))
    }

    /// Ends the document and releases what was held back.
    pub fn finish(&mut self, out: &mut Output) -> Result<(), Interrupted> {
        self.guarded(|this| {
            if this.unread() < this.work.documents.held.len() {
                // A character that was cut.
                return Err(this.not_utf8(this.unread()));
            }
            this.classify(|classifier, sink| classifier.finish(sink))?;
            this.settle(u64::MAX, out);
            Ok(())
        })
    }

    /// Releases text that other events continue as if it had ended: for whoever may not wait.
    pub fn flush(&mut self, out: &mut Output) -> Result<(), Interrupted> {
        self.guarded(|this| {
            this.classify(|classifier, sink| classifier.flush(sink))?;
            this.settle_read(out);
            Ok(())
        })
    }

    /// Bytes that came and were not released: at most
    /// [`HELD_BYTES_MAX`](classifiers::document::HELD_BYTES_MAX) between two calls.
    pub fn held(&self) -> usize {
        self.work.documents.held.len()
    }

    /// The bytes that [`DocumentRedactor::flush`] may release: none where nothing grows.
    pub fn growing(&self) -> Option<Range<u64>> {
        let held = self.base..self.base + self.held() as u64;
        (self.media == Media::Sse && !held.is_empty()).then_some(held)
    }

    /// What was found so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Gives up the parts: what was found, and what the next redactor can use.
    pub fn into_parts(self) -> (Summary, Box<Workspace>) {
        let mut work = self.work;
        let mut classifier = self.classifier;
        // Lets go of what it holds of the document.
        classifier.reset(Media::Text);
        work.documents.held.clear();
        work.documents.pieces.clear();
        work.documents.classifier = Some(classifier);
        (self.summary, work)
    }

    fn guarded(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<(), Interrupted>,
    ) -> Result<(), Interrupted> {
        if let Some(interrupted) = &self.interrupted {
            return Err(interrupted.clone());
        }
        let stepped = step(self);
        self.interrupted = stepped.clone().err();
        stepped
    }

    fn take(&mut self, chunk: &Bytes, out: &mut Output) -> Result<(), Interrupted> {
        if self.held() == 0 && self.read(chunk)? == chunk.len() {
            let documents = &mut self.work.documents;
            if documents.pieces.is_empty() && self.classifier.held() == 0 {
                self.base += chunk.len() as u64;
                out.share(chunk, 0..chunk.len());
                return Ok(());
            }
            documents.held.extend_from_slice(chunk);
        } else if self.held() == 0 {
            // Read but for the character at its end.
            self.work.documents.held.extend_from_slice(chunk);
        } else {
            let from = self.unread();
            self.work.documents.held.extend_from_slice(chunk);
            let unread = self.work.documents.held.split_off(from);
            let read = self.read(&unread);
            self.work.documents.held.unsplit(unread);
            read?;
        }
        self.settle_read(out);
        Ok(())
    }

    /// Classifies bytes as far as they are whole characters. Returns how many those are.
    fn read(&mut self, bytes: &[u8]) -> Result<usize, Interrupted> {
        let whole = match std::str::from_utf8(bytes) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(error) => return Err(self.not_utf8(self.unread() + error.valid_up_to())),
        };
        let text = bytes.get(..whole).unwrap_or_default();
        // In text there is none, but every second byte of UTF-16 is one.
        if let Some(nul) = memchr::memchr(0, text) {
            return Err(self.not_utf8(self.unread() + nul));
        }
        self.classify(|classifier, sink| classifier.push(text, sink))?;
        Ok(whole)
    }

    /// Where among the bytes that are held those begin that were not classified.
    fn unread(&self) -> usize {
        usize::try_from(self.classifier.pushed().saturating_sub(self.base)).unwrap_or(usize::MAX)
    }

    fn not_utf8(&self, at: usize) -> Interrupted {
        Interrupted::NotUtf8 {
            offset: self.base + at as u64,
        }
    }

    fn classify(
        &mut self,
        step: impl FnOnce(&mut Classifier, &mut Editor<'_, D>) -> Result<(), Unreadable>,
    ) -> Result<(), Interrupted> {
        let work = &mut *self.work;
        let mut editor = Editor {
            disclose: &mut self.disclose,
            pseudonyms: &self.pseudonyms,
            summary: &mut self.summary,
            rewriter: &mut work.rewriter,
            order: &mut work.order,
            pieces: &mut work.documents.pieces,
            within: &mut work.documents.within,
            operator: work.keys.operator(),
            opaque: self.opaque,
            gaps: &mut self.gaps,
            stopped: None,
        };
        let stepped = step(&mut self.classifier, &mut editor);
        // What stopped it came before what could not be read.
        match editor.stopped {
            Some(interrupted) => Err(interrupted),
            None => Ok(stepped?),
        }
    }

    /// Releases what the classifier holds no more.
    fn settle_read(&mut self, out: &mut Output) {
        let until = self.classifier.pushed() - self.classifier.held();
        self.settle(until, out);
    }

    /// Releases everything up to here, edited.
    fn settle(&mut self, until: u64, out: &mut Output) {
        let Documents { held, pieces, .. } = &mut self.work.documents;
        settle(held, pieces, &mut self.sorted, &mut self.base, until, out);
    }
}

/// Releases everything up to byte `until` of a document, of which `base` is where what is held begins,
/// with the pieces that stand in place of others; the first `sorted` of those are in order.
pub(crate) fn settle(
    held: &mut BytesMut,
    pieces: &mut Vec<Piece>,
    sorted: &mut usize,
    base: &mut u64,
    until: u64,
    out: &mut Output,
) {
    let mut until = until.min(*base + held.len() as u64);
    if pieces.len() != *sorted {
        pieces.sort_by_key(|piece| piece.range.start);
    }
    let mut done = 0;
    while let Some((joined, count)) = overlapping(pieces.get(done..).unwrap_or_default())
        && joined.range.start < until
    {
        if joined.range.end > until {
            // What is found next may overlap it.
            until = joined.range.start;
            break;
        }
        release(held, base, joined.range.start, out);
        out.write(&joined.text);
        let gone = joined.range.end.saturating_sub(*base);
        held.advance(usize::try_from(gone).unwrap_or(usize::MAX).min(held.len()));
        *base = joined.range.end.max(*base);
        done += count;
    }
    pieces.drain(..done);
    *sorted = pieces.len();
    release(held, base, until, out);
}

/// Releases what is held up to byte `until` of the document, of which `base` is where that begins.
fn release(held: &mut BytesMut, base: &mut u64, until: u64, out: &mut Output) {
    let length = usize::try_from(until.saturating_sub(*base)).unwrap_or(usize::MAX);
    let released = held.split_to(length.min(held.len()));
    *base += released.len() as u64;
    out.write(&released);
}

/// The first pieces that overlap, as one, and how many they are.
fn overlapping(pieces: &[Piece]) -> Option<(Piece, usize)> {
    let (first, rest) = pieces.split_first()?;
    let mut end = first.range.end;
    let mut strongest = first;
    let mut count = 1;
    for next in rest {
        if next.range.start >= end {
            break;
        }
        end = end.max(next.range.end);
        if next.action > strongest.action {
            strongest = next;
        }
        count += 1;
    }
    let joined = Piece {
        range: first.range.start..end,
        action: strongest.action,
        text: strongest.text.clone(),
    };
    Some((joined, count))
}
