//! The life of one exchange, top to bottom: identify, route, admit, record the intent, screen the
//! request, send it (`upstream/attempt.rs`), release the answer. What must happen first returns what the
//! next step takes.

use std::sync::{Arc, Mutex, PoisonError};

use admission::Permit;
use flows::{Attribution, FlowId, Owned};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use identity::{Caller, Identity, Proven, Svid, Thumbprint};
use jiff::Timestamp;
use policy::Operation;
use rustls::ServerConnection;
use telemetry::names;

use crate::{
    account::{Account, End},
    asked::Asks,
    body::{Inbound, Source},
    clock,
    gateway::Gateway,
    headers::{self, Shown},
    mcp::{authorization, sessions},
    message, possession,
    record::Who,
    refusal::{About, Interruption},
    response,
    route::{self, Resolved, Way},
    spending::Spending,
    svid,
    upstream::{
        Upstream,
        failover::{self, Made, Spare},
    },
    usage,
    websocket::{Line, Relay, Slot, handshake},
};

/// One worker's way through the gateway.
pub(crate) struct Worker {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) upstream: Upstream,
}

/// Who is at the other end of a connection, asked once and kept for its life.
pub(crate) struct Peer {
    pub(crate) attribution: Option<Arc<Attribution>>,
    pub(crate) port: Option<u16>,
    pub(crate) flow: Option<FlowId>,
    /// Whether it was led here, and spoke to somebody else as it thought.
    pub(crate) led: bool,
    /// The host that it was opened for, if that is known before its requests are.
    host: Option<Box<str>>,
    /// What was shown when it was opened, for requests that show nothing.
    shown: Option<HeaderValue>,
    /// What it may ask, if it is no agent but a proxy that asks.
    pub(crate) asks: Option<Arc<Asks>>,
    /// Whether certificates of its connection are verified as X.509-SVIDs, and the one that was shown.
    certifies: bool,
    svid: Option<Arc<Svid>>,
    /// Whether it is within TLS, and what the client showed there.
    secure: bool,
    certificate: Option<Thumbprint>,
    /// Who called last, which on most connections is who calls next.
    proven: Mutex<Option<(Arc<Proven>, Arc<Who>)>>,
    /// What goes on where HTTP ends on this connection.
    switched: Slot,
}

impl Peer {
    pub(crate) fn new(owned: Option<Owned>, port: Option<u16>, led: bool) -> Self {
        Self {
            flow: owned.as_ref().and_then(|owned| owned.flow),
            attribution: owned.map(|owned| owned.attribution),
            port,
            led,
            host: None,
            shown: None,
            asks: None,
            certifies: false,
            svid: None,
            secure: false,
            certificate: None,
            proven: Mutex::default(),
            switched: Slot::default(),
        }
    }

    /// The same within TLS.
    pub(crate) fn secured(mut self, tls: &ServerConnection) -> Self {
        let shown = tls.peer_certificates().and_then(<[_]>::first);
        self.certificate = shown.and_then(|shown| identity::certificate_thumbprint(shown));
        if self.certifies {
            self.svid = shown.and_then(|shown| svid::of(shown)).map(Arc::new);
        }
        self.secure = true;
        self
    }

    /// The same, who showed this certificate (DER) to somebody else.
    pub(crate) fn shown_elsewhere(mut self, secure: bool, certificate: Option<&[u8]>) -> Self {
        self.certificate = certificate.and_then(identity::certificate_thumbprint);
        self.secure = secure;
        self
    }

    /// The same, whose certificate within TLS is verified as an X.509-SVID.
    pub(crate) fn certified(mut self) -> Self {
        self.certifies = true;
        self
    }

    /// Whether certificates of its connection are verified as X.509-SVIDs.
    pub(crate) fn is_certified(&self) -> bool {
        self.certifies
    }

    /// The certificate that was verified, if there is one.
    pub(crate) fn svid(&self) -> Option<&Svid> {
        self.svid.as_deref()
    }

    /// The same, a proxy that asks.
    pub(crate) fn asking(mut self, asks: Option<Arc<Asks>>) -> Self {
        self.asks = asks;
        self
    }

