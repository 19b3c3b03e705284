//! Edits one JSON message as it streams: one walk, in which every value is classified, decided on
//! and, if need be, rewritten before the next is looked at. Bytes that nothing stands against leave
//! as slices of the chunk they came in; only an open token is held back.

mod within;

use std::sync::Arc;

use bytes::Bytes;
use classifiers::declared::{self, Declared};
use classifiers::document;
use classifiers::embedded::{self, EMBEDDED_DEPTH_MAX};
use classifiers::media::json::{self, AHEAD_BYTES, Scalar, Token, Visitor, Walker};
use classifiers::operator::Operator;
use classifiers::{
    Context, DISCRIMINATOR_BYTES_MAX, DataClass, Finding, KeyCache, Spot, ValueKind, classify_key,
    classify_value, classify_value_with,
};
use thiserror::Error;

use crate::coding::Undecodable;
use crate::document::Documents;
use crate::summary::Order;
use crate::token::Standing;
use crate::trail::Trail;
use crate::transform::{Edit, Rewriter};
use crate::uninspected::{Gap, Gaps, Opaque};
use crate::{Action, Output, Pseudonyms, Summary};

/// Who decides what happens to a class of data in this exchange.
pub trait Disclose {
    /// What to do with a finding of this class. Asked once per finding: remember the answer.
    fn action(&mut self, class: DataClass) -> Action;
}

impl<F: FnMut(DataClass) -> Action> Disclose for F {
    fn action(&mut self, class: DataClass) -> Action {
        self(class)
    }
}

