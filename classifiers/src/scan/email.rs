//! E-mail addresses: a dot-atom or quoted string (RFC 5322), or one in any script (RFC 6531), at a
//! domain with a top level, which may be internationalised (RFC 5890).

use memchr::{memchr_iter, memmem};

use super::{before, byte, finding};
use crate::DataClass;
use crate::finding::Finding;

/// RFC 5321, 4.5.3.1.1.
const LOCAL_BYTES_MAX: usize = 64;
/// RFC 5321, 4.5.3.1.2.
const DOMAIN_BYTES_MAX: usize = 255;
/// Longest label of a domain: RFC 1035, section 2.3.4.
const LABEL_BYTES_MAX: usize = 63;

/// "Domains" that are file names: `icon@2x.png`.
static FILE_EXTENSIONS: &[&[u8]] = &[
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"js", b"css", b"ts", b"json", b"html",
    b"php", b"yaml", b"yml", b"xml", b"txt", b"jar", b"exe", b"dll", b"pdf", b"tsx", b"jsx",
    b"woff", b"tgz",
];

pub(super) fn scan(value: &[u8], findings: &mut Vec<Finding>) {
    for at in memchr_iter(b'@', value) {
        findings.extend(address(value, at));
    }
}

/// The address around the `@` at `at`.
fn address(value: &[u8], at: usize) -> Option<Finding> {
    let start = at - local_length(value, at);
    let end = at + 1 + domain_length(value, at + 1);
    let whole = start < at && end > at + 1 && !is_remote(value, start, at, end);
    whole.then(|| finding(DataClass::EMAIL, start, end, 99, "email"))
}

fn local_length(value: &[u8], at: usize) -> usize {
    let head = value.get(..at).unwrap_or_default();
    let head = head
        .get(head.len().saturating_sub(LOCAL_BYTES_MAX + 1)..)
        .unwrap_or(head);
    if let Some(quoted) = head.strip_suffix(b"\"") {
        return quoted_length(quoted);
    }
    let (mut run, mut ascii) = (0, false);
    while let Some(width) = head
        .get(..head.len() - run)
        .and_then(|head| last_part(head, ascii))
    {
        run += width;
        ascii = width == 1;
    }
    // Neither a dot nor a hyphen starts one: what stands before is punctuation.
    let text = head.get(head.len() - run..).unwrap_or_default();
    let punctuation = text
        .iter()
        .take_while(|byte| matches!(byte, b'.' | b'-' | b'\'' | b'*' | b'!' | b'#' | b'$'))
        .count();
    let ends_well = text.last().is_some_and(|byte| *byte != b'.');
    if run > LOCAL_BYTES_MAX || !ends_well {
        0
    } else {
        run - punctuation
    }
}

/// How long `"..."` is whose closing quote was just taken off; 0 if nothing opens it.
fn quoted_length(head: &[u8]) -> usize {
    match memchr::memrchr(b'"', head) {
        Some(open) if open + 1 < head.len() => head.len() - open + 1,
        _ => 0,
    }
}

/// How many bytes the last character has, if it can be part of a local part; `ascii` tells whether
/// that goes on with a byte of ASCII.
fn last_part(head: &[u8], ascii: bool) -> Option<usize> {
    let last = *head.last()?;
    if last < 0x80 {
        return is_local(last).then_some(1);
    }
    let width = 1 + head
        .iter()
        .rev()
        .take(3)
        .take_while(|byte| **byte & 0xC0 == 0x80)
        .count();
    let lead = *head.get(head.len().checked_sub(width)?..)?.first()?;
    is_letter(lead, head.get(head.len() - width + 1).copied(), ascii).then_some(width)
}

/// Whether a character of several bytes may go on in a word. Scripts that are written without blanks
/// stand right before and behind addresses, so that they are part of one only among themselves.
fn is_letter(lead: u8, second: Option<u8>, inside: bool) -> bool {
    match lead {
        // Letters of the Latin, Greek, Cyrillic, Armenian, Hebrew and Arabic scripts.
        0xC3..=0xDF => true,
        // Punctuation: U+2000 to U+206F, U+3000 to U+303F, full-width forms.
        0xE2 | 0xEF => false,
        0xE3 if second == Some(0x80) => false,
        0xE0..=0xF4 => !inside,
        _ => false,
    }
}

/// The domain's length, without a full stop that ends the sentence; 0 if it is none.
fn domain_length(value: &[u8], start: usize) -> usize {
    let rest = value.get(start..).unwrap_or_default();
    let rest = rest.get(..rest.len().min(DOMAIN_BYTES_MAX)).unwrap_or(rest);
    let domain = rest.get(..domain_run(rest)).unwrap_or_default();
    let tail = domain
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b'.' | b'-'))
        .count();
    let domain = domain.get(..domain.len() - tail).unwrap_or_default();
    if is_host(domain) { domain.len() } else { 0 }
}

