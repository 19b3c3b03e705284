//! One body on its way through: its content coding undone, then redacted as what it is. What leaves
//! is uncoded.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use classifiers::declared;
use classifiers::document::Media;

use crate::census::{Census, Counted, Records};
use crate::coding::Decoder;
use crate::editor::Editor;
use crate::multipart::Multipart;
use crate::protobuf::{Framing, MessageType, Protobuf};
use crate::shape::{Plan, Shaper, Withheld};
use crate::uninspected::{Gaps, Opaque};
use crate::{
    Boundary, Coding, Disclose, Interrupted, Output, Pseudonyms, Restore, Restored, Summary,
    Workspace,
};

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One document.
    Document(Media),
    /// The parts of a form.
    Multipart(Boundary, Opaque),
    /// Messages of protobuf, of a type that [`Body::of_messages`] says.
    Protobuf(Framing),
}

impl From<Media> for Format {
    fn from(media: Media) -> Self {
        Self::Document(media)
    }
}

/// A body on its way through.
pub struct Body<D> {
    decoder: Decoder,
    /// Bytes that came, without their coding.
    decoded: u64,
    funnel: Funnel,
    /// What kind of document it is, if it is one.
    media: Option<Media>,
    opaque: Opaque,
    content: Content<D>,
}

/// What a JSON body goes through before it is looked at.
#[derive(Default)]
struct Funnel {
    shaper: Option<Box<Shaper>>,
    census: Option<Box<Census>>,
}

enum Content<D> {
    Document(Box<Editor<D>>),
    Multipart(Box<Multipart<D>>),
    Protobuf(Box<Protobuf<D>>),
}

impl<D: Disclose + Clone> Body<D> {
    /// A body that arrives in `coding` and is what `format` says.
    pub fn new(
        coding: Coding,
        format: impl Into<Format>,
        disclose: D,
        pseudonyms: Arc<dyn Pseudonyms>,
        work: Box<Workspace>,
    ) -> Self {
        let format = format.into();
        let media = match format {
            Format::Document(media) => Some(media),
            Format::Multipart(..) | Format::Protobuf(_) => None,
        };
        let content = match format {
            Format::Document(media) => {
                Content::Document(Box::new(Editor::new(media, disclose, pseudonyms, work)))
            }
            Format::Multipart(boundary, opaque) => Content::Multipart(Box::new(Multipart::new(
                boundary, opaque, disclose, pseudonyms, work,
            ))),
            Format::Protobuf(framing) => {
                Content::Protobuf(Box::new(Protobuf::new(framing, disclose, pseudonyms, work)))
            }
        };
        Self {
            decoder: Decoder::new(coding),
            decoded: 0,
            funnel: Funnel::default(),
            media,
            opaque: Opaque::Pass,
            content,
        }
    }

    /// Puts a body that is one JSON document under what its owner says of it. Call it before the first
    /// push.
    pub fn set_place(&mut self, place: declared::Place) {
        if let Content::Document(editor) = &mut self.content {
            editor.set_place(place);
        }
    }

    /// Says of which type the messages of a protobuf body are. Call it before the first push.
    pub fn of_messages(&mut self, message: MessageType) {
        if let Content::Protobuf(messages) = &mut self.content {
            messages.of(message);
        }
    }

    /// Turns tokens back in the messages of a protobuf body or the parts of a form, for whom `restore` allows. Documents have
    /// [`crate::DocumentRestorer`], which reads what leaves. Call it before the first push.
    pub fn restore(&mut self, restore: Box<dyn Restore + Send>) {
        match &mut self.content {
            Content::Protobuf(messages) => messages.restore(restore),
            Content::Multipart(form) => form.restore(restore),
            Content::Document(_) => {}
        }
    }

    /// What became of the tokens of a body that turns them back itself.
    pub fn restored(&self) -> Option<&Restored> {
        match &self.content {
            Content::Protobuf(messages) => messages.restored(),
            Content::Multipart(form) => form.restored(),
            Content::Document(_) => None,
        }
    }

    /// How a call of gRPC-Web ended, once that came: it stands in the body, and is not released with it.
    pub fn call_status(&self) -> Option<&str> {
        match &self.content {
            Content::Protobuf(messages) => messages.status(),
            Content::Document(_) | Content::Multipart(_) => None,
        }
    }

    /// The same body, which does so with what its strings hold and cannot be inspected; of a form, its
    /// format says that.
    #[must_use]
    pub fn treating(mut self, opaque: Opaque) -> Self {
        self.opaque = opaque;
        self.content = match self.content {
            Content::Document(editor) => Content::Document(Box::new(editor.treating(opaque))),
            Content::Protobuf(messages) => Content::Protobuf(Box::new(messages.treating(opaque))),
            form @ Content::Multipart(_) => form,
        };
        self
    }

    /// Takes out what `plan` does, before anything is looked at: of a body that is a document which a
    /// [`Shaper`] reads. Call it before the first push.
    pub fn shape(&mut self, mut plan: Plan) {
        plan.opaque = self.opaque;
        let shaper = self.media.filter(|_| !plan.is_empty());
        let shaper = shaper.and_then(|media| Shaper::of(media, plan));
        self.funnel.shaper = shaper.map(Box::new);
    }

    /// Counts the records that go on: of a body that is one JSON document. Call it before the first
    /// push.
    pub fn count(
        &mut self,
        records: Option<Records>,
        service: Arc<str>,
        keys: Arc<dyn Pseudonyms>,
    ) {
        self.funnel.census = Some(Box::new(Census::new(records, service, keys)));
    }

