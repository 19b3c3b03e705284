//! Tokens: stand-ins that the gateway can turn back.
//!
//! `tok_pii.email_<body>`: the class with `-` for `_`, then base32 (RFC 4648 section 7, lower case, no
//! padding) of what the vault sealed. All of it needs no escape in JSON, URLs, CSV or XML, and has
//! nothing a model would reflow. The seal binds tenant, class and value, so what was forged, cut or
//! altered in any character is no token but text like any other.

use std::sync::LazyLock;

use classifiers::{DataClass, Finding};
use data_encoding::BASE32_DNSSEC;
use memchr::memmem::Finder;

use crate::{Action, Pseudonyms};

/// The longest value that a token stands for, in bytes; a longer one gets a placeholder.
pub const TOKENIZED_BYTES_MAX: usize = 255;

/// The longest token, in bytes: what a stream of text is held back by at most.
pub const TOKEN_BYTES_MAX: usize = PREFIX.len() + CLASS_BYTES_MAX + 1 + BODY_BYTES_MAX;

/// What every token begins with.
pub(crate) const PREFIX: &[u8] = b"tok_";

/// The longest name of a class; a test holds the taxonomy to it.
const CLASS_BYTES_MAX: usize = 40;

/// Generation and tag, beside the value.
const SEALED_BYTES_MAX: usize = TOKENIZED_BYTES_MAX + 17;

/// Five bits a character, the last one filled up.
const BODY_BYTES_MAX: usize = (SEALED_BYTES_MAX * 8).div_ceil(5);

/// Appends the token of a value. Returns whether there is one.
pub(crate) fn write(
    class: DataClass,
    value: &[u8],
    keys: &dyn Pseudonyms,
    out: &mut Vec<u8>,
) -> bool {
    if value.len() > TOKENIZED_BYTES_MAX {
        return false;
    }
    let sealed = keys.seal(class, value);
    let Some(sealed) = sealed.filter(|sealed| sealed.len() <= SEALED_BYTES_MAX) else {
        return false;
    };
    out.extend_from_slice(PREFIX);
    let written = |byte: u8| if byte == b'_' { b'-' } else { byte };
    out.extend(class.name().bytes().map(written));
    out.push(b'_');
    out.extend_from_slice(BASE32_DNSSEC.encode(&sealed).as_bytes());
    true
}

/// The class and the value of a whole token; none if it is forged or altered.
pub fn open(token: &[u8], keys: &dyn Pseudonyms) -> Option<(DataClass, Vec<u8>)> {
    match at_start(token, true) {
        Start::Token(shape) if shape.length == token.len() => shape.open(keys),
        _ => None,
    }
}

/// What a text begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start<'a> {
    /// No token.
    Other,
    /// What may become one with more text.
    Open,
    /// What looks like one.
    Token(Shape<'a>),
}

/// What looks like a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape<'a> {
    pub(crate) class: DataClass,
    pub(crate) length: usize,
    body: &'a [u8],
}

impl Shape<'_> {
    pub(crate) fn open(&self, keys: &dyn Pseudonyms) -> Option<(DataClass, Vec<u8>)> {
        let sealed = BASE32_DNSSEC.decode(self.body).ok()?;
        Some((self.class, keys.open(self.class, &sealed)?))
    }
}

