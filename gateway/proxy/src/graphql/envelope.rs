//! A request of GraphQL over HTTP: JSON, or the query of a URL.

use serde_json::{Map, Value};

use crate::{
    message::Unclear,
    route::{Unroutable, is_like, query_pairs},
    strict::{self, member},
};

/// The members of a request.
const MEMBERS: [&str; 4] = ["query", "operationName", "variables", "extensions"];
/// By what else servers look for a query that they keep.
const KEPT: [&str; 5] = ["id", "queryId", "documentId", "doc_id", "hash"];

/// A request.
#[derive(Debug)]
pub(crate) struct Envelope<'v> {
    pub(super) query: &'v str,
    pub(super) operation: Option<&'v str>,
    pub(super) variables: Option<&'v Map<String, Value>>,
}

impl<'v> Envelope<'v> {
    /// Reads a request. What a server would look up instead of reading it here is refused: a hash or an
    /// id names whatever the server keeps under it.
    pub(crate) fn read(document: &'v Value) -> Result<Self, Unclear> {
        let request = match document {
            Value::Object(request) => request,
            Value::Array(_) => return Err(Unclear::Batch),
            _ => return Err(Unclear::NotAMessage),
        };
        if KEPT.iter().any(|name| request.contains_key(*name)) {
            return Err(Unclear::Persisted);
        }
        let [query, operation, variables, extensions] = MEMBERS.map(|name| member(request, name));
        let present = |value: Option<&'v Value>| value.filter(|value| !value.is_null());
        let extensions = present(extensions?).map(object).transpose()?;
        if extensions.is_some_and(|extensions| extensions.contains_key("persistedQuery")) {
            return Err(Unclear::Persisted);
        }
        if request.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(Unclear::Ambiguous);
        }
        let text = |value: &'v Value| value.as_str().ok_or(Unclear::NotAMessage);
        Ok(Self {
            query: present(query?)
                .map(text)
                .transpose()?
                .ok_or(Unclear::Persisted)?,
            operation: present(operation?).map(text).transpose()?,
            variables: present(variables?).map(object).transpose()?,
        })
    }
}

fn object(value: &Value) -> Result<&Map<String, Value>, Unclear> {
    value.as_object().ok_or(Unclear::NotAMessage)
}

/// The request that the query of a URL is.
pub(crate) fn from_query(query: &str) -> Result<Value, Unclear> {
    let pairs = query_pairs(query).map_err(|_: Unroutable| Unclear::Ambiguous)?;
    let mut request = Map::new();
    for (name, text) in pairs {
        let value = match name.as_str() {
            "variables" | "extensions" if !text.is_empty() => strict::parse(text.as_bytes())?,
            _ => text.into(),
        };
        if request.insert(name, value).is_some() {
            return Err(Unclear::Ambiguous);
        }
    }
    Ok(request.into())
}

/// Whether the query of a URL leaves a body its say: some servers read a request from both, and do not
/// agree on which goes first.
pub(crate) fn is_clear(query: &str) -> bool {
    let Ok(pairs) = query_pairs(query) else {
        return false;
    };
    let names = || MEMBERS.iter().chain(&KEPT);
    pairs
        .iter()
        .all(|(name, _)| !names().any(|known| is_like(name, known)))
}
