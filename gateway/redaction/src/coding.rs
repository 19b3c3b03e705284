//! Content codings (RFC 9110 section 8.4.1), undone as the bytes arrive. A small body that unfolds
//! into a huge one is refused, and so is one that ends early.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use thiserror::Error;

use brotli::Brotli;
use zstandard::Zstandard;

mod brotli;
mod encode;
mod zstandard;

pub use encode::Encoder;

/// Up to this many bytes a body may unfold as it likes.
pub const EXPANSION_FREE_BYTES: u64 = 1024 * 1024;
/// Beyond, it may grow to this many times its coded size.
pub const EXPANSION_RATIO_MAX: u64 = 100;

/// Coded bytes that are unfolded at once: deflate makes at most 1032 times as many of them.
const STEP_BYTES: usize = 4 * 1024;
/// Room for the bytes that one call unfolds.
const INFLATE_BYTES: usize = 32 * 1024;

/// How a body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 1950: what HTTP calls deflate is the zlib format.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878, in windows of at most 8 MiB (RFC 9659).
    Zstd,
}

impl Coding {
    /// The coding that a `content-encoding` names, if it is one and we can undo it.
    pub fn named(token: &str) -> Option<Self> {
        let token = token.trim();
        let is = |name: &str| token.eq_ignore_ascii_case(name);
        match token {
            _ if token.is_empty() || is("identity") => Some(Self::Identity),
            _ if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            _ if is("deflate") => Some(Self::Deflate),
            _ if is("br") => Some(Self::Brotli),
            _ if is("zstd") => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// A body that its coding does not explain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Undecodable {
    /// Not in the format, or a checksum is wrong. A gzip body cut inside its deflate stream looks
    /// like this too.
    #[error("the body is not in its content coding")]
    Corrupt,
    /// The body ends inside the coded stream.
    #[error("the coded body is cut short")]
    Truncated,
    /// Something follows the coded stream.
    #[error("bytes behind the coded body")]
    TrailingBytes,
    /// It unfolds beyond [`EXPANSION_RATIO_MAX`].
    #[error("the coded body expands too far")]
    Expansion,
}

/// Undoes one coding.
pub(crate) struct Decoder {
    stage: Stage,
    /// Coded bytes taken.
    taken: u64,
    /// Bytes unfolded.
    unfolded: u64,
}

/// What one step of a decoder took and made, in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    taken: usize,
    made: usize,
}

enum Stage {
    Identity,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Deflate {
        inflate: Box<Decompress>,
        ended: bool,
    },
    Brotli(Box<Brotli>),
    Zstd(Zstandard),
}

impl Decoder {
    pub(crate) fn new(coding: Coding) -> Self {
        let stage = match coding {
            Coding::Brotli => Stage::Brotli(Box::new(Brotli::new())),
            Coding::Zstd => Stage::Zstd(Zstandard::new()),
            Coding::Identity => Stage::Identity,
            Coding::Gzip => Stage::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Coding::Deflate => {
                let inflate = Box::new(Decompress::new(true));
                Stage::Deflate {
                    inflate,
                    ended: false,
                }
            }
        };
        Self {
            stage,
            taken: 0,
            unfolded: 0,
        }
    }

    /// Unfolds the next bytes and hands them on, piece by piece.
    pub(crate) fn push<E: From<Undecodable>>(
        &mut self,
        chunk: &Bytes,
        mut next: impl FnMut(&Bytes) -> Result<(), E>,
    ) -> Result<(), E> {
        if matches!(self.stage, Stage::Identity) {
            return next(chunk);
        }
        for step in chunk.chunks(STEP_BYTES) {
            self.taken += step.len() as u64;
            let unfolded = match &mut self.stage {
                Stage::Identity => Vec::new(),
                Stage::Brotli(_) | Stage::Zstd(_) => {
                    self.unfold_in_parts(step, &mut next)?;
                    continue;
                }
                Stage::Gzip(gzip) => gunzip(gzip, step)?,
                Stage::Deflate { inflate, ended } => unfold(inflate, ended, step)?,
            };
            self.hand_on(unfolded, &mut next)?;
        }
        Ok(())
    }