/// What `text` begins with; `ended` says that no more follows it.
pub(crate) fn at_start(text: &[u8], ended: bool) -> Start<'_> {
    let unfinished = if ended { Start::Other } else { Start::Open };
    let Some(after) = text.strip_prefix(PREFIX) else {
        return if PREFIX.starts_with(text) {
            unfinished
        } else {
            Start::Other
        };
    };
    let is_class =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(byte);
    let slug = after.iter().take_while(|byte| is_class(byte)).count();
    if slug > CLASS_BYTES_MAX {
        return Start::Other;
    }
    let (slug, after) = after.split_at_checked(slug).unwrap_or_default();
    let Some((separator, after)) = after.split_first() else {
        return unfinished;
    };
    let Some(class) = class(slug).filter(|_| *separator == b'_') else {
        return Start::Other;
    };
    let is_body = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'v');
    let body = after.iter().take_while(|byte| is_body(byte)).count();
    if body > BODY_BYTES_MAX {
        return Start::Other;
    }
    let (body, after) = after.split_at_checked(body).unwrap_or_default();
    match after.first() {
        None if !ended => Start::Open,
        // A word that goes on is another word: a token with a character more is altered.
        Some(next) if is_word(*next) => Start::Other,
        _ => Start::Token(Shape {
            class,
            length: PREFIX.len() + slug.len() + 1 + body.len(),
            body,
        }),
    }
}

/// Where a word begins in a text, from byte `from` on, that looks like a token's beginning.
fn next_start(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    memchr::memmem::find_iter(rest, PREFIX)
        .map(|at| from + at)
        .find(|at| begins_word(text, *at))
}

fn begins_word(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    before.is_none_or(|byte| !is_word(*byte))
}

/// Finds what looks like tokens in a whole text, as a classifier finds what is sensitive.
pub(crate) fn find(text: &[u8], findings: &mut Vec<Finding>) {
    let mut from = 0;
    while let Some(start) = next_start(text, from) {
        from = start + PREFIX.len();
        let Start::Token(shape) = at_start(text.get(start..).unwrap_or_default(), true) else {
            continue;
        };
        from = start + shape.length;
        if let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(from)) {
            findings.push(Finding {
                class: shape.class,
                start,
                end,
                confidence: 100,
                detector: "token",
            });
        }
    }
}

/// How many bytes at the end of a text may become a token, with more of it.
pub(crate) fn growing(text: &[u8]) -> usize {
    let tail = text.len().saturating_sub(TOKEN_BYTES_MAX);
    let opens = |at: &usize| {
        text.get(*at) == PREFIX.first()
            && begins_word(text, *at)
            && at_start(text.get(*at..).unwrap_or_default(), false) == Start::Open
    };
    (tail..text.len())
        .find(opens)
        .map_or(0, |at| text.len() - at)
}

/// Whether a byte belongs to a word, so that no token begins or ends beside it.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn class(slug: &[u8]) -> Option<DataClass> {
    let name: Vec<u8> = slug
        .iter()
        .map(|byte| if *byte == b'-' { b'_' } else { *byte })
        .collect();
    DataClass::named(std::str::from_utf8(&name).ok()?)
}

/// Fewer bytes hold no token: the tag alone of what is sealed has sixteen, written in Base32.
const SEALED_BYTES_MIN: usize = 26;

/// Looks for [`PREFIX`]; to make it costs more than to look.
static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(PREFIX));

/// The tokens within a value that hold, and so need no further cover.
#[derive(Debug, Default)]
pub(crate) struct Standing(Vec<(usize, usize)>);

impl Standing {
    /// Those within `value`; at most one for each of its parts that looks like one.
    pub(crate) fn within(value: &[u8], keys: &dyn Pseudonyms) -> Self {
        if value.len() < SEALED_BYTES_MIN {
            return Self::default();
        }
        let holds = |start: &usize| {
            let begins = value
                .get(..*start)
                .and_then(<[u8]>::last)
                .is_none_or(|b| !is_word(*b));
            begins.then_some(())?;
            match at_start(value.get(*start..)?, true) {
                Start::Token(shape) => shape.open(keys).map(|_| (*start, *start + shape.length)),
                _ => None,
            }
        };
        let starts = FINDER.find_iter(value);
        Self(starts.filter_map(|start| holds(&start)).collect())
    }

    /// Whether a finding of this range is a token that may stand under `action`. What must leave no
    /// trace at all leaves no token either.
    pub(crate) fn spares(&self, start: usize, end: usize, action: Action) -> bool {
        action < Action::Replace && self.0.iter().any(|(from, to)| *from <= start && end <= *to)
    }
}
