//! Connections that the kernel led here: the agent believes that it speaks to somebody else.
//!
//! They come in the clear or with TLS, whichever the agent would have spoken. The host that it asks
//! for names the service; who asks for none that is configured is refused, and on record.

use std::{io, sync::Arc};

use hyper_util::server::graceful::Watcher;
use rustls::server::Acceptor;
use tokio::{net::TcpStream, sync::watch, time::timeout};
use tokio_rustls::TlsAcceptor;

use crate::{
    account::Account,
    clock,
    exchange::{Peer, Worker},
    headers::Shown,
    limits,
    listener::{plain, secured, stopped},
    record::Who,
    refusal::Interruption,
    route::Unroutable,
};

/// The first byte of a TLS record that holds a handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// What a connection begins with.
enum Beginning {
    /// A method of HTTP, or the preface of HTTP/2.
    Http,
    /// TLS, and the host that it asks for.
    Tls(Option<String>),
    /// Something that the gateway does not speak.
    Other,
}

/// Serves one connection, or refuses it.
pub(crate) async fn serve(
    worker: Arc<Worker>,
    peer: Peer,
    (tls, stream): (Option<TlsAcceptor>, TcpStream),
    watcher: Watcher,
    mut stop: watch::Receiver<bool>,
) {
    let began = tokio::select! {
        began = timeout(limits::REQUEST_HEAD_DEADLINE, beginning(&stream)) => began,
        // Who has said nothing yet has nothing to finish.
        () = stopped(&mut stop) => return,
    };
    let known = |host: &Option<String>| {
        let host = host.as_deref();
        host.is_some_and(|host| worker.gateway.routes.has_host(host))
    };
    match (began, tls) {
        (Ok(Ok(Beginning::Http)), _) => plain(worker, peer, stream, watcher, stop).await,
        (Ok(Ok(Beginning::Tls(host))), Some(tls)) if known(&host) => {
            secured(worker, peer, (tls, stream), watcher, stop).await;
        }
        (Ok(Ok(_)), _) => refuse(&worker, &peer).await,
        (Ok(Err(error)), _) => tracing::debug!(%error, "a connection ended early"),
        (Err(_), _) => tracing::debug!("a connection said nothing"),
    }
}

/// Looks at the first bytes, which stay unread.
async fn beginning(stream: &TcpStream) -> io::Result<Beginning> {
    let mut first = vec![0; limits::HELLO_BYTES_MAX];
    loop {
        let seen = stream.peek(&mut first).await?;
        let seen = first.get(..seen).unwrap_or_default();
        match seen.first() {
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(&TLS_HANDSHAKE) => {}
            Some(byte) if byte.is_ascii_uppercase() => return Ok(Beginning::Http),
            Some(_) => return Ok(Beginning::Other),
        }
        let mut acceptor = Acceptor::default();
        let mut unread = seen;
        while !unread.is_empty() {
            acceptor.read_tls(&mut unread)?;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let host = accepted.client_hello().server_name().map(str::to_owned);
                return Ok(Beginning::Tls(host));
            }
            Ok(None) if seen.len() < limits::HELLO_BYTES_MAX => {}
            Ok(None) | Err(_) => return Ok(Beginning::Other),
        }
        // The rest is on its way; the same bytes would be seen at once again.
        tokio::time::sleep(limits::PREFACE_PAUSE).await;
    }
}

/// Puts the refusal on record; the connection then ends without a word that the agent would take
/// for its peer's.
async fn refuse(worker: &Worker, peer: &Peer) {
    let gateway = &worker.gateway;
    let began = clock::now();
    let mut account = Account::new(
        Arc::clone(gateway),
        gateway.traces.begin(None, None),
        began,
        http::Method::CONNECT,
        peer.port,
    );
    account.who = match peer.identify(&gateway.identity, Shown::Nothing) {
        Ok((_, who)) => who,
        Err(unproven) => Arc::new(Who::unproven(
            peer.attribution.as_ref(),
            peer.flow,
            &unproven,
        )),
    };
    let why = Interruption::unroutable(Unroutable::ServiceUnknown);
    if account.refuse(&why, &[]).await.is_err() {
        tracing::error!("a refused connection is not on record");
    }
}
