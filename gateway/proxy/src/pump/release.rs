//! What becomes of the pieces that an inspection lets go, and of its end.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use redaction::{Interrupted, Output};

use super::{Broken, GRPC_STATUS, Pump};
use crate::usage::Reading;

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

    /// Keeps the status of gRPC. Other trailers are dropped: nothing in them is inspected.
    pub(super) fn keep_status(&mut self, trailers: Option<HeaderMap>) {
        let code = trailers.as_ref().and_then(|all| all.get(GRPC_STATUS));
        let is_code = |code: &&HeaderValue| code.as_bytes().iter().all(u8::is_ascii_digit);
        if let (Some(status), Some(code)) = (&mut self.status, code.filter(is_code)) {
            status.insert(GRPC_STATUS, code.clone());
        }
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

/// Tells who reads what a model used how many bytes came, before any of them is judged.
pub(super) fn count(reading: Option<&Arc<Mutex<Reading>>>, plain: u64) {
    if let Some(reading) = reading {
        let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
        reading.came(plain);
    }
}
