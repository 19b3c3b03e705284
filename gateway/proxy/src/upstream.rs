//! The client side: pooled connections to the services, one pool per worker.

mod attempt;
mod certified;
pub mod check;
mod connect;
mod destination;
pub(crate) mod failover;
pub(crate) mod guard;
pub mod reach;
mod standing;

use std::{future::Future, path::Path, sync::Arc, time::Duration};

use flows::Network;
use http::{Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use self::{
    certified::Certified,
    connect::{AddressRefused, Connector},
};
pub use self::{
    destination::{Destination, UPSTREAMS_MAX, Upstreams},
    standing::{Agreement, Ejection},
};
use crate::{body::Outbound, limits, media, refusal::Interruption, route::Routes};

/// A client with its own pool, and those that show a certificate.
#[derive(Clone)]
pub struct Upstream {
    plain: Clients,
    tls: Arc<ClientConfig>,
    connector: Connector,
    certified: Certified,
}

/// The clients of one pool. A request that has them as an extension is sent by them.
#[derive(Clone)]
pub(crate) struct Clients {
    client: Client<HttpsConnector<Connector>, Outbound>,
    /// For gRPC, which is HTTP/2 also where nobody could negotiate it.
    http2: Client<HttpsConnector<Connector>, Outbound>,
    /// For a WebSocket, which is HTTP/1.1 also where more could be negotiated.
    http1: Client<HttpsConnector<Connector>, Outbound>,
}

impl Clients {
    fn new(tls: &ClientConfig, connector: &Connector) -> Self {
        let over = |tls: &ClientConfig| {
            let builder = HttpsConnectorBuilder::new().with_tls_config(tls.clone());
            builder.https_or_http()
        };
        let http1 = over(tls).enable_http1().wrap_connector(connector.clone());
        let connector = over(tls)
            .enable_all_versions()
            .wrap_connector(connector.clone());
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_max_idle_per_host(limits::UPSTREAM_IDLE_PER_HOST_MAX)
            .pool_idle_timeout(limits::UPSTREAM_IDLE_DEADLINE)
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(limits::ANSWER_HEAD_BYTES_MAX)
            .timer(TokioTimer::new());
        let http1 = builder.build(http1);
        let client = builder.build(connector.clone());
        let http2 = builder.http2_only(true).build(connector);
        Self {
            client,
            http2,
            http1,
        }
    }
}

/// Why an upstream gave no head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection was made: it heard nothing.
    Unreachable,
    /// Its name stands for an address that it may not be at: it heard nothing.
    AddressRefused,
    /// It broke off, or said what is no answer.
    BrokeOff,
    /// It took too long.
    Late,
}

impl Failure {
    /// Whether it heard nothing of the request.
    pub(crate) fn is_unheard(self) -> bool {
        matches!(self, Self::Unreachable | Self::AddressRefused)
    }

    /// What the agent is told.
    pub(crate) fn interruption(self) -> Interruption {
        match self {
            Self::Unreachable | Self::BrokeOff => Interruption::upstream_failed(),
            Self::AddressRefused => Interruption::address_refused(),
            Self::Late => Interruption::upstream_timeout(),
        }
    }
}

