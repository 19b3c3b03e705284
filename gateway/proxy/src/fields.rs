//! Header fields and the query of a URL: inspected like bodies, each field a paragraph of its own
//! under its name, the query a form.
//!
//! What a rule blocks refuses a request; an answer is here already, so there it is taken out. Fields
//! that carry a credential or frame the message pass as they are.

mod clean;

use std::sync::Arc;

use admission::Permit;
use audit::BodyRecord;
use bytes::Bytes;
use classifiers::DataClass;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use policy::{Disclosures, Towards};
use redaction::{Action, Coding, Interrupted, Media, Output};

use crate::{
    account::Account, gateway::Gateway, headers, mcp::mirror, record, refusal::Interruption,
    route::Way, workspace,
};

/// The gap in the record of a field that is not text and was taken out.
const UNREADABLE: &str = "field_unreadable";
/// What stands before the paths of findings in header fields.
const IN_HEADERS: &str = "/@headers";
/// What stands before the paths of findings in a query.
const IN_QUERY: &str = "/@query";
/// What parts the fields of one text: an empty line, which no field can hold.
const BREAK: &str = "\n\n";

/// Fields that pass: credentials for the other side, what frames or dates a message, and the name
/// of a program.
static PASSED: [HeaderName; 29] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::SET_COOKIE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
    // Of MCP: whose session it is, where a stream goes on, and what the body is held against.
    HeaderName::from_static("mcp-session-id"),
    HeaderName::from_static("mcp-protocol-version"),
    HeaderName::from_static("mcp-method"),
    HeaderName::from_static("last-event-id"),
    header::ACCEPT_ENCODING,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::DATE,
    header::ETAG,
    header::EXPIRES,
    header::HOST,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::LAST_MODIFIED,
    header::TRANSFER_ENCODING,
    headers::TRACEPARENT,
    headers::TRACESTATE,
    header::USER_AGENT,
];

/// Inspects what a request says beside its body.
pub(crate) fn request(
    gateway: &Gateway,
    permit: &Permit,
    account: &mut Account,
    headers: &mut HeaderMap,
    way: &mut Way,
) -> Result<(), Interruption> {
    let mut inspection = Inspection {
        gateway,
        permit,
        towards: Towards::Service,
        disclosures: None,
        blocks: true,
        record: &mut account.request_fields,
    };
    inspection.headers(headers)?;
    if let Some((path, query)) = way.target.split_once('?')
        && !way.is_session(query)
        && let Some(query) = inspection.edit(Media::Form, query.to_owned(), IN_QUERY)?
    {
        way.target = format!("{path}?{query}");
    }
    Ok(())
}

/// Inspects the header fields of an answer.
pub(crate) fn response(
    gateway: &Gateway,
    permit: &Permit,
    account: &mut Account,
    headers: &mut HeaderMap,
) -> Result<(), Interruption> {
    let mut inspection = Inspection {
        gateway,
        permit,
        towards: Towards::Agent,
        disclosures: None,
        blocks: false,
        record: &mut account.response_fields,
    };
    inspection.headers(headers)
}

/// Whether a value that is told as `name` holds nothing that a detector knows.
pub(crate) fn is_clean(gateway: &Gateway, name: &str, value: &str) -> bool {
    let text = format!("{name}: {value}");
    if clean::is_known(&text) {
        return true;
    }
    let mut body = redaction::Body::new(
        Coding::Identity,
        Media::Text,
        |_| Action::Drop,
        Arc::clone(&gateway.pseudonyms),
        workspace::take(gateway.operator.load().as_ref(), None),
    );
    let mut out = Output::new();
    let read = body
        .push(&Bytes::from(text.clone()), &mut out)
        .and_then(|()| body.finish(&mut out));
    let (summary, workspace) = body.into_parts();
    workspace::give_back(workspace);
    let is_clean = read.is_ok() && summary.findings() == 0;
    if is_clean {
        clean::keep(text);
    }
    is_clean
}

struct Inspection<'a> {
    gateway: &'a Gateway,
    permit: &'a Permit,
    towards: Towards,
    /// What policy says, once something was looked at: most fields are known.
    disclosures: Option<Disclosures>,
    /// Whether what a rule blocks refuses the message.
    blocks: bool,
    record: &'a mut BodyRecord,
}

