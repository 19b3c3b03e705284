//! The client side: pooled connections to the services, one pool per worker.

use std::{future::Future, path::Path, sync::Arc, time::Duration};

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{body::Outbound, limits, media, refusal::Interruption};

/// A client with its own pool.
#[derive(Clone)]
pub struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Outbound>,
    /// For gRPC, which is HTTP/2 also where nobody could negotiate it.
    http2: Client<HttpsConnector<HttpConnector>, Outbound>,
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

    /// A client with a pool of its own.
    pub fn new(tls: &Arc<ClientConfig>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limits::CONNECT_DEADLINE));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(ClientConfig::clone(tls))
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_max_idle_per_host(limits::UPSTREAM_IDLE_PER_HOST_MAX)
            .pool_idle_timeout(limits::UPSTREAM_IDLE_DEADLINE)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new());
        let client = builder.build(connector.clone());
        let http2 = builder.http2_only(true).build(connector);
        Self { client, http2 }
    }

    /// Sends `request` and waits for the `head` of the answer, so long from the moment that
    /// `sent` is done, which says that the last byte of the request went.
    pub(crate) async fn send(
        &self,
        request: Request<Outbound>,
        sent: impl Future<Output = ()>,
        head: Duration,
    ) -> Result<Response<Incoming>, Interruption> {
        let deadline = async {
            sent.await;
            tokio::time::sleep(head).await;
        };
        let client = if media::has_grpc(request.headers()) {
            &self.http2
        } else {
            &self.client
        };
        tokio::select! {
            biased;
            answer = client.request(request) => match answer {
                // A switch of protocols that nobody asked for.
                Ok(response) if response.status().is_informational() => Err(Interruption::upstream_failed()),
                Ok(response) => Ok(response),
                Err(error) => {
                    tracing::warn!(cause = cause(&error), "upstream failed");
                    Err(Interruption::upstream_failed())
                }
            },
            () = deadline => Err(Interruption::upstream_timeout()),
        }
    }

    /// Fetches a small document, for JWKS.
    pub(crate) async fn get(&self, uri: Uri) -> Result<Response<Incoming>, Interruption> {
        let mut request = Request::new(Outbound::empty());
        *request.uri_mut() = uri;
        let head = limits::RESPONSE_HEAD_DEADLINE;
        self.send(request, std::future::ready(()), head).await
    }
}

/// What kind of failure it was. The error's own text may hold what the upstream sent, HTTP/2 debug
/// data for one, so it is not told.
fn cause(error: &hyper_util::client::legacy::Error) -> &'static str {
    if error.is_connect() {
        return "not connected";
    }
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(inner) = inner.downcast_ref::<hyper::Error>() {
            return match inner {
                e if e.is_parse() => "the answer is not HTTP",
                e if e.is_incomplete_message() => "the answer broke off",
                e if e.is_canceled() || e.is_closed() => "the connection was closed",
                e if e.is_user() => "the request's body broke off",
                e if e.is_timeout() => "timed out",
                _ => "the exchange failed",
            };
        }
        source = inner.source();
    }
    "the exchange failed"
}
