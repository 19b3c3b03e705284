//! Parameters of an operation by path that do not stand in its path or query: header fields, members of
//! JSON, fields of a form.
//!
//! As everywhere, each is taken in the one reading that all servers share, or the request is refused. A
//! server that takes parameters from wherever they stand must not find another value in another place.

use std::{collections::BTreeMap, sync::Arc};

use http::{HeaderMap, HeaderName, request::Parts};
use http_body::Body as _;
use redaction::Media;
use serde_json::{Map, Value};

use crate::{
    account::Account,
    body::Source,
    call::{self, Binding},
    headers::ends_here,
    message::{self, Asked, Unclear},
    refusal::Interruption,
    route::{PARAMETER_BYTES_MAX, Unroutable, form_field, is_like, query_pairs},
    strict,
};

/// What header fields and the body bind.
#[derive(Debug, Default)]
pub struct Elsewhere {
    /// Parameters by the header field that names them, with what the service takes where it is not there.
    pub headers: Vec<(String, HeaderName, Option<String>)>,
    /// Parameters by the member of JSON or the field of a form; such a body is read whole first.
    pub body: Vec<Binding>,
    /// Parameters that need not be in the query, by their names there: what is taken for one that is not
    /// there must not be somewhere else.
    pub query: Vec<(String, String)>,
}

