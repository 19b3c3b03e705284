//! One body on its way through: its content coding undone, then redacted as what it is. What leaves
//! is uncoded.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use classifiers::document::Media;

use crate::coding::Decoder;
use crate::{
    Coding, Disclose, DocumentRedactor, Interrupted, Output, Pseudonyms, Redactor, Summary,
    Workspace,
};

/// A body on its way through.
pub struct Body<D> {
    decoder: Decoder,
    editor: Editor<D>,
}

/// JSON has a walk of its own, which is much faster.
enum Editor<D> {
    Json(Redactor<D>),
    Document(DocumentRedactor<D>),
}

impl<D: Disclose> Body<D> {
    /// A body that arrives in `coding` and is a document of kind `media`.
    pub fn new(
        coding: Coding,
        media: Media,
        disclose: D,
        pseudonyms: Arc<dyn Pseudonyms>,
        work: Box<Workspace>,
    ) -> Self {
        let editor = if media == Media::Json {
            Editor::Json(Redactor::new(disclose, pseudonyms, work))
        } else {
            Editor::Document(DocumentRedactor::new(media, disclose, pseudonyms, work))
        };
        Self {
            decoder: Decoder::new(coding),
            editor,
        }
    }

    /// Takes the next bytes, appends to `out` what may be released: see [`Redactor::push`].
    pub fn push(&mut self, chunk: &Bytes, out: &mut Output) -> Result<(), Interrupted> {
        let editor = &mut self.editor;
        self.decoder.push(chunk, |plain| editor.push(plain, out))
    }

    /// Ends the body and releases what was held back.
    pub fn finish(&mut self, out: &mut Output) -> Result<(), Interrupted> {
        let editor = &mut self.editor;
        self.decoder.finish(|plain| editor.push(plain, out))?;
        match editor {
            Editor::Json(redactor) => redactor.finish(out),
            Editor::Document(redactor) => redactor.finish(out),
        }
    }

    /// Releases text that may still grow, for whoever may not wait: see
    /// [`DocumentRedactor::flush`].
    pub fn flush(&mut self, out: &mut Output) -> Result<(), Interrupted> {
        match &mut self.editor {
            Editor::Json(_) => Ok(()),
            Editor::Document(redactor) => redactor.flush(out),
        }
    }

    /// The decoded bytes that [`Body::flush`] may release, as positions in the body; none if there
    /// are none.
    pub fn held(&self) -> Option<Range<u64>> {
        match &self.editor {
            Editor::Json(_) => None,
            Editor::Document(redactor) => redactor.growing(),
        }
    }

    /// What was found so far.
    pub fn summary(&self) -> &Summary {
        match &self.editor {
            Editor::Json(redactor) => redactor.summary(),
            Editor::Document(redactor) => redactor.summary(),
        }
    }

    /// Gives up the parts: what was found, and what the next redactor can use.
    pub fn into_parts(self) -> (Summary, Box<Workspace>) {
        match self.editor {
            Editor::Json(redactor) => redactor.into_parts(),
            Editor::Document(redactor) => redactor.into_parts(),
        }
    }
}

impl<D: Disclose> Editor<D> {
    fn push(&mut self, plain: &Bytes, out: &mut Output) -> Result<(), Interrupted> {
        match self {
            Self::Json(redactor) => redactor.push(plain, out),
            Self::Document(redactor) => redactor.push(plain, out),
        }
    }
}
