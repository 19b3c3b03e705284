//! The service's answer on its way to the agent: classified, redacted, and released only as far as
//! the record allows.
//!
//! A short answer is judged whole, so a refusal still has a status line. A longer one is released
//! as it is judged; its last piece waits until the outcome is durable.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use admission::Permit;
use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, response::Parts,
};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use policy::Towards;
use redaction::{
    Coding, Format,
    shape::{Plan, Withheld},
};

use crate::{
    account::{Account, End},
    body::{BoxError, Inbound},
    fields,
    gateway::{Gateway, Uninspected},
    headers, limits,
    media::{self, Media},
    pump::{Broken, GRPC_STATUS, Pump},
    refusal::Interruption,
    route::Way,
};

/// Releases an answer under a permit, as far as policy shows it.
pub(crate) async fn release(
    gateway: &Gateway,
    permit: &Permit,
    way: &Way,
    mut account: Box<Account>,
    response: Response<Incoming>,
) -> Result<Response<Inbound>, (Box<Account>, Interruption)> {
    let (mut parts, incoming) = response.into_parts();
    let media = media::of_response(parts.status, &parts.headers, incoming.is_end_stream());
    let (media, message) = way.messages(media, &parts.headers, Towards::Agent);
    let inspected = media.inspected(gateway.uninspected);
    let declared = content_length(&parts.headers);
    let ending = Ending::of(&parts.headers);
    // The reason phrase is the upstream's own text (RFC 9112 section 4): it stays here.
    parts.extensions = Extensions::new();
    headers::towards_agent(&mut parts.headers, inspected.is_some());
    if let Err(why) = fields::response(gateway, permit, &mut account, &mut parts.headers) {
        return Err((account, why));
    }
    let plan = way.answers().plan(permit);
    let shaped = !plan.is_empty();
    // Only in JSON can the rows of others be told from one's own.
    let media = match inspected {
        Some((format, _)) if shaped && !media::is_json(format) => Media::Opaque("rows_unknown"),
        _ => media,
    };
    let governed = Governance { permit, way, plan };
    let mut pump = match (media, inspected) {
        (Media::Opaque(gap), _) => Pump::blind(incoming, gap),
        (_, Some(inspected)) => governed
            .pump(gateway, parts.status, inspected, incoming)
            .of_messages(message),
        (_, None) => return whole(account, parts, Inbound::empty()).await,
    };
    // What hyper writes follows what is really sent, not what the upstream promised.
    parts.headers.remove(header::CONTENT_LENGTH);
    if let Media::Opaque(gap) = media {
        match pump.is_empty().await {
            Err(broken) => return Err((account, interruption(broken))),
            // What cannot be read cannot be searched for the rows of others either.
            Ok(false) if shaped || gateway.uninspected == Uninspected::Refuse => {
                account.response.gaps.push(gap.to_owned());
                return withhold(account, parts, gap).await;
            }
            Ok(_) => {}
        }
    }
    let is_short = declared.is_some_and(|bytes| bytes <= limits::WHOLE_BODY_BYTES_MAX);
    // The status of gRPC comes behind the body.
    if pump.ended() || is_short && ending != Ending::Status {
        if let Err(broken) = pump.read_up_to(limits::WHOLE_BODY_BYTES_MAX).await {
            account.response = pump.record();
            return Err((account, interruption(broken)));
        }
        if pump.ended() {
            if pump.changed() {
                headers::body_changed(&mut parts.headers);
            }
            if let Some(told) = told(&pump.withheld()) {
                parts.headers.insert(headers::WITHHELD, told);
            }
            let pieces = pump.take_all();
            account.response = pump.record();
            // Its buffers are for the next body; the record is not waited for with them in hand.
            drop(pump);
            return whole(account, parts, Inbound::Whole(pieces)).await;
        }
    }
    if !matches!(media, Media::Opaque(_)) {
        headers::body_changed(&mut parts.headers);
    }
    if shaped {
        let announced = HeaderValue::from_name(headers::WITHHELD);
        parts.headers.insert(header::TRAILER, announced);
    }
    Ok(streamed(account, parts, pump, ending, shaped))
}

/// An answer whose body is judged as it goes.
fn streamed(
    mut account: Box<Account>,
    mut parts: Parts,
    pump: Pump,
    ending: Ending,
    trails: bool,
) -> Response<Inbound> {
    account.status = Some(parts.status);
    stamp(&mut parts.headers, &account);
    let governed = Governed {
        pump,
        state: State::Reading(account),
        ending,
        trails,
    };
    Response::from_parts(parts, Inbound::Stream(Box::new(governed)))
}

/// What an answer is held to.
struct Governance<'a> {
    permit: &'a Permit,
    way: &'a Way,
    plan: Plan,
}

impl Governance<'_> {
    /// An answer that is inspected.
    fn pump(
        self,
        gateway: &Gateway,
        status: StatusCode,
        (format, coding): (Format, Coding),
        incoming: Incoming,
    ) -> Pump {
        let Self { permit, way, plan } = self;
        let keys = way.answers().keys(permit, &gateway.pseudonyms);
        let restoration = way.restoration(permit, Towards::Agent, &keys);
        Pump::inspecting(
            incoming,
            gateway,
            format,
            coding,
            permit.towards_agent(),
            keys,
            way.declared_response(status),
        )
        .restored(restoration.filter(|_| media::is_json(format)))
        .shaped(plan)
    }
}

/// An answer whose body may not be shown. Where its status speaks for itself, that is kept: a
/// redirect leads on, an error stays the service's error.
async fn withhold(
    account: Box<Account>,
    mut parts: Parts,
    gap: &'static str,
) -> Result<Response<Inbound>, (Box<Account>, Interruption)> {
    if parts.status.is_redirection() {
        headers::body_withheld(&mut parts.headers);
        return whole(account, parts, Inbound::empty()).await;
    }
    let mut why = Interruption::response_uninspected(gap);
    if parts.status.is_client_error() || parts.status.is_server_error() {
        why.status = parts.status;
    }
    Err((account, why))
}