    /// The same, whose requests are all for this host.
    pub(crate) fn asking_for(mut self, host: &str) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Whoever is at the other end of a tunnel through this connection to `host`.
    pub(crate) fn within(&self, host: &str, shown: Option<HeaderValue>) -> Self {
        Self {
            attribution: self.attribution.clone(),
            port: self.port,
            flow: self.flow,
            led: self.led,
            host: Some(host.into()),
            shown,
            asks: None,
            certifies: false,
            svid: None,
            secure: false,
            certificate: None,
            proven: Mutex::default(),
            switched: Slot::default(),
        }
    }

    /// What goes on where HTTP has ended on this connection.
    pub(crate) fn switched(&self) -> Option<Box<Relay>> {
        let mut switched = self.switched.lock();
        switched.as_mut().ok()?.take()
    }

    /// Whether its requests are for a host that is known.
    pub(crate) fn is_for_service(&self) -> bool {
        self.host.is_some()
    }

    /// Gives a request the token that was shown for it elsewhere: to the proxy, or for its tunnel.
    fn lend(&self, identity: &Identity, fields: &mut HeaderMap) {
        let lent = match fields.remove(header::PROXY_AUTHORIZATION) {
            Some(value) if self.led => headers::proxy_token(&value),
            _ => self.shown.clone(),
        };
        let own =
            matches!(headers::shown(fields), Shown::Bearer(bearer) if identity.is_token(bearer));
        match lent {
            Some(token) if !own && !fields.contains_key(&headers::TOKEN) => {
                fields.insert(headers::TOKEN, token);
            }
            _ => {}
        }
    }

    /// Who calls now, by what the request shows and holds, for the resource that has this URI of its own.
    pub(crate) fn identify(
        &self,
        identity: &Identity,
        (shown, resource): (Shown<'_>, Option<&str>),
        parts: &Parts,
    ) -> Result<(Arc<Proven>, Arc<Who>), identity::Unproven> {
        let now = clock::timestamp(clock::now());
        let (proven, who) = self.recognise(identity, shown, now)?;
        identity.is_meant(&proven, resource)?;
        // Most tokens are bound to nothing, and then nothing need be shown.
        if proven.wants_proof() || headers::shows_proof(&parts.headers) {
            let possession = possession::of(parts, self.secure, self.certificate);
            identity.possesses(&proven, &possession, now)?;
        }
        Ok((proven, who))
    }

    /// Who calls by the connection and the token.
    pub(crate) fn recognise(
        &self,
        identity: &Identity,
        shown: Shown<'_>,
        now: Timestamp,
    ) -> Result<(Arc<Proven>, Arc<Who>), identity::Unproven> {
        let mut last = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |token| {
            let last = last.as_ref().filter(|(proven, _)| proven.holds(token, now));
            last.cloned()
        };
        let (again, token) = match shown {
            Shown::Nothing => (holds(None), None),
            Shown::Token(token) => (holds(Some(token)), Some(token)),
            // What was proven to be ours need not be read again to be told from a service's key.
            Shown::Bearer(bearer) => match holds(Some(bearer)) {
                Some(again) => (Some(again), Some(bearer)),
                None if identity.is_token(bearer) => (None, Some(bearer)),
                None => (holds(None), None),
            },
        };
        if let Some(again) = again {
            return Ok(again);
        }
        let seen = (self.attribution.as_ref(), self.svid.as_ref());
        let proven = identity.identify(seen, token, now)?;
        let who = Arc::new(Who::proven(proven.caller(), self.flow));
        Ok(last.insert((Arc::new(proven), who)).clone())
    }
}

/// A refusal before admission, with the policies that made it.
pub(crate) struct Unadmitted {
    pub(crate) why: Box<Interruption>,
    pub(crate) policies: Vec<Arc<policy::PolicyRef>>,
}

impl From<Interruption> for Unadmitted {
    fn from(why: Interruption) -> Self {
        Self {
            why: Box::new(why),
            policies: Vec::new(),
        }
    }
}

impl Worker {
    /// Serves one request of a connection whose owner is known; never fails, always on record.
    pub(crate) async fn serve(
        &self,
        peer: &Peer,
        mut request: Request<Incoming>,
    ) -> Response<Inbound> {
        if let Some(metadata) = self.resource_metadata(peer, &request) {
            return metadata;
        }
        if self.asks_for_pass(peer, &request) {
            return Box::pin(self.give_pass(peer, request)).await;
        }
        let began = clock::now();
        let trace = headers::trace(&self.gateway.traces, request.headers());
        let mut account = Account::new(
            Arc::clone(&self.gateway),
            trace,
            began,
            request.method().clone(),
            peer.port,
        );
        Line::keep(&peer.switched, &mut request);
        let (mut parts, incoming) = request.into_parts();
        peer.lend(&self.gateway.identity, &mut parts.headers);
        let mut body = Source::Wire(incoming);
        let admitted = self.admit(&mut account, peer, &parts, &mut body).await;
        self.carry_out(account, admitted, parts, body).await
    }

