//! What becomes of the pieces that an inspection lets go, and of its end.

use std::{collections::VecDeque, io, sync::PoisonError};

use bytes::Bytes;
use redaction::{Interrupted, Output};

use super::{Broken, Pump};

impl<B: http_body::Body<Data = Bytes> + Unpin> Pump<B> {
    pub(super) fn release(&mut self, released: Output, ended: bool) -> Result<(), Broken> {
        let Some(inspection) = &mut self.inspection else {
            return Ok(());
        };
        // What came coded tells whose it is once it is decoded.
        let mut head = self
            .growing
            .as_mut()
            .filter(|_| inspection.coded)
            .map(|growing| &mut growing.head);
        let released = released.inspect(|piece| {
            if let Some(head) = &mut head {
                head.see(piece);
            }
        });
        if let Some(restoration) = &mut inspection.restoration {
            let restored = restoration.restore(released, ended);
            return self.pass(restored, ended);
        }
        let released: Vec<Bytes> = released.collect();
        self.pass(released, ended)
    }

    /// Hands pieces on, under the veil if there is one.
    pub(super) fn pass(
        &mut self,
        pieces: impl IntoIterator<Item = Bytes>,
        ended: bool,
    ) -> Result<(), Broken> {
        let reading = self.reading.clone();
        let pieces = pieces.into_iter().inspect(|piece| {
            if let Some(reading) = &reading {
                let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
                reading.see(piece);
            }
        });
        let Some(veil) = &mut self.veil else {
            let mut pieces = pieces;
            return pieces
                .try_for_each(|piece| self.outgoing.put(piece))
                .map_err(unencodable);
        };
        let mut veiled = VecDeque::new();
        for piece in pieces {
            veil.push(piece, &mut veiled);
        }
        if ended {
            veil.finish(&mut veiled);
        }
        let mut veiled = veiled.into_iter();
        veiled
            .try_for_each(|piece| self.outgoing.put(piece))
            .map_err(unencodable)
    }

    pub(super) fn broken(&mut self, interrupted: Interrupted) -> Broken {
        match interrupted {
            Interrupted::Blocked { class, .. } => {
                let policy = self.inspection.as_mut().and_then(|inspection| {
                    inspection.disclosures.of(class).policy.as_deref().cloned()
                });
                Broken::Blocked(class, policy)
            }
            Interrupted::Uninspected(gap) => Broken::Uninspected(gap.name()),
            unreadable => Broken::Unreadable(unreadable.to_string()),
        }
    }
}

/// An encoder fails for want of memory alone.
pub(super) fn unencodable(_: io::Error) -> Broken {
    Broken::Unreadable("it could not be encoded".to_owned())
}
