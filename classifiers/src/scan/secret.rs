//! Keys and tokens that their makers gave a prefix to be found by.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::{before, finding};
use crate::DataClass;
use crate::finding::Finding;

/// A prefix and what must follow it.
struct Rule {
    prefix: &'static str,
    class: DataClass,
    /// Fewest bytes of the charset that follow the prefix.
    least: usize,
    charset: Charset,
}

#[derive(Clone, Copy)]
enum Charset {
    /// Letters, digits, `_` and `-`.
    Token,
    /// Upper-case letters and digits.
    Upper,
    /// Small hexadecimal digits.
    Hex,
    /// Three base64url parts between dots.
    Jwt,
    /// Base64 with its padding.
    Base64,
    /// Everything up to the end of a PEM block.
    Pem,
}

const fn rule(prefix: &'static str, class: DataClass, least: usize, charset: Charset) -> Rule {
    Rule {
        prefix,
        class,
        least,
        charset,
    }
}

/// Longest token that is read, in bytes; what follows is no part of one.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// From the makers' documents and the rules of gitleaks.
static RULES: &[Rule] = &[
    rule("AKIA", DataClass::AWS_ACCESS_KEY, 16, Charset::Upper),
    rule("ASIA", DataClass::AWS_ACCESS_KEY, 16, Charset::Upper),
    rule("sk-ant-", DataClass::ANTHROPIC_KEY, 24, Charset::Token),
    rule("sk-proj-", DataClass::OPENAI_KEY, 20, Charset::Token),
    rule("sk-svcacct-", DataClass::OPENAI_KEY, 20, Charset::Token),
    rule("sk-admin-", DataClass::OPENAI_KEY, 20, Charset::Token),
    rule("sk-", DataClass::OPENAI_KEY, 32, Charset::Token),
    rule("sk_live_", DataClass::STRIPE_KEY, 10, Charset::Token),
    rule("sk_test_", DataClass::STRIPE_KEY, 10, Charset::Token),
    rule("rk_live_", DataClass::STRIPE_KEY, 10, Charset::Token),
    rule("rk_test_", DataClass::STRIPE_KEY, 10, Charset::Token),
    rule("sk_prod_", DataClass::STRIPE_KEY, 10, Charset::Token),
    rule("rk_prod_", DataClass::STRIPE_KEY, 10, Charset::Token),
    rule("whsec_", DataClass::STRIPE_KEY, 24, Charset::Base64),
    rule("ghp_", DataClass::GITHUB_TOKEN, 36, Charset::Token),
    rule("gho_", DataClass::GITHUB_TOKEN, 36, Charset::Token),
    rule("ghu_", DataClass::GITHUB_TOKEN, 36, Charset::Token),
    rule("ghs_", DataClass::GITHUB_TOKEN, 36, Charset::Token),
    rule("ghr_", DataClass::GITHUB_TOKEN, 36, Charset::Token),
    rule("github_pat_", DataClass::GITHUB_TOKEN, 36, Charset::Token),
    rule("glpat-", DataClass::GITLAB_TOKEN, 20, Charset::Token),
    rule("gldt-", DataClass::GITLAB_TOKEN, 20, Charset::Token),
    rule("glrt-", DataClass::GITLAB_TOKEN, 20, Charset::Token),
    rule("glptt-", DataClass::GITLAB_TOKEN, 20, Charset::Token),
    rule("xoxb-", DataClass::SLACK_TOKEN, 16, Charset::Token),
    rule("xoxp-", DataClass::SLACK_TOKEN, 16, Charset::Token),
    rule("xoxa-", DataClass::SLACK_TOKEN, 16, Charset::Token),
    rule("xoxo-", DataClass::SLACK_TOKEN, 16, Charset::Token),
    rule("xoxs-", DataClass::SLACK_TOKEN, 16, Charset::Token),
    rule("xoxr-", DataClass::SLACK_TOKEN, 16, Charset::Token),
    rule("xoxe-", DataClass::SLACK_TOKEN, 16, Charset::Token),
    rule("xoxe.xoxp-", DataClass::SLACK_TOKEN, 16, Charset::Token),
    rule("xoxe.xoxb-", DataClass::SLACK_TOKEN, 16, Charset::Token),
    rule("xapp-", DataClass::SLACK_TOKEN, 16, Charset::Token),
    rule("AIza", DataClass::GCP_API_KEY, 35, Charset::Token),
    rule("SG.", DataClass::SENDGRID_KEY, 40, Charset::Jwt),
    rule("npm_", DataClass::NPM_TOKEN, 36, Charset::Token),
    rule("hf_", DataClass::HUGGINGFACE_TOKEN, 30, Charset::Token),
    rule("SK", DataClass::TWILIO_KEY, 32, Charset::Hex),
    rule(
        "pypi-AgEIcHlwaS5vcmc",
        DataClass::VENDOR_TOKEN,
        50,
        Charset::Token,
    ),
    rule("shpat_", DataClass::VENDOR_TOKEN, 32, Charset::Hex),
    rule("hvs.", DataClass::VENDOR_TOKEN, 24, Charset::Token),
    rule("dop_v1_", DataClass::VENDOR_TOKEN, 64, Charset::Hex),
    rule("lin_api_", DataClass::VENDOR_TOKEN, 32, Charset::Token),
    rule("dckr_pat_", DataClass::VENDOR_TOKEN, 20, Charset::Token),
    rule("eyJ", DataClass::JWT, 32, Charset::Jwt),
    rule("Bearer ", DataClass::BEARER_TOKEN, 16, Charset::Base64),
    rule("bearer ", DataClass::BEARER_TOKEN, 16, Charset::Base64),
    rule("Basic ", DataClass::BASIC_AUTH, 12, Charset::Base64),
    rule("-----BEGIN ", DataClass::PRIVATE_KEY, 10, Charset::Pem),
];

