//! What the text itself calls a secret: `api_key = "..."`, `export X_TOKEN=...`, `password: ...`,
//! `("token", "...")`, and the pairs of connection strings.
//!
//! A colon or an equals sign has a name on its left and a value on its right. Both must say so: the
//! name that it is a secret, the value that it is none of the many things that stand there instead.

use memchr::{memchr3, memchr3_iter};

use super::{TOKEN_BYTES_MAX, finding, random, vendors};
use crate::DataClass;
use crate::finding::Finding;
use crate::key::{KeyClass, key_class};

/// Most that is read before the sign, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// Most of a value that is looked at before its name, in bytes.
const LOOK_BYTES_MAX: usize = 256;
/// Shortest value, in bytes.
const VALUE_BYTES_MIN: usize = 6;
/// Least entropy of a password, in tenths of a bit per byte.
const PASSWORD_ENTROPY_MIN: u32 = 20;
/// Least entropy of a vendor's key, in tenths of a bit per byte.
const VENDOR_ENTROPY_MIN: u32 = 24;

pub(super) fn scan(value: &[u8], findings: &mut Vec<Finding>) {
    let mut from = 0;
    for sign in memchr3_iter(b':', b'=', b',', value) {
        if sign < from {
            continue;
        }
        let Some(pair) = Pair::at(value, sign) else {
            continue;
        };
        if let Some((class, confidence, detector)) = pair.judge(value) {
            from = pair.whole_end(value);
            findings.push(finding(class, pair.start, from, confidence, detector));
        }
    }
}

/// A name and the value that is given to it.
struct Pair<'a> {
    name: &'a [u8],
    content: &'a [u8],
    start: usize,
    end: usize,
    /// Whether it stands among others of its kind, separated by `;` or `&`: a connection string.
    listed: bool,
    /// The quotes that stand around the value.
    quote: Option<u8>,
}

impl<'a> Pair<'a> {
    /// The pair around the sign, if either side could be part of one.
    fn at(value: &'a [u8], sign: usize) -> Option<Self> {
        let head = value.get(..sign)?;
        let quoted_name = matches!(head.last(), Some(b'"' | b'\''));
        if value.get(sign) == Some(&b',') && !quoted_name {
            return None;
        }
        let name = name(head)?;
        let rest = value.get(sign + 1..)?;
        let blank = rest
            .iter()
            .take(6)
            .take_while(|byte| b"=:>? \t\"'`\\".contains(byte))
            .count();
        let quote = blank
            .checked_sub(1)
            .and_then(|last| rest.get(last))
            .filter(|byte| b"\"'`".contains(byte));
        let listed = matches!(
            head.get(..sign - name.len())?.last(),
            Some(b';' | b'&' | b'?')
        );
        let text = rest.get(blank..)?;
        let length = length(text, LOOK_BYTES_MAX, quote.copied(), listed);
        let length = match quote {
            Some(_) => length,
            None => before_next(text.get(..length)?),
        };
        let content = text.get(..length)?;
        let start = sign + 1 + blank;
        (length >= VALUE_BYTES_MIN).then_some(Self {
            name,
            content,
            start,
            end: start + length,
            listed: listed || text.get(length) == Some(&b';') && name.len() == sign,
            quote: quote.copied(),
        })
    }

    /// Where the value ends, which may be longer than what was looked at.
    fn whole_end(&self, value: &[u8]) -> usize {
        let rest = value.get(self.end..).unwrap_or_default();
        self.end + length(rest, TOKEN_BYTES_MAX, self.quote, self.listed)
    }

    /// What it is, how sure, and who says so.
    fn judge(&self, value: &[u8]) -> Option<(DataClass, u8, &'static str)> {
        let looks = self.looks();
        if !looks && !may_be_password(self.name) {
            return None;
        }
        if let Some(shapes) = vendors::named(self.name)
            && vendors::fits(shapes, self.content)
            && random::entropy(self.content) >= VENDOR_ENTROPY_MIN
            && !random::is_placeholder(self.content)
        {
            return Some((DataClass::VENDOR_TOKEN, 88, "vendor-key"));
        }
        if looks && self.is_cookie(value) {
            return Some((DataClass::SESSION_COOKIE, 88, "cookie"));
        }
        let KeyClass::Leaf(class) = key_class(self.name) else {
            return None;
        };
        match class {
            DataClass::PASSWORD if !self.is_password() => None,
            DataClass::GENERIC | DataClass::VENDOR_TOKEN | DataClass::PASSWORD if self.listed => {
                Some((DataClass::CONNECTION_STRING, 90, "connection-string"))
            }
            DataClass::PASSWORD => Some((class, 80, "password-word")),
            DataClass::GENERIC | DataClass::VENDOR_TOKEN if random::is_random(self.content) => {
                Some((DataClass::GENERIC, 80, "secret-word"))
            }
            _ => None,
        }
    }