    /// Makes an admitted call, and puts any other on record.
    pub(crate) async fn carry_out(
        &self,
        mut account: Box<Account>,
        admitted: Result<(Permit, Way), Unadmitted>,
        parts: Parts,
        mut body: Source,
    ) -> Response<Inbound> {
        let (permit, way) = match admitted {
            Ok(admitted) => admitted,
            Err(refused) => return refuse(account, refused).await,
        };
        let now = account.began();
        let metering = usage::begin(
            &self.gateway,
            &mut account,
            &permit,
            &way,
            &parts,
            &mut body,
        );
        let estimate = match Box::pin(metering).await {
            Ok(estimate) => estimate,
            Err(why) => return refuse(account, why.into()).await,
        };
        match Spending::open(&self.gateway, &permit, Some(&way), (estimate, now)).await {
            Ok(spending) => account.spending = spending,
            Err(over) => return refuse(account, Interruption::over_budget(&over).into()).await,
        }
        match self.exchange(account, permit, way, parts, body).await {
            Ok(response) => response,
            Err((account, why)) => interrupt(account, why).await,
        }
    }

    /// Who calls, what for, and whether that may be.
    pub(crate) async fn admit(
        &self,
        account: &mut Account,
        peer: &Peer,
        parts: &Parts,
        body: &mut Source,
    ) -> Result<(Permit, Way), Unadmitted> {
        let gateway = &self.gateway;
        account.said = gateway.declarations.said(gateway, &parts.headers);
        let resolved = self.resolve(peer, parts);
        let service = resolved.as_ref().ok().map(|resolved| resolved.service().0);
        account.protected = service.filter(|it| it.protected().is_some()).cloned();
        // Who signs nothing learns nothing of what there is, either.
        let unasked = || {
            let host = route::host(&parts.uri, &parts.headers).ok().flatten();
            gateway.routes.inbound(&parts.uri, host, peer.led)
        };
        let inbound = match &resolved {
            Ok(_) => service,
            Err(_) => unasked(),
        };
        let proven = match inbound.and_then(|it| it.inbound.clone()) {
            None => {
                let holds_key = resolved.as_ref().is_ok_and(Resolved::holds_key);
                self.identify(account, peer, parts, holds_key)?
            }
            Some(inbound) => {
                if let Ok(Resolved::Whole(asked) | Resolved::Bound(asked, _)) = &resolved {
                    account.resolved(&asked.operation, Arc::clone(&asked.way.route));
                }
                // Few are, and its future is large.
                let sent = inbound.identify(gateway, account, (peer, parts), body);
                Arc::new(Box::pin(sent).await?)
            }
        };
        if gateway.revoked.borrow().of(proven.caller()).is_some() {
            return Err(Interruption::revoked().into());
        }
        // Who is nobody learns nothing of what there is.
        let resolved = resolved?;
        let said = (&parts.uri, &parts.headers);
        account.session =
            sessions::Spoken::of(&gateway.sessions, &resolved, said, proven.caller())?;
        self.decide(account, proven.caller(), resolved, (parts, body))
            .await
    }