/// Why no more of a message may be released.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Interrupted {
    /// The message is not JSON, or not within the limits.
    #[error("unreadable message: {flaw} at byte {offset}")]
    Unreadable {
        /// The offending byte of the decoded message.
        offset: u64,
        /// What is wrong with it.
        flaw: json::Flaw,
    },
    /// The message is not a document of its kind, or not within the limits.
    #[error("unreadable message: {0}")]
    Malformed(#[from] document::Unreadable),
    /// The message is not a form in parts or not protobuf, or not within the limits.
    #[error("unreadable message: {0}")]
    Form(&'static str),
    /// A part of the message cannot be inspected.
    #[error("a part of the message cannot be inspected ({0})")]
    Uninspected(Gap),
    /// The message is not text in UTF-8: another charset, or none.
    #[error("unreadable message: no UTF-8 text at byte {offset}")]
    NotUtf8 {
        /// The offending byte of the decoded message.
        offset: u64,
    },
    /// The message's content coding is broken.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// The message holds data of a class that blocks it.
    #[error("`{class}` at `{path}` blocks the message")]
    Blocked {
        /// The class.
        class: DataClass,
        /// Where it stands, as in [`crate::Place::path`].
        path: String,
    },
}

impl From<json::Unreadable> for Interrupted {
    fn from(json::Unreadable { offset, flaw }: json::Unreadable) -> Self {
        Self::Unreadable { offset, flaw }
    }
}

/// What a redactor works with and the next one can use again: buffers, and what names mean.
#[derive(Default)]
pub struct Workspace {
    walker: Walker,
    pub(crate) keys: KeyCache,
    trail: Trail,
    findings: Vec<Finding>,
    edits: Vec<Edit>,
    pub(crate) rewriter: Rewriter,
    pub(crate) order: Order,
    pub(crate) documents: Documents,
    /// Walkers of documents in strings: at most one for each depth.
    within: Vec<Walker>,
}

impl Workspace {
    /// A new one. Keep it: it costs more than the redactor.
    pub fn new() -> Self {
        Self::default()
    }

    /// One whose redactors also find what an operator's own classifiers do.
    pub fn with_operator(operator: Arc<Operator>) -> Self {
        Self {
            keys: KeyCache::with_operator(operator),
            ..Self::default()
        }
    }

    /// This one, for bodies of an API whose owner has described them: see [`Redactor::under`].
    #[must_use]
    pub fn declaring(self, declared: Arc<Declared>) -> Self {
        Self {
            keys: self.keys.declaring(declared),
            ..self
        }
    }

    /// What the API's owner says, if it is for one API.
    pub fn declarations(&self) -> Option<&Arc<Declared>> {
        self.keys.declarations()
    }

    /// One whose redactors use no vector instructions, whatever the processor has.
    pub fn plain() -> Self {
        Self {
            walker: Walker::plain(),
            within: std::iter::repeat_with(Walker::plain)
                .take(EMBEDDED_DEPTH_MAX)
                .collect(),
            ..Self::default()
        }
    }

    /// The bytes that its buffers occupy.
    pub fn capacity(&self) -> usize {
        self.walker.capacity()
            + self.trail.capacity()
            + self.findings.capacity() * size_of::<Finding>()
            + self.edits.capacity() * size_of::<Edit>()
            + self.rewriter.capacity()
            + self.documents.capacity()
            + self.within.iter().map(Walker::capacity).sum::<usize>()
    }

    /// The operator's own detectors, if there are any.
    pub fn operator(&self) -> Option<&Arc<Operator>> {
        self.keys.operator()
    }
}

/// Edits one JSON message as it streams.
pub struct Redactor<D> {
    disclose: D,
    pseudonyms: Arc<dyn Pseudonyms>,
    work: Box<Workspace>,
    summary: Summary,
    /// Bytes of the message that were pushed.
    pushed: u64,
    /// Bytes of the message that were released or replaced.
    settled: u64,
    /// How many strings are around the message.
    depth: usize,
    opaque: Opaque,
    gaps: Gaps,
    interrupted: Option<Interrupted>,
}

impl<D: Disclose> Redactor<D> {
    /// A redactor for one message.
    pub fn new(disclose: D, pseudonyms: Arc<dyn Pseudonyms>, mut work: Box<Workspace>) -> Self {
        work.walker.reset();
        work.trail.clear();
        work.keys.begin();
        Self {
            disclose,
            pseudonyms,
            work,
            summary: Summary::default(),
            pushed: 0,
            settled: 0,
            depth: 0,
            opaque: Opaque::Pass,
            gaps: Gaps::default(),
            interrupted: None,
        }
    }

    /// The same, which does so with what a string holds and cannot be inspected.
    #[must_use]
    pub fn treating(mut self, opaque: Opaque) -> Self {
        self.opaque = opaque;
        self
    }

    /// Says that the outermost value of the message is at this place, as the API's owner has described
    /// it; the workspace must be for that API. Call it before the first push.
    pub fn set_place(&mut self, place: declared::Place) {
        let Workspace { trail, keys, .. } = &mut *self.work;
        trail.begin(Spot::declared(place, keys));
    }

    /// The same for what a string holds: at a place with this context, in so many strings.
    #[must_use]
    pub(crate) fn standing(mut self, context: Context, depth: usize) -> Self {
        let Workspace { trail, keys, .. } = &mut *self.work;
        trail.begin(Spot::at(context, keys));
        self.depth = depth;
        self
    }

    /// Takes the next bytes, appends to `out` what may be released. After an interruption every
    /// call repeats it and releases nothing; neither may what the interrupted call appended leave.
    pub fn push(&mut self, chunk: &Bytes, out: &mut Output) -> Result<(), Interrupted> {
        self.visit(chunk, out, |walker, editor| walker.push(chunk, editor))?;
        self.work.trail.keep_names(chunk);
        self.pushed += chunk.len() as u64;
        Ok(())
    }

    /// Ends the message and releases what was held back.
    pub fn finish(&mut self, out: &mut Output) -> Result<(), Interrupted> {
        self.visit(&Bytes::new(), out, |walker, editor| walker.finish(editor))
    }

    /// What was found so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What could not be inspected so far.
    pub fn gaps(&self) -> Gaps {
        self.gaps
    }

    /// Gives up the parts: what was found, and what the next redactor can use.
    pub fn into_parts(self) -> (Summary, Box<Workspace>) {
        (self.summary, self.work)
    }

    fn visit(
        &mut self,
        chunk: &Bytes,
        out: &mut Output,
        walk: impl FnOnce(&mut Walker, &mut Editor<'_, D>) -> Result<(), json::Unreadable>,
    ) -> Result<(), Interrupted> {
        if let Some(interrupted) = &self.interrupted {
            return Err(interrupted.clone());
        }
        let Workspace {
            walker,
            keys,
            trail,
            findings,
            edits,
            rewriter,
            order,
            documents: _,
            within,
        } = &mut *self.work;
        let mut editor = Editor {
            disclose: &mut self.disclose,
            pseudonyms: &*self.pseudonyms,
            summary: &mut self.summary,
            keys,
            trail,
            findings,
            edits,
            rewriter,
            order,
            chunk,
            base: self.pushed,
            settled: &mut self.settled,
            within,
            depth: self.depth,
            opaque: self.opaque,
            gaps: &mut self.gaps,
            edited: false,
            stopped: None,
            out,
        };
        let walked = walk(walker, &mut editor);
        // What stopped it came before what could not be read.
        let interrupted = match (editor.stopped.take(), walked) {
            (Some(interrupted), _) => interrupted,
            (None, Err(unreadable)) => unreadable.into(),
            (None, Ok(())) => {
                let end = self.pushed + chunk.len() as u64;
                editor.settle(end - (walker.held() as u64).min(end));
                return Ok(());
            }
        };
        self.interrupted = Some(interrupted.clone());
        Err(interrupted)
    }
}

/// The redactor during one chunk.
struct Editor<'a, D> {
    disclose: &'a mut D,
    pseudonyms: &'a dyn Pseudonyms,
    summary: &'a mut Summary,
    keys: &'a mut KeyCache,
    trail: &'a mut Trail,
    findings: &'a mut Vec<Finding>,
    edits: &'a mut Vec<Edit>,
    rewriter: &'a mut Rewriter,
    order: &'a mut Order,
    chunk: &'a Bytes,
    /// Where the chunk begins in the message.
    base: u64,
    // INVARIANT: between chunks, this is where the open token begins, or the end of what came.
    settled: &'a mut u64,
    /// Walkers for documents in strings.
    within: &'a mut Vec<Walker>,
    /// How many strings are around the document.
    depth: usize,
    opaque: Opaque,
    gaps: &'a mut Gaps,
    /// Whether anything was written that did not come.
    edited: bool,
    /// Why no more of the message may be released.
    stopped: Option<Interrupted>,
    out: &'a mut Output,
}

impl<D: Disclose> Editor<'_, D> {
    /// Where in the chunk this byte of the message stands, if it does.
    #[inline]
    fn within(&self, offset: u64) -> Option<usize> {
        offset
            .checked_sub(self.base)
            .and_then(|at| usize::try_from(at).ok())
    }

    /// Releases everything up to here as it came.
    fn settle(&mut self, until: u64) {
        if let (Some(from), Some(to)) = (self.within(*self.settled), self.within(until))
            && from < to
            && to <= self.chunk.len()
        {
            self.out.share(self.chunk, from..to);
            *self.settled = until;
        }
    }

    /// Lets a token pass. One that began in an earlier chunk is nowhere but here.
    #[inline]
    fn keep(&mut self, token: Token<'_>) {
        if token.start < self.base {
            self.out.write(token.raw);
            *self.settled = token.start + token.raw.len() as u64;
        }
    }

    /// Decides on the findings in a value. Returns whether it must be rewritten.
    fn judge(&mut self, value: &[u8]) -> bool {
        self.edits.clear();
        let (trail, chunk) = (&*self.trail, self.chunk);
        let mut standing = None;
        for finding in self.findings.iter() {
            let mut action = self.disclose.action(finding.class);
            let (start, end) = (finding.start as usize, finding.end as usize);
            let spared = action != Action::Show
                && standing
                    .get_or_insert_with(|| Standing::within(value, self.pseudonyms))
                    .spares(start, end, action);
            if spared {
                action = Action::Tokenize;
            }
            self.summary.count(
                finding.class,
                action,
                self.order,
                |path| trail.is_at(path, chunk),
                || trail.path(chunk),
            );
            match action {
                Action::Show => {}
                // It was tokenized on another way, and its token stays what it is.
                _ if spared => {}
                Action::Block => {
                    self.stopped = Some(Interrupted::Blocked {
                        class: finding.class,
                        path: trail.path(chunk),
                    });
                    return false;
                }
                _ => self.edits.push(Edit {
                    start,
                    end,
                    class: finding.class,
                    action,
                }),
            }
        }
        !self.edits.is_empty()
    }

    /// Judges what hides in a name. Returns whether another was put in its place.
    #[cold]
    #[inline(never)]
    fn rename(&mut self, name: Token<'_>) -> bool {
        if self.stopped.is_some() {
            return false;
        }
        self.findings.clear();
        classify_key(name.decoded, self.findings);
        if self.findings.is_empty() {
            return false;
        }
        self.trail.hide_name();
        let rewrite = self.judge(name.decoded);
        if rewrite {
            self.replace(name, None);
        }
        rewrite
    }

    /// Releases what stands before a token in whose place something else is written.
    fn make_room(&mut self, token: Token<'_>) {
        if *self.settled <= self.base {
            self.out.expect(self.chunk.len() + self.chunk.len() / 8);
        }
        self.settle(token.start);
        self.edited = true;
    }

    /// Puts what was rewritten in the place of a token.
    fn replace(&mut self, token: Token<'_>, kind: Option<ValueKind>) {
        self.make_room(token);
        let json = match kind {
            Some(kind) => self
                .rewriter
                .scalar(kind, token, self.edits, self.pseudonyms),
            None => self.rewriter.text(token, self.edits, self.pseudonyms),
        };
        self.out.write(json);
        *self.settled = token.start + token.raw.len() as u64;
    }
}