impl Inspection<'_> {
    fn disclosures(&mut self) -> &mut Disclosures {
        let (permit, towards) = (self.permit, self.towards);
        self.disclosures
            .get_or_insert_with(|| permit.disclosures(towards))
    }

    fn headers(&mut self, headers: &mut HeaderMap) -> Result<(), Interruption> {
        self.take_unreadable(headers);
        self.coded(headers)?;
        let mut text = String::new();
        for (name, value) in inspected(headers) {
            let value = std::str::from_utf8(value.as_bytes()).unwrap_or_default();
            text.extend([name.as_str(), ": ", value, BREAK]);
        }
        if text.is_empty() || clean::is_known(&text) {
            return Ok(());
        }
        let Some(edited) = self.edit(Media::Text, text.clone(), IN_HEADERS)? else {
            clean::keep(text);
            return Ok(());
        };
        put_back(headers, &edited);
        Ok(())
    }

    /// Edits fields whose text is in base64, as it is meant.
    fn coded(&mut self, headers: &mut HeaderMap) -> Result<(), Interruption> {
        for (name, value) in headers.iter_mut() {
            let Ok(said) = value.to_str() else { continue };
            if !mirror::is_coded(said) {
                continue;
            }
            let meant = mirror::decoded(said);
            let edited = match meant {
                Some(meant) => {
                    let text = format!("{name}: {meant}");
                    let Some(edited) = self.edit(Media::Text, text, IN_HEADERS)? else {
                        continue;
                    };
                    let start = format!("{name}: ");
                    mirror::coded(edited.strip_prefix(&start).unwrap_or_default())
                }
                // What cannot be decoded cannot be judged.
                None => String::new(),
            };
            *value = HeaderValue::try_from(edited).unwrap_or(HeaderValue::from_static(""));
        }
        Ok(())
    }

    /// Takes out fields that are not text in UTF-8: nothing in them can be judged.
    fn take_unreadable(&mut self, headers: &mut HeaderMap) {
        let is_unreadable = |value: &HeaderValue| std::str::from_utf8(value.as_bytes()).is_err();
        let unreadable: Vec<HeaderName> = inspected(headers)
            .filter(|(_, value)| is_unreadable(value))
            .map(|(name, _)| name.clone())
            .collect();
        for name in &unreadable {
            headers.remove(name);
        }
        if !unreadable.is_empty() {
            self.record.gaps.push(UNREADABLE.to_owned());
        }
    }

    /// What may be released of a text, if that is not all of it.
    fn edit(
        &mut self,
        media: Media,
        text: String,
        place: &str,
    ) -> Result<Option<String>, Interruption> {
        let (mut disclosures, blocks) = (self.disclosures().clone(), self.blocks);
        let mut rules = disclosures.clone();
        let disclose = move |class: DataClass| match rules.of(class).action {
            Action::Block if !blocks => Action::Drop,
            action => action,
        };
        let mut body = redaction::Body::new(
            Coding::Identity,
            media,
            disclose,
            Arc::clone(&self.gateway.pseudonyms),
            workspace::take(self.gateway.operator.load().as_ref(), None),
        );
        let mut out = Output::new();
        let read = body
            .push(&Bytes::from(text), &mut out)
            .and_then(|()| body.finish(&mut out));
        let (summary, workspace) = body.into_parts();
        workspace::give_back(workspace);
        let from = self.record.findings.len();
        record::findings(&summary, &mut disclosures, self.record);
        for finding in self.record.findings.iter_mut().skip(from) {
            finding.path.insert_str(0, place);
        }
        read.map_err(|interrupted| self.interruption(&interrupted))?;
        if summary.findings() == 0 {
            return Ok(None);
        }
        let edited = out.contiguous();
        Ok(Some(String::from_utf8_lossy(&edited).into_owned()))
    }

    fn interruption(&mut self, interrupted: &Interrupted) -> Interruption {
        match interrupted {
            Interrupted::Blocked { class, .. } => {
                Interruption::blocked(*class, self.disclosures().of(*class).policy.as_deref())
            }
            other if self.blocks => Interruption::request_unreadable(&other.to_string()),
            other => Interruption::response_unreadable(&other.to_string()),
        }
    }
}

/// Writes the fields again as `edited` has them. What was found in a name takes the field out, because
/// a name cannot be written in another way.
fn put_back(headers: &mut HeaderMap, edited: &str) {
    let mut edited = edited.split(BREAK);
    let mut found: Vec<HeaderName> = Vec::new();
    for (name, value) in headers
        .iter_mut()
        .filter(|(name, _)| !PASSED.contains(name))
    {
        let kept = edited
            .next()
            .and_then(|field| field.strip_prefix(name.as_str()))
            .and_then(|field| field.strip_prefix(": "));
        if kept.is_none() {
            found.push(name.clone());
        }
        let kept = kept.and_then(|field| HeaderValue::from_bytes(field.as_bytes()).ok());
        *value = kept.unwrap_or(HeaderValue::from_static(""));
    }
    for name in &found {
        headers.remove(name);
    }
}

/// The fields that are looked at, in order.
fn inspected(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    headers.iter().filter(|(name, _)| !PASSED.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_holds_a_finding_takes_its_field_out() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-a", "1"),
            ("x-1970-01-01", "2"),
            ("date", "3"),
            ("x-b", ""),
        ] {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        put_back(
            &mut headers,
            "x-a: [pii.email]\n\nx-[pii.dob]: 2\n\nx-b: \n\n",
        );
        assert_eq!(headers.len(), 3);
        for (name, value) in [("x-a", "[pii.email]"), ("date", "3"), ("x-b", "")] {
            assert_eq!(headers.get(name).expect("kept"), value);
        }
    }
}
