//! The forward proxy: requests in absolute form, and tunnels (RFC 9110 section 9.3.6).
//!
//! A tunnel to the host of a service ends here: what is within is served like any request, under a
//! certificate that this host made. A tunnel to anybody else is refused, or, where the configuration says
//! so and policy permits the operation `tunnel/connect`, led there unread, and on record as not inspected.

mod target;
mod tunnel;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use admission::budget::ModelUse;
use flows::Network;
use http::{HeaderValue, Method, Request, Response, header, request::Parts};
use hyper::{body::Incoming, service::service_fn, upgrade::OnUpgrade};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::Watcher},
};
use policy::{Country, Effect, Operation, Training};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use self::{target::Target, tunnel::Tunnel};
use crate::{
    account::Account,
    beginning::{self, Beginning},
    body::Inbound,
    clock,
    exchange::{Peer, Unadmitted, Worker, covers, interrupt, refuse},
    headers::{self, Shown},
    led, limits,
    listener::{Protocol, connection, go_on, parting, stopped},
    record::Who,
    refusal::Interruption,
    response,
    spending::Spending,
};

/// What policies and records call the service that a tunnel leads to, and its one operation.
pub const TUNNEL: (&str, &str) = ("tunnel", "connect");

/// What becomes of tunnels to hosts that no service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unlisted {
    /// They are refused.
    #[default]
    Refuse,
    /// They are led there unread, as far as policy permits.
    Tunnel,
}

/// The rules of tunnels to others than services.
#[derive(Debug)]
pub struct Forward {
    /// Whether there are any.
    pub unlisted: Unlisted,
    /// The ports that they may lead to.
    pub ports: Vec<u16>,
    /// Addresses that are not public, and may be led to all the same.
    pub networks: Vec<Network>,
    room: Arc<Semaphore>,
}

impl Forward {
    /// These rules.
    pub fn new(unlisted: Unlisted, ports: Vec<u16>, networks: Vec<Network>) -> Self {
        Self {
            unlisted,
            ports,
            networks,
            room: Arc::new(Semaphore::new(limits::TUNNELS_MAX)),
        }
    }
}

/// What was granted on a connection: it ends as one of HTTP then.
enum Granted {
    /// Requests to a service, by whoever showed this.
    Inspected {
        host: String,
        shown: Option<HeaderValue>,
        upgrade: OnUpgrade,
    },
    /// Bytes to a host that was connected.
    Led(Box<Tunnel>, OnUpgrade),
}

