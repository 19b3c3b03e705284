//! What of a body may leave and has not yet, under the content coding that its reader asked for.

use std::{collections::VecDeque, io};

use bytes::Bytes;
use redaction::{Coding, Encoder};

/// Pieces that may be released.
#[derive(Default)]
pub(crate) struct Outgoing {
    pieces: VecDeque<Bytes>,
    encoder: Option<Encoder>,
}

impl Outgoing {
    /// From now on everything leaves under `coding`, also what waits.
    pub(crate) fn encode(&mut self, coding: Coding) -> io::Result<()> {
        self.encoder = Encoder::new(coding)?;
        for piece in std::mem::take(&mut self.pieces) {
            self.put(piece)?;
        }
        Ok(())
    }

    /// Whether it leaves under a coding.
    pub(crate) fn is_coded(&self) -> bool {
        self.encoder.is_some()
    }

    /// One more piece.
    pub(crate) fn put(&mut self, plain: Bytes) -> io::Result<()> {
        let piece = match &mut self.encoder {
            None => plain,
            Some(encoder) => encoder.push(&plain)?,
        };
        self.append(piece);
        Ok(())
    }

    /// Whether the encoder keeps something that could leave.
    pub(crate) fn is_kept(&self) -> bool {
        self.encoder.as_ref().is_some_and(Encoder::is_waiting)
    }

    /// Brings out what the encoder keeps: while nothing comes, nobody waits for it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if let Some(encoder) = &mut self.encoder {
            let piece = encoder.flush()?;
            self.append(piece);
        }
        Ok(())
    }

    /// Nothing more is put.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if let Some(mut encoder) = self.encoder.take() {
            let piece = encoder.finish()?;
            self.append(piece);
        }
        Ok(())
    }

    /// The end of a body, with its last words; none if it cannot be coded. Nothing follows.
    pub(crate) fn last_words(&mut self, plain: Bytes) -> Option<Bytes> {
        let Some(mut encoder) = self.encoder.take() else {
            return Some(plain);
        };
        // What was coded goes on from what was coded before: no reader could decode what follows a gap.
        if !self.pieces.is_empty() {
            return None;
        }
        let words = encoder.push(&plain).ok()?;
        Some([words, encoder.finish().ok()?].concat().into())
    }

    /// The next piece.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        self.pieces.pop_front()
    }

    /// All pieces.
    pub(crate) fn take_all(&mut self) -> VecDeque<Bytes> {
        std::mem::take(&mut self.pieces)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Their length in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }

    fn append(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.pieces.push_back(piece);
        }
    }
}
