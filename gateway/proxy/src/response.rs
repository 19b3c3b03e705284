//! The service's answer on its way to the agent: classified, redacted, and released only as far as
//! the record allows.
//!
//! A short answer is judged whole, so a refusal still has a status line. A longer one is released
//! as it is judged; its last piece waits until the outcome is durable.

mod governed;
mod mediated;

use std::sync::Arc;

use admission::Permit;
use classifiers::declared::{Declared, Place};
use http::{Extensions, HeaderMap, HeaderValue, Response, StatusCode, header, response::Parts};
use http_body::Body;
use hyper::body::Incoming;
use policy::Towards;
use redaction::{
    Coding, Format,
    shape::{Plan, Shaper, Withheld},
};

use crate::{
    accept::Accepted,
    account::{Account, End},
    body::{Inbound, Source},
    fields,
    gateway::{Gateway, Uninspected},
    headers,
    leash::{Leash, leash},
    limits,
    mcp::{
        asked::{Named, Stream},
        listing, sessions,
    },
    media::{self, Media},
    pump::{Broken, Pump},
    recoding::Recoding,
    refusal::Interruption,
    route::Way,
};
pub(crate) use governed::Governed;
use governed::{Ending, State};
pub(crate) use mediated::mediated;

/// Releases an answer under a permit, as far as policy shows it.
pub(crate) async fn release(
    gateway: &Gateway,
    permit: &Permit,
    way: &Way,
    mut account: Box<Account>,
    accepted: Accepted,
    response: Response<Incoming>,
) -> Result<Response<Inbound>, (Box<Account>, Interruption)> {
    let (mut parts, incoming) = response.into_parts();
    let media = media::of_response(parts.status, &parts.headers, incoming.is_end_stream());
    let (media, message) = way.messages(media, &parts.headers, Towards::Agent);
    let inspected = media.inspected(gateway.uninspected);
    let declared = headers::content_length(&parts.headers);
    let ending = Ending::of(&parts.headers);
    opened(gateway, permit, way, (&parts, &account));
    towards_agent(&mut parts.headers, way, inspected.is_some());
    let counted = match judge_head(gateway, permit, &mut account, &mut parts).await {
        Ok(counted) => counted,
        Err(why) => return Err((account, why)),
    };
    let is_prose = is_prose(media, inspected, parts.status, &account);
    let (plan, named) = plan(gateway, permit, way, (&account, is_prose));
    let shaped = !plan.is_empty();
    if way.says_nothing(parts.status) {
        headers::body_withheld(&mut parts.headers);
        return whole(account, parts, Inbound::empty()).await;
    }
    let media = unknown_rows(inspected, shaped, counted).map_or(media, Media::Opaque);
    let mut pump = match (media, inspected) {
        (Media::Opaque(gap), _) => {
            Pump::blind(Source::Wire(incoming), gap, way.service.timeouts.idle)
        }
        (_, Some(inspected)) => {
            let described = way.declared_response(parts.status, ending != Ending::Event);
            governed(gateway, permit, way, incoming, inspected, described)
                .naming(way.endpoint_event(&gateway.sessions, permit.caller(), named))
                .shaped(plan)
                .of_messages(message)
        }
        (_, None) => return whole(account, parts, Inbound::empty()).await,
    };
    pump = of_exchange(pump, &mut account, &parts.headers);
    if counted {
        let service = &permit.operation().service;
        pump = pump.counting(way.answers.records.clone(), service, &gateway.pseudonyms);
    }
    // What hyper writes follows what is really sent, not what the upstream promised.
    parts.headers.remove(header::CONTENT_LENGTH);
    if let Media::Opaque(gap) = media {
        match pump.is_empty().await {
            Err(broken) => return Err((account, interruption(broken))),
            // What cannot be read cannot be searched for the rows of others either.
            Ok(false) if shaped || counted || gateway.uninspected == Uninspected::Refuse => {
                account.response.gaps.push(gap.to_owned());
                return withhold(account, parts, gap).await;
            }
            Ok(_) => {}
        }
    }
    let came = inspected.filter(|_| !matches!(media, Media::Opaque(_)));
    // The status of gRPC comes behind the body.
    let short = !matches!(ending, Ending::Status | Ending::Frame(_))
        && declared.is_some_and(|bytes| bytes <= limits::WHOLE_BODY_BYTES_MAX);
    // Who reads one document reads it to its end; lines and events are read one by one.
    let read_whole = came.is_some_and(|(format, _)| media::is_read_whole(format));
    let undeclared = declared.is_none() && read_whole;
    let answer = Answer {
        account,
        parts,
        coding: Recoding {
            accepted,
            encodes: way.service.encodes,
            came: came.map(|(_, coding)| coding),
        },
        pump,
    };
    match answer.judge(short, undeclared).await? {
        Judged::Whole(response) => Ok(response),
        Judged::Long(answer) => answer.streamed(leash(permit, gateway), (ending, shaped)),
    }
}