impl Elsewhere {
    /// Whether nothing is bound.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.body.is_empty() && self.query.is_empty()
    }

    /// What is bound.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        let headers = self
            .headers
            .iter()
            .map(|(parameter, ..)| parameter.as_str());
        headers.chain(self.body.iter().map(|binding| binding.parameter.as_str()))
    }

    /// What is asked for, with all that binds it. A body that is read is there again for whoever screens
    /// it.
    pub(crate) async fn bind(
        &self,
        account: &mut Account,
        mut asked: Asked,
        parts: &Parts,
        body: &mut Source,
    ) -> Result<Asked, Interruption> {
        // A refusal from here on is of this operation.
        account.resolved(&asked.operation, Arc::clone(&asked.way.route));
        let mut bound = (*asked.operation.bound).clone();
        bound.extend(
            self.of_headers(&parts.headers)
                .map_err(Interruption::unclear)?,
        );
        let taken = self.taken(parts);
        // What nobody reads is not known to hold nothing of what is taken for granted.
        let unseen = matches!(body, Source::Whole(None));
        let is_read = !taken.is_empty() && (unseen || !body.is_end_stream());
        if !self.body.is_empty() || is_read {
            let kinds = [Media::Json, Media::Form];
            let (kind, bytes) = message::read(&parts.headers, body, &kinds).await?;
            account.request.received = bytes.len() as u64;
            let named = if kind == Media::Form {
                self.of_form(&bytes, &bound)
            } else {
                self.of_json(&bytes, &bound)
            };
            bound.extend(named.map_err(Interruption::unclear)?);
            holds_none(kind, &bytes, &taken).map_err(Interruption::unclear)?;
            *body = Source::Whole(Some(bytes));
        }
        let query = parts.uri.query().unwrap_or_default();
        self.check_query(query, &bound)
            .map_err(Interruption::unroutable)?;
        asked.operation.bound = Arc::new(bound);
        Ok(asked)
    }

    /// The names of what is not where it is looked for in the head, so that its default is taken.
    fn taken(&self, parts: &Parts) -> Vec<String> {
        let query = query_pairs(parts.uri.query().unwrap_or_default()).unwrap_or_default();
        let queried = self.query.iter().filter(|(_, name)| {
            let mut names = query.iter().map(|(key, _)| key);
            !names.any(|key| is_like(key, name))
        });
        let queried = queried.map(|(parameter, name)| [parameter.clone(), name.clone()]);
        let headers = self.headers.iter();
        let headers = headers.filter(|(_, name, _)| !parts.headers.contains_key(name));
        let headers = headers.map(|(parameter, name, _)| [parameter.clone(), name.to_string()]);
        queried.chain(headers).flatten().collect()
    }

    fn of_headers(&self, headers: &HeaderMap) -> Result<BTreeMap<String, String>, Unclear> {
        let bound = self.headers.iter().map(|(parameter, name, default)| {
            // To a server behind CGI (RFC 3875 section 4.1.18) `x_customer` is `x-customer` too.
            let alike = |other: &HeaderName| other != name && dashes(other) == dashes(name);
            if headers.keys().any(alike) {
                return Err(Unclear::Ambiguous);
            }
            // What a connection names ends at the gateway: decided on, it would not arrive.
            if ends_here(headers, name) {
                return Err(Unclear::Ambiguous);
            }
            let mut values = headers.get_all(name).iter();
            let value = match (values.next(), default) {
                (Some(value), _) => value,
                (None, Some(default)) => return Ok((parameter.clone(), default.clone())),
                (None, None) => return Err(Unclear::ParameterMissing),
            };
            if values.next().is_some() {
                return Err(Unclear::Ambiguous);
            }
            let value = value.to_str().map_err(|_| Unclear::Ambiguous)?;
            short(value).map(|value| (parameter.clone(), value))
        });
        bound.collect()
    }

    fn of_json(
        &self,
        bytes: &[u8],
        bound: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Unclear> {
        let document = strict::parse(bytes)?;
        let object = document.as_object().ok_or(Unclear::ParameterMissing)?;
        agrees(object, bound)?;
        call::bind(&self.body, Some(object))
    }

    fn of_form(
        &self,
        bytes: &[u8],
        bound: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Unclear> {
        let form = std::str::from_utf8(bytes).map_err(|_| Unclear::Ambiguous)?;
        let field = |name: &str| form_field(form, name).map_err(|_| Unclear::Ambiguous);
        for (name, value) in bound {
            if field(name)?.is_some_and(|other| other != *value) {
                return Err(Unclear::Ambiguous);
            }
        }
        let named = self.body.iter().map(|binding| {
            // What is nested has no name in a form that all servers share.
            let [name] = binding.path.as_slice() else {
                return Err(Unclear::ParameterMissing);
            };
            let value = field(name)?.or_else(|| binding.default.clone());
            let value = value.ok_or(Unclear::ParameterMissing)?;
            short(&value).map(|value| (binding.parameter.clone(), value))
        });
        named.collect()
    }

    /// That the query says nothing else of what is bound here.
    fn check_query(&self, query: &str, bound: &BTreeMap<String, String>) -> Result<(), Unroutable> {
        let leaf = |binding: &Binding| binding.path.last().cloned().unwrap_or_default();
        let body = self.body.iter().map(|it| (it.parameter.as_str(), leaf(it)));
        let headers = self.headers.iter();
        let headers = headers.map(|(name, field, _)| (name.as_str(), field.as_str().to_owned()));
        let names: Vec<(&str, String)> = body.chain(headers).collect();
        for (key, value) in query_pairs(query)? {
            let mut alike = names
                .iter()
                .filter(|(parameter, name)| is_like(&key, parameter) || is_like(&key, name));
            if alike.any(|(parameter, _)| bound.get(*parameter) != Some(&value)) {
                return Err(Unroutable::Ambiguous);
            }
        }
        Ok(())
    }
}

/// The name as CGI leaves it.
fn dashes(name: &HeaderName) -> Vec<u8> {
    let dash = |b: u8| if b == b'_' { b'-' } else { b };
    name.as_str().bytes().map(dash).collect()
}

/// That the members of a body say nothing else of what the path, the query or a header field binds.
fn agrees(object: &Map<String, Value>, bound: &BTreeMap<String, String>) -> Result<(), Unclear> {
    for (name, value) in bound {
        let other = strict::member(object, name)?.map(call::text).transpose()?;
        if other.is_some_and(|other| other != *value) {
            return Err(Unclear::Ambiguous);
        }
    }
    Ok(())
}

/// That a body holds nothing that could be taken for one of `names`.
fn holds_none(kind: Media, bytes: &[u8], names: &[String]) -> Result<(), Unclear> {
    if names.is_empty() {
        return Ok(());
    }
    let is_there = |found: bool| {
        if found {
            Err(Unclear::Ambiguous)
        } else {
            Ok(())
        }
    };
    if kind == Media::Form {
        let form = std::str::from_utf8(bytes).map_err(|_| Unclear::Ambiguous)?;
        return names.iter().try_for_each(|name| {
            let found = form_field(form, name).map_err(|_| Unclear::Ambiguous)?;
            is_there(found.is_some())
        });
    }
    let document = strict::parse(bytes)?;
    let object = document.as_object().ok_or(Unclear::Ambiguous)?;
    let mut names = names.iter();
    names.try_for_each(|name| is_there(strict::member(object, name)?.is_some()))
}

fn short(value: &str) -> Result<String, Unclear> {
    if value.len() > PARAMETER_BYTES_MAX {
        return Err(Unclear::ParameterTooLong);
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn elsewhere() -> Elsewhere {
        Elsewhere {
            headers: vec![(
                "tenant".to_owned(),
                HeaderName::from_static("x-tenant"),
                None,
            )],
            body: Binding::parse("customer", "customer_id")
                .into_iter()
                .collect(),
            query: vec![("page".to_owned(), "limit".to_owned())],
        }
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_static(value);
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    #[test]
    fn a_header_field_binds_if_it_is_there_once() {
        let bound = |lines: &[_]| elsewhere().of_headers(&headers(lines));
        let tenant = bound(&[("x-tenant", "t-1")]).map(|mut it| it.remove("tenant"));
        assert_eq!(tenant, Ok(Some("t-1".to_owned())));
        assert_eq!(bound(&[]), Err(Unclear::ParameterMissing));
        for twice in ["x-tenant", "x_tenant"] {
            let lines = [("x-tenant", "t-1"), (twice, "t-2")];
            assert_eq!(bound(&lines), Err(Unclear::Ambiguous));
        }
        // It would end at the gateway, and the service be asked about nobody.
        let lines = [("x-tenant", "t-1"), ("connection", "close, X-Tenant")];
        assert_eq!(bound(&lines), Err(Unclear::Ambiguous));
    }

    #[test]
    fn a_body_binds_and_may_not_gainsay_the_path() {
        let path = BTreeMap::from([("order".to_owned(), "7".to_owned())]);
        let json = |text: &str| elsewhere().of_json(text.as_bytes(), &path);
        let form = |text: &str| elsewhere().of_form(text.as_bytes(), &path);
        let bound = BTreeMap::from([("customer".to_owned(), "C-771".to_owned())]);
        assert_eq!(
            json(r#"{"customer_id":"C-771","order":7}"#),
            Ok(bound.clone())
        );
        assert_eq!(form("customer_id=C-771&order=7"), Ok(bound));
        for missing in ["[]", "{}", r#"{"customer_id":null}"#] {
            assert_eq!(json(missing), Err(Unclear::ParameterMissing), "{missing}");
        }
        assert_eq!(form("order=7"), Err(Unclear::ParameterMissing));
        assert_eq!(
            json(r#"{"customer_id":"C-771","order":8}"#),
            Err(Unclear::Ambiguous)
        );
        assert_eq!(form("customer_id=C-771&Order=8"), Err(Unclear::Ambiguous));
        assert_eq!(json("\u{feff}{}"), Err(Unclear::NotJson));
    }

    #[test]
    fn a_default_is_not_taken_of_what_stands_somewhere_else() {
        let taken = |uri: &str, lines: &[_]| {
            let mut request = http::Request::get(uri).body(()).expect("a request");
            *request.headers_mut() = headers(lines);
            elsewhere().taken(&request.into_parts().0)
        };
        let tenant = [("x-tenant", "t-1")];
        assert_eq!(taken("/?limit=3", &tenant), [""; 0]);
        assert_eq!(taken("/?q=3", &tenant), ["page", "limit"]);
        assert_eq!(taken("/?limit=3", &[]), ["tenant", "x-tenant"]);
        let names = ["page", "limit"].map(str::to_owned);
        let json = |text: &str| holds_none(Media::Json, text.as_bytes(), &names);
        let form = |text: &str| holds_none(Media::Form, text.as_bytes(), &names);
        assert_eq!(json(r#"{"size":1}"#), Ok(()));
        assert_eq!(form("size=1"), Ok(()));
        for text in [
            r#"{"limit":9}"#,
            r#"{"Limit":9}"#,
            r#"{"page":null}"#,
            "[]",
            "7",
        ] {
            assert_eq!(json(text), Err(Unclear::Ambiguous), "{text}");
        }
        for text in ["limit=9", "Limit=9", "limit[]=9", "a=1&page="] {
            assert_eq!(form(text), Err(Unclear::Ambiguous), "{text}");
        }
    }

    #[test]
    fn a_query_may_not_gainsay_what_is_bound() {
        let bound = [("customer", "C-771"), ("tenant", "t-1")];
        let bound = bound
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let check = |query| elsewhere().check_query(query, &bound);
        assert_eq!(check("limit=3&customer=C-771&x-tenant=t-1"), Ok(()));
        for query in [
            "customer=C-332",
            "Customer_id=C-332",
            "customer_id[]=C-771",
            "tenant=t-2",
        ] {
            let expected = if query.ends_with("C-771") {
                Ok(())
            } else {
                Err(Unroutable::Ambiguous)
            };
            assert_eq!(check(query), expected, "{query}");
        }
    }
}
