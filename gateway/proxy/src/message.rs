//! Requests whose operation stands in their body: read whole, understood, and only then decided.

use std::{collections::BTreeMap, future::poll_fn, pin::Pin, sync::Arc};

use bytes::{Bytes, BytesMut};
use classifiers::operator::Operator;
use http::{HeaderMap, Method, StatusCode, request::Parts};
use http_body::Body as _;
use policy::{Effect, Operation};
use redaction::Coding;
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    account::Account,
    body::Source,
    call::Call,
    declared,
    dialect::Dialect,
    graphql::{self, Envelope, Names},
    headers,
    jsonrpc::{self, Kind},
    limits,
    media::{self, Media},
    refusal::Interruption,
    route::{Endpoint, Speaks, Way},
    strict,
};

/// Why a message says nothing that can be decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// It is not JSON.
    #[error("the message is not JSON")]
    NotJson,
    /// It is JSON, and no message of the protocol.
    #[error("the message is none of the protocol")]
    NotAMessage,
    /// Servers may read it in more than one way.
    #[error("the message can be read in more than one way")]
    Ambiguous,
    /// Several messages in one.
    #[error("send one message at a time: batches are refused")]
    Batch,
    /// No operation of this name is configured.
    #[error("the service has no operation of this name")]
    OperationUnknown,
    /// An argument that binds the call to a resource is not there.
    #[error("an argument that the operation is bound by is missing")]
    ParameterMissing,
    /// A name or an argument that binds is too long.
    #[error("a name or an argument of the message is too long")]
    ParameterTooLong,
    /// A header field says otherwise than the message.
    #[error("a header field does not say what the message does")]
    HeaderMismatch,
    /// It asks for several things that would be decided one by one.
    #[error("ask for one root field at a time")]
    Several,
    /// Another name in the answer would hide what a field is.
    #[error("an alias hides what a field's name says: ask for the field by its own name")]
    AliasHides,
    /// It names a query that the service keeps. Clients know this sentence, and then send the query.
    #[error("PersistedQueryNotSupported")]
    Persisted,
}

impl Unclear {
    /// The status and the stable code of the refusal.
    pub(crate) fn refusal(self) -> (StatusCode, &'static str) {
        match self {
            Self::NotJson => (StatusCode::BAD_REQUEST, "request_unreadable"),
            Self::NotAMessage => (StatusCode::BAD_REQUEST, "not_a_message"),
            Self::Ambiguous => (StatusCode::BAD_REQUEST, "message_ambiguous"),
            Self::Batch => (StatusCode::BAD_REQUEST, "batch_refused"),
            Self::OperationUnknown => (StatusCode::FORBIDDEN, "operation_unknown"),
            Self::ParameterMissing => (StatusCode::BAD_REQUEST, "parameter_missing"),
            Self::ParameterTooLong => (StatusCode::BAD_REQUEST, "parameter_too_long"),
            Self::HeaderMismatch => (StatusCode::BAD_REQUEST, "header_mismatch"),
            Self::Several => (StatusCode::BAD_REQUEST, "fields_several"),
            Self::AliasHides => (StatusCode::FORBIDDEN, "alias_refused"),
            Self::Persisted => (StatusCode::BAD_REQUEST, "persisted_query_refused"),
        }
    }
}

/// What a message asks for, in the words of its protocol; only configured words and constants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spoken {
    /// The protocol's method: `tools/call`.
    pub(crate) method: Arc<str>,
    /// The tool that is called.
    pub(crate) tool: Option<Arc<str>>,
}

/// The operation that a message names.
pub(crate) struct Named<'c> {
    pub(crate) call: &'c Call,
    pub(crate) bound: BTreeMap<String, String>,
    pub(crate) spoken: Option<Spoken>,
}

/// Why a message is refused, and what it asked for as far as that may be told.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) why: Unclear,
    /// A constant of the protocol, or [`UNKNOWN`].
    pub(crate) operation: &'static str,
    /// What it named, for the record alone.
    pub(crate) bound: BTreeMap<String, String>,
}

/// What stands for an operation that is not known.
pub(crate) const UNKNOWN: &str = "unknown";

impl From<Unclear> for Refused {
    fn from(why: Unclear) -> Self {
        Self {
            why,
            operation: UNKNOWN,
            bound: BTreeMap::new(),
        }
    }
}

/// What a message asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    pub(crate) way: Way,
    pub(crate) spoken: Option<Spoken>,
}

