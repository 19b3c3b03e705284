//! IP and MAC addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use memchr::memchr;

use super::{before, byte, finding};
use crate::DataClass;
use crate::finding::Finding;

/// `xxxx:xxxx:xxxx:xxxx:xxxx:xxxx:255.255.255.255`.
const IPV6_BYTES_MAX: usize = 45;
/// `10.0.0.1`.
const IPV4_BYTES_MIN: usize = 8;
/// `255.255.255.255`.
const IPV4_BYTES_MAX: usize = 15;
/// Fewest hexadecimal digits of an IPv6 address in text; `a::b` is also a path of a program.
const IPV6_DIGITS_MIN: usize = 6;
/// `xx:xx:xx:xx:xx:xx`.
const MAC_BYTES: usize = 17;
/// `xxxx.xxxx.xxxx`, as routers print it.
const MAC_DOTTED_BYTES: usize = 14;
/// Most bytes before an address in which a word may say that it is a version.
const WORD_BYTES_MAX: usize = 12;

/// Finds IPv6 and MAC addresses: runs of hexadecimal digits and colons.
pub(super) fn scan_colons(value: &[u8], findings: &mut Vec<Finding>) {
    let mut from = 0;
    while let Some(colon) = memchr(b':', value.get(from..).unwrap_or_default()) {
        let colon = from + colon;
        let start = colon - back(value, colon, from);
        let mut end = start + run(value, start, is_hex_or_colon);
        from = end.max(colon + 1);
        // The last 32 bits may be written as IPv4: RFC 4291, section 2.2.
        if byte(value, end) == b'.' {
            end += run(value, end, |byte| byte.is_ascii_digit() || byte == b'.');
        }
        let dots = value.get(start..end).unwrap_or_default().iter().rev();
        end -= dots.take_while(|byte| **byte == b'.').count();
        let token = value.get(start..end).unwrap_or_default();
        if token.len() > IPV6_BYTES_MAX || !alone(value, start, end) {
            continue;
        }
        if is_ipv6(token) {
            findings.push(finding(DataClass::IP, start, end, 95, "ipv6"));
            from = end.max(from);
        } else if is_mac(token) {
            findings.push(finding(DataClass::MAC, start, end, 90, "mac"));
        }
    }
}

/// Finds MAC addresses written with hyphens, of IEEE 802, or in three groups with points.
pub(super) fn scan_macs(value: &[u8], findings: &mut Vec<Finding>) {
    let mut from = 0;
    while let Some(skip) = value
        .get(from..)
        .and_then(|rest| rest.iter().position(u8::is_ascii_hexdigit))
    {
        let start = from + skip;
        let hex = run(value, start, |byte| byte.is_ascii_hexdigit());
        from = start + hex;
        let length = match (hex, byte(value, start + hex)) {
            (2, b'-') => MAC_BYTES,
            (4, b'.') => MAC_DOTTED_BYTES,
            _ => continue,
        };
        let end = start + length;
        let token = value.get(start..end).unwrap_or_default();
        let opens = !is_word(before(value, start, 1)) && !b".-:".contains(&before(value, start, 1));
        if opens && closes(value, end) && (is_mac(token) || is_dotted_mac(token)) {
            findings.push(finding(DataClass::MAC, start, end, 90, "mac"));
            from = end;
        }
    }
}

/// Finds IPv4 addresses that are neither versions nor object identifiers.
pub(super) fn scan_dots(value: &[u8], findings: &mut Vec<Finding>) {
    let mut from = 0;
    while let Some(skip) = value
        .get(from..)
        .and_then(|rest| rest.iter().position(u8::is_ascii_digit))
    {
        let start = from + skip;
        let mut end = start + run(value, start, |byte| byte.is_ascii_digit() || byte == b'.');
        from = end;
        if before(value, end, 1) == b'.' {
            end -= 1;
        }
        let token = value.get(start..end).unwrap_or_default();
        // Four single digits number a section: of all addresses, one in 400,000 looks so.
        if (IPV4_BYTES_MIN..=IPV4_BYTES_MAX).contains(&token.len())
            && alone(value, start, end)
            && is_ipv4(token)
            && !is_version(value, start)
        {
            findings.push(finding(DataClass::IP, start, end, 90, "ipv4"));
        }
    }
}

/// Whether the value is one address and nothing else, but for the length of a prefix.
pub(super) fn is_address(value: &[u8]) -> bool {
    let address = match memchr(b'/', value) {
        Some(slash) if is_prefix_length(value.get(slash + 1..).unwrap_or_default()) => {
            value.get(..slash).unwrap_or(value)
        }
        _ => value,
    };
    is_ipv4(address) || is_ipv6(address)
}

/// Up to 128: RFC 4291, section 2.3.
fn is_prefix_length(text: &[u8]) -> bool {
    parse::<u8>(text).is_some_and(|bits| bits <= 128)
}

fn is_ipv4(token: &[u8]) -> bool {
    parse::<Ipv4Addr>(token).is_some_and(|address| {
        !(address.is_unspecified() || address.is_loopback() || address.is_broadcast())
    })
}

fn is_ipv6(token: &[u8]) -> bool {
    let digits = token.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
    digits >= IPV6_DIGITS_MIN
        && parse::<Ipv6Addr>(token)
            .is_some_and(|address| !(address.is_unspecified() || address.is_loopback()))
}