    /// Unfolds a few bytes that may be any number, a buffer at a time.
    fn unfold_in_parts<E: From<Undecodable>>(
        &mut self,
        mut coded: &[u8],
        next: &mut impl FnMut(&Bytes) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let mut plain = vec![0; INFLATE_BYTES];
            let step = match &mut self.stage {
                Stage::Brotli(brotli) => brotli.step(coded, &mut plain)?,
                Stage::Zstd(zstd) => zstd.step(coded, &mut plain)?,
                Stage::Identity | Stage::Gzip(_) | Stage::Deflate { .. } => Step::default(),
            };
            coded = coded.get(step.taken..).unwrap_or_default();
            let full = step.made == plain.len();
            plain.truncate(step.made);
            self.hand_on(plain, next)?;
            if coded.is_empty() && !full {
                return Ok(());
            }
            if step.taken == 0 && step.made == 0 {
                return Err(Undecodable::Corrupt.into());
            }
        }
    }

    /// Hands on what was unfolded, if that is not too much.
    fn hand_on<E: From<Undecodable>>(
        &mut self,
        unfolded: Vec<u8>,
        next: &mut impl FnMut(&Bytes) -> Result<(), E>,
    ) -> Result<(), E> {
        self.unfolded += unfolded.len() as u64;
        let most = self
            .taken
            .saturating_mul(EXPANSION_RATIO_MAX)
            .max(EXPANSION_FREE_BYTES);
        if self.unfolded > most {
            return Err(Undecodable::Expansion.into());
        }
        if unfolded.is_empty() {
            return Ok(());
        }
        next(&Bytes::from(unfolded))
    }

    /// Ends the coded stream, handing on what was still in it.
    pub(crate) fn finish<E: From<Undecodable>>(
        &mut self,
        mut next: impl FnMut(&Bytes) -> Result<(), E>,
    ) -> Result<(), E> {
        match &mut self.stage {
            // An empty body is what a HEAD request or a 204 has, coded or not.
            _ if self.taken == 0 => Ok(()),
            Stage::Deflate { ended: false, .. } => Err(Undecodable::Truncated.into()),
            Stage::Brotli(brotli) if !brotli.ended() => Err(Undecodable::Truncated.into()),
            Stage::Zstd(zstd) if !zstd.ended() => Err(Undecodable::Truncated.into()),
            Stage::Identity | Stage::Deflate { .. } | Stage::Brotli(_) | Stage::Zstd(_) => Ok(()),
            Stage::Gzip(gzip) => {
                gzip.try_finish().map_err(flaw)?;
                let rest = std::mem::take(gzip.get_mut());
                if rest.is_empty() {
                    Ok(())
                } else {
                    next(&Bytes::from(rest))
                }
            }
        }
    }
}

fn gunzip(gzip: &mut MultiGzDecoder<Vec<u8>>, step: &[u8]) -> Result<Vec<u8>, Undecodable> {
    gzip.write_all(step).map_err(flaw)?;
    gzip.flush().map_err(flaw)?;
    Ok(std::mem::take(gzip.get_mut()))
}

fn flaw(error: io::Error) -> Undecodable {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Undecodable::Truncated,
        _ => Undecodable::Corrupt,
    }
}

fn unfold(
    inflate: &mut Decompress,
    ended: &mut bool,
    mut step: &[u8],
) -> Result<Vec<u8>, Undecodable> {
    let mut unfolded = Vec::new();
    loop {
        if *ended {
            return if step.is_empty() {
                Ok(unfolded)
            } else {
                Err(Undecodable::TrailingBytes)
            };
        }
        unfolded.reserve(INFLATE_BYTES);
        let (taken, made) = (inflate.total_in(), unfolded.len());
        let status = inflate
            .decompress_vec(step, &mut unfolded, FlushDecompress::None)
            .map_err(|_| Undecodable::Corrupt)?;
        let taken = usize::try_from(inflate.total_in() - taken).unwrap_or(step.len());
        step = step.get(taken..).unwrap_or_default();
        *ended = status == Status::StreamEnd;
        let full = unfolded.len() == unfolded.capacity();
        if !*ended && step.is_empty() && !full {
            return Ok(unfolded);
        }
        if !*ended && taken == 0 && unfolded.len() == made {
            return Err(Undecodable::Corrupt);
        }
    }
}

#[cfg(test)]
mod tests;
