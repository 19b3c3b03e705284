//! Secrets: what vendors gave a prefix to be found by, private keys, tokens, credentials in headers
//! and URLs, and what a name in the text calls a secret.
//!
//! Every prefix begins with a letter or digit behind something else, so candidates are the starts
//! of words: eight bytes at a time are asked for these, and three bytes at each say whether any
//! prefix goes on so.

mod assignment;
mod families;
mod github;
mod header;
mod index;
mod pem;
mod random;
mod shape;
mod url;
mod vendors;

use super::{before, byte, finding};
use crate::DataClass;
use crate::finding::Finding;
use families::{Family, Form};
use index::{INDEX, Index};

pub(super) use random::{is_placeholder, is_random};
pub(crate) use vendors::is_vendor;

/// Longest token that is read, in bytes; what follows is no part of one.
const TOKEN_BYTES_MAX: usize = 4096;

/// Longest key that a field holds, in bytes.
const KEY_BYTES_MAX: usize = 8192;

/// How sure a vendor's prefix makes, with the rest in its form, in percent.
const BY_FORM: u8 = 95;
/// How sure a check sum in the token makes.
const BY_CHECKSUM: u8 = 99;

/// Where a secret stands: start, end and how sure that is.
type Place = (usize, usize, u8);

/// Finds tokens of known form, private keys and headers.
pub(super) fn scan(value: &[u8], findings: &mut Vec<Finding>) {
    let mut from = 0;
    let index = &*INDEX;
    index::each_start(value, |start| {
        if start >= from
            && index.may_start(value, start)
            && let Some((family, (first, end, confidence))) = at(index, value, start)
        {
            from = end;
            findings.push(finding(family.class, first, end, confidence, family.name));
        }
    });
    if memchr::memchr(b'~', value).is_some() {
        entra(value, findings);
    }
    if memchr::memchr(b'|', value).is_some() {
        facebook(value, findings);
    }
}

/// Finds private keys and tokens that the form of their vendor gives away: what nobody can have meant
/// who said that a place holds nothing.
pub(super) fn scan_certain(value: &[u8], findings: &mut Vec<Finding>) {
    let from = findings.len();
    scan(value, findings);
    let found = findings.split_off(from);
    let is_general =
        |finding: &Finding| matches!(finding.detector, "jwt" | "bearer" | "basic-auth" | "cookie");
    findings.extend(found.into_iter().filter(|finding| !is_general(finding)));
}

/// Finds what the text calls a secret: `api_key = "..."`, `password: ...`.
pub(super) fn scan_names(value: &[u8], findings: &mut Vec<Finding>) {
    assignment::scan(value, findings);
}

/// Finds credentials in URLs and behind `curl -u`.
pub(super) fn scan_credentials(value: &[u8], ats: bool, findings: &mut Vec<Finding>) {
    if ats {
        url::scan(value, findings);
    }
    header::curl(value, findings);
}

/// The first family that what starts here is of.
fn at(index: &Index, value: &[u8], start: usize) -> Option<(&'static Family, Place)> {
    let rest = value.get(start..)?;
    let second = rest.get(1)?;
    index
        .families(byte(value, start))
        .filter(|family| {
            // Most that begin alike differ here, and no call is needed to see it.
            let prefix = family.prefix.as_bytes();
            prefix.get(1) == Some(second) && rest.starts_with(prefix)
        })
        .find_map(|family| Some((family, family.place(value, start)?)))
}

/// Whether a token of a vendor's form or a JSON Web Token starts here.
fn is_known(value: &[u8], start: usize) -> bool {
    let rest = value.get(start..).unwrap_or_default();
    INDEX
        .families(byte(value, start))
        .filter(|family| matches!(family.form, Form::Parts(_) | Form::Jwt))
        .filter(|family| rest.starts_with(family.prefix.as_bytes()))
        .any(|family| family.place(value, start).is_some())
}

