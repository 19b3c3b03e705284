//! One body on its way through: its content coding undone, then redacted. What leaves is uncoded.

use bytes::Bytes;

use crate::coding::Decoder;
use crate::{Coding, Disclose, Interrupted, Output, Redactor, Summary, Workspace};

/// A body on its way through.
pub struct Body<D> {
    decoder: Decoder,
    redactor: Redactor<D>,
}

impl<D: Disclose> Body<D> {
    /// A body that arrives in `coding`.
    pub fn new(coding: Coding, redactor: Redactor<D>) -> Self {
        Self {
            decoder: Decoder::new(coding),
            redactor,
        }
    }

    /// Takes the next bytes, appends to `out` what may be released: see [`Redactor::push`].
    pub fn push(&mut self, chunk: &Bytes, out: &mut Output) -> Result<(), Interrupted> {
        let redactor = &mut self.redactor;
        self.decoder.push(chunk, |plain| redactor.push(plain, out))
    }

    /// Ends the body and releases what was held back.
    pub fn finish(&mut self, out: &mut Output) -> Result<(), Interrupted> {
        let redactor = &mut self.redactor;
        self.decoder.finish(|plain| redactor.push(plain, out))?;
        self.redactor.finish(out)
    }

    /// What was found so far.
    pub fn summary(&self) -> &Summary {
        self.redactor.summary()
    }

    /// Gives up the parts: what was found, and what the next redactor can use.
    pub fn into_parts(self) -> (Summary, Box<Workspace>) {
        self.redactor.into_parts()
    }
}