    /// Whether `caller`, who is not revoked, may have what was resolved.
    pub(crate) async fn decide(
        &self,
        account: &mut Account,
        caller: &Caller,
        resolved: Resolved,
        (parts, body): (&Parts, &mut Source),
    ) -> Result<(Permit, Way), Unadmitted> {
        let gateway = &self.gateway;
        let mut asked = match resolved {
            Resolved::Whole(asked) => *asked,
            Resolved::Bound(asked, elsewhere) => {
                Box::pin(elsewhere.bind(account, *asked, parts, body)).await?
            }
            // Few requests need its future, which is large.
            Resolved::Message(endpoint) => {
                let operator = gateway.operator.load_full();
                Box::pin(message::understand(
                    account,
                    &endpoint,
                    operator.as_ref(),
                    parts,
                    body,
                ))
                .await?
            }
        };
        // A refusal for what an argument is not is of this operation too.
        let typed = asked.way.arguments.take(&mut asked.operation);
        account.resolved(&asked.operation, Arc::clone(&asked.way.route));
        typed.map_err(|ill| Interruption::ill_typed(&ill))?;
        account.spoken = asked.spoken;
        let has_body = !hyper::body::Body::is_end_stream(body);
        handshake::check(&asked.way, parts, has_body)?;
        if !covers(caller, &asked.operation) {
            return Err(Interruption::beyond_token().into());
        }
        asked.way.pinned(&gateway.pins, &asked.operation.id)?;
        if let Some(watch) = &gateway.watch {
            watch.gate(caller, asked.operation.effect)?;
        }
        let mut way = asked.way;
        let service = &asked.operation.service;
        let caller = gateway.declarations.declare(account, caller, service);
        let admitted = failover::admit(&gateway.admission, &caller, asked.operation, &mut way);
        let permit = admitted.map_err(|refused| {
            account.resolved(&refused.operation, Arc::clone(&way.route));
            let policies = refused.decision.policies.clone();
            Unadmitted {
                why: Box::new(Interruption::not_permitted(&refused)),
                policies,
            }
        })?;
        if way.service.upstreams.are_several() {
            account.resolved(permit.operation(), Arc::clone(&way.route));
        }
        account.mark(names::ADMITTED);
        if let Some(session) = &account.session {
            session.keep();
        }
        Ok((permit, way))
    }

    /// Who calls, by the connection and by what the request shows; `holds_key` says that what it sends for
    /// a service's key is its own.
    fn identify(
        &self,
        account: &mut Account,
        peer: &Peer,
        parts: &Parts,
        holds_key: bool,
    ) -> Result<Arc<Proven>, Interruption> {
        let for_key = holds_key.then(|| headers::token_for_key(&parts.headers));
        let shown = match &for_key {
            None => headers::shown(&parts.headers),
            Some(token) => token.as_deref().map_or(Shown::Nothing, Shown::Token),
        };
        let protected = account.protected.as_ref();
        let resource = protected.and_then(|service| Some(service.protected()?.resource()));
        let identified = peer.identify(&self.gateway.identity, (shown, resource), parts);
        let (proven, who) = identified.map_err(|unproven| {
            let known = peer.attribution.as_ref();
            account.who = Arc::new(Who::unproven(known, peer.flow, &unproven));
            Interruption::unproven(&unproven)
        })?;
        account.who = who;
        account.mark(names::AUTHENTICATED);
        // What `tidegate exec` gives libraries of AWS for the token of a session is no service's.
        let session = headers::only(&parts.headers, &headers::SESSION_TOKEN);
        let strays = || session.is_some_and(|token| self.gateway.identity.is_token(token));
        if !holds_key && (headers::has_stray_key(&parts.headers) || strays()) {
            return Err(Interruption::key_misplaced());
        }
        Ok(proven)
    }

    /// What the request's head says of what it asks for.
    fn resolve(&self, peer: &Peer, parts: &Parts) -> Result<Resolved, Interruption> {
        if parts.method == Method::CONNECT {
            return Err(Interruption::tunnel_refused());
        }
        if !headers::has_one_coding(&parts.headers) {
            return Err(Interruption::transfer_coding_refused());
        }
        let host = route::host(&parts.uri, &parts.headers).map_err(Interruption::unroutable)?;
        if let Some(opened_for) = &peer.host
            && !host.is_some_and(|host| route::is_host(host, opened_for))
        {
            return Err(Interruption::misdirected());
        }
        let routes = &self.gateway.routes;
        let resolved = routes.resolve(&parts.method, &parts.uri, host, peer.led);
        resolved.map_err(Interruption::unroutable)
    }

