//! One document, edited as what it is. JSON has a walk of its own, which is much faster.

use std::sync::Arc;

use bytes::Bytes;
use classifiers::declared;
use classifiers::document::Media;

use crate::uninspected::{Gaps, Opaque};
use crate::{
    Disclose, DocumentRedactor, Interrupted, Output, Pseudonyms, Redactor, Summary, Workspace,
};

/// Who edits a document.
pub(crate) enum Editor<D> {
    Json(Redactor<D>),
    Document(DocumentRedactor<D>),
}

impl<D: Disclose> Editor<D> {
    pub(crate) fn new(
        media: Media,
        disclose: D,
        pseudonyms: Arc<dyn Pseudonyms>,
        work: Box<Workspace>,
    ) -> Self {
        if media == Media::Json {
            Self::Json(Redactor::new(disclose, pseudonyms, work))
        } else {
            Self::Document(DocumentRedactor::new(media, disclose, pseudonyms, work))
        }
    }

    /// Puts a document that is JSON, or the events of a stream, under what their owner says of them.
    pub(crate) fn set_place(&mut self, place: declared::Place) {
        match self {
            Self::Json(redactor) => redactor.set_place(place),
            Self::Document(redactor) => redactor.set_place(place),
        }
    }

    /// The same, which does so with what a string holds and cannot be inspected.
    pub(crate) fn treating(self, opaque: Opaque) -> Self {
        match self {
            Self::Json(redactor) => Self::Json(redactor.treating(opaque)),
            Self::Document(redactor) => Self::Document(redactor.treating(opaque)),
        }
    }

    /// What could not be inspected so far.
    pub(crate) fn gaps(&self) -> Gaps {
        match self {
            Self::Json(redactor) => redactor.gaps(),
            Self::Document(redactor) => redactor.gaps(),
        }
    }

    pub(crate) fn push(&mut self, plain: &Bytes, out: &mut Output) -> Result<(), Interrupted> {
        match self {
            Self::Json(redactor) => redactor.push(plain, out),
            Self::Document(redactor) => redactor.push(plain, out),
        }
    }

    pub(crate) fn finish(&mut self, out: &mut Output) -> Result<(), Interrupted> {
        match self {
            Self::Json(redactor) => redactor.finish(out),
            Self::Document(redactor) => redactor.finish(out),
        }
    }

    pub(crate) fn summary(&self) -> &Summary {
        match self {
            Self::Json(redactor) => redactor.summary(),
            Self::Document(redactor) => redactor.summary(),
        }
    }

    pub(crate) fn into_parts(self) -> (Summary, Box<Workspace>) {
        match self {
            Self::Json(redactor) => redactor.into_parts(),
            Self::Document(redactor) => redactor.into_parts(),
        }
    }
}
