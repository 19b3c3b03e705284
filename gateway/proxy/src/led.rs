//! Connections that the kernel led here: the agent believes that it speaks to somebody else.
//!
//! They come in the clear or with TLS, whichever the agent would have spoken. The host that it asks
//! for names the service; who asks for none that is configured is refused, and on record.

use std::sync::Arc;

use hyper_util::server::graceful::Watcher;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    account::Account,
    beginning::{self, Beginning},
    clock,
    exchange::{Peer, Worker},
    headers::Shown,
    limits,
    listener::{Protocol, connection, stopped},
    record::Who,
    refusal::Interruption,
    route::Unroutable,
    svid,
};

/// Serves one connection, or refuses it.
pub(crate) async fn serve(
    worker: Arc<Worker>,
    peer: Peer,
    (tls, stream): (Option<TlsAcceptor>, TcpStream),
    watcher: Watcher,
    mut stop: watch::Receiver<bool>,
) {
    let began = tokio::select! {
        began = timeout(limits::REQUEST_HEAD_DEADLINE, beginning::read(stream)) => began,
        // Who has said nothing yet has nothing to finish.
        () = stopped(&mut stop) => return,
    };
    let known = |host: &str| worker.gateway.routes.has_host(host);
    match (began, tls) {
        (Ok(Ok((Beginning::Http1, stream))), _) => {
            connection(worker, peer, stream, Protocol::Http1, (watcher, stop)).await;
        }
        (Ok(Ok((Beginning::Http2, stream))), _) => {
            connection(worker, peer, stream, Protocol::Http2, (watcher, stop)).await;
        }
        (Ok(Ok((Beginning::Tls(Some(host)), stream))), Some(tls)) if known(&host) => {
            let peer = peer.asking_for(&host);
            shake(worker, peer, (tls, stream), watcher, stop).await;
        }
        (Ok(Ok(_)), _) => {
            refuse(
                &worker,
                &peer,
                &Interruption::unroutable(Unroutable::ServiceUnknown),
            )
            .await;
        }
        (Ok(Err(error)), _) => tracing::debug!(%error, "a connection ended early"),
        (Err(_), _) => tracing::debug!("a connection said nothing"),
    }
}

/// Serves what is within TLS.
pub(crate) async fn shake<S>(
    worker: Arc<Worker>,
    peer: Peer,
    (tls, stream): (TlsAcceptor, S),
    watcher: Watcher,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let accepted = tokio::select! {
        accepted = timeout(limits::HANDSHAKE_DEADLINE, tls.accept(stream)) => accepted,
        () = stopped(&mut stop) => return,
    };
    match accepted {
        Ok(Ok(stream)) => {
            let (_, tls) = stream.get_ref();
            let (protocol, peer) = (Protocol::negotiated(tls), peer.secured(tls));
            if peer.is_certified() {
                // One that is verified and names nobody that could be an agent is worth nothing.
                if peer.svid().is_some() {
                    svid::serve(worker, peer, (stream, protocol), watcher, stop).await;
                }
            } else {
                connection(worker, peer, stream, protocol, (watcher, stop)).await;
            }
        }
        Ok(Err(error)) => tracing::debug!(%error, "the TLS handshake failed"),
        Err(_) => tracing::debug!("the TLS handshake took too long"),
    }
}

/// Puts the refusal on record; the connection then ends without a word that the agent would take
/// for its peer's.
pub(crate) async fn refuse(worker: &Worker, peer: &Peer, why: &Interruption) {
    let gateway = &worker.gateway;
    let began = clock::now();
    let mut account = Account::new(
        Arc::clone(gateway),
        gateway.traces.begin(None, None),
        began,
        http::Method::CONNECT,
        peer.port,
    );
    account.who = match peer.recognise(&gateway.identity, Shown::Nothing, clock::timestamp(began)) {
        Ok((_, who)) => who,
        Err(unproven) => Arc::new(Who::unproven(
            peer.attribution.as_ref(),
            peer.flow,
            &unproven,
        )),
    };
    if account.refuse(why, &[]).await.is_err() {
        tracing::error!("a refused connection is not on record");
    }
}
