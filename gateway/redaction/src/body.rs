//! One body on its way through: its content coding undone, then redacted. What leaves is uncoded.

use bytes::Bytes;

use crate::coding::Decoder;
use crate::shape::{Plan, Shaper, Withheld};
use crate::{Coding, Disclose, Interrupted, Output, Redactor, Summary, Workspace};

/// A body on its way through.
pub struct Body<D> {
    decoder: Decoder,
    shaper: Option<Box<Shaper>>,
    redactor: Redactor<D>,
}

impl<D: Disclose> Body<D> {
    /// A body that arrives in `coding`.
    pub fn new(coding: Coding, redactor: Redactor<D>) -> Self {
        Self {
            decoder: Decoder::new(coding),
            shaper: None,
            redactor,
        }
    }

    /// Takes out what `plan` does, before anything is looked at. Call it before the first push.
    pub fn shape(&mut self, plan: Plan) {
        self.shaper = (!plan.is_empty()).then(|| Box::new(Shaper::new(plan)));
    }

    /// Takes the next bytes, appends to `out` what may be released: see [`Redactor::push`].
    pub fn push(&mut self, chunk: &Bytes, out: &mut Output) -> Result<(), Interrupted> {
        let (redactor, shaper) = (&mut self.redactor, &mut self.shaper);
        self.decoder
            .push(chunk, |plain| push_shaped(shaper, plain, redactor, out))
    }

    /// Ends the body and releases what was held back.
    pub fn finish(&mut self, out: &mut Output) -> Result<(), Interrupted> {
        let (redactor, shaper) = (&mut self.redactor, &mut self.shaper);
        self.decoder
            .finish(|plain| push_shaped(shaper, plain, redactor, out))?;
        if let Some(shaper) = shaper {
            let mut rest = Vec::new();
            shaper.finish(&mut rest)?;
            redactor.push(&Bytes::from(rest), out)?;
        }
        redactor.finish(out)
    }

    /// What was found so far.
    pub fn summary(&self) -> &Summary {
        self.redactor.summary()
    }

    /// What stayed behind so far.
    pub fn withheld(&self) -> Withheld {
        self.shaper
            .as_ref()
            .map_or_else(Withheld::default, |shaper| shaper.withheld())
    }

    /// Gives up the parts: what was found, and what the next redactor can use.
    pub fn into_parts(self) -> (Summary, Box<Workspace>) {
        self.redactor.into_parts()
    }
}

/// Pushes on what the shaper leaves of a piece.
fn push_shaped<D: Disclose>(
    shaper: &mut Option<Box<Shaper>>,
    plain: &Bytes,
    redactor: &mut Redactor<D>,
    out: &mut Output,
) -> Result<(), Interrupted> {
    let Some(shaper) = shaper else {
        return redactor.push(plain, out);
    };
    let mut left = Vec::new();
    shaper.push(plain, &mut left)?;
    if left.is_empty() {
        return Ok(());
    }
    redactor.push(&Bytes::from(left), out)
}
