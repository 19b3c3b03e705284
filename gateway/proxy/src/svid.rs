//! Agents that show an X.509-SVID, and the gateway's own: both from the Workload API, both short-lived.
//!
//! A connection is closed in good order before the certificate that it was made with ends, so that who rotates
//! in time never sees a request fail. The certificate's own end refuses what still comes by it.

use std::{sync::Arc, time::Duration};

use hyper_util::server::graceful::Watcher;
use identity::Svid;
use jiff::Timestamp;
use rustls::ServerConfig;
use spiffe::X509Source;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::sleep,
};
use x509_parser::parse_x509_certificate;

use crate::{
    clock,
    exchange::{Peer, Worker},
    listener::{Protocol, connection, stopped},
};

/// A connection is closed once so much of what is left of its certificate is left: a sixth. Who gets
/// SVIDs has the next one at half of a life (SPIRE does).
const LEFT: u32 = 6;

/// What the gateway shows where agents show SVIDs: its own, always the newest. Clients must show one that
/// the bundle of its own trust domain vouches for. There is no resumption, which would outlive both.
pub fn server(source: X509Source) -> Result<Arc<ServerConfig>, spiffe_rustls::Error> {
    let builder = spiffe_rustls::mtls_server(source);
    // Which agent it is, and whether it is one, is asked for each request.
    let builder = builder.authorize(spiffe_rustls::authorizer::any());
    let config = builder.with_alpn_protocols([&b"h2"[..], b"http/1.1"]);
    config.build().map(Arc::new)
}

/// What a verified certificate (DER) says.
pub(crate) fn of(certificate: &[u8]) -> Option<Svid> {
    let id = spiffe::cert::spiffe_id_from_der(certificate).ok()?;
    let (_, parsed) = parse_x509_certificate(certificate).ok()?;
    let end = parsed.validity().not_after.timestamp();
    Some(Svid {
        id: id.to_string().parse().ok()?,
        expires_at: Timestamp::from_second(end).ok()?,
    })
}

/// Serves a connection until its certificate is about to end.
pub(crate) async fn serve<S>(
    worker: Arc<Worker>,
    peer: Peer,
    (stream, protocol): (S, Protocol),
    open: Watcher,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let left = peer.svid().map(left).unwrap_or_default();
    let (close, closing) = watch::channel(false);
    let served = connection(worker, peer, stream, protocol, (open, closing));
    tokio::pin!(served);
    let due = async {
        tokio::select! {
            () = sleep(left.saturating_sub(left / LEFT)) => {}
            () = stopped(&mut stop) => {}
        }
    };
    tokio::select! {
        () = &mut served => {}
        () = due => {
            close.send_replace(true);
            served.await;
        }
    }
}

/// For how long it is still good.
fn left(svid: &Svid) -> Duration {
    let now = clock::timestamp(clock::now());
    svid.expires_at
        .duration_since(now)
        .try_into()
        .unwrap_or_default()
}
