//! JSON: one context per open container, one step of the path per level.

use super::desk::{Desk, Raw};
use super::joined::{self, Pieces};
use super::{Notation, Sink};
use crate::media::coding::Coding;
use crate::media::json::{Scalar, Token, Visitor};
use crate::{Context, DISCRIMINATOR_BYTES_MAX, ValueKind};

/// The open containers, outermost first: at most as many as the walker opens.
#[derive(Debug)]
pub(crate) struct Levels {
    root: Context,
    frames: Vec<Frame>,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Of the container.
    context: Context,
    /// Of the value that comes next in it.
    value: Context,
    object: bool,
}

impl Levels {
    pub(crate) fn new(root: Context) -> Self {
        Self {
            root,
            frames: Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.frames.clear();
    }

    #[inline]
    fn value(&self) -> &Context {
        self.frames.last().map_or(&self.root, |frame| &frame.value)
    }

    #[inline]
    fn in_array(&self) -> bool {
        self.frames.last().is_some_and(|frame| !frame.object)
    }
}

/// Hands what the JSON walker reads to the desk.
pub(crate) struct Reader<'a> {
    pub(crate) desk: &'a mut Desk,
    pub(crate) levels: &'a mut Levels,
    pub(crate) sink: &'a mut dyn Sink,
    /// Where the last token ended.
    pub(crate) end: u64,
    /// Where pieces of a text that other events continue are put, if anyone joins them.
    pub(crate) pieces: Option<&'a mut Pieces>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(desk: &'a mut Desk, levels: &'a mut Levels, sink: &'a mut dyn Sink) -> Self {
        Self {
            desk,
            levels,
            sink,
            end: 0,
            pieces: None,
        }
    }
}

impl Reader<'_> {
    #[inline]
    fn enter(&mut self, object: bool) {
        self.begin_value();
        let context = *self.levels.value();
        if object {
            context.begin(&mut self.desk.keys);
        }
        let value = if object { context } else { context.element() };
        self.levels.frames.push(Frame {
            context,
            value,
            object,
        });
        self.desk.path.enter();
        if let Some(pieces) = &mut self.pieces {
            pieces.enter();
        }
    }

    #[inline]
    fn leave(&mut self) {
        if let Some(pieces) = &mut self.pieces {
            pieces.leave();
        }
        self.levels.frames.pop();
        self.desk.path.leave();
    }

    #[inline]
    fn begin_value(&mut self) {
        if self.levels.in_array() {
            self.desk.path.next();
        }
    }

    /// Notes a piece of a text that other events continue. Returns whether it was one.
    fn is_piece(&mut self, kind: ValueKind, value: &[u8], raw: Raw<'_>) -> bool {
        let Some(pieces) = &mut self.pieces else {
            return false;
        };
        let path = &self.desk.path;
        if let Some(name) = path.names().last() {
            pieces.member(name, kind, value);
        }
        if kind != ValueKind::Text || value.is_empty() {
            return false;
        }
        let Some(place) = joined::place(path.names()) else {
            return false;
        };
        let pointer = path.pointer();
        pieces.add(place, value, raw, &pointer)
    }

    fn observe(&mut self, text: &[u8]) {
        if let Some(frame) = self.levels.frames.last_mut()
            && frame.object
        {
            frame
                .context
                .observe(&frame.value, text, &mut self.desk.keys);
        }
    }
}

/// Where a string's bytes come from: between its quotes.
fn raw<'a>(token: &Token<'a>) -> Raw<'a> {
    let body = token
        .raw
        .get(1..token.raw.len().saturating_sub(1))
        .unwrap_or_default();
    // Every escape is longer than what it stands for.
    if body.len() == token.decoded.len() {
        Raw::At(token.start + 1)
    } else {
        Raw::Coded(token.start + 1, body, Coding::Json)
    }
}

impl Visitor for Reader<'_> {
    #[inline]
    fn object_start(&mut self) {
        self.enter(true);
    }

    #[inline]
    fn object_end(&mut self) {
        self.leave();
    }

    #[inline]
    fn array_start(&mut self) {
        self.enter(false);
    }

    #[inline]
    fn array_end(&mut self) {
        self.leave();
    }

    #[inline]
    fn name(&mut self, name: Token<'_>) {
        let Some(frame) = self.levels.frames.last_mut() else {
            return;
        };
        frame
            .context
            .move_to(&mut frame.value, name.decoded, &mut self.desk.keys);
        let clean = frame.value.is_name_clean();
        self.desk.path.name(name.decoded);
        if !clean || self.desk.seek.is_some() {
            self.desk.notation = Notation::Json;
            self.desk.name(name.decoded, raw(&name), self.sink);
        }
        self.end = name.start + name.raw.len() as u64;
    }

    #[inline]
    fn scalar(&mut self, kind: Scalar, value: Token<'_>) {
        self.begin_value();
        self.end = value.start + value.raw.len() as u64;
        let context = *self.levels.value();
        let (kind, raw) = match kind {
            Scalar::Text => (ValueKind::Text, raw(&value)),
            Scalar::Number => (ValueKind::Number, Raw::At(value.start)),
            Scalar::Boolean => (ValueKind::Bool, Raw::At(value.start)),
            Scalar::Null => return,
        };
        if !self.is_piece(kind, value.decoded, raw) {
            self.desk.notation = Notation::Json;
            self.desk.token = Some(value.start..self.end);
            self.desk
                .value(&context, kind, value.decoded, raw, self.sink);
            self.desk.token = None;
        }
        if context.is_discriminator()
            && kind == ValueKind::Text
            && value.decoded.len() <= DISCRIMINATOR_BYTES_MAX
        {
            self.observe(value.decoded);
        }
    }
}