/// Why the client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamFault {
    /// The extra certificates cannot be read.
    #[error("the certificates of `upstream_ca` cannot be read")]
    Certificates(#[source] rustls::pki_types::pem::Error),
    /// One of them is not a certificate.
    #[error("a certificate of `upstream_ca` is not usable")]
    Certificate(#[source] rustls::Error),
}

impl Upstream {
    /// The TLS side of every worker's client: the system's roots, and those of `extra`.
    pub fn tls(extra: Option<&Path>) -> Result<Arc<ClientConfig>, UpstreamFault> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        let (_, unusable) = roots.add_parsable_certificates(system.certs);
        if unusable > 0 {
            tracing::warn!(unusable, "system certificates passed over");
        }
        if let Some(path) = extra {
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(UpstreamFault::Certificates)?;
            for certificate in certificates {
                let certificate = certificate.map_err(UpstreamFault::Certificates)?;
                roots.add(certificate).map_err(UpstreamFault::Certificate)?;
            }
        }
        Ok(Arc::new(
            ClientConfig::builder()
                .with_root_certificates(roots)
                .with_no_client_auth(),
        ))
    }

    /// A client with a pool of its own, for what no service is.
    pub fn new(tls: &Arc<ClientConfig>) -> Self {
        Self::with(tls, Connector::anywhere())
    }

    /// The same for services: their upstreams are called at addresses that they may be at.
    pub fn guarded(tls: &Arc<ClientConfig>, routes: &Routes) -> Self {
        Self::with(tls, Connector::guarded(routes))
    }

    /// The same for these, each at addresses that are public or listed beside it.
    pub fn guarded_to<'a>(
        tls: &Arc<ClientConfig>,
        places: impl Iterator<Item = (&'a Uri, &'a [Network])>,
    ) -> Self {
        Self::with(tls, Connector::to(places))
    }

    fn with(tls: &Arc<ClientConfig>, connector: Connector) -> Self {
        Self {
            plain: Clients::new(tls, &connector),
            tls: Arc::clone(tls),
            connector,
            certified: Certified::default(),
        }
    }

    /// Sends `request` and waits for the `head` of the answer, so long from the moment that
    /// `sent` is done, which says that the last byte of the request went.
    pub(crate) async fn send(
        &self,
        request: Request<Outbound>,
        sent: impl Future<Output = ()>,
        head: Duration,
    ) -> Result<Response<Incoming>, Failure> {
        let deadline = async {
            sent.await;
            tokio::time::sleep(head).await;
        };
        let clients = request.extensions().get().unwrap_or(&self.plain);
        // No other field of that name goes this far.
        let switches = request.headers().contains_key(header::UPGRADE);
        let client = if media::has_grpc(request.headers()) {
            clients.http2.clone()
        } else if switches {
            clients.http1.clone()
        } else {
            clients.client.clone()
        };
        tokio::select! {
            biased;
            answer = client.request(request) => match answer {
                // A switch of protocols that nobody asked for.
                Ok(response) if response.status().is_informational() && !switches => {
                    Err(Failure::BrokeOff)
                }
                Ok(response) => Ok(response),
                Err(error) => {
                    tracing::warn!(cause = cause(&error), "upstream failed");
                    Err(failure(&error))
                }
            },
            () = deadline => Err(Failure::Late),
        }
    }

    /// Fetches a small document, for JWKS.
    pub(crate) async fn get(&self, uri: Uri) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::new(Outbound::empty());
        *request.uri_mut() = uri;
        let head = limits::RESPONSE_HEAD_DEADLINE;
        self.send(request, std::future::ready(()), head).await
    }
}

/// The field `host` of a request to `uri`, as hyper writes it.
pub(crate) fn authority(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    match (uri.scheme_str(), uri.port_u16()) {
        (_, None) | (Some("https"), Some(443)) | (Some("http"), Some(80)) => host.to_owned(),
        (_, Some(port)) => format!("{host}:{port}"),
    }
}

/// What of it decides what follows.
fn failure(error: &hyper_util::client::legacy::Error) -> Failure {
    if !error.is_connect() {
        return Failure::BrokeOff;
    }
    if causes(error)
        .find_map(|it| it.downcast_ref::<AddressRefused>())
        .is_some()
    {
        return Failure::AddressRefused;
    }
    Failure::Unreachable
}

fn causes<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |error| error.source())
}

/// What kind of failure it was. The error's own text may hold what the upstream sent, HTTP/2 debug
/// data for one, so it is not told.
fn cause(error: &hyper_util::client::legacy::Error) -> &'static str {
    if error.is_connect() {
        return match failure(error) {
            Failure::AddressRefused => "its name stands for an address that is refused",
            _ => "not connected",
        };
    }
    let mut inner = causes(error).filter_map(|it| it.downcast_ref::<hyper::Error>());
    match inner.next() {
        Some(e) if e.is_parse() => "the answer is not HTTP",
        Some(e) if e.is_incomplete_message() => "the answer broke off",
        Some(e) if e.is_canceled() || e.is_closed() => "the connection was closed",
        Some(e) if e.is_user() => "the request's body broke off",
        Some(e) if e.is_timeout() => "timed out",
        _ => "the exchange failed",
    }
}
