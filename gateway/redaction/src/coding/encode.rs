//! Content codings made again: what was decoded to be judged goes on as its reader asked for it.
//!
//! Speed before size: whoever reads is often on the same host, and an encoder's window is memory of
//! every stream there is.

use std::io::{self, Write};

use ::brotli::CompressorWriter;
use bytes::Bytes;
use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use zstd::stream::{raw::CParameter, write};

use super::Coding;

/// zlib's fastest.
const DEFLATE_LEVEL: u32 = 1;
/// Zstandard's fastest that has a number.
const ZSTD_LEVEL: i32 = 1;
/// 256 KiB of window, of the 8 MiB that a reader must have (RFC 9659 section 3).
const ZSTD_WINDOW_LOG: u32 = 18;
/// Where brotli begins to be smaller than deflate.
const BROTLI_QUALITY: u32 = 3;
/// 256 KiB of window.
const BROTLI_WINDOW_LOG: u32 = 18;
/// What brotli hands on at a time.
const BROTLI_BUFFER_BYTES: usize = 4 * 1024;

/// Applies one coding to a stream of bytes.
pub struct Encoder {
    /// None once it has ended.
    stage: Option<Stage>,
    /// Whether something was pushed that a flush would bring out.
    waiting: bool,
}

enum Stage {
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Deflate(Box<ZlibEncoder<Vec<u8>>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(Box<write::Encoder<'static, Vec<u8>>>),
}

impl Encoder {
    /// One that applies `coding`; none for identity. The error is a lack of memory.
    pub fn new(coding: Coding) -> io::Result<Option<Self>> {
        let level = Compression::new(DEFLATE_LEVEL);
        let stage = match coding {
            Coding::Identity => return Ok(None),
            Coding::Gzip => Stage::Gzip(Box::new(GzEncoder::new(Vec::new(), level))),
            Coding::Deflate => Stage::Deflate(Box::new(ZlibEncoder::new(Vec::new(), level))),
            Coding::Brotli => Stage::Brotli(Box::new(CompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER_BYTES,
                BROTLI_QUALITY,
                BROTLI_WINDOW_LOG,
            ))),
            Coding::Zstd => {
                let mut encoder = write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.set_parameter(CParameter::WindowLog(ZSTD_WINDOW_LOG))?;
                Stage::Zstd(Box::new(encoder))
            }
        };
        Ok(Some(Self {
            stage: Some(stage),
            waiting: false,
        }))
    }

    /// Takes the next bytes, and gives what is coded by now: often nothing.
    pub fn push(&mut self, plain: &[u8]) -> io::Result<Bytes> {
        let Some(stage) = &mut self.stage else {
            return Ok(Bytes::new());
        };
        self.waiting |= !plain.is_empty();
        stage.writer().write_all(plain)?;
        Ok(stage.take())
    }

    /// Whether the encoder has bytes that its reader could have.
    pub fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Gives everything that was pushed, so that it can be read before more comes.
    pub fn flush(&mut self) -> io::Result<Bytes> {
        let Some(stage) = &mut self.stage else {
            return Ok(Bytes::new());
        };
        if !std::mem::take(&mut self.waiting) {
            return Ok(Bytes::new());
        }
        stage.writer().flush()?;
        Ok(stage.take())
    }

    /// Ends the coded stream.
    pub fn finish(&mut self) -> io::Result<Bytes> {
        self.waiting = false;
        let rest = match self.stage.take() {
            None => Vec::new(),
            Some(Stage::Gzip(gzip)) => gzip.finish()?,
            Some(Stage::Deflate(deflate)) => deflate.finish()?,
            Some(Stage::Brotli(brotli)) => brotli.into_inner(),
            Some(Stage::Zstd(zstd)) => zstd.finish()?,
        };
        Ok(rest.into())
    }
}

impl Stage {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Gzip(gzip) => gzip,
            Self::Deflate(deflate) => deflate,
            Self::Brotli(brotli) => brotli,
            Self::Zstd(zstd) => zstd,
        }
    }

    /// What is coded by now.
    fn take(&mut self) -> Bytes {
        let coded = match self {
            Self::Gzip(gzip) => gzip.get_mut(),
            Self::Deflate(deflate) => deflate.get_mut(),
            Self::Brotli(brotli) => brotli.get_mut(),
            Self::Zstd(zstd) => zstd.get_mut(),
        };
        std::mem::take(coded).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Decoder, *};
    use crate::Undecodable;

    const CODINGS: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

    /// A reader that has all that was sent to it, and nothing else.
    struct Reader {
        decoder: Decoder,
        plain: Vec<u8>,
    }

    impl Reader {
        fn new(coding: Coding) -> Self {
            Self {
                decoder: Decoder::new(coding),
                plain: Vec::new(),
            }
        }

        fn gets(&mut self, coded: &Bytes) {
            let Self { decoder, plain } = self;
            let got = decoder.push(coded, |bytes| {
                plain.extend_from_slice(bytes);
                Ok::<_, Undecodable>(())
            });
            got.unwrap();
        }

        fn ends(mut self) -> Vec<u8> {
            let plain = &mut self.plain;
            let ended = self.decoder.finish(|bytes| {
                plain.extend_from_slice(bytes);
                Ok::<_, Undecodable>(())
            });
            ended.unwrap();
            self.plain
        }
    }

    fn encoder(coding: Coding) -> Encoder {
        Encoder::new(coding).unwrap().unwrap()
    }

    /// Pushes `plain` cut at `cuts`; behind each cut that says so there is a flush, and the reader has
    /// everything.
    fn check(coding: Coding, plain: &[u8], cuts: &[(usize, bool)]) {
        let (mut encoder, mut reader) = (encoder(coding), Reader::new(coding));
        let mut from = 0;
        for (cut, flush) in cuts.iter().copied().chain([(plain.len(), true)]) {
            let piece = plain.get(from..cut).unwrap_or_default();
            from = from.max(cut);
            reader.gets(&encoder.push(piece).unwrap());
            if flush {
                reader.gets(&encoder.flush().unwrap());
                assert!(!encoder.is_waiting());
                assert_eq!(reader.plain, plain.get(..from).unwrap(), "{coding:?}");
            }
        }
        reader.gets(&encoder.finish().unwrap());
        assert_eq!(reader.ends(), plain, "{coding:?}");
    }

    #[test]
    fn what_is_flushed_can_be_read_wherever_it_is_cut() {
        let events = "event: delta\ndata: {\"n\":7,\"text\":\"wörd\"}\n\n".repeat(40);
        for coding in CODINGS {
            for cut in 0..=events.len() {
                check(coding, events.as_bytes(), &[(cut, true)]);
            }
            let everywhere: Vec<_> = (0..events.len()).map(|cut| (cut, true)).collect();
            check(coding, events.as_bytes(), &everywhere);
        }
    }

    #[test]
    fn an_endless_stream_is_held_in_bounded_memory() {
        // Noise, which no coding makes smaller.
        let mut state = 7_u64;
        let mut noise = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_le_bytes()
        };
        for coding in CODINGS {
            let (mut encoder, mut most, mut all) = (encoder(coding), 0, 0);
            for _ in 0..512 {
                let piece: Vec<u8> = (0..2048).flat_map(|_| noise()).collect();
                let coded = encoder.push(&piece).unwrap();
                (most, all) = (most.max(coded.len()), all + coded.len());
            }
            let rest = encoder.finish().unwrap().len();
            assert!(all + rest >= 8 << 20, "{coding:?} made {all} of noise");
            // No more comes out at once than fits in its window and its buffers, so no more was in.
            assert!(most.max(rest) <= 1 << 20, "{coding:?}: {most}, {rest}");
        }
    }

    #[test]
    fn nothing_comes_of_nothing_but_a_whole_stream() {
        for coding in CODINGS {
            let mut encoder = encoder(coding);
            assert!(encoder.flush().unwrap().is_empty());
            let mut reader = Reader::new(coding);
            reader.gets(&encoder.finish().unwrap());
            assert!(reader.ends().is_empty());
            // It has ended.
            assert!(encoder.push(b"more").unwrap().is_empty());
            assert!(encoder.finish().unwrap().is_empty());
        }
        assert!(Encoder::new(Coding::Identity).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(
            plain in proptest::collection::vec(any::<u8>(), 0..3000),
            cuts in proptest::collection::vec((0..3000_usize, any::<bool>()), 0..12),
            coding in 0..CODINGS.len(),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().filter(|(cut, _)| *cut < plain.len()).collect();
            cuts.sort_unstable();
            check(CODINGS[coding], &plain, &cuts);
        }
    }
}