    /// What happens to an admitted request.
    async fn exchange(
        &self,
        mut account: Box<Account>,
        permit: Permit,
        mut way: Way,
        mut parts: Parts,
        mut body: Source,
    ) -> Result<Response<Inbound>, (Box<Account>, Interruption)> {
        let line = parts.extensions.remove::<Line>();
        let spare = match Spare::of(&permit, &way, &parts, &mut body).await {
            Ok(spare) => spare,
            Err(why) => return Ok(refuse(account, why.into()).await),
        };
        let answer = self
            .attempt(&mut account, &permit, &mut way, parts, body)
            .await;
        let mut made = Made {
            permit,
            way,
            answer,
        };
        if let Some(spare) = spare {
            // Few calls fail, and its future is large.
            made = match Box::pin(spare.go_on(self, &mut account, made)).await {
                Ok(made) => made,
                Err(refused) => return Ok(refuse(account, refused).await),
            };
        }
        let (accepted, answer) = match made.answer {
            Ok(answered) => answered,
            Err(why) => return Err((account, why)),
        };
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            // An operation that is a WebSocket is asked for as one, or refused.
            return match line {
                Some(line) => {
                    let switched = self.switch((made.permit, made.way), account, answer, line);
                    // Few exchanges are, and its future is large.
                    Box::pin(switched).await
                }
                None => Err((account, Interruption::upstream_failed())),
            };
        }
        if account.mediation.is_some() {
            let answered =
                response::mediated(&self.gateway, &made.permit, &made.way, account, answer);
            return Box::pin(answered).await;
        }
        Box::pin(response::release(
            &self.gateway,
            &made.permit,
            &made.way,
            account,
            accepted,
            answer,
        ))
        .await
    }
}

/// Whether what a caller showed is good for an operation.
pub(crate) fn covers(caller: &Caller, operation: &Operation) -> bool {
    let bounds = caller
        .token
        .as_ref()
        .and_then(|token| token.bounds.as_ref());
    bounds.is_none_or(|bounds| bounds.cover(&operation.service, &operation.id))
}

/// Answers a request that was never admitted.
pub(crate) async fn refuse(mut account: Box<Account>, refused: Unadmitted) -> Response<Inbound> {
    let why = match account.refuse(&refused.why, &refused.policies).await {
        Ok(()) => *refused.why,
        Err(unavailable) => unavailable,
    };
    answer(&account, &why)
}

/// Answers an admitted request that goes no further.
pub(crate) async fn interrupt(mut account: Box<Account>, why: Interruption) -> Response<Inbound> {
    account.status = Some(account.dialect.status(&why));
    let end = if why.is_of_upstream() {
        End::UpstreamFailed
    } else {
        End::Refused
    };
    let why = match account.conclude(end, Some(&why)).await {
        Ok(()) => why,
        Err(unavailable) => unavailable,
    };
    answer(&account, &why)
}

fn answer(account: &Account, why: &Interruption) -> Response<Inbound> {
    tracing::debug!(
        reason = why.reason,
        status = why.status.as_u16(),
        record = account.record(),
        "request refused"
    );
    let trace = account.trace_id();
    let about = About {
        record: account.record(),
        trace,
    };
    // Clients of HTTP+SSE look for answers on the stream alone.
    let event = account.dialect.error_event(why, about);
    let session = account.session.as_ref();
    let is_told = event.is_some_and(|event| session.is_some_and(|session| session.tell(event)));
    let mut response = if is_told {
        let mut accepted = Response::new(Inbound::empty());
        *accepted.status_mut() = StatusCode::ACCEPTED;
        accepted
    } else {
        account.dialect.response(why, about).map(Inbound::full)
    };
    if let Some(protected) = account.protected.as_ref().and_then(|it| it.protected()) {
        authorization::challenge(protected, why, &mut response);
    }
    response::stamp(response.headers_mut(), account);
    response
}