impl Family {
    fn place(&self, value: &[u8], start: usize) -> Option<Place> {
        let after = start + self.prefix.len();
        let rest = value.get(after..)?;
        match self.form {
            Form::Pem => pem::place(value, start, after),
            Form::Jwt => header::jwt(value, start),
            // A token of a known form is found where it starts, under its own name.
            Form::Bearer if is_known(value, after) => None,
            Form::Bearer => header::bearer(value, start, after),
            Form::Basic => header::basic(value, after),
            Form::Cookie => header::cookie(value, after),
            Form::Hook(parts) => {
                let end = after + shape::length(parts, rest)?;
                Some((url::start(value, start), end, BY_FORM))
            }
            Form::Parts(parts) => {
                let end = after + shape::length(parts, rest)?;
                let body = value.get(after..end)?;
                (opens(value, start) && closes(value, end) && self.is_random(body)).then(|| {
                    let token = value.get(start..end).unwrap_or_default();
                    (start, end, self.confidence(token))
                })
            }
            Form::Behind(set, least, most, parts) => {
                let head = value.get(..start)?;
                let back = set.run_back(head, most + 1);
                let end = after + shape::length(parts, rest)?;
                let first = start.checked_sub(back)?;
                let token = value.get(first..end)?;
                ((least..=most).contains(&back)
                    && !before(value, first, 1).is_ascii_alphanumeric()
                    && closes(value, end)
                    && self.is_random(token))
                .then_some((first, end, BY_FORM))
            }
        }
    }

    fn is_random(&self, body: &[u8]) -> bool {
        self.entropy == 0
            || random::may_reach(body, self.entropy)
                && random::entropy(body) >= self.entropy
                && !is_placeholder(body)
                && !random::is_sequence(body)
    }

    fn confidence(&self, token: &[u8]) -> u8 {
        if self.class == DataClass::GITHUB_TOKEN && github::checksum_holds(token) {
            BY_CHECKSUM
        } else {
            BY_FORM
        }
    }
}

/// Whether the whole value, whose name calls it a secret, looks like one. Quotes may stand around
/// it, where a line of code was read as a name and its value.
pub(super) fn is_key(value: &[u8]) -> bool {
    let content = value.trim_ascii_end();
    let content = content.strip_suffix(b";").unwrap_or(content);
    let content = if let [b'"', inside @ .., b'"'] | [b'\'', inside @ .., b'\''] = content {
        inside
    } else {
        content
    };
    (8..=KEY_BYTES_MAX).contains(&content.len())
        && content.iter().all(u8::is_ascii_graphic)
        && !content.starts_with(b"http")
        && is_random(content)
}

/// Whether a token can start here: not within a name, a path of base64 or a longer token.
fn opens(value: &[u8], start: usize) -> bool {
    !matches!(before(value, start, 1), b'_' | b'+')
}

/// Whether a token can end here.
fn closes(value: &[u8], end: usize) -> bool {
    let (next, second) = (byte(value, end), byte(value, end + 1));
    match next {
        b'_' => false,
        b'-' | b'+' | b'.' => !second.is_ascii_alphanumeric(),
        _ => !next.is_ascii_alphanumeric(),
    }
}

/// Client secrets of Microsoft Entra ID: three characters, a digit, `Q~`, and 31 to 34 more.
fn entra(value: &[u8], findings: &mut Vec<Finding>) {
    for mark in memchr::memmem::find_iter(value, b"Q~") {
        let Some(start) = mark.checked_sub(4) else {
            continue;
        };
        let body = value.get(mark + 2..).unwrap_or_default();
        let length = shape::ENTRA.run(body, 35);
        let end = mark + 2 + length;
        let token = value.get(start..end).unwrap_or_default();
        let head = token.first_chunk::<3>();
        let shaped = head.is_some_and(|head| head.iter().all(|byte| shape::ENTRA.has(*byte)))
            && before(value, mark, 1).is_ascii_digit()
            && (31..=34).contains(&length)
            && !shape::ENTRA.has(before(value, start, 1));
        if shaped && random::entropy(token) >= 35 {
            findings.push(finding(
                DataClass::AZURE_SECRET,
                start,
                end,
                BY_FORM,
                "entra",
            ));
        }
    }
}

/// Access tokens of applications at Facebook: the application's number, a bar, and its secret.
fn facebook(value: &[u8], findings: &mut Vec<Finding>) {
    for mark in memchr::memchr_iter(b'|', value) {
        let digits = shape::DIGIT.run_back(value.get(..mark).unwrap_or_default(), 17);
        let secret = value.get(mark + 1..).unwrap_or_default();
        let length = shape::TOKEN.run(secret, 41);
        let (start, end) = (mark - digits, mark + 1 + length);
        let shaped = (15..=16).contains(&digits)
            && (27..=40).contains(&length)
            && !before(value, start, 1).is_ascii_alphanumeric();
        if shaped && random::entropy(secret.get(..length).unwrap_or_default()) >= 35 {
            findings.push(finding(
                DataClass::VENDOR_TOKEN,
                start,
                end,
                BY_FORM,
                "facebook",
            ));
        }
    }
}

#[cfg(test)]
mod tests;