/// Six pairs with one separator, which do not name all stations or none.
fn is_mac(token: &[u8]) -> bool {
    let separator = byte(token, 2);
    token.len() == MAC_BYTES
        && matches!(separator, b':' | b'-')
        && token.chunks(3).all(|pair| {
            matches!(pair, [a, b, rest @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()
                && (rest.is_empty() || rest == [separator]))
        })
        && is_station(token)
}

fn is_dotted_mac(token: &[u8]) -> bool {
    token.len() == MAC_DOTTED_BYTES
        && token.chunks(5).all(|group| {
            let (digits, rest) = group.split_at_checked(4).unwrap_or_default();
            digits.iter().all(u8::is_ascii_hexdigit) && (rest.is_empty() || rest == b".")
        })
        // `1234.5678.9012` is no hardware's.
        && token.iter().any(u8::is_ascii_alphabetic)
        && is_station(token)
}

/// Whether it names one station: IEEE 802, section 8.2.
fn is_station(token: &[u8]) -> bool {
    let mut digits = token.iter().filter(|byte| byte.is_ascii_hexdigit());
    let first = digits.next();
    first.is_some_and(|first| {
        !matches!(first, b'0' | b'f' | b'F')
            || digits.any(|digit| !digit.eq_ignore_ascii_case(first))
    })
}

fn parse<T: std::str::FromStr>(token: &[u8]) -> Option<T> {
    std::str::from_utf8(token).ok()?.parse().ok()
}

/// Whether a word right before says that the number counts releases: `version 1.2.3.4`, `<version>`.
fn is_version(value: &[u8], start: usize) -> bool {
    let head = value.get(..start).unwrap_or_default();
    let blank = head
        .iter()
        .rev()
        .take(3)
        .take_while(|byte| b" :=>\"".contains(byte))
        .count();
    let word = head
        .get(..head.len() - blank)
        .unwrap_or_default()
        .rsplit(|byte| !byte.is_ascii_alphabetic())
        .next()
        .unwrap_or_default();
    let words: [&[u8]; 8] = [
        b"version",
        b"ver",
        b"release",
        b"build",
        b"firmware",
        b"v",
        b"section",
        b"rev",
    ];
    word.len() <= WORD_BYTES_MAX && words.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether nothing before or after makes it part of a longer word, version or path.
fn alone(value: &[u8], start: usize, end: usize) -> bool {
    let previous = before(value, start, 1);
    // `Chrome/120.0.0.0` is a version.
    let version = previous == b'/' && before(value, start, 2).is_ascii_alphanumeric();
    let inside = is_word(previous) || matches!(previous, b'.' | b'-' | b':');
    !version && !inside && closes(value, end)
}

fn closes(value: &[u8], end: usize) -> bool {
    let next = byte(value, end);
    !(is_word(next) || matches!(next, b'.' | b'-' | b':') && is_word(byte(value, end + 1)))
        || next == b':' && byte(value, end + 1).is_ascii_digit() && before(value, end, 1) != b':'
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_hex_or_colon(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte == b':'
}

fn run(value: &[u8], start: usize, is_part: impl Fn(u8) -> bool) -> usize {
    let rest = value.get(start..).unwrap_or_default();
    rest.iter().take_while(|byte| is_part(**byte)).count()
}

/// How many hexadecimal digits stand right before `at`, not further back than `floor`.
fn back(value: &[u8], at: usize, floor: usize) -> usize {
    let head = value.get(floor..at).unwrap_or_default();
    head.iter()
        .rev()
        .take(IPV6_BYTES_MAX)
        .take_while(|byte| is_hex_or_colon(**byte))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut findings = Vec::new();
        scan_colons(text.as_bytes(), &mut findings);
        scan_dots(text.as_bytes(), &mut findings);
        scan_macs(text.as_bytes(), &mut findings);
        let texts = findings.iter().map(|finding| {
            text.get(finding.start.try_into().unwrap()..finding.end.try_into().unwrap())
        });
        texts.map(Option::unwrap).collect()
    }

    #[test]
    fn addresses_are_found_in_each_notation() {
        for address in [
            "203.0.113.9",
            "2001:db8::8a2e:370:7334",
            "2001:db8:0:0:0:0:192.168.1.1",
            "::ffff:192.168.1.10",
            "64:ff9b::192.0.2.33",
            "00:1b:44:11:3a:b7",
            "00-1B-44-11-3A-B7",
            "001b.4411.3ab7",
        ] {
            for text in [
                address.to_owned(),
                format!("from {address}."),
                format!("({address})"),
            ] {
                assert_eq!(found(&text), [address], "{text}");
            }
        }
        assert_eq!(found("at 203.0.113.9:8080"), ["203.0.113.9"]);
        assert_eq!(found("net 203.0.113.0/24"), ["203.0.113.0"]);
    }

    #[test]
    fn what_only_looks_like_an_address_is_none() {
        for text in [
            "version 1.2.3.4",
            "Version: 6.52.16.77",
            "<version>6.52.16.77",
            "1.3.6.1.4.1.311",
            "see 1.1.1.2",
            "Chrome/120.0.0.0",
            "127.0.0.1 ::1 0.0.0.0 255.255.255.255",
            "ff:ff:ff:ff:ff:ff 00:00:00:00:00:00",
            "12:34:56",
            "550e8400-e29b-41d4-a716-446655440000",
            "16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48:01:02:03:04",
            "16-27-AC-A5-76-28-2D-36-63-1B-56-4D-EB-DF-A6-48",
            "1234.5678.9012",
            "std::ops::Add",
            "2024-01-02T03:04:05",
        ] {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
    }
}
