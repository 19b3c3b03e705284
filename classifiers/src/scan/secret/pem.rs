//! Private keys in PEM (RFC 7468), also with `\n` written out, and as much of one as there is.

use memchr::memmem;

use super::Place;

/// Longest label of a block, in bytes: `ENCRYPTED PRIVATE KEY`, `OPENSSH PRIVATE KEY` and the like.
const LABEL_BYTES_MAX: usize = 48;
/// Fewest letters of base64 of a key; the shortest, of an elliptic curve, has over 60.
const BODY_BYTES_MIN: usize = 40;
/// Longest block that is read, in bytes; a key of 16,384 bits has some 13,000.
const BLOCK_BYTES_MAX: usize = 32 * 1024;

/// The block whose `BEGIN ` stands from `begin` to `after`.
pub(super) fn place(value: &[u8], begin: usize, after: usize) -> Option<Place> {
    let start = begin.checked_sub(5)?;
    if value.get(start..begin)? != b"-----" {
        return None;
    }
    let rest = value.get(after..)?;
    let rest = rest.get(..rest.len().min(BLOCK_BYTES_MAX)).unwrap_or(rest);
    let line = rest.get(..rest.len().min(LABEL_BYTES_MAX)).unwrap_or(rest);
    let dashes = memmem::find(line, b"-----")?;
    memmem::find(line.get(..dashes)?, b"PRIVATE KEY")?;
    let block = rest.get(dashes + 5..)?;
    // The next line of dashes ends the block, or shows that it was cut.
    let next = memmem::find(block, b"-----").unwrap_or(block.len());
    let last = block.get(next..)?;
    let (body, end) = if last.starts_with(b"-----END ") {
        (next, next + closing(last))
    } else {
        let run = block.iter().take(next);
        let run = run.take_while(|byte| is_body(**byte)).count();
        (run, run)
    };
    let letters = block.get(..body)?.iter();
    let letters = letters.filter(|byte| byte.is_ascii_alphanumeric()).count();
    (letters >= BODY_BYTES_MIN).then_some((start, after + dashes + 5 + end, 99))
}

/// How long the last line is, from `-----END ` on.
fn closing(line: &[u8]) -> usize {
    let line = line
        .get(..line.len().min(9 + LABEL_BYTES_MAX))
        .unwrap_or(line);
    let label = line.get(9..).unwrap_or_default();
    memmem::find(label, b"-----").map_or(line.len(), |dashes| 9 + dashes + 5)
}

/// What a block without its end holds: base64, and how lines and headers are written.
fn is_body(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=\\-:,".contains(&byte)
}