    /// Whether the value is one word with a digit and a letter in it.
    fn looks(&self) -> bool {
        self.content.iter().any(u8::is_ascii_digit)
            && self.content.iter().any(u8::is_ascii_alphabetic)
            && (!self.content.starts_with(b"/") || self.content.ends_with(b"="))
            && self
                .content
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-+/=.~|%:!@#$^*".contains(byte))
            && memchr::memmem::find(self.content, b"://").is_none()
    }

    /// Whether the value could be a password and not a word about one: `password: required`.
    fn is_password(&self) -> bool {
        let letters = |byte: &u8| byte.is_ascii_alphabetic();
        let plain = self.content.iter().all(letters);
        let mixed = self.content.iter().skip(1).any(u8::is_ascii_uppercase)
            && self.content.iter().any(u8::is_ascii_lowercase);
        let code = self.content.iter().any(|byte| b"()<>{}[]".contains(byte))
            || memchr::memmem::find(self.content, b"::").is_some()
            || self.content.starts_with(b"$")
            || self.content.starts_with(b"/");
        let sentence = self.quote.is_some() && self.content.contains(&b' ');
        (!plain || mixed)
            && !code
            && !sentence
            && self.content.iter().all(u8::is_ascii_graphic)
            && !random::is_placeholder(self.content)
            && random::entropy(self.content) >= PASSWORD_ENTROPY_MIN
            && !self.is_reference()
    }

    /// Whether the value is code that fetches the secret: `config.password`, `user_password`.
    fn is_reference(&self) -> bool {
        self.quote.is_none()
            && self
                .content
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(byte))
            && matches!(key_class(self.content), KeyClass::Leaf(_))
    }

    /// Whether the attributes of a cookie (RFC 6265, section 4.1.1) follow.
    fn is_cookie(&self, value: &[u8]) -> bool {
        let tail = value.get(self.end..).unwrap_or_default();
        let tail = tail.get(..tail.len().min(64)).unwrap_or(tail);
        let attributes: [&[u8]; 6] = [
            b"path=",
            b"httponly",
            b"secure",
            b"samesite=",
            b"max-age=",
            b"expires=",
        ];
        let mut parts = tail
            .split(|byte| *byte == b';')
            .skip(1)
            .map(<[u8]>::trim_ascii);
        tail.starts_with(b";")
            && self.content.len() >= 16
            && random::is_random(self.content)
            && parts.any(|part| {
                attributes.iter().any(|name| {
                    part.get(..name.len())
                        .is_some_and(|head| head.eq_ignore_ascii_case(name))
                })
            })
    }
}

/// The name that ends the text, of words on the same line.
fn name(head: &[u8]) -> Option<&[u8]> {
    let tail = head
        .iter()
        .rev()
        .take(4)
        .take_while(|byte| b" \t\"'\\]`".contains(byte))
        .count();
    let head = head.get(..head.len() - tail)?;
    let letter = head.iter().rev().take(4).any(u8::is_ascii_alphabetic);
    let length = head
        .iter()
        .rev()
        .take(NAME_BYTES_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_.- ".contains(byte) || **byte >= 0x80)
        .count();
    let name = head.get(head.len() - length..)?.trim_ascii_start();
    (letter && name.len() >= 3 && name.last().is_some_and(u8::is_ascii_alphanumeric))
        .then_some(name)
}

/// How long a value without quotes is, up to another pair's sign; `=` that ends it pads base64.
fn before_next(text: &[u8]) -> usize {
    let is_sign = |at: &usize| text.get(at + 1).is_some_and(|byte| *byte != b'=');
    memchr::memchr_iter(b'=', text)
        .find(is_sign)
        .unwrap_or(text.len())
}

/// How long the value at the start of a text is, as far as it is read.
fn length(text: &[u8], longest: usize, quote: Option<u8>, listed: bool) -> usize {
    let text = text.get(..longest).unwrap_or(text);
    let end = match quote {
        Some(quote) => memchr3(b'\n', b'\\', quote, text),
        None => text.iter().position(|byte| ends(*byte, listed)),
    };
    end.unwrap_or(text.len())
}

/// Whether a value without quotes ends here.
#[inline]
fn ends(byte: u8, listed: bool) -> bool {
    let end = ENDS.get(usize::from(byte)).copied().unwrap_or(false);
    end || listed && byte == b'&'
}

/// What ends a value without quotes, whatever stands around it.
static ENDS: [bool; 256] = ending();

#[expect(
    clippy::indexing_slicing,
    reason = "runs when compiled: out of bounds is a build error"
)]
const fn ending() -> [bool; 256] {
    let mut table = [false; 256];
    let ends = b" \t\n\r\x0C\"'`,;<>";
    let mut at = 0;
    while at < ends.len() {
        table[ends[at] as usize] = true;
        at += 1;
    }
    table
}

/// Whether a name that ends so may be a password's, whose value may be any text.
fn may_be_password(name: &[u8]) -> bool {
    let words: [&[u8]; 7] = [
        b"pass", b"word", b"pwd", b"asswd", b"wort", b"hrase", b"senha",
    ];
    words.iter().any(|word| {
        name.len()
            .checked_sub(word.len())
            .and_then(|from| name.get(from..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(word))
    })
}