/// Serves one connection to the proxy.
pub(crate) async fn serve(
    worker: Arc<Worker>,
    peer: Peer,
    (tls, stream): (Option<TlsAcceptor>, TcpStream),
    (outer, inner): (Watcher, Watcher),
    mut stop: watch::Receiver<bool>,
) {
    let began = tokio::select! {
        began = timeout(limits::REQUEST_HEAD_DEADLINE, beginning::read(stream)) => began,
        () = stopped(&mut stop) => return,
    };
    // HTTP/2 would have many tunnels in one connection. The builder below would speak it.
    let Ok(Ok((Beginning::Http1, stream))) = began else {
        tracing::debug!("a connection to the proxy does not begin as HTTP/1");
        return;
    };
    let peer = Arc::new(peer);
    let granted: Arc<Mutex<Option<Granted>>> = Arc::default();
    let all = (Arc::clone(&worker), Arc::clone(&peer), Arc::clone(&granted));
    let service = service_fn(move |request: Request<Incoming>| {
        let (worker, peer) = (Arc::clone(&all.0), Arc::clone(&all.1));
        let granted = Arc::clone(&all.2);
        async move {
            Ok::<_, Infallible>(if request.method() == Method::CONNECT {
                worker.connect(&peer, request, &granted).await
            } else {
                let answered = worker.serve(&peer, request).await;
                parting(answered, Protocol::Http1, &worker.gateway.doors)
            })
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::REQUEST_HEAD_DEADLINE)
        .max_buf_size(limits::HEAD_BYTES_MAX);
    let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    if let Err(error) = outer.watch(served.into_owned()).await {
        tracing::debug!(%error, "a connection ended early");
    }
    // Whoever drains waits for `inner`.
    go_on(&peer, stop.clone()).await;
    let granted = granted
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match granted {
        None => {}
        Some(Granted::Inspected {
            host,
            shown,
            upgrade,
        }) => {
            if let Ok(stream) = upgrade.await {
                let within = (host.as_str(), TokioIo::new(stream));
                inspect(worker, peer.within(&host, shown), tls, within, inner, stop).await;
            }
        }
        Some(Granted::Led(tunnel, upgrade)) => match upgrade.await {
            Ok(stream) => tunnel.run(TokioIo::new(stream), stop).await,
            Err(error) => tracing::debug!(%error, "a tunnel was not begun"),
        },
    }
}

/// Serves what is within a tunnel to a service.
async fn inspect<S>(
    worker: Arc<Worker>,
    peer: Peer,
    tls: Option<TlsAcceptor>,
    (host, stream): (&str, S),
    watcher: Watcher,
    mut stop: watch::Receiver<bool>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let began = tokio::select! {
        began = timeout(limits::REQUEST_HEAD_DEADLINE, beginning::read(stream)) => began,
        () = stopped(&mut stop) => return,
    };
    match (began, tls) {
        (Ok(Ok((Beginning::Http1, stream))), _) => {
            connection(worker, peer, stream, Protocol::Http1, (watcher, stop)).await;
        }
        (Ok(Ok((Beginning::Http2, stream))), _) => {
            connection(worker, peer, stream, Protocol::Http2, (watcher, stop)).await;
        }
        (Ok(Ok((Beginning::Tls(Some(named)), stream))), Some(tls))
            if named.eq_ignore_ascii_case(host) =>
        {
            led::shake(worker, peer, (tls, stream), watcher, stop).await;
        }
        (Ok(Ok(_)), _) => led::refuse(&worker, &peer, &Interruption::greeting_refused()).await,
        (Ok(Err(error)), _) => tracing::debug!(%error, "a tunnel ended early"),
        (Err(_), _) => tracing::debug!("a tunnel said nothing"),
    }
}

impl Worker {
    /// Answers a request for a tunnel.
    async fn connect(
        &self,
        peer: &Peer,
        mut request: Request<Incoming>,
        granted: &Mutex<Option<Granted>>,
    ) -> Response<Inbound> {
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, _) = request.into_parts();
        let keep = |it| {
            *granted.lock().unwrap_or_else(PoisonError::into_inner) = Some(it);
        };
        let (who, host) = match self.inspected(peer, &parts) {
            Ok((shown, host)) => {
                keep(Granted::Inspected {
                    host,
                    shown,
                    upgrade,
                });
                return Response::new(Inbound::empty());
            }
            Err(Uninspected::Refused(who, why)) => {
                let mut account = self.account(peer, &parts);
                account.who = who;
                return refuse(account, why.at_proxy().into()).await;
            }
            Err(Uninspected::Elsewhere(who, target)) => (who, target),
        };
        let mut account = self.account(peer, &parts);
        account.who = Arc::clone(&who.1);
        match self.lead(account, &who, host).await {
            Ok(tunnel) => {
                let mut response = Response::new(Inbound::empty());
                response::stamp(response.headers_mut(), &tunnel.account);
                keep(Granted::Led(tunnel, upgrade));
                response
            }
            Err(Unled::Refused(account, refused)) => refuse(account, refused).await,
            Err(Unled::Interrupted(account, why)) => interrupt(account, why).await,
        }
    }

    fn account(&self, peer: &Peer, parts: &Parts) -> Box<Account> {
        let gateway = &self.gateway;
        let mut account = Account::new(
            Arc::clone(gateway),
            gateway.traces.begin(None, None),
            clock::now(),
            Method::CONNECT,
            peer.port,
        );
        account.said = gateway.declarations.said(gateway, &parts.headers);
        account
    }

    /// The token that was shown and the host, if that is a service's; then each request within is
    /// decided, and on record.
    fn inspected(
        &self,
        peer: &Peer,
        parts: &Parts,
    ) -> Result<(Option<HeaderValue>, String), Uninspected> {
        let gateway = &self.gateway;
        let refused = |who: &Arc<Who>, why| Uninspected::Refused(Arc::clone(who), Box::new(why));
        let mut fields = parts.headers.get_all(header::PROXY_AUTHORIZATION).iter();
        let token = fields.next().and_then(headers::proxy_token);
        let text = token.as_ref().and_then(|token| token.to_str().ok());
        let shown = text.map_or(Shown::Nothing, Shown::Token);
        let (proven, who) = peer
            .identify(&gateway.identity, (shown, None), parts)
            .map_err(|unproven| {
                let known = peer.attribution.as_ref();
                let who = Arc::new(Who::unproven(known, peer.flow, &unproven));
                refused(&who, Interruption::unproven(&unproven))
            })?;
        if gateway.revoked.borrow().of(proven.caller()).is_some() {
            return Err(refused(&who, Interruption::revoked()));
        }
        let target = Target::of(&parts.uri, &parts.headers).filter(|_| fields.next().is_none());
        let Some(target) = target else {
            return Err(refused(&who, Interruption::target_ambiguous()));
        };
        if gateway.routes.has_host(&target.host) {
            return Ok((token, target.host));
        }
        // A service is not reached past its own rules by the address that the gateway calls it at.
        if gateway.forward.unlisted == Unlisted::Refuse
            || gateway.routes.has_upstream(&target.host, target.port)
        {
            return Err(refused(&who, Interruption::host_unlisted()));
        }
        Err(Uninspected::Elsewhere(Box::new((proven, who)), target))
    }

    /// Decides on a tunnel to somebody else, puts the intent on record, and connects.
    async fn lead(
        &self,
        mut account: Box<Account>,
        who: &Caller,
        target: Target,
    ) -> Result<Box<Tunnel>, Unled> {
        let gateway = &self.gateway;
        let (proven, _) = who;
        let operation = operation(&target);
        account.resolved(&operation, Arc::from("host:port"));
        if !covers(proven.caller(), &operation) {
            return Err(Unled::refused(account, Interruption::beyond_token()));
        }
        if let Some(watch) = &gateway.watch
            && let Err(why) = watch.gate(proven.caller(), operation.effect)
        {
            return Err(Unled::refused(account, why.at_proxy()));
        }
        if !gateway.forward.ports.contains(&target.port) {
            return Err(Unled::refused(account, Interruption::port_refused()));
        }
        let declarations = &gateway.declarations;
        let caller = declarations.declare(&mut account, proven.caller(), &operation.service);
        let permit = match gateway.admission.admit(caller, operation) {
            Ok(permit) => permit,
            Err(refused) => {
                let unadmitted = Unadmitted {
                    why: Box::new(Interruption::not_permitted(&refused)),
                    policies: refused.decision.policies.clone(),
                };
                return Err(Unled::Refused(account, unadmitted));
            }
        };
        // Nobody can stand between in what is led there unread.
        if let Some(rule) = permit.mediation() {
            let why = Interruption::unmediated(mediator::Unmediated::NoTemplate, &rule.id);
            return Err(Unled::refused(account, why));
        }
        let Ok(place) = Arc::clone(&gateway.forward.room).try_acquire_owned() else {
            return Err(Unled::refused(account, Interruption::tunnels_full()));
        };
        let now = clock::timestamp(clock::now());
        match Spending::open(gateway, &permit, None, (ModelUse::default(), now)).await {
            Ok(spending) => account.spending = spending,
            Err(over) => return Err(Unled::refused(account, Interruption::over_budget(&over))),
        }
        if let Err(why) = account.open(&permit).await {
            return Err(Unled::Interrupted(account, why));
        }
        match tunnel::reach(&gateway.forward.networks, &target).await {
            Ok(upstream) => Ok(Box::new(Tunnel {
                leash: crate::leash::leash(&permit, gateway),
                account,
                target,
                upstream,
                _place: place,
            })),
            Err(why) => Err(Unled::Interrupted(account, why)),
        }
    }
}

/// Who asks for a tunnel.
type Caller = (Arc<identity::Proven>, Arc<Who>);

/// Why a tunnel does not end here.
enum Uninspected {
    /// It is refused.
    Refused(Arc<Who>, Box<Interruption>),
    /// It asks for somebody else.
    Elsewhere(Box<Caller>, Target),
}

/// Why a tunnel leads nowhere.
enum Unled {
    /// It was not admitted.
    Refused(Box<Account>, Unadmitted),
    /// It was, and went no further.
    Interrupted(Box<Account>, Interruption),
}

impl Unled {
    fn refused(account: Box<Account>, why: Interruption) -> Self {
        Self::Refused(account, why.into())
    }
}

/// What policies decide on: nobody knows where an unlisted host keeps its data, and what is sent there
/// may change it.
fn operation(target: &Target) -> Operation {
    let bound = [
        ("host".to_owned(), target.host.clone()),
        ("port".to_owned(), target.port.to_string()),
    ];
    Operation {
        service: TUNNEL.0.into(),
        id: TUNNEL.1.into(),
        effect: Effect::Write,
        bound: Arc::new(BTreeMap::from(bound)),
        arguments: Arc::default(),
        groups: Arc::default(),
        country: Country::UNKNOWN,
        training: Training::Unknown,
    }
}
