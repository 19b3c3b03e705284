//! JSON of which nothing comes twice, messages of JSON-RPC in it, and signatures of messages.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::{
    jsonrpc::{self, Kind},
    signatures::{Key, Scheme},
    strict,
};

/// Any bytes as a message.
pub fn message(data: &[u8]) {
    let Ok(document) = strict::parse(data) else {
        return;
    };
    assert_eq!(serde_json::from_slice(data).ok().as_ref(), Some(&document));
    if is_exact(&document) {
        assert_eq!(
            strict::parse(document.to_string().as_bytes()).as_ref(),
            Ok(&document)
        );
    }
    let Ok(message) = jsonrpc::message(&document) else {
        return;
    };
    assert_eq!(document["jsonrpc"], "2.0");
    assert!(message.id.is_none_or(|id| id.is_string() || id.is_i64()));
    if let Kind::Call { method, params } = message.kind {
        assert_eq!(document["method"], method);
        assert_eq!(params, document.get("params").and_then(Value::as_object));
        assert!(document.get("result").is_none() && document.get("error").is_none());
    }
}

/// Whether what it is written as is read as it: fractions are rounded by whoever reads them.
pub(crate) fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_f64(),
        Value::Array(elements) => elements.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// What a message is signed as.
const BODY: &[u8] = b"{\"type\":\"ping\"}";
const AT: i64 = 1_800_000_000;

/// Any fields beside a body, and those of a good signature with one of them in its place: the first byte says by which scheme, and
/// which field.
pub fn webhook(data: &[u8]) {
    let Some(([scheme, which], shown)) = data.split_first_chunk() else {
        return;
    };
    let scheme = [
        Scheme::Stripe,
        Scheme::GitHub,
        Scheme::Slack,
        Scheme::Standard,
    ][usize::from(scheme % 4)];
    let secret = match scheme {
        Scheme::Standard => ["whsec", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"].join("_"),
        _ => "of nobody".to_owned(),
    };
    let key = Key::of(scheme, secret.as_bytes()).expect("a secret");
    let signed = key.sign("m-1", AT, BODY).expect("a signature");
    let mut fields: HeaderMap = signed.fields.iter().cloned().collect();
    let names: Vec<HeaderName> = fields.keys().cloned().collect();
    let own = scheme.shown(&fields).ok();
    let good = own
        .and_then(|own| key.verify(&own, BODY))
        .expect("it was signed just now");
    let Ok(value) = HeaderValue::from_bytes(shown) else {
        return;
    };
    let name = &names[usize::from(*which) % names.len()];
    if which & 0x80 == 0 {
        fields.insert(name, value);
    } else {
        fields.append(name, value);
    }
    let Ok(shown) = scheme.shown(&fields) else {
        return;
    };
    if let Some(found) = key.verify(&shown, BODY) {
        assert_eq!(found, good, "one message has one name");
        assert!(shown.at.is_none_or(|at| at == AT));
    }
    assert!(key.verify(&shown, b"another body").is_none());
}
