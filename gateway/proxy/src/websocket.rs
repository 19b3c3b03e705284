//! WebSocket (RFC 6455), governed by message.
//!
//! The handshake is the call: it is decided, counted and recorded like any request, and the upstream's answer to
//! it is an answer like any other until it is the 101 that was asked for. From then on each message is a document
//! of its own ([`judge`]), led both ways at once ([`relay`]); the end waits for the outcome, as that of an event
//! stream does. Frames are `tungstenite`'s. Extensions are not negotiated, so that every message can be read.

mod flow;
pub(crate) mod handshake;
mod judge;
mod relay;

use std::sync::{Arc, Mutex, PoisonError};

use admission::Permit;
use http::{Extensions, HeaderValue, Request, Response, StatusCode, header};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub(crate) use self::relay::Relay;
use crate::{
    account::Account, body::Inbound, exchange::Worker, headers, refusal::Interruption, response,
    route::Way, usage,
};

/// What is declared of an operation that is a WebSocket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebSocket {
    /// The subprotocols that may be agreed on (RFC 6455 section 1.9). Others are not passed on: some clients send
    /// keys in their place.
    pub subprotocols: Vec<Box<str>>,
}

/// Where what follows the 101 on a connection waits until HTTP has ended there.
pub(crate) type Slot = Arc<Mutex<Option<Box<Relay>>>>;

/// The agent's side of a handshake, kept beside its request.
#[derive(Clone)]
pub(crate) struct Line {
    slot: Slot,
    upgrade: OnUpgrade,
    /// The answer to its key.
    accept: HeaderValue,
}

impl Line {
    /// Keeps hold of the connection of a request that asks for a WebSocket.
    pub(crate) fn keep(slot: &Slot, request: &mut Request<Incoming>) {
        let (version, fields) = (request.version(), request.headers());
        let key = fields.get(header::SEC_WEBSOCKET_KEY);
        let Some(key) = key.filter(|_| handshake::is_asked(version, fields)) else {
            return;
        };
        let Ok(accept) = HeaderValue::try_from(derive_accept_key(key.as_bytes())) else {
            return;
        };
        let upgrade = hyper::upgrade::on(&mut *request);
        let slot = Arc::clone(slot);
        request.extensions_mut().insert(Self {
            slot,
            upgrade,
            accept,
        });
    }
}

impl Worker {
    /// Answers a handshake whose upstream agreed, and leaves what follows to the connection.
    pub(crate) async fn switch(
        &self,
        (permit, way): (Permit, Way),
        mut account: Box<Account>,
        mut answer: Response<Incoming>,
        line: Line,
    ) -> Result<Response<Inbound>, (Box<Account>, Interruption)> {
        let upstream = hyper::upgrade::on(&mut answer);
        let (mut parts, _) = answer.into_parts();
        let agreed = parts.headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
        headers::towards_agent(&mut parts.headers, true);
        headers::body_withheld(&mut parts.headers);
        parts.headers.remove(header::CONTENT_LENGTH);
        let head = response::judge_head(&self.gateway, &permit, &mut account, &mut parts).await;
        let counted = match head {
            Ok(counted) => counted,
            Err(why) => return Err((account, why)),
        };
        let fields = &mut parts.headers;
        let (upgrade, websocket) = ("upgrade", "websocket");
        fields.insert(header::CONNECTION, HeaderValue::from_static(upgrade));
        fields.insert(header::UPGRADE, HeaderValue::from_static(websocket));
        fields.insert(header::SEC_WEBSOCKET_ACCEPT, line.accept);
        if let Some(agreed) = agreed {
            fields.insert(header::SEC_WEBSOCKET_PROTOCOL, agreed);
        }
        response::stamp(fields, &account);
        parts.extensions = Extensions::new();
        account.status = Some(StatusCode::SWITCHING_PROTOCOLS);
        if account.metered.take().is_some() {
            // Nobody reads in messages what a model used; budgets that count it refuse the handshake.
            account.response_fields.gaps.push(usage::UNKNOWN.to_owned());
        }
        let relay = Relay::new(&self.gateway, (permit, way), account, counted);
        let relay = relay.between(line.upgrade, upstream);
        *line.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(relay));
        Ok(Response::from_parts(parts, Inbound::empty()))
    }
}