/// An answer that is all there: its outcome is durable before its first byte goes.
async fn whole(
    mut account: Box<Account>,
    mut parts: Parts,
    body: Inbound,
) -> Result<Response<Inbound>, (Box<Account>, Interruption)> {
    account.status = Some(parts.status);
    stamp(&mut parts.headers, &account);
    match account.conclude(End::Released, None).await {
        Ok(()) => Ok(Response::from_parts(parts, body)),
        Err(why) => Err((account, why)),
    }
}

/// Writes the record's index and the trace id on an answer.
pub(crate) fn stamp(headers: &mut HeaderMap, account: &Account) {
    if let Some(record) = account.record() {
        headers.insert(headers::RECORD, HeaderValue::from(record));
    }
    if let Ok(trace) = HeaderValue::try_from(account.trace_id()) {
        headers.insert(headers::TRACE, trace);
    }
}

/// What the agent is told of what stayed behind, if anything did.
fn told(withheld: &Withheld) -> Option<HeaderValue> {
    let counts: Vec<String> = withheld
        .tellable()
        .map(|(name, count)| format!("{name}={count}"))
        .collect();
    HeaderValue::try_from(counts.join(", "))
        .ok()
        .filter(|told| !told.is_empty())
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn interruption(broken: Broken) -> Interruption {
    match broken {
        Broken::Source => Interruption::upstream_failed(),
        Broken::Idle => Interruption::upstream_timeout(),
        Broken::Unreadable(what) => Interruption::response_unreadable(&what),
        Broken::Uninspected(gap) => Interruption::response_uninspected(gap),
        Broken::Blocked(class, policy) => Interruption::blocked(class, policy.as_ref()),
    }
}

/// A long answer, released as it is judged.
pub(crate) struct Governed {
    pump: Pump,
    state: State,
    ending: Ending,
    /// Whether a trailer may still say what stayed behind.
    trails: bool,
}

/// What of an answer waits for the outcome, and how it ends where it may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The last piece waits; the answer breaks off.
    Piece,
    /// Events would stall, so only the end of the stream waits; it is an event that tells.
    Event,
    /// So would messages of gRPC, whose status ends the answer.
    Status,
}

impl Ending {
    fn of(headers: &HeaderMap) -> Self {
        if media::is_event_stream(headers) {
            Self::Event
        } else if media::has_grpc(headers) {
            Self::Status
        } else {
            Self::Piece
        }
    }
}

enum State {
    Reading(Box<Account>),
    Closing(Pin<Box<dyn Future<Output = Result<(), Interruption>> + Send>>),
    Released,
    Broken,
}

impl Governed {
    /// Ends the account: with everything released, or broken off because of `why`.
    fn close(&mut self, why: Option<Interruption>) {
        let State::Reading(mut account) = std::mem::replace(&mut self.state, State::Broken) else {
            return;
        };
        account.response = self.pump.record();
        // The pieces that wait are released next, and the record says so beforehand.
        if why.is_none() {
            account.response.released += self.pump.waiting_bytes();
        }
        self.state = State::Closing(Box::pin(async move {
            let end = if why.is_some() {
                End::Aborted
            } else {
                End::Released
            };
            account.conclude(end, why.as_ref()).await?;
            why.map_or(Ok(()), Err)
        }));
    }

    fn may_release(&self) -> bool {
        match self.state {
            State::Reading(_) => self.pump.waiting() > usize::from(self.ending == Ending::Piece),
            State::Closing(_) | State::Broken => false,
            State::Released => self.pump.waiting() > 0,
        }
    }
}

/// The status of a call that the gateway did not let end: `PERMISSION_DENIED`.
fn refused(reason: &'static str) -> HeaderMap {
    HeaderMap::from_iter([
        (GRPC_STATUS, HeaderValue::from_static("7")),
        (
            HeaderName::from_static("grpc-message"),
            HeaderValue::from_static(reason),
        ),
    ])
}

impl Body for Governed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            if this.may_release() {
                return Poll::Ready(this.pump.take().map(|piece| Ok(Frame::data(piece))));
            }
            match &mut this.state {
                State::Reading(_) if this.pump.ended() => this.close(None),
                State::Reading(_) => {
                    if let Err(broken) = ready!(this.pump.poll_read(cx)) {
                        this.close(Some(interruption(broken)));
                    }
                }
                State::Closing(closing) => match ready!(closing.as_mut().poll(cx)) {
                    Ok(()) => this.state = State::Released,
                    Err(why) => {
                        this.state = State::Broken;
                        return Poll::Ready(Some(match this.ending {
                            Ending::Piece => Err(why.reason.into()),
                            // Whole events were released, so that one more can follow.
                            Ending::Event => {
                                Ok(Frame::data(this.pump.protocol().error_event(&why)))
                            }
                            Ending::Status => Ok(Frame::trailers(refused(why.reason))),
                        }));
                    }
                },
                State::Released if std::mem::take(&mut this.trails) => {
                    if let Some(told) = told(&this.pump.withheld()) {
                        let trailers = HeaderMap::from_iter([(headers::WITHHELD, told)]);
                        return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                    }
                }
                State::Released => {
                    let status = this.pump.take_status();
                    return Poll::Ready(status.map(|status| Ok(Frame::trailers(status))));
                }
                State::Broken => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for Governed {
    fn drop(&mut self) {
        if let State::Reading(account) = &mut self.state {
            account.response = self.pump.record();
        }
    }
}
