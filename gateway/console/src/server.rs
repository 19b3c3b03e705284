//! Connections: so many at a time, each with a deadline for its handshake and for every head.

use std::{future::Future, io, net, net::IpAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    CertificateName,
    app::{App, router},
    certificate,
    limits::{CONNECTION_MAX, CONNECTIONS_MAX, HANDSHAKE_DEADLINE, HEAD_BYTES_MAX, HEAD_DEADLINE},
    login,
};

/// After an accept that failed; most fail because there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// How long answers that are under way have when the console stops.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Where it is.
    pub(crate) address: IpAddr,
    /// What names its certificate has; none if it showed no certificate.
    pub(crate) shown: Option<Arc<[CertificateName]>>,
}

impl Peer {
    /// Whether it showed a certificate of this name.
    pub(crate) fn shows(&self, name: &CertificateName) -> bool {
        self.shown.as_ref().is_some_and(|it| it.contains(name))
    }
}

pub(crate) async fn serve(
    listener: net::TcpListener,
    tls: Option<Arc<ServerConfig>>,
    app: &Arc<App>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let served = Served {
        app: Arc::clone(app),
        router: router(app),
    };
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let acceptor = tls.map(TlsAcceptor::from);
    let mut stop = pin!(stop);
    let (stopping, stopped) = watch::channel(false);
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = open.join_next() => {}
            (stream, address) = accept(&listener), if open.len() < CONNECTIONS_MAX => {
                let (served, stopped) = (served.clone(), stopped.clone());
                open.spawn(converse(stream, address, acceptor.clone(), served, stopped));
            }
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let rest = async { while open.join_next().await.is_some() {} };
    if timeout(STOP_DEADLINE, rest).await.is_err() {
        open.shutdown().await;
    }
    Ok(())
}

/// What each connection is for.
#[derive(Clone)]
struct Served {
    app: Arc<App>,
    router: Router,
}

impl Served {
    fn to(self, address: IpAddr, shown: Option<Arc<[CertificateName]>>) -> Router {
        self.router.layer(Extension(Peer { address, shown }))
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => return (stream, from.ip()),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(
    stream: TcpStream,
    address: IpAddr,
    acceptor: Option<TlsAcceptor>,
    served: Served,
    stopped: watch::Receiver<bool>,
) {
    let Some(acceptor) = acceptor else {
        return speak(stream, served.to(address, None), stopped).await;
    };
    match timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            let shown = session.peer_certificates().and_then(|all| all.first());
            let shown = shown.map(|shown| certificate::names(shown).into());
            speak(stream, served.to(address, shown), stopped).await;
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "a handshake failed");
            if let Some(why) = certificate::fault(&error) {
                login::certificate::not_taken(&served.app, address, why).await;
            }
        }
        Err(_) => tracing::debug!("a handshake took too long"),
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let mut served = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_DEADLINE)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
    );
    let stop = async { drop(stopped.wait_for(|stopped| *stopped).await) };
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = sleep(CONNECTION_MAX) => {
            served.as_mut().graceful_shutdown();
            // Then nobody waits any more.
            timeout(STOP_DEADLINE, served).await.unwrap_or(Ok(()))
        }
        () = stop => {
            // What is under way is answered; a connection between two requests ends.
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
