use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use super::*;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn brotli(plain: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    let parameters = ::brotli::enc::BrotliEncoderParams::default();
    ::brotli::BrotliCompress(&mut &*plain, &mut coded, &parameters).unwrap();
    coded
}

fn zstandard(plain: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(plain, 3).unwrap()
}

fn decode(coding: Coding, coded: &[u8], piece: usize) -> Result<Vec<u8>, Undecodable> {
    let mut decoder = Decoder::new(coding);
    let mut plain = Vec::new();
    for piece in coded.chunks(piece) {
        decoder.push(&Bytes::copy_from_slice(piece), |bytes| {
            plain.extend_from_slice(bytes);
            Ok::<_, Undecodable>(())
        })?;
    }
    decoder.finish(|bytes| {
        plain.extend_from_slice(bytes);
        Ok::<_, Undecodable>(())
    })?;
    Ok(plain)
}

#[test]
fn codings_are_known_by_their_names() {
    assert_eq!(Coding::named("x-GZIP"), Some(Coding::Gzip));
    assert_eq!(Coding::named("gzip "), Some(Coding::Gzip));
    assert_eq!(Coding::named("deflate"), Some(Coding::Deflate));
    assert_eq!(Coding::named("identity"), Some(Coding::Identity));
    assert_eq!(Coding::named("BR"), Some(Coding::Brotli));
    assert_eq!(Coding::named("zstd"), Some(Coding::Zstd));
    assert_eq!(Coding::named("compress"), None);
    assert_eq!(Coding::named("gzip, gzip"), None);
}

#[test]
fn a_stream_that_ends_early_is_refused_wherever_it_ends() {
    let plain: Vec<u8> = (0..2000u32).flat_map(u32::to_le_bytes).collect();
    for (coding, coded) in [
        (Coding::Gzip, gzip(&plain)),
        (Coding::Deflate, zlib(&plain)),
        (Coding::Brotli, brotli(&plain)),
        (Coding::Zstd, zstandard(&plain)),
    ] {
        for end in (1..40).chain(coded.len() - 12..coded.len()) {
            let cut = decode(coding, &coded[..end], 7);
            let refused = [Err(Undecodable::Truncated), Err(Undecodable::Corrupt)];
            assert!(refused.contains(&cut), "{coding:?} cut at {end}: {cut:?}");
        }
    }
}

#[test]
fn a_wrong_checksum_and_foreign_bytes_are_refused() {
    for (coding, mut coded) in [
        (Coding::Gzip, gzip(b"hello")),
        (Coding::Deflate, zlib(b"hello")),
    ] {
        let checksum = coded.len() - if coding == Coding::Gzip { 5 } else { 1 };
        coded[checksum] ^= 1;
        assert_eq!(
            decode(coding, &coded, 64),
            Err(Undecodable::Corrupt),
            "{coding:?}"
        );
        assert_eq!(
            decode(coding, b"{\"plain\":true, \"json\":1}", 64),
            Err(Undecodable::Corrupt)
        );
    }
    let trailing = [zlib(b"hello"), b"{}".to_vec()].concat();
    assert_eq!(
        decode(Coding::Deflate, &trailing, 64),
        Err(Undecodable::TrailingBytes)
    );
    let trailing = [gzip(b"hello"), b"{}{}{}{}{}{}".to_vec()].concat();
    assert_eq!(
        decode(Coding::Gzip, &trailing, 64),
        Err(Undecodable::Corrupt)
    );
    let trailing = [brotli(b"hello"), b"{}".to_vec()].concat();
    assert_eq!(
        decode(Coding::Brotli, &trailing, 64),
        Err(Undecodable::TrailingBytes)
    );
    let trailing = [zstandard(b"hello"), b"{}{}{}".to_vec()].concat();
    assert_eq!(
        decode(Coding::Zstd, &trailing, 64),
        Err(Undecodable::Corrupt)
    );
}

#[test]
fn several_members_are_one_body() {
    let coded = [gzip(b"{\"a\":"), gzip(b""), gzip(b"1}")].concat();
    for piece in [1, 2, 13, 1000] {
        assert_eq!(decode(Coding::Gzip, &coded, piece).unwrap(), b"{\"a\":1}");
        let frames = [zstandard(b"{\"a\":"), zstandard(b""), zstandard(b"1}")].concat();
        assert_eq!(decode(Coding::Zstd, &frames, piece).unwrap(), b"{\"a\":1}");
    }
}

#[test]
fn a_bomb_is_refused_and_an_ordinary_body_is_not() {
    let zeros = vec![b'0'; 8 << 20];
    for (coding, coded) in [
        (Coding::Gzip, gzip(&zeros)),
        (Coding::Deflate, zlib(&zeros)),
        (Coding::Brotli, brotli(&zeros)),
        (Coding::Zstd, zstandard(&zeros)),
    ] {
        assert_eq!(
            decode(coding, &coded, 1000),
            Err(Undecodable::Expansion),
            "{coding:?}"
        );
    }
    let free = vec![b'0'; 1 << 20];
    assert_eq!(decode(Coding::Gzip, &gzip(&free), 64).unwrap(), free);
}

#[test]
fn what_was_sent_so_far_is_decoded_so_far() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"[1,2,3").unwrap();
    encoder.flush().unwrap();
    let mut plain = Vec::new();
    Decoder::new(Coding::Gzip)
        .push(&Bytes::from(encoder.get_ref().clone()), |bytes| {
            plain.extend_from_slice(bytes);
            Ok::<_, Undecodable>(())
        })
        .unwrap();
    assert_eq!(plain, b"[1,2,3");
}

proptest! {
    #[test]
    fn decoding_undoes_coding_at_any_cut(
        plain in prop::collection::vec(prop::sample::select(b"{}[],:\"abc 0123".to_vec()), 0..4000),
        piece in 1..600usize,
    ) {
        prop_assert_eq!(decode(Coding::Gzip, &gzip(&plain), piece).unwrap(), plain.clone());
        prop_assert_eq!(decode(Coding::Deflate, &zlib(&plain), piece).unwrap(), plain.clone());
        prop_assert_eq!(decode(Coding::Brotli, &brotli(&plain), piece).unwrap(), plain.clone());
        prop_assert_eq!(decode(Coding::Zstd, &zstandard(&plain), piece).unwrap(), plain.clone());
        prop_assert_eq!(decode(Coding::Identity, &plain, piece).unwrap(), plain);
    }
}