/// What the message in `body` asks for. The account learns of it as much as is known, even where it
/// is refused.
pub(crate) async fn understand(
    account: &mut Account,
    endpoint: &Endpoint,
    operator: Option<&Arc<Operator>>,
    parts: &Parts,
    body: &mut Source,
) -> Result<Asked, Interruption> {
    let service = &endpoint.service;
    let understood = match &service.speaks {
        Speaks::Mcp(mcp) => {
            account.dialect = Dialect::JsonRpc(Value::Null);
            let document = document(account, parts, body).await?;
            let message = jsonrpc::message(&document).map_err(Interruption::unclear)?;
            account.dialect = match message.id {
                // An answer to the server is not answered itself, whatever its id.
                Some(id) if message.kind != Kind::Answer => Dialect::JsonRpc(id.clone()),
                _ => Dialect::Problem,
            };
            account.client = declared::client(account.gateway(), &message);
            mcp.understand(&parts.headers, &message)
        }
        Speaks::GraphQl(graphql) => {
            account.dialect = Dialect::graphql(&parts.headers);
            let document = asked_by(account, parts, body).await?;
            let envelope = Envelope::read(&document).map_err(Interruption::unclear)?;
            let declared = service.declared.as_ref();
            graphql.understand(&parts.method, &envelope, &Names { operator, declared })
        }
        Speaks::Paths(_) => return Err(Interruption::unclear(Unclear::NotAMessage)),
    };
    match understood {
        Ok(named) => Ok(Asked {
            operation: service.operation(&named.call.id, named.call.effect, named.bound),
            way: endpoint.way(named.call),
            spoken: named.spoken,
        }),
        Err(refused) => {
            // Unknown counts as a write, and what was asked for stands in the record alone.
            let id = Arc::from(refused.operation);
            let operation = service.operation(&id, Effect::Write, refused.bound);
            account.resolved(&operation, Arc::clone(&endpoint.route));
            Err(Interruption::unclear(refused.why))
        }
    }
}

/// The request of GraphQL: the body, or for GET the query of the URL.
async fn asked_by(
    account: &mut Account,
    parts: &Parts,
    body: &mut Source,
) -> Result<Value, Interruption> {
    let query = parts.uri.query().unwrap_or_default();
    if parts.method != Method::GET {
        if !graphql::is_clear(query) {
            return Err(Interruption::unclear(Unclear::Ambiguous));
        }
        return document(account, parts, body).await;
    }
    if !body.is_end_stream() {
        return Err(Interruption::unclear(Unclear::Ambiguous));
    }
    graphql::from_query(query).map_err(Interruption::unclear)
}

/// The body as JSON; it is there again for whoever screens it.
async fn document(
    account: &mut Account,
    parts: &Parts,
    body: &mut Source,
) -> Result<Value, Interruption> {
    let bytes = read(&parts.headers, body, &[redaction::Media::Json])
        .await?
        .1;
    account.request.received = bytes.len() as u64;
    let document = strict::parse(&bytes).map_err(Interruption::unclear)?;
    *body = Source::Whole(Some(bytes));
    Ok(document)
}

/// The body of a request that must be read to be decided on, whole: of one of these kinds, uncoded, at
/// most [`limits::MESSAGE_BYTES_MAX`].
pub(crate) async fn read(
    headers: &HeaderMap,
    body: &mut Source,
    kinds: &[redaction::Media],
) -> Result<(redaction::Media, Bytes), Interruption> {
    let kind = match media::of(headers, body.is_end_stream()) {
        Media::Document(kind, Coding::Identity) if kinds.contains(&kind) => kind,
        Media::Opaque(gap) => return Err(Interruption::request_uninspected(gap)),
        _ => return Err(Interruption::request_uninspected("message_undeclared")),
    };
    let declared = headers::content_length(headers);
    if declared.is_some_and(|bytes| bytes > limits::MESSAGE_BYTES_MAX) {
        return Err(Interruption::message_too_long());
    }
    whole(body).await.map(|bytes| (kind, bytes))
}

/// A body of at most [`limits::MESSAGE_BYTES_MAX`], whole.
pub(crate) async fn whole(body: &mut Source) -> Result<Bytes, Interruption> {
    timeout(limits::MESSAGE_DEADLINE, collect(body))
        .await
        .unwrap_or_else(|_| Err(Interruption::request_incomplete()))
}

async fn collect(body: &mut Source) -> Result<Bytes, Interruption> {
    let mut whole = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        let frame = frame.map_err(|_| Interruption::request_incomplete())?;
        let Ok(data) = frame.into_data() else {
            // Trailers are dropped: nothing in them is inspected.
            continue;
        };
        if (whole.len() + data.len()) as u64 > limits::MESSAGE_BYTES_MAX {
            return Err(Interruption::message_too_long());
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}
