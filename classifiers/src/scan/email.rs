//! E-mail addresses: the addr-spec that people have (RFC 5322 dot-atom at a domain with a TLD).

use memchr::memchr_iter;

use super::{before, byte, finding};
use crate::DataClass;
use crate::finding::Finding;

/// RFC 5321, 4.5.3.1.1.
const LOCAL_BYTES_MAX: usize = 64;
/// RFC 5321, 4.5.3.1.2.
const DOMAIN_BYTES_MAX: usize = 255;

/// "Domains" that are file names: `icon@2x.png`.
static FILE_EXTENSIONS: &[&[u8]] = &[
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"js", b"css", b"ts", b"json",
];

pub(super) fn scan(value: &[u8], findings: &mut Vec<Finding>) {
    for at in memchr_iter(b'@', value) {
        let start = at - local_length(value, at);
        let end = at + 1 + domain_length(value, at + 1);
        if start == at || end == at + 1 || is_remote(value, start, at, end) {
            continue;
        }
        findings.push(finding(DataClass::EMAIL, start, end, 99, "email"));
    }
}

fn local_length(value: &[u8], at: usize) -> usize {
    let run = value
        .get(..at)
        .unwrap_or_default()
        .iter()
        .rev()
        .take(LOCAL_BYTES_MAX + 1)
        .take_while(|byte| is_local(**byte))
        .count();
    // Neither a dot nor a hyphen starts one: what stands before is punctuation.
    let start = at - run;
    let punctuation = value
        .get(start..at)
        .unwrap_or_default()
        .iter()
        .take_while(|byte| matches!(byte, b'.' | b'-' | b'\'' | b'=' | b'/' | b'&'))
        .count();
    if run > LOCAL_BYTES_MAX {
        0
    } else {
        run - punctuation
    }
}

/// The domain's length, without a full stop that ends the sentence; 0 if it is none.
fn domain_length(value: &[u8], start: usize) -> usize {
    let rest = value.get(start..).unwrap_or_default();
    let run = rest
        .iter()
        .take(DOMAIN_BYTES_MAX)
        .take_while(|byte| is_domain(**byte))
        .count();
    let domain = rest.get(..run).unwrap_or_default();
    let tail = domain
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b'.' | b'-'))
        .count();
    let domain = domain.get(..run - tail).unwrap_or_default();
    let mut labels = domain.rsplit(|byte| *byte == b'.');
    let tld = labels.next().unwrap_or_default();
    let named = tld.len() >= 2
        && tld
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
        || tld.starts_with(b"xn--");
    let whole = labels.clone().count() > 0 && labels.all(|label| !label.is_empty());
    let file = FILE_EXTENSIONS
        .iter()
        .any(|extension| tld.eq_ignore_ascii_case(extension));
    if named && whole && !file {
        domain.len()
    } else {
        0
    }
}

/// Whether it is where a program connects, not where a person reads: `git@host:path`, and the
/// `user:password@host` of a URL, which is a connection string's.
fn is_remote(value: &[u8], start: usize, at: usize, end: usize) -> bool {
    let local = value.get(start..at).unwrap_or_default();
    let git = local == b"git" && matches!(byte(value, end), b':' | b'/');
    git || before(value, start, 1) == b':' && userinfo(value, start)
}

/// Whether `://` and a user name stand right before.
fn userinfo(value: &[u8], start: usize) -> bool {
    let from = start.saturating_sub(LOCAL_BYTES_MAX);
    value
        .get(from..start)
        .unwrap_or_default()
        .rsplit(u8::is_ascii_whitespace)
        .next()
        .is_some_and(|word| memchr::memmem::find(word, b"://").is_some())
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'.' | b'-')
}
