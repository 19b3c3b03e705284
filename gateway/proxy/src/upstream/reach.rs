//! Whether somebody answers at an address, and is who they say.

use std::{sync::Arc, time::Duration};

use http::Uri;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

/// For a connection, and again for a handshake.
const DEADLINE: Duration = Duration::from_secs(5);

/// Why nobody was reached.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    /// It is no address.
    #[error("it names no host")]
    Nameless,
    /// Nobody answered in time.
    #[error("nobody answered in {} s", DEADLINE.as_secs())]
    Late,
    /// No connection was made.
    #[error("{0}")]
    Connection(std::io::Error),
    /// Who answers is not who is meant, or speaks no TLS.
    #[error("no TLS: {0}")]
    Handshake(std::io::Error),
}

/// Connects to where `uri` leads, with a handshake for `https`; says and asks nothing.
///
/// # Errors
/// If nobody is there in time, or it is somebody else.
pub async fn reach(tls: &Arc<ClientConfig>, uri: &Uri) -> Result<(), Unreached> {
    let host = uri.host().ok_or(Unreached::Nameless)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let connected = timeout(DEADLINE, TcpStream::connect((host, port))).await;
    let stream = connected
        .map_err(|_| Unreached::Late)?
        .map_err(Unreached::Connection)?;
    if !is_tls {
        return Ok(());
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Unreached::Nameless)?;
    let handshake = TlsConnector::from(Arc::clone(tls)).connect(name, stream);
    let shaken = timeout(DEADLINE, handshake).await;
    shaken
        .map_err(|_| Unreached::Late)?
        .map_err(Unreached::Handshake)
        .map(drop)
}
