//! `scheme://user:password@host`: who may connect, written into where.

use memchr::memmem;

use super::random;
use super::{Finding, finding};
use crate::DataClass;

/// Longest scheme, in bytes.
const SCHEME_BYTES_MAX: usize = 24;
/// Longest authority that is read, in bytes.
const AUTHORITY_BYTES_MAX: usize = 512;
/// Shortest password, in bytes.
const PASSWORD_BYTES_MIN: usize = 4;

/// Schemes whose user and password are HTTP Basic credentials (RFC 7617) and the like; all others
/// connect a program to a database or a queue.
static WEB: &[&[u8]] = &[
    b"http", b"https", b"ws", b"wss", b"ftp", b"ftps", b"git", b"ssh",
];

/// Passwords of documentation; whoever uses one has told everybody.
static EXAMPLES: &[&[u8]] = &[
    b"password",
    b"pass",
    b"passwd",
    b"pwd",
    b"secret",
    b"user",
    b"test",
    b"admin",
    b"guest",
    b"root",
    b"postgres",
    b"mysql",
    b"redis",
    b"mongo",
    b"token",
    b"hostname",
];

pub(super) fn scan(value: &[u8], findings: &mut Vec<Finding>) {
    for mark in memmem::find_iter(value, b"://") {
        findings.extend(credentials(value, mark));
    }
}

/// The credentials in the URL whose `://` stands at `mark`: of a web address both, of a connection
/// string the password, since the rest is what operators need to read in a log.
fn credentials(value: &[u8], mark: usize) -> Option<Finding> {
    let head = value.get(..mark)?;
    let scheme = head
        .iter()
        .rev()
        .take(SCHEME_BYTES_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(byte))
        .count();
    let scheme = head.get(mark - scheme..)?;
    let rest = value.get(mark + 3..)?;
    let authority = rest
        .iter()
        .take(AUTHORITY_BYTES_MAX)
        .take_while(|byte| !b"/?#\"'<>`\\".contains(byte) && !byte.is_ascii_whitespace())
        .count();
    let authority = rest.get(..authority)?;
    let at = memchr::memrchr(b'@', authority)?;
    let userinfo = authority.get(..at)?;
    let colon = memchr::memchr(b':', userinfo)?;
    let password = userinfo.get(colon + 1..)?;
    if scheme.is_empty() || !is_password(password) {
        return None;
    }
    let start = mark + 3;
    Some(if WEB.iter().any(|web| scheme.eq_ignore_ascii_case(web)) {
        finding(
            DataClass::BASIC_AUTH,
            start,
            start + at,
            92,
            "url-credentials",
        )
    } else {
        finding(
            DataClass::CONNECTION_STRING,
            start + colon + 1,
            start + at,
            95,
            "connection-string",
        )
    })
}

/// Whether this can be a password that somebody uses.
fn is_password(password: &[u8]) -> bool {
    password.len() >= PASSWORD_BYTES_MIN
        && !random::is_placeholder(password)
        && !password.starts_with(b"$")
        && !matches!(
            password,
            [b'{' | b'[' | b'<' | b'%', .., b'}' | b']' | b'>' | b'%']
        )
        && password
            .iter()
            .any(|byte| *byte != b'*' && !byte.eq_ignore_ascii_case(&b'x'))
        && !EXAMPLES
            .iter()
            .any(|example| password.eq_ignore_ascii_case(example))
}

/// Where the URL starts that holds the host at `host`.
pub(super) fn start(value: &[u8], host: usize) -> usize {
    let head = value.get(..host).unwrap_or_default();
    let run = head
        .iter()
        .rev()
        .take(80)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b".:/-".contains(byte))
        .count();
    let from = host - run;
    let text = value.get(from..host).unwrap_or_default();
    memmem::rfind(text, b"http").map_or(host, |http| from + http)
}
