//! IP and MAC addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use memchr::memchr;

use super::{before, byte, finding};
use crate::DataClass;
use crate::finding::Finding;

/// `xxxx:xxxx:xxxx:xxxx:xxxx:xxxx:255.255.255.255`.
const IPV6_BYTES_MAX: usize = 45;
/// `255.255.255.255`.
const IPV4_BYTES_MAX: usize = 15;
/// Fewest hexadecimal digits of an IPv6 address in text; `a::b` is also a path of a program.
const IPV6_DIGITS_MIN: usize = 6;

/// Finds IPv6 and MAC addresses: runs of hexadecimal digits and colons.
pub(super) fn scan_colons(value: &[u8], findings: &mut Vec<Finding>) {
    let mut from = 0;
    while let Some(colon) = memchr(b':', value.get(from..).unwrap_or_default()) {
        let colon = from + colon;
        let start = colon - back(value, colon, from);
        let end = start + run(value, start, is_hex_or_colon);
        from = end.max(colon + 1);
        let token = value.get(start..end).unwrap_or_default();
        if token.len() > IPV6_BYTES_MAX || !alone(value, start, end) {
            continue;
        }
        if is_ipv6(token) {
            findings.push(finding(DataClass::IP, start, end, 95, "ipv6"));
        } else if is_mac(token) {
            findings.push(finding(DataClass::MAC, start, end, 90, "mac"));
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
        if token.len() <= IPV4_BYTES_MAX && alone(value, start, end) && is_ipv4(token) {
            findings.push(finding(DataClass::IP, start, end, 90, "ipv4"));
        }
    }
}

/// Whether the value is one address and nothing else.
pub(super) fn is_address(value: &[u8]) -> bool {
    is_ipv4(value) || is_ipv6(value)
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

fn is_mac(token: &[u8]) -> bool {
    token.len() == 17
        && token.chunks(3).all(|pair| {
            matches!(pair, [a, b, rest @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()
                && matches!(rest, [] | [b':']))
        })
        && token.iter().any(|byte| !matches!(byte, b'0' | b':'))
}

fn parse<T: std::str::FromStr>(token: &[u8]) -> Option<T> {
    std::str::from_utf8(token).ok()?.parse().ok()
}

/// Whether nothing before or after makes it part of a longer word, version or path.
fn alone(value: &[u8], start: usize, end: usize) -> bool {
    let (previous, next) = (before(value, start, 1), byte(value, end));
    // `Chrome/120.0.0.0` is a version.
    let version = previous == b'/' && before(value, start, 2).is_ascii_alphanumeric();
    let inside = is_word(previous) || matches!(previous, b'.' | b'-' | b':');
    let goes_on = is_word(next) || matches!(next, b'.' | b'-') && is_word(byte(value, end + 1));
    !(version || inside || goes_on)
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