/// How long the text is that only holds what domains hold.
fn domain_run(rest: &[u8]) -> usize {
    let mut run = 0;
    while let Some(byte) = rest.get(run).copied() {
        let ascii_label = run > 0 && rest.get(run - 1).is_some_and(u8::is_ascii_alphanumeric);
        let width = match byte {
            0xC3..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') => 1,
            _ => break,
        };
        if width > 1 && !is_letter(byte, rest.get(run + 1).copied(), ascii_label) {
            break;
        }
        run += width;
    }
    run.min(rest.len())
}

/// Whether the labels make a host's name with a top-level domain.
fn is_host(domain: &[u8]) -> bool {
    let mut labels = domain.rsplit(|byte| *byte == b'.');
    let tld = labels.next().unwrap_or_default();
    let named = tld.len() >= 2
        && tld
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
        || tld.starts_with(b"xn--");
    let whole = labels.clone().count() > 0
        && labels.all(|label| {
            (1..=LABEL_BYTES_MAX).contains(&label.len())
                && !label.starts_with(b"-")
                && !label.ends_with(b"-")
        });
    let file = FILE_EXTENSIONS
        .iter()
        .any(|extension| tld.eq_ignore_ascii_case(extension));
    // `left-pad@1.2.3-beta.x` is a package.
    let mut first = domain.split(|byte| *byte == b'.').take(2);
    let version = first.all(|label| label.first().is_some_and(u8::is_ascii_digit));
    named && whole && !file && !version
}

/// Whether it is where a program connects, not where a person reads: `git@host:path`, and the
/// `user:password@host` of a URL, which is a connection string's.
fn is_remote(value: &[u8], start: usize, at: usize, end: usize) -> bool {
    let local = value.get(start..at).unwrap_or_default();
    let git = local == b"git" && matches!(byte(value, end), b':' | b'/');
    git || is_path(value, end) || before(value, start, 1) == b':' && userinfo(value, start)
}

/// Whether a colon and a path follow, as `scp` and `git` write them: `ann@host:src/a.git`.
fn is_path(value: &[u8], end: usize) -> bool {
    let rest = value.get(end..).unwrap_or_default();
    let path = rest
        .iter()
        .take(DOMAIN_BYTES_MAX)
        .take_while(|byte| !byte.is_ascii_whitespace() && !b"\"'<>,;".contains(byte))
        .count();
    rest.get(..path)
        .and_then(|path| path.strip_prefix(b":"))
        .is_some_and(|path| path.contains(&b'/') || path.ends_with(b".git"))
}

/// Whether `://` and a user name stand right before.
fn userinfo(value: &[u8], start: usize) -> bool {
    let from = start.saturating_sub(LOCAL_BYTES_MAX);
    value
        .get(from..start)
        .unwrap_or_default()
        .rsplit(u8::is_ascii_whitespace)
        .next()
        .is_some_and(|word| memmem::find(word, b"://").is_some())
}

/// What local parts hold in practice. RFC 5322 allows more, but `/`, `=`, `?`, `&` and brackets
/// before an address are far more often a URL's or a program's.
fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._%+'-~!#$*".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut findings = Vec::new();
        scan(text.as_bytes(), &mut findings);
        let texts = findings.iter().map(|finding| {
            text.get(finding.start.try_into().unwrap()..finding.end.try_into().unwrap())
        });
        texts.map(Option::unwrap).collect()
    }

    #[test]
    fn addresses_are_found_in_all_scripts() {
        for address in [
            "ann@example.com",
            "ann.lee+news@mail.example.co.uk",
            "o'neil@example.ie",
            "jürgen@müller.de",
            "ann@xn--mller-kva.de",
            "почта@пример.рф",
            "用户@例子.公司",
            "\"ann lee\"@example.com",
            "1234567@163.com",
        ] {
            for text in [
                address.to_owned(),
                format!("to {address}, please"),
                format!("<{address}>."),
                format!("?mail={address}&x=1"),
                format!("“{address}”"),
            ] {
                assert_eq!(found(&text), [address], "{text}");
            }
        }
        assert_eq!(found("邮箱ann@example.com。"), ["ann@example.com"]);
        assert_eq!(found("'ann@example.com'"), ["ann@example.com"]);
        assert_eq!(
            found("https://x.example/u?to=ann@example.com"),
            ["ann@example.com"]
        );
    }

    #[test]
    fn other_at_signs_are_no_addresses() {
        for text in [
            "icon@2x.png",
            "@babel/core@7.1.2",
            "left-pad@1.2.3-beta.x",
            "follow @ann.lee",
            "git@github.com:a/b.git",
            "deploy@web.example.com:/var/www",
            "postgres://app:hunter22@db.example.com/x",
            "image@sha256:0123",
            "a@b",
            "a@b.c1",
            "a@-b.com",
            "a..@",
            "user@localhost",
        ] {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fall(text in "[a.@é用-]{0,80}") {
            found(&text);
        }
    }
}