static PREFIXES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(RULES.iter().map(|rule| rule.prefix))
        .ok()
});

pub(super) fn scan(value: &[u8], findings: &mut Vec<Finding>) {
    let Some(prefixes) = PREFIXES.as_ref() else {
        return;
    };
    for found in prefixes.find_iter(value) {
        let Some(rule) = RULES.get(found.pattern().as_usize()) else {
            continue;
        };
        if before(value, found.start(), 1).is_ascii_alphanumeric() {
            continue;
        }
        let Some((start, end)) = rule.token(value, found.start(), found.end()) else {
            continue;
        };
        let token = finding(rule.class, start, end, 95, "secret");
        match findings.last_mut() {
            // `Bearer eyJ...` is a JWT; any other token within a token is a part of it.
            Some(last) if token.start < last.end => {
                if is_header(last.class) {
                    *last = token;
                }
            }
            _ => findings.push(token),
        }
    }
    urls(value, findings);
}

/// Whether the class is only where a token was seen, not what it is.
fn is_header(class: DataClass) -> bool {
    matches!(class, DataClass::BEARER_TOKEN | DataClass::BASIC_AUTH)
}

impl Rule {
    /// Where the token stands, if what follows the prefix is one.
    fn token(&self, value: &[u8], start: usize, after: usize) -> Option<(usize, usize)> {
        let rest = value.get(after..)?;
        let rest = rest.get(..rest.len().min(TOKEN_BYTES_MAX)).unwrap_or(rest);
        let body = match self.charset {
            Charset::Pem => return pem(value, start),
            Charset::Jwt => run(rest, |byte| is_token(byte) || byte == b'.'),
            Charset::Token => run(rest, is_token),
            Charset::Upper => run(rest, |byte| {
                byte.is_ascii_uppercase() || byte.is_ascii_digit()
            }),
            Charset::Hex => run(rest, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            Charset::Base64 => run(rest, |byte| is_token(byte) || b"+/=.~".contains(&byte)),
        };
        let token = rest.get(..body)?;
        let parts = !matches!(self.charset, Charset::Jwt) || token.contains(&b'.');
        let follows = rest.get(body).is_some_and(u8::is_ascii_alphanumeric);
        (body >= self.least && parts && !follows && is_random(token)).then_some((
            if is_header(self.class) { after } else { start },
            after + body,
        ))
    }
}

/// A private key from its first line to its last, or as much of it as there is.
fn pem(value: &[u8], start: usize) -> Option<(usize, usize)> {
    let rest = value.get(start..)?;
    let line = rest.get(..rest.len().min(64)).unwrap_or(rest);
    memchr::memmem::find(line, b"PRIVATE KEY")?;
    let end = memchr::memmem::find(rest, b"-----END ")
        .and_then(|end| {
            let tail = rest.get(end + 9..)?;
            memchr::memmem::find(tail.get(..tail.len().min(64)).unwrap_or(tail), b"-----")
                .map(|last| end + 9 + last + 5)
        })
        .unwrap_or(rest.len());
    Some((start, start + end))
}

/// `scheme://user:password@host`: the credentials' URL up to its host's end.
fn urls(value: &[u8], findings: &mut Vec<Finding>) {
    for mark in memchr::memmem::find_iter(value, b"://") {
        let scheme = value
            .get(..mark)
            .unwrap_or_default()
            .iter()
            .rev()
            .take(16)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'))
            .count();
        let rest = value.get(mark + 3..).unwrap_or_default();
        let authority = rest
            .iter()
            .take(256)
            .take_while(|byte| {
                !matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>')
                    && !byte.is_ascii_whitespace()
            })
            .count();
        let authority = rest.get(..authority).unwrap_or_default();
        let Some(at) = memchr::memrchr(b'@', authority) else {
            continue;
        };
        let password = authority
            .get(..at)
            .and_then(|user| user.get(memchr::memchr(b':', user)? + 1..));
        if scheme > 0
            && password.is_some_and(|password| password.len() > 3 && !is_placeholder(password))
        {
            let url = rest
                .iter()
                .take(512)
                .take_while(|byte| {
                    !matches!(byte, b'"' | b'\'' | b'<' | b'>') && !byte.is_ascii_whitespace()
                })
                .count();
            findings.push(finding(
                DataClass::CONNECTION_STRING,
                mark - scheme,
                mark + 3 + url,
                90,
                "url-password",
            ));
        }
    }
}

/// Words that stand where a secret would.
static PLACEHOLDERS: &[&[u8]] = &[
    b"example",
    b"xxxx",
    b"your",
    b"placeholder",
    b"changeme",
    b"redacted",
    b"dummy",
    b"****",
    b"....",
    b"${",
    b"{{",
    b"<",
    b"todo",
    b"insert",
    b"sample",
];

/// Whether the text only shows where a secret goes.
pub(super) fn is_placeholder(token: &[u8]) -> bool {
    let head = token.get(..token.len().min(128)).unwrap_or(token);
    PLACEHOLDERS.iter().any(|word| {
        head.windows(word.len())
            .any(|part| part.eq_ignore_ascii_case(word))
    })
}

/// Different bytes a token must hold, so that it is no row of the same letter.
const DISTINCT_MIN: u32 = 7;

/// Whether the token looks drawn by lot: many different bytes, a digit, no placeholder.
pub(super) fn is_random(token: &[u8]) -> bool {
    let seen = token
        .iter()
        .fold(0u128, |seen, byte| seen | 1 << (byte & 0x7F));
    seen.count_ones() >= DISTINCT_MIN
        && token.iter().any(u8::is_ascii_digit)
        && !is_placeholder(token)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn run(rest: &[u8], is_part: impl Fn(u8) -> bool) -> usize {
    rest.iter().take_while(|byte| is_part(**byte)).count()
}
