//! Zstandard (RFC 8878), any number of frames.

use zstd::stream::raw::{DParameter, Decoder, Operation as _};

use super::{Step, Undecodable};

/// Windows of at most 8 MiB, which is what the content coding allows (RFC 9659 section 3).
const WINDOW_LOG_MAX: u32 = 23;

/// A stream on its way.
pub(super) struct Zstandard {
    /// None if there is no memory for it.
    decoder: Option<Decoder<'static>>,
    /// Whether what came is whole frames.
    ended: bool,
}

impl Zstandard {
    pub(super) fn new() -> Self {
        let decoder = Decoder::new().and_then(|mut decoder| {
            decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
            Ok(decoder)
        });
        Self {
            decoder: decoder.ok(),
            ended: false,
        }
    }

    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Unfolds as much of `coded` as fits into `plain`.
    pub(super) fn step(&mut self, coded: &[u8], plain: &mut [u8]) -> Result<Step, Undecodable> {
        // Behind a frame that ended the decoder would wait for another.
        if self.ended && coded.is_empty() {
            return Ok(Step::default());
        }
        let decoder = self.decoder.as_mut().ok_or(Undecodable::Corrupt)?;
        let status = decoder
            .run_on_buffers(coded, plain)
            .map_err(|_| Undecodable::Corrupt)?;
        self.ended = status.remaining == 0;
        Ok(Step {
            taken: status.bytes_read,
            made: status.bytes_written,
        })
    }
}