    /// The records that came since this was asked last.
    pub fn counted(&mut self) -> Counted {
        let census = self.funnel.census.as_mut();
        census.map_or_else(Counted::default, |census| census.take())
    }

    /// Takes the next bytes, appends to `out` what may be released: see [`crate::Redactor::push`].
    pub fn push(&mut self, chunk: &Bytes, out: &mut Output) -> Result<(), Interrupted> {
        let (content, funnel) = (&mut self.content, &mut self.funnel);
        let decoded = &mut self.decoded;
        self.decoder.push(chunk, |plain| {
            *decoded += plain.len() as u64;
            funnel.push(plain, content, out)
        })
    }

    /// How many bytes came so far, without their content coding, whatever is released of them.
    pub fn decoded(&self) -> u64 {
        self.decoded
    }

    /// Ends the body and releases what was held back.
    pub fn finish(&mut self, out: &mut Output) -> Result<(), Interrupted> {
        let (content, funnel) = (&mut self.content, &mut self.funnel);
        let decoded = &mut self.decoded;
        self.decoder.finish(|plain| {
            *decoded += plain.len() as u64;
            funnel.push(plain, content, out)
        })?;
        funnel.finish(content, out)?;
        match content {
            Content::Document(editor) => editor.finish(out),
            Content::Multipart(form) => form.finish(),
            Content::Protobuf(messages) => messages.finish(out),
        }
    }

    /// Releases text that may still grow, for whoever may not wait: see
    /// [`crate::DocumentRedactor::flush`].
    pub fn flush(&mut self, out: &mut Output) -> Result<(), Interrupted> {
        match &mut self.content {
            Content::Document(editor) => match &mut **editor {
                Editor::Document(redactor) => redactor.flush(out),
                Editor::Json(_) => Ok(()),
            },
            Content::Multipart(_) | Content::Protobuf(_) => Ok(()),
        }
    }

    /// The decoded bytes that [`Body::flush`] may release, as positions in the body; none if there
    /// are none.
    pub fn held(&self) -> Option<Range<u64>> {
        match &self.content {
            Content::Document(editor) => match &**editor {
                Editor::Document(redactor) => redactor.growing(),
                Editor::Json(_) => None,
            },
            Content::Multipart(_) | Content::Protobuf(_) => None,
        }
    }

    /// What of it cannot be inspected, so far.
    pub fn gaps(&self) -> Gaps {
        let shaper = self.funnel.shaper.as_ref();
        let gaps = shaper.map_or_else(Gaps::default, |shaper| shaper.gaps());
        gaps | match &self.content {
            Content::Document(editor) => editor.gaps(),
            Content::Multipart(form) => form.gaps(),
            Content::Protobuf(messages) => messages.gaps(),
        }
    }

    /// What was found so far.
    pub fn summary(&self) -> &Summary {
        match &self.content {
            Content::Document(editor) => editor.summary(),
            Content::Multipart(form) => form.summary(),
            Content::Protobuf(messages) => messages.summary(),
        }
    }

    /// What stayed behind so far.
    pub fn withheld(&self) -> Withheld {
        let shaper = self.funnel.shaper.as_ref();
        shaper.map_or_else(Withheld::default, |shaper| shaper.withheld())
    }

    /// Gives up the parts: what was found, and what the next redactor can use.
    pub fn into_parts(self) -> (Summary, Box<Workspace>) {
        match self.content {
            Content::Document(editor) => editor.into_parts(),
            Content::Multipart(form) => form.into_parts(),
            Content::Protobuf(messages) => messages.into_parts(),
        }
    }
}

impl<D: Disclose + Clone> Content<D> {
    fn push(&mut self, plain: &Bytes, out: &mut Output) -> Result<(), Interrupted> {
        match self {
            Self::Document(editor) => editor.push(plain, out),
            Self::Multipart(form) => form.push(plain, out),
            Self::Protobuf(messages) => messages.push(plain, out),
        }
    }
}

impl Funnel {
    /// Pushes on what the shaper leaves of a piece.
    fn push<D: Disclose + Clone>(
        &mut self,
        plain: &Bytes,
        content: &mut Content<D>,
        out: &mut Output,
    ) -> Result<(), Interrupted> {
        let Some(shaper) = &mut self.shaper else {
            return self.pass(plain, content, out);
        };
        let mut left = Vec::new();
        shaper.push(plain, &mut left)?;
        self.pass(&left.into(), content, out)
    }

    fn finish<D: Disclose + Clone>(
        &mut self,
        content: &mut Content<D>,
        out: &mut Output,
    ) -> Result<(), Interrupted> {
        if let Some(shaper) = &mut self.shaper {
            let mut rest = Vec::new();
            shaper.finish(&mut rest)?;
            self.pass(&rest.into(), content, out)?;
        }
        self.census
            .as_mut()
            .map_or(Ok(()), |census| census.finish())
    }

    fn pass<D: Disclose + Clone>(
        &mut self,
        plain: &Bytes,
        content: &mut Content<D>,
        out: &mut Output,
    ) -> Result<(), Interrupted> {
        if plain.is_empty() {
            return Ok(());
        }
        if let Some(census) = &mut self.census {
            census.push(plain)?;
        }
        content.push(plain, out)
    }
}
