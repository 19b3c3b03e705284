//! Brotli (RFC 7932), undone by a decoder that needs neither reader nor writer.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Step, Undecodable};

/// A stream on its way. Its window is at most 16 MiB, as the format has it.
pub(super) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    ended: bool,
}

impl Brotli {
    pub(super) fn new() -> Self {
        let memory = StandardAlloc::default;
        Self {
            state: BrotliState::new_strict(memory(), memory(), memory()),
            ended: false,
        }
    }

    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Unfolds as much of `coded` as fits into `plain`.
    pub(super) fn step(&mut self, coded: &[u8], plain: &mut [u8]) -> Result<Step, Undecodable> {
        if self.ended {
            return if coded.is_empty() {
                Ok(Step::default())
            } else {
                Err(Undecodable::TrailingBytes)
            };
        }
        let (mut rest, mut taken) = (coded.len(), 0);
        let (mut room, mut made, mut total) = (plain.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut rest,
            &mut taken,
            coded,
            &mut room,
            &mut made,
            plain,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => return Err(Undecodable::Corrupt),
            BrotliResult::ResultSuccess => self.ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        Ok(Step { taken, made })
    }
}