impl<D: Disclose> Visitor for Editor<'_, D> {
    #[inline]
    fn object_start(&mut self) {
        self.trail.enter_object(self.keys);
    }

    #[inline]
    fn object_end(&mut self) {
        self.trail.leave();
    }

    #[inline]
    fn array_start(&mut self) {
        self.trail.enter_array(self.keys);
    }

    #[inline]
    fn array_end(&mut self) {
        self.trail.leave();
    }

    #[inline]
    fn name(&mut self, name: Token<'_>) {
        if self.stopped.is_some() {
            return;
        }
        let raw = match name.raw {
            [_, raw @ .., _] => raw,
            _ => &[],
        };
        let place = self.within(name.start).map(|at| at.wrapping_add(1));
        let suspect = self.trail.member(name.decoded, raw, place, self.keys);
        if suspect && self.rename(name) {
            return;
        }
        self.keep(name);
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for every name, and with vectors only where it is part of the lane"
    )]
    fn foresees(&mut self, place: usize, written: &[u8; AHEAD_BYTES]) -> Option<usize> {
        self.trail.foresees(place, written, self.keys)
    }

    #[inline]
    fn skips_bland(&self) -> bool {
        self.trail.is_quiet()
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for many values, and with vectors only where it is part of the lane"
    )]
    fn hears(&mut self, length: usize, ahead: &[u8; AHEAD_BYTES]) -> bool {
        self.trail.hears(length, ahead, self.keys)
    }

    #[inline]
    fn bland(&mut self, kind: Scalar, value: Token<'_>) {
        // Told nothing, it may still tell of its siblings.
        if !self.trail.is_untold() {
            self.scalar(kind, value);
        } else if kind == Scalar::Text && value.decoded.len() <= DISCRIMINATOR_BYTES_MAX {
            self.trail.observe(value.decoded, self.keys);
        }
    }

    #[inline]
    fn scalar(&mut self, kind: Scalar, value: Token<'_>) {
        if self.stopped.is_some() {
            return;
        }
        let kind = match kind {
            Scalar::Text => ValueKind::Text,
            Scalar::Number => ValueKind::Number,
            Scalar::Boolean => ValueKind::Bool,
            Scalar::Null => return self.keep(value),
        };
        if kind == ValueKind::Text && embedded::may_be(value.decoded) && self.open(value) {
            // It tells of its siblings what it would as it stands; a string in a string has told that itself.
            let is_short = value.decoded.len() <= DISCRIMINATOR_BYTES_MAX;
            let is_string = value.decoded.trim_ascii_start().first() == Some(&b'"');
            if is_short && !is_string && self.trail.context(self.keys).is_discriminator() {
                self.trail.observe(value.decoded, self.keys);
            }
            return;
        }
        let context = self.trail.context(self.keys);
        self.findings.clear();
        match self.keys.operator() {
            None => classify_value(context, kind, value.decoded, self.findings),
            Some(operator) => {
                classify_value_with(operator, context, kind, value.decoded, self.findings);
            }
        }
        if context.is_discriminator()
            && kind == ValueKind::Text
            && value.decoded.len() <= DISCRIMINATOR_BYTES_MAX
        {
            self.trail.observe(value.decoded, self.keys);
        }
        if !self.findings.is_empty() && self.judge(value.decoded) {
            return self.replace(value, Some(kind));
        }
        self.keep(value);
    }
}
