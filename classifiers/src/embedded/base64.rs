//! Base64 (RFC 4648 sections 4 and 5) as lenient readers read it: with padding or without, with the
//! letters of either alphabet, in lines (RFC 2045 section 6.8).

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Held, Wrapped, Wrapping};

/// The shortest base64 that is looked at: nine bytes. Shorter ones hold nothing that is known by its
/// look, but an address like `a@b.co`.
const BASE64_BYTES_MIN: usize = 12;
/// What is decoded to see whether the rest is worth it.
const PEEK_BYTES: usize = 16;
/// Shorter base64 is no image: a few bytes look like the beginning of one by chance.
const MEDIA_BYTES_MIN: usize = 64;
/// Shorter base64 without text is a key, a digest or a signature, and no gap.
const BINARY_BYTES_MIN: usize = 1024;

/// What media begin with, and where.
const MAGIC: [(usize, &[u8]); 19] = [
    (0, b"\x89PNG"),
    (0, b"\xFF\xD8\xFF"),
    (0, b"GIF8"),
    (0, b"%PDF-"),
    (0, b"PK\x03\x04"),
    (0, b"\x1F\x8B\x08"),
    (0, b"RIFF"),
    (0, b"OggS"),
    (0, b"ID3"),
    (0, b"fLaC"),
    (4, b"ftyp"),
    (0, b"II*\0"),
    (0, b"MM\0*"),
    (0, b"7z\xBC\xAF"),
    (0, b"Rar!\x1A"),
    (0, b"\xD0\xCF\x11\xE0"),
    (0, b"\x28\xB5\x2F\xFD"),
    (0, b"SQLite f"),
    (0, b"\x1A\x45\xDF\xA3"),
];

/// Reads what any reader reads.
const READER: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How base64 was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Style {
    url_safe: bool,
    unpadded: bool,
    /// How long a line is, if there are several.
    line: Option<usize>,
    /// What ends a line.
    end: &'static [u8],
    /// Whether the last line is ended too.
    ended: bool,
}

/// What no letter means.
const NOTHING: u8 = 0xFF;

/// What the letters of both alphabets mean.
static SEXTETS: [u8; 256] = sextets();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "runs when compiled: out of bounds is a build error"
)]
const fn sextets() -> [u8; 256] {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut sextets = [NOTHING; 256];
    let mut at = 0;
    while at < letters.len() {
        sextets[letters[at] as usize] = at as u8;
        at += 1;
    }
    sextets[b'-' as usize] = 62;
    sextets[b'_' as usize] = 63;
    sextets
}

/// Whether a string begins with letters of base64, and enough of them, so that they are text or the
/// string is long: of names and numbers, few go on from here.
#[inline]
pub(super) fn leads(value: &[u8]) -> bool {
    let Some(first) = value.first_chunk::<BASE64_BYTES_MIN>() else {
        return false;
    };
    let (quads, _) = first.as_chunks::<4>();
    let mut bytes = [0; BASE64_BYTES_MIN / 4 * 3];
    let (triples, _) = bytes.as_chunks_mut::<3>();
    for (quad, triple) in quads.iter().zip(triples) {
        let mut word = 0;
        for letter in quad {
            let sextet = SEXTETS.get(usize::from(*letter)).copied();
            let sextet = sextet.unwrap_or(NOTHING);
            if sextet == NOTHING {
                return false;
            }
            word = word << 6 | u32::from(sextet);
        }
        let [_, word @ ..] = word.to_be_bytes();
        *triple = word;
    }
    value.len() >= MEDIA_BYTES_MIN || begins_text(&bytes)
}

/// Whether bytes are UTF-8, but for a character that is cut.
#[inline]
fn begins_text(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

#[inline]
fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// What a string holds, if it is base64 of something that counts.
pub(super) fn unwrap(value: &[u8]) -> Option<Held> {
    let letters = value.iter().filter(|byte| !is_break(**byte));
    let head: Vec<u8> = letters.take(PEEK_BYTES).copied().collect();
    let head = decode(head.get(..head.len() / 4 * 4)?)?;
    let is_media = value.len() >= MEDIA_BYTES_MIN && is_media(&head);
    if !begins_text(&head) && !is_media && value.len() < BINARY_BYTES_MIN {
        return None;
    }
    let (bytes, style) = read(value)?;
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Some(Held::Text(Wrapped {
            text,
            wrapping: Wrapping::Base64(style),
        })),
        _ if is_media => Some(Held::Media),
        // Text in UTF-16 has them, and so may numbers that are all zero.
        Ok(text) if text.trim_matches('\0').is_empty() => None,
        Ok(_) => Some(Held::Binary),
        Err(_) => (value.len() >= BINARY_BYTES_MIN).then_some(Held::Binary),
    }
}

fn is_media(head: &[u8]) -> bool {
    MAGIC
        .iter()
        .any(|(at, magic)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)))
}

/// The bytes that base64 stands for, and how it was written; nothing if it is none.
pub(super) fn read(value: &[u8]) -> Option<(Vec<u8>, Style)> {
    let mut style = Style::PLAIN;
    let mut letters = value.trim_ascii_end();
    style.ended = letters.len() < value.len();
    let broken: Vec<u8>;
    if let Some(line) = letters.iter().position(|byte| is_break(*byte)) {
        style.line = Some(line);
        style.end = line_end(letters.get(line));
        broken = letters
            .iter()
            .copied()
            .filter(|it| !is_break(*it))
            .collect();
        letters = &broken;
    } else {
        style.end = line_end(value.get(letters.len()));
    }
    let padded = letters.len();
    while let Some(rest) = letters.strip_suffix(b"=") {
        letters = rest;
    }
    style.url_safe = memchr::memchr2(b'-', b'_', letters).is_some();
    // What needs no padding does not tell; the URL-safe alphabet mostly has none.
    style.unpadded =
        padded == letters.len() && (style.url_safe || !letters.len().is_multiple_of(4));
    (padded - letters.len() <= 2).then_some(())?;
    Some((decode(letters)?, style))
}

/// What letters without padding stand for.
fn decode(letters: &[u8]) -> Option<Vec<u8>> {
    if memchr::memchr2(b'-', b'_', letters).is_none() {
        return READER.decode(letters).ok();
    }
    let standard = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    let letters: Vec<u8> = letters.iter().map(standard).collect();
    READER.decode(letters).ok()
}

/// What ends lines whose first is ended by this byte.
fn line_end(byte: Option<&u8>) -> &'static [u8] {
    if byte == Some(&b'\r') { b"\r\n" } else { b"\n" }
}

impl Style {
    /// One line, padded, in the usual alphabet.
    pub(super) const PLAIN: Self = Self {
        url_safe: false,
        unpadded: false,
        line: None,
        end: b"\n",
        ended: false,
    };

    /// Writes bytes in this style.
    pub(super) fn write(&self, bytes: &[u8]) -> Vec<u8> {
        let mut letters = READER.encode(bytes).into_bytes();
        if self.unpadded {
            while letters.last() == Some(&b'=') {
                letters.pop();
            }
        }
        if self.url_safe {
            for letter in &mut letters {
                match letter {
                    b'+' => *letter = b'-',
                    b'/' => *letter = b'_',
                    _ => {}
                }
            }
        }
        if let Some(line) = self.line {
            let lines: Vec<&[u8]> = letters.chunks(line.max(1)).collect();
            letters = lines.join(self.end);
        }
        if self.ended {
            letters.extend_from_slice(self.end);
        }
        letters
    }
}