/// Turns an upstream's header fields into those that the agent gets.
fn towards_agent(fields: &mut HeaderMap, way: &Way, inspected: bool) {
    headers::towards_agent(fields, inspected);
    if way.service.protected().is_some() {
        // Where the server's own tokens come from is nothing for a caller, whose token ends here.
        fields.remove(header::WWW_AUTHENTICATE);
    }
}

/// Whether no client of MCP reads a message in what cannot be told from rows: an error, or an answer to what
/// asks for none, of another kind than messages are.
fn is_prose(
    media: Media,
    inspected: Option<(Format, Coding)>,
    status: StatusCode,
    account: &Account,
) -> bool {
    let is_other = match (media, inspected) {
        (Media::Opaque(gap), _) => gap == media::UNDECLARED,
        (_, Some((Format::Document(media), _))) => !Shaper::reads(media),
        _ => false,
    };
    is_other && (!status.is_success() || account.asked.is_none())
}

/// What of an answer may go on, and who must hear of the session that it may name.
fn plan(
    gateway: &Gateway,
    permit: &Permit,
    way: &Way,
    (account, is_prose): (&Account, bool),
) -> (Plan, Named) {
    let lists = || Plan {
        rows: listing::any(gateway, permit, way),
        ..Plan::default()
    };
    if let Some(asked) = &account.asked {
        let plan = asked.held_to();
        let plan = if is_prose { plan } else { plan.and(&lists()) };
        return (plan, Named::default());
    }
    let mut plan = way.answers.plan(permit);
    plan.rows.extend(listing::asked_for(gateway, permit, way));
    if !is_prose {
        plan = plan.and(&lists());
    }
    let stream = Stream::of(gateway, permit, way, account.session.as_ref());
    let named = stream.as_ref().map(|stream| stream.named());
    plan.answers = stream.map(|stream| stream as _);
    (plan, named.unwrap_or_default())
}

/// A body with what its exchange gives it: a veil over the credential, the other side of a dialogue, and who
/// reads in it what a model used.
fn of_exchange(mut pump: Box<Pump>, account: &mut Account, headers: &HeaderMap) -> Box<Pump> {
    let metered = account.metered.as_mut();
    pump = pump.read_by(metered.map(|metered| metered.reads(headers)));
    let screening = account.screening.as_ref();
    if let Some(dialogue) = screening.and_then(|screening| screening.dialogue()) {
        pump.share(dialogue.clone());
    }
    pump.veiled(account.veil.clone())
}

/// Notes a session that this answer opens.
fn opened(gateway: &Gateway, permit: &Permit, way: &Way, (parts, account): (&Parts, &Account)) {
    if parts.status.is_success() {
        let (service, fields) = (&way.service, &parts.headers);
        let who = (permit.caller(), account.session.is_some());
        sessions::opened(&gateway.sessions, service, fields, who);
    }
}

/// What became of an answer that may be judged whole.
enum Judged {
    /// It was.
    Whole(Response<Inbound>),
    /// It is longer.
    Long(Box<Answer>),
}

/// Why the rows of an answer cannot be told, if they must be: not in every kind of document can those of
/// others be told from one's own, and only in JSON can any be counted.
fn unknown_rows(
    inspected: Option<(Format, Coding)>,
    shaped: bool,
    counted: bool,
) -> Option<&'static str> {
    let (format, _) = inspected?;
    let told = matches!(format, Format::Document(media) if Shaper::reads(media));
    match (media::is_json(format), counted) {
        _ if shaped && !told => Some("rows_unknown"),
        (false, true) => Some("records_unknown"),
        _ => None,
    }
}

/// A body that is inspected.
fn governed(
    gateway: &Gateway,
    permit: &Permit,
    way: &Way,
    incoming: Incoming,
    inspected: (Format, Coding),
    described: Option<(&Arc<Declared>, Place)>,
) -> Box<Pump> {
    let (source, towards) = (Source::Wire(incoming), Towards::Agent);
    Pump::governed(source, gateway, permit, way, towards, inspected, described)
}

/// An answer on its way.
struct Answer {
    account: Box<Account>,
    parts: Parts,
    coding: Recoding,
    pump: Box<Pump>,
}

impl Answer {
    /// Judges it whole where it is `short`, or declares no length and ends soon.
    async fn judge(
        mut self,
        short: bool,
        undeclared: bool,
    ) -> Result<Judged, (Box<Account>, Interruption)> {
        if self.pump.ended() || short || undeclared {
            if let Err(broken) = self.read_whole(short).await {
                return Err(self.interrupted(broken));
            }
            if self.pump.ended() {
                return self.whole().await.map(Judged::Whole);
            }
        }
        Ok(Judged::Long(Box::new(self)))
    }

