//! Accepts connections, learns who owns them, and serves HTTP/1.1 and HTTP/2 on them.
//!
//! Every worker is a thread with a runtime, a listening socket on the same address
//! (`SO_REUSEPORT`) and an upstream pool of its own, so that requests never cross cores.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    os::fd::AsFd,
    sync::Arc,
    thread,
};

use flows::Flow;
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use rustls::{ClientConfig, ServerConfig};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    exchange::{Peer, Worker},
    gateway::Gateway,
    limits,
    upstream::Upstream,
};

/// An address to listen on.
#[derive(Clone)]
pub struct Endpoint {
    /// Where; port 0 lets the kernel choose.
    pub address: SocketAddr,
    /// With TLS, or in the clear.
    pub tls: Option<Arc<ServerConfig>>,
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

/// Listening sockets, one set for every worker.
pub struct Bound {
    workers: Vec<Vec<(StdListener, Option<Arc<ServerConfig>>)>>,
    addresses: Vec<SocketAddr>,
}

impl Bound {
    /// Binds every endpoint once for each of `workers`.
    pub fn bind(endpoints: &[Endpoint], workers: usize) -> Result<Self, BindFault> {
        let mut bound = Self {
            workers: (0..workers.max(1)).map(|_| Vec::new()).collect(),
            addresses: Vec::new(),
        };
        for endpoint in endpoints {
            let mut address = endpoint.address;
            for worker in &mut bound.workers {
                let listener = listen(address).map_err(|source| BindFault { address, source })?;
                // The kernel chose a port for the first; the others share it.
                address = listener
                    .local_addr()
                    .map_err(|source| BindFault { address, source })?;
                worker.push((listener, endpoint.tls.clone()));
            }
            bound.addresses.push(address);
        }
        Ok(bound)
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
                        // The pool's timers belong to this runtime, so the client is made inside it.
                        let worker = Worker {
                            gateway,
                            upstream: Upstream::new(&tls),
                        };
                        serve(worker, sockets, stop).await;
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
        Some(Protocol::TCP),
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

async fn serve(
    worker: Worker,
    sockets: Vec<(StdListener, Option<Arc<ServerConfig>>)>,
    stop: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(limits::CONNECTIONS_PER_WORKER_MAX));
    let mut tasks = Vec::new();
    for (listener, tls) in sockets {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "a listening socket is unusable");
                continue;
            }
        };
        let acceptor = tls.map(TlsAcceptor::from);
        tasks.push(tokio::spawn(accept(
            worker.clone(),
            listener,
            acceptor,
            Arc::clone(&room),
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
    worker: Worker,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    room: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
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
        let peer = attribute(&worker.gateway, &stream);
        let (worker, tls, watcher) = (worker.clone(), tls.clone(), graceful.watcher());
        tokio::spawn(async move {
            let open = worker.gateway.metrics.connection();
            match tls {
                None => connection(worker, peer, stream, watcher).await,
                Some(tls) => match timeout(limits::HANDSHAKE_DEADLINE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection(worker, peer, stream, watcher).await,
                    Ok(Err(error)) => tracing::debug!(%error, "the TLS handshake failed"),
                    Err(_) => tracing::debug!("the TLS handshake took too long"),
                },
            }
            drop((open, place));
        });
    }
    drop(listener);
    if timeout(limits::DRAIN_DEADLINE, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("exchanges were still open at the drain deadline");
    }
}

/// Returns once the gateway was told to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone, and with it the gateway.
    let _stopped = stop.wait_for(|stopped| *stopped).await.map(|seen| *seen);
}

/// Who owns the connection.
fn attribute(gateway: &Gateway, stream: &TcpStream) -> Peer {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection keeps Nagle's delay");
    }
    let ends = stream
        .peer_addr()
        .and_then(|peer| Ok((peer, stream.local_addr()?)));
    let attribution = ends
        .as_ref()
        .ok()
        .and_then(|&(peer, local)| gateway.flows.owner(stream.as_fd(), Flow { peer, local }));
    gateway
        .metrics
        .attributed(attribution.as_ref().map(|known| known.source.name()));
    Peer {
        attribution,
        port: ends.ok().map(|(peer, _)| peer.port()),
    }
}

async fn connection<S>(
    worker: Worker,
    peer: Peer,
    stream: S,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = Arc::new(peer);
    let service = service_fn(move |request| {
        let (worker, peer) = (worker.clone(), Arc::clone(&peer));
        async move { Ok::<_, std::convert::Infallible>(worker.serve(&peer, request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::REQUEST_HEAD_DEADLINE)
        .max_buf_size(limits::HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::STREAMS_PER_CONNECTION_MAX);
    let served = watcher.watch(
        builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned(),
    );
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection ended early");
    }
}
