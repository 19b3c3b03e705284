//! A service of any form that keeps what it was asked, and reads it as leniently as any server might:
//! the judge of what came through.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, Uri},
};
use serde_json::{Value, json};

/// The most requests that are kept.
const HEARD_MAX: usize = 100_000;

/// How often a text is decoded once more: servers, frameworks and what stands before them each may.
const DECODED_MAX: usize = 4;

/// What it was asked.
#[derive(Clone, Default)]
pub struct Witness(Arc<Mutex<Vec<Heard>>>);

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Method, path and query, header fields and body, as text.
    pub text: String,
    parts: Vec<String>,
}

impl Witness {
    /// What came since the last look.
    pub fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The service. Its answer is one for REST, for JSON-RPC and for GraphQL alike.
    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }
}

async fn answer(
    State(witness): State<Witness>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    // What the gateway itself says, and who calls, names nobody; in hexadecimal it may look so.
    let said = headers.iter().filter(|(name, _)| {
        !["traceparent", "tracestate", "tidegate-token"].contains(&name.as_str())
    });
    let fields = said.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        format!("{name}: {value}")
    });
    let mut parts: Vec<String> = fields.collect();
    parts.push(uri.to_string());
    parts.push(String::from_utf8_lossy(&body).into_owned());
    let text = format!("{method} {}", parts.join("\n"));
    let mut heard = witness.0.lock().unwrap_or_else(PoisonError::into_inner);
    if heard.len() < HEARD_MAX {
        heard.push(Heard { text, parts });
    }
    Json(json!({ "jsonrpc": "2.0", "id": 1, "result": {}, "data": {} }))
}

impl Heard {
    /// Every customer that any reader of any part might find: first, last and every occurrence, decoded
    /// up to [`DECODED_MAX`] times, by name or not, with look-alikes taken for what they look like.
    pub fn customers(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for part in &self.parts {
            let mut text = part.clone();
            for _ in 0..=DECODED_MAX {
                found.extend(named(&alike(&text)));
                text = decoded(&text);
            }
        }
        found
    }
}

/// Every `C-` with digits behind it.
fn named(text: &str) -> Vec<String> {
    let after = text.split("C-").skip(1);
    let digits = after.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
    let digits = digits.filter(|digits: &String| !digits.is_empty());
    digits.map(|digits| format!("C-{digits}")).collect()
}

/// What it looks like, to who folds case and compatibility forms and drops what is invisible.
fn alike(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}'))
        .filter_map(|c| match c {
            // Fullwidth forms stand where ASCII does, 0xfee0 further on.
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
            'с' | 'С' => Some('C'),
            other => Some(other),
        })
        .flat_map(char::to_uppercase)
        .collect()
}

/// Percent and JSON escapes undone once, others left.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let hex = |from: usize, digits: usize| {
            let digits = rest.get(from..from + digits)?;
            u32::from_str_radix(digits, 16).ok()
        };
        let taken = match first {
            // As JavaScript's `escape` wrote it, and some servers still read it.
            '%' if rest.starts_with("%u") => hex(2, 4).and_then(|code| {
                let escaped = char::from_u32(code)?.to_string();
                Some((escaped.into_bytes(), 6))
            }),
            '%' => hex(1, 2).and_then(|code| Some((vec![u8::try_from(code).ok()?], 3))),
            '\\' if rest.starts_with("\\u") => hex(2, 4).and_then(|code| {
                let escaped = char::from_u32(code)?.to_string();
                Some((escaped.into_bytes(), 6))
            }),
            _ => None,
        };
        let plain = || (first.to_string().into_bytes(), first.len_utf8());
        let (more, length) = taken.unwrap_or_else(plain);
        bytes.extend(more);
        rest = rest.get(length..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_disguise_hides_a_customer_from_the_judge() {
        for disguised in [
            "C-332",
            "c-332",
            "%43%2d332",
            "%2543-332",
            r"\u0043-332",
            "\u{ff23}-332",
            "C\u{2011}332",
            "C%00-332",
            "\u{feff}C-332",
        ] {
            let heard = Heard {
                text: String::new(),
                parts: vec![format!("a=C-771&b={disguised}")],
            };
            let both = BTreeSet::from(["C-332".to_owned(), "C-771".to_owned()]);
            assert_eq!(heard.customers(), both, "{disguised}");
        }
    }
}
