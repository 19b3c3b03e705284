//! Header fields that repeat what the body says, so that others can route without reading it
//! (MCP 2026-07-28, Streamable HTTP, "Request Metadata"). Whoever acts on them must act on the same
//! call as the server does.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::{message::Unclear, strict::member};

/// The method.
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// The name or the URI.
const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// The revision, which from 2026-07-28 on the body has too.
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// What stands before the name of an argument.
const PARAMETER: &str = "mcp-param-";
/// Where the body has the revision.
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// Checks what header fields say of a message with this method and these parameters. A field that is
/// not there says nothing: older revisions have none, and newer servers refuse.
pub(super) fn check(
    headers: &HeaderMap,
    method: Option<&str>,
    params: Option<&Map<String, Value>>,
) -> Result<(), Unclear> {
    let text = |name| -> Result<Option<&str>, Unclear> {
        let found = params.map(|params| member(params, name)).transpose()?;
        Ok(found.flatten().and_then(Value::as_str))
    };
    agrees(headers, &METHOD, |said| Some(said) == method)?;
    let (name, uri) = (text("name")?, text("uri")?);
    agrees(headers, &NAME, |said| {
        let said = decoded(said);
        said.is_some() && (said.as_deref() == name || said.as_deref() == uri)
    })?;
    let meta = params.map(|params| member(params, "_meta")).transpose()?;
    let meta = meta.flatten().and_then(Value::as_object);
    let version = meta.and_then(|meta| meta.get(META_VERSION));
    agrees(headers, &VERSION, |said| {
        version.is_none_or(|version| version.as_str() == Some(said))
    })?;
    let arguments = params.and_then(|params| params.get("arguments"));
    for name in headers.keys() {
        if name.as_str().starts_with(PARAMETER) {
            // Which argument a field repeats is known to the server; some argument must say the same.
            agrees(headers, name, |said| {
                decoded(said).is_some_and(|said| arguments.is_some_and(|all| holds(all, &said)))
            })?;
        }
    }
    Ok(())
}

/// Whether a field, if it is there, is there once and as it should be.
fn agrees(
    headers: &HeaderMap,
    name: &HeaderName,
    should: impl Fn(&str) -> bool,
) -> Result<(), Unclear> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::to_str);
    match (values.next(), values.next()) {
        (None, _) => Ok(()),
        (Some(Ok(said)), None) if should(said) => Ok(()),
        _ => Err(Unclear::HeaderMismatch),
    }
}

/// Whether a field's value is written in base64.
pub(crate) fn is_coded(said: &str) -> bool {
    said.starts_with("=?base64?") && said.ends_with("?=")
}

/// A field's value for what is meant.
pub(crate) fn coded(meant: &str) -> String {
    format!("=?base64?{}?=", STANDARD.encode(meant))
}

/// A field's value as meant: `=?base64?...?=` where it is no plain ASCII.
pub(crate) fn decoded(said: &str) -> Option<String> {
    let coded = said
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="));
    match coded {
        None => Some(said.to_owned()),
        Some(coded) => String::from_utf8(STANDARD.decode(coded).ok()?).ok(),
    }
}

/// Whether some scalar among the arguments reads so.
fn holds(value: &Value, said: &str) -> bool {
    match value {
        Value::Object(members) => members.values().any(|value| holds(value, said)),
        Value::Array(elements) => elements.iter().any(|value| holds(value, said)),
        Value::String(text) => text == said,
        // 42.0 and 42 are equal here, by the specification.
        Value::Number(number) => {
            said.parse().ok() == Some(number.clone())
                || said
                    .parse::<f64>()
                    .ok()
                    .is_some_and(|said| number.as_f64() == Some(said))
        }
        Value::Bool(truth) => said == if *truth { "true" } else { "false" },
        Value::Null => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check_field(name: &'static str, values: &[&str], agreed: bool) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().expect("a value"));
        }
        let params = json!({
            "name": "größe",
            "arguments": { "customer": { "id": "C-771" }, "count": 42 },
            "_meta": { META_VERSION: "2026-07-28" },
        });
        let checked = check(&headers, Some("tools/call"), params.as_object());
        assert_eq!(checked.is_ok(), agreed, "{name}: {values:?}");
    }

    #[test]
    fn a_field_says_what_the_body_says_once() {
        check_field("mcp-method", &["tools/call"], true);
        check_field("mcp-method", &["tools/list"], false);
        check_field("mcp-method", &["Tools/Call"], false);
        check_field("mcp-method", &["tools/call", "tools/call"], false);
        check_field("mcp-name", &[&coded("größe")], true);
        check_field("mcp-name", &["other"], false);
        check_field("mcp-name", &["=?base64?%?="], false);
        check_field("mcp-protocol-version", &["2026-07-28"], true);
        check_field("mcp-protocol-version", &["2025-06-18"], false);
        check_field("mcp-param-customer", &["C-771"], true);
        check_field("mcp-param-customer", &["C-332"], false);
        check_field("mcp-param-count", &["42.0"], true);
    }

    #[test]
    fn what_has_no_method_mirrors_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(check(&headers, None, None), Ok(()));
        headers.insert(METHOD, HeaderValue::from_static("tools/call"));
        assert_eq!(check(&headers, None, None), Err(Unclear::HeaderMismatch));
    }
}