    /// Reads as much of it as may be judged whole. One that declared itself `short` has to come; for
    /// another's end nobody waits long.
    async fn read_whole(&mut self, short: bool) -> Result<(), Broken> {
        if short {
            self.pump.demand_steady();
            return self.pump.read_up_to(limits::WHOLE_BODY_BYTES_MAX).await;
        }
        let read = self.pump.read_up_to(limits::WHOLE_BODY_BYTES_MAX);
        let read = tokio::time::timeout(limits::WHOLE_BODY_WAIT, read).await;
        read.unwrap_or(Ok(()))
    }

    fn interrupted(mut self, broken: Broken) -> (Box<Account>, Interruption) {
        self.account.response = self.pump.record();
        (self.account, interruption(broken))
    }

    /// Releases it, which has been judged to its end.
    async fn whole(mut self) -> Result<Response<Inbound>, (Box<Account>, Interruption)> {
        if let Err(why) = spend(&mut self.account, &mut self.pump).await {
            self.account.response = self.pump.record();
            return Err((self.account, why));
        }
        let headers = &mut self.parts.headers;
        if self.pump.changed() {
            headers::body_changed(headers);
        }
        let bytes = Some(self.pump.waiting_bytes());
        if let Err(broken) = self.coding.apply(&mut self.pump, headers, bytes) {
            return Err(self.interrupted(broken));
        }
        if let Some(told) = told(&self.pump.withheld()) {
            headers.insert(headers::WITHHELD, told);
        }
        let pieces = self.pump.take_all();
        self.account.response = self.pump.record();
        // Its buffers are for the next body; the record is not waited for with them in hand.
        drop(self.pump);
        whole(self.account, self.parts, Inbound::Whole(pieces)).await
    }

    /// Releases it as it is judged.
    fn streamed(
        mut self,
        leash: Leash,
        (ending, trails): (Ending, bool),
    ) -> Result<Response<Inbound>, (Box<Account>, Interruption)> {
        let headers = &mut self.parts.headers;
        if self.coding.came.is_some() {
            headers::body_changed(headers);
        }
        if let Err(broken) = self.coding.apply(&mut self.pump, headers, None) {
            return Err(self.interrupted(broken));
        }
        if matches!(ending, Ending::Frame(_)) {
            self.pump.await_last_words();
        }
        if trails {
            let announced = HeaderValue::from_name(headers::WITHHELD);
            headers.insert(header::TRAILER, announced);
        }
        self.account.status = Some(self.parts.status);
        stamp(headers, &self.account);
        let governed = Governed {
            pump: self.pump,
            leash,
            dialect: self.account.dialect.clone(),
            record: self.account.record(),
            trace: self.account.trace_id().into(),
            state: State::Reading(self.account),
            ending,
            trails,
        };
        let body = Inbound::Stream(Box::new(governed));
        Ok(Response::from_parts(self.parts, body))
    }
}

/// Judges and debits what an answer shows before its body. Returns whether its records must be
/// counted.
pub(crate) async fn judge_head(
    gateway: &Gateway,
    permit: &Permit,
    account: &mut Account,
    parts: &mut Parts,
) -> Result<bool, Interruption> {
    // The reason phrase is the upstream's own text (RFC 9112 section 4): it stays here.
    parts.extensions = Extensions::new();
    fields::response(gateway, permit, account, &mut parts.headers)?;
    if let Some(veil) = &account.veil {
        veil.fields(&mut parts.headers);
    }
    let status = parts.status;
    let Some(spending) = &mut account.spending else {
        return Ok(false);
    };
    let shows = status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS;
    if !shows {
        spending.shows_nothing();
    }
    spending.spend_fields(&account.response_fields).await?;
    Ok(shows && spending.counts())
}

/// Debits what is about to be released of the body; waits where what this host leased is not enough.
async fn spend(account: &mut Account, pump: &mut Pump) -> Result<(), Interruption> {
    match &mut account.spending {
        None => Ok(()),
        Some(spending) => spending.spend_whole(pump).await,
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
        // Whether to ask again is what the service's status says, not what was in its body.
        why.passing = true;
        let after = parts.headers.get(header::RETRY_AFTER);
        why.retry_after = after.and_then(|after| after.to_str().ok()?.parse().ok());
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
    if let Some(spending) = &account.spending {
        spending.tell(headers);
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

pub(crate) fn interruption(broken: Broken) -> Interruption {
    match broken {
        Broken::Source => Interruption::upstream_failed(),
        Broken::Idle => Interruption::upstream_timeout(),
        Broken::Unreadable(what) => Interruption::response_unreadable(&what),
        Broken::Uninspected(gap) => Interruption::response_uninspected(gap),
        Broken::Blocked(class, policy) => Interruption::blocked(class, policy.as_ref()),
    }
}
