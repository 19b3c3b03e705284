//! Accepts connections, learns who owns them, and serves HTTP/1.1 and HTTP/2 on them.
//!
//! Every worker is a thread with a runtime, a listening socket on the same address
//! (`SO_REUSEPORT`) and an upstream pool of its own, so that requests never cross cores.

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener as StdListener},
    os::fd::AsFd,
    pin::pin,
    sync::Arc,
    thread,
};

use flows::Flow;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Either;
use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use rustls::{ClientConfig, ServerConfig, ServerConnection};
use socket2::{Domain, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

mod standing;

pub use standing::Standing;
use standing::taken;

use crate::{
    asked::{self, Asks},
    exchange::{Peer, Worker},
    forward,
    gateway::{Doors, Gateway},
    led, limits,
    share::Shares,
    upstream::Upstream,
};

/// An address to listen on.
#[derive(Clone)]
pub struct Endpoint {
    /// Where; port 0 lets the kernel choose.
    pub address: SocketAddr,
    /// With TLS, or in the clear. Where connections are led here or ask for tunnels, each may have TLS
    /// within or not.
    pub tls: Option<Arc<ServerConfig>>,
    /// What comes here.
    pub kind: Kind,
}

/// What comes to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Requests for the gateway, as the address of the services.
    Reverse,
    /// Connections that the kernel leads here: only a host names a service.
    Led,
    /// Requests for a proxy (RFC 9110 section 3.7): only a host names a service.
    Forward,
    /// The same, from agents that show an X.509-SVID to the gateway's own.
    Certified,
    /// Questions of another proxy, whether a request may go on that it serves.
    Asked(Arc<Asks>),
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`")]
pub struct BindFault {
    /// The address.
    pub address: SocketAddr,
    /// The cause.
    #[source]
    pub source: io::Error,
}

/// A listening socket of one worker.
pub struct Door {
    listener: StdListener,
    tls: Option<Arc<ServerConfig>>,
    kind: Kind,
}

impl Door {
    /// A socket that listens already and does not block, wherever it was opened.
    pub fn new(listener: StdListener, tls: Option<Arc<ServerConfig>>, kind: Kind) -> Self {
        Self {
            listener,
            tls,
            kind,
        }
    }
}

/// Listening sockets, one set for every worker.
pub struct Bound {
    workers: Vec<Vec<Door>>,
    addresses: Vec<SocketAddr>,
    asked: Vec<SocketAddr>,
}

impl Bound {
    /// Binds every endpoint once for each of `workers`.
    pub fn bind(endpoints: &[Endpoint], workers: usize) -> Result<Self, BindFault> {
        Self::over(endpoints, workers, Vec::new())
    }

    /// The same, where an endpoint that another process listens for goes on with the sockets of that one: all of them,
    /// since each has connections that wait. What is left of them is closed.
    pub fn over(
        endpoints: &[Endpoint],
        workers: usize,
        mut standing: Vec<Standing>,
    ) -> Result<Self, BindFault> {
        let mut bound = Self {
            workers: (0..workers.max(1)).map(|_| Vec::new()).collect(),
            addresses: Vec::new(),
            asked: Vec::new(),
        };
        for endpoint in endpoints {
            let mut address = endpoint.address;
            bound.asked.push(address);
            let sockets = taken(&mut standing, endpoint);
            if !sockets.is_empty() {
                let fault = |source| BindFault { address, source };
                address = bound.share(endpoint, &sockets).map_err(fault)?;
                bound.addresses.push(address);
                continue;
            }
            for worker in &mut bound.workers {
                let listener = listen(address).map_err(|source| BindFault { address, source })?;
                // The kernel chose a port for the first; the others share it.
                address = listener
                    .local_addr()
                    .map_err(|source| BindFault { address, source })?;
                worker.push(Door {
                    listener,
                    tls: endpoint.tls.clone(),
                    kind: endpoint.kind.clone(),
                });
            }
            bound.addresses.push(address);
        }
        Ok(bound)
    }

    /// Sockets that listen already, for one worker.
    pub fn of(doors: Vec<Door>) -> Self {
        let addresses = doors.iter().flat_map(|door| door.listener.local_addr());
        Self {
            addresses: addresses.collect(),
            workers: vec![doors],
            asked: Vec::new(),
        }
    }

    /// Gives the addresses of [`Kind::Certified`] what they serve with: it comes from elsewhere, once that
    /// can be asked.
    pub fn certify(&mut self, tls: &Arc<ServerConfig>) {
        let doors = self.workers.iter_mut().flatten();
        for door in doors.filter(|door| door.kind == Kind::Certified) {
            door.tls = Some(Arc::clone(tls));
        }
    }

    /// The addresses, ports chosen.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until `stop` turns true, then lets open exchanges end. One thread for each worker.
    pub fn serve(
        self,
        gateway: &Arc<Gateway>,
        upstream_tls: &Arc<ClientConfig>,
        stop: &watch::Receiver<bool>,
    ) -> io::Result<Vec<thread::JoinHandle<()>>> {
        let spawn = |(number, sockets): (usize, Vec<_>)| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let (gateway, tls, stop) =
                (Arc::clone(gateway), Arc::clone(upstream_tls), stop.clone());
            thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    runtime.block_on(async move {
                        // What the log says to this worker's exchanges comes in parcels.
                        tokio::spawn(audit::hand_out(gateway.trail.clone()));
                        // The pool's timers belong to this runtime, so the client is made inside it.
                        let upstream = Upstream::guarded(&tls, &gateway.routes);
                        let worker = Worker { gateway, upstream };
                        serve(Arc::new(worker), sockets, stop).await;
                    });
                })
        };
        self.workers.into_iter().enumerate().map(spawn).collect()
    }
}

fn listen(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(limits::BACKLOG)?;
    Ok(socket.into())
}

async fn serve(worker: Arc<Worker>, sockets: Vec<Door>, stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(limits::CONNECTIONS_PER_WORKER_MAX));
    let shares = Shares::default();
    let mut tasks = Vec::new();
    for Door {
        listener,
        tls,
        kind,
    } in sockets
    {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "a listening socket is unusable");
                continue;
            }
        };
        let acceptor = tls.map(TlsAcceptor::from);
        tasks.push(tokio::spawn(accept(
            Arc::clone(&worker),
            (listener, kind),
            acceptor,
            (Arc::clone(&room), shares.clone()),
            stop.clone(),
        )));
    }
    for task in tasks {
        if let Err(error) = task.await {
            tracing::error!(%error, "an acceptor failed");
        }
    }
}

async fn accept(
    worker: Arc<Worker>,
    (listener, kind): (TcpListener, Kind),
    tls: Option<TlsAcceptor>,
    (room, shares): (Arc<Semaphore>, Shares),
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let mut doors = worker.gateway.doors.clone();
    loop {
        let now = *doors.borrow_and_update();
        if now == Doors::Left {
            break;
        }
        let next = async {
            if now == Doors::Shut {
                std::future::pending::<()>().await;
            }
            let place = Arc::clone(&room).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            (Ok(place), accepted) = next => (place, accepted),
            Ok(()) = doors.changed() => continue,
            () = stopped(&mut stop) => break,
            else => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, or the peer went: neither ends the listener.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                continue;
            }
        };
        let peer = attribute(&worker.gateway, &stream, &kind);
        let address = stream.peer_addr().ok().map(|it| it.ip());
        let owner = (peer.attribution.as_deref(), address);
        let Some(share) = shares.take(owner, limits::CONNECTIONS_OF_ONE_MAX) else {
            // Whoever has so many is not served better by a line for each that it opens in vain.
            tracing::debug!("an owner has half of all connections; another of its is closed");
            continue;
        };
        let (worker, tls) = (Arc::clone(&worker), tls.clone());
        let (watcher, stop) = (graceful.watcher(), stop.clone());
        let inner = (kind == Kind::Forward).then(|| graceful.watcher());
        let (is_led, needs_tls) = (kind == Kind::Led, kind == Kind::Certified);
        tokio::spawn(async move {
            let open = worker.gateway.metrics.connection();
            match (tls, inner) {
                (tls, Some(inner)) => {
                    forward::serve(worker, peer, (tls, stream), (watcher, inner), stop).await;
                }
                (tls, None) if is_led => {
                    led::serve(worker, peer, (tls, stream), watcher, stop).await;
                }
                (None, None) if needs_tls => {
                    tracing::error!("no certificate is here to serve with");
                }
                (None, None) => plain(worker, peer, stream, watcher, stop).await,
                (Some(tls), None) => led::shake(worker, peer, (tls, stream), watcher, stop).await,
            }
            drop((open, place, share));
        });
    }
    drop(listener);
    let has_left = *doors.borrow() == Doors::Left;
    drained(graceful, has_left, stop).await;
}

/// Waits until every connection has ended, for as long as there is.
async fn drained(graceful: GracefulShutdown, has_left: bool, mut stop: watch::Receiver<bool>) {
    if has_left {
        // As for every connection that has no request.
        drop(timeout(limits::FAREWELL_IDLE, stopped(&mut stop)).await);
    }
    let mut ended = pin!(graceful.shutdown());
    // Who is drained for another process is told to stop when that has taken long enough.
    tokio::select! {
        () = &mut ended => return,
        () = stopped(&mut stop) => {}
    }
    if timeout(limits::DRAIN_DEADLINE, ended).await.is_err() {
        tracing::warn!("exchanges were still open at the drain deadline");
    }
}

/// Returns once the gateway was told to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone, and with it the gateway.
    let _stopped = stop.wait_for(|stopped| *stopped).await.map(|seen| *seen);
}

/// Returns once a connection is to be closed: the gateway stops, or another process takes new ones.
async fn due(
    protocol: Protocol,
    mut doors: watch::Receiver<Doors>,
    mut stop: watch::Receiver<bool>,
) {
    let left = async {
        if doors.wait_for(|it| *it == Doors::Left).await.is_err() {
            // Nobody can say so any more.
            std::future::pending::<()>().await;
        }
        if protocol == Protocol::Http1 {
            tokio::time::sleep(limits::FAREWELL_IDLE).await;
        }
    };
    tokio::select! {
        () = left => {}
        () = stopped(&mut stop) => {}
    }
}

/// Who owns the connection.
fn attribute(gateway: &Gateway, stream: &TcpStream, kind: &Kind) -> Peer {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection keeps Nagle's delay");
    }
    let ends = stream
        .peer_addr()
        .and_then(|peer| Ok((peer, stream.local_addr()?)));
    let owned = ends
        .as_ref()
        .ok()
        .and_then(|&(peer, local)| gateway.flows.owner(stream.as_fd(), Flow { peer, local }));
    gateway
        .metrics
        .attributed(owned.as_ref().map(|owned| owned.attribution.source.name()));
    let (asks, led) = match kind {
        Kind::Asked(asks) => (Some(Arc::clone(asks)), false),
        Kind::Reverse | Kind::Certified => (None, false),
        Kind::Led | Kind::Forward => (None, true),
    };
    let peer = Peer::new(owned, ends.ok().map(|(peer, _)| peer.port()), led).asking(asks);
    if *kind == Kind::Certified {
        peer.certified()
    } else {
        peer
    }
}

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    /// What both sides of a TLS connection agreed on.
    pub(crate) fn negotiated(tls: &ServerConnection) -> Self {
        match tls.alpn_protocol() {
            Some(b"h2") => Self::Http2,
            _ => Self::Http1,
        }
    }
}

/// How HTTP/2 begins (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

async fn plain(
    worker: Arc<Worker>,
    peer: Peer,
    stream: TcpStream,
    watcher: Watcher,
    mut stop: watch::Receiver<bool>,
) {
    let detected = tokio::select! {
        detected = timeout(limits::REQUEST_HEAD_DEADLINE, detect(&stream)) => detected,
        // Who has said nothing yet has nothing to finish.
        () = stopped(&mut stop) => return,
    };
    match detected {
        Ok(Ok(protocol)) => connection(worker, peer, stream, protocol, (watcher, stop)).await,
        Ok(Err(error)) => tracing::debug!(%error, "a connection ended early"),
        Err(_) => tracing::debug!("a connection said nothing"),
    }
}

/// What a connection in the clear speaks, by its first bytes, which stay unread.
async fn detect(stream: &TcpStream) -> io::Result<Protocol> {
    let mut first = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut first).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (seen, expected) = (first.get(..seen), PREFACE.get(..seen));
        if seen != expected {
            return Ok(Protocol::Http1);
        }
        if seen.is_some_and(|seen| seen.len() == PREFACE.len()) {
            return Ok(Protocol::Http2);
        }
        // The rest of a preface is on its way; the same bytes would be seen at once again.
        tokio::time::sleep(limits::PREFACE_PAUSE).await;
    }
}

/// Serves a connection until it ends or is to be closed; whoever drains waits for `open`.
pub(crate) async fn connection<S>(
    worker: Arc<Worker>,
    peer: Peer,
    stream: S,
    protocol: Protocol,
    (open, closing): (Watcher, watch::Receiver<bool>),
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = Arc::new(peer);
    let owner = Arc::clone(&peer);
    let mut due = pin!(due(protocol, worker.gateway.doors.clone(), closing.clone()));
    let service = service_fn(move |request| {
        let (worker, peer) = (Arc::clone(&worker), Arc::clone(&owner));
        async move {
            let doors = worker.gateway.doors.clone();
            let answered = match &peer.asks {
                None => worker.serve(&peer, request).await.map(Either::Left),
                Some(asks) => {
                    let asks = Arc::clone(asks);
                    let answered = Box::pin(asked::serve(worker, peer, asks, request)).await;
                    answered.map(Either::Right)
                }
            };
            Ok::<_, Infallible>(parting(answered, protocol, &doors))
        }
    });
    let io = TokioIo::new(stream);
    let served = match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits::REQUEST_HEAD_DEADLINE)
                .max_buf_size(limits::HEAD_BYTES_MAX)
                // The buffer may hold twice as much, as it happens to come.
                .max_header_size(limits::HEAD_BYTES_MAX)
                .serve_connection(io, service)
                .with_upgrades();
            let mut connection = pin!(connection);
            tokio::select! {
                biased;
                served = &mut connection => served,
                () = &mut due => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(limits::STREAMS_PER_CONNECTION_MAX)
                .keep_alive_interval(limits::PING_INTERVAL)
                .keep_alive_timeout(limits::PING_DEADLINE)
                .serve_connection(io, service);
            let mut connection = pin!(connection);
            tokio::select! {
                biased;
                served = &mut connection => served,
                () = &mut due => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
    go_on(&peer, closing).await;
    drop(open);
}

/// An answer that says so where its connection takes no further request: a client of HTTP/1 comes anew then, and nothing that
/// it sends is lost on the way.
pub(crate) fn parting<B>(
    mut answered: Response<B>,
    protocol: Protocol,
    doors: &watch::Receiver<Doors>,
) -> Response<B> {
    let is_last = protocol == Protocol::Http1 && *doors.borrow() == Doors::Left;
    if is_last && answered.status() != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        answered.headers_mut().insert(header::CONNECTION, close);
    }
    answered
}

/// Serves what goes on where HTTP has ended on a connection, in its place among all.
pub(crate) async fn go_on(peer: &Peer, closing: watch::Receiver<bool>) {
    if let Some(relay) = peer.switched() {
        Box::pin(relay.run(closing)).await;
    }
}
