//! An HTTP client inside the test's own process, for what curl and Python cannot show: protocol
//! versions, connections kept, bodies that break off.

use std::{convert::Infallible, io::BufReader, sync::Arc};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, SupportedProtocolVersion,
    client::WantsClientCert,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::runtime::Runtime;

/// A blocking client with its own pool of connections.
pub struct Client {
    runtime: Runtime,
    inner: legacy::Client<HttpsConnector<HttpConnector>, Sent>,
}

/// What a request has.
type Sent = BoxBody<Bytes, Infallible>;

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The protocol that carried it.
    pub version: Version,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The fields behind the body.
    pub trailers: HeaderMap,
    /// The body, as far as it came.
    pub body: Bytes,
    /// Whether the body came to its end.
    pub whole: bool,
}

/// An answer whose body is still coming.
pub struct Begun {
    /// The status.
    pub status: StatusCode,
    read: Vec<u8>,
    body: Incoming,
}

impl Reply {
    /// The index of the record of this exchange.
    pub fn record(&self) -> Option<u64> {
        self.header("tidegate-record")?.parse().ok()
    }

    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }
}

impl Client {
    /// HTTP/1.1 in the clear.
    pub fn plain() -> Result<Self> {
        Self::with(RootCertStore::empty(), rustls::ALL_VERSIONS, false)
    }

    /// TLS that trusts `authority` and speaks only `version`; HTTP/2 if `http2`, HTTP/1.1 if not.
    pub fn tls(
        authority: &str,
        version: &'static SupportedProtocolVersion,
        http2: bool,
    ) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_reader_iter(BufReader::new(authority.as_bytes())) {
            roots.add(certificate?)?;
        }
        Self::with(roots, &[version], http2)
    }

    /// HTTP/1.1 by TLS that trusts `authority`, and shows this certificate with its key (PEM).
    pub fn certified(
        authority: &str,
        version: &'static SupportedProtocolVersion,
        (chain, key): &(String, String),
    ) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
            roots.add(certificate?)?;
        }
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes());
        let chain = chain.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
        let config = Self::trusting(roots, &[version])?.with_client_auth_cert(chain, key)?;
        Self::of(config, false)
    }

    fn with(
        roots: RootCertStore,
        versions: &[&'static SupportedProtocolVersion],
        http2: bool,
    ) -> Result<Self> {
        let config = Self::trusting(roots, versions)?.with_no_client_auth();
        Self::of(config, http2)
    }

    fn trusting(
        roots: RootCertStore,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        Ok(ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_root_certificates(roots))
    }

    fn of(config: ClientConfig, http2: bool) -> Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http();
        let connector = if http2 {
            connector.enable_http2().build()
        } else {
            connector.enable_http1().build()
        };
        Ok(Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?,
            inner: legacy::Client::builder(TokioExecutor::new())
                .http2_only(http2)
                .build(connector),
        })
    }

    /// Sends a GET with `headers`.
    pub fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Reply> {
        self.send("GET", url, headers, Bytes::new())
    }

    /// Sends a POST of JSON with `headers`.
    pub fn post(&self, url: &str, headers: &[(&str, &str)], body: &str) -> Result<Reply> {
        let mut headers = headers.to_vec();
        headers.push(("content-type", "application/json"));
        self.send(
            "POST",
            url,
            &headers,
            Bytes::copy_from_slice(body.as_bytes()),
        )
    }

    /// Sends anything and waits for the whole answer, or for its break.
    pub fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply> {
        self.exchange(request(method, url, headers, body)?)
    }

    /// Sends a POST whose body begins with `some` and never ends.
    pub fn send_open(&self, url: &str, headers: &[(&str, &str)], some: Bytes) -> Result<Reply> {
        let first = stream::once(std::future::ready(Ok(Frame::data(some))));
        let body = StreamBody::new(first.chain(stream::pending()));
        let request = request("POST", url, headers, Bytes::new())?;
        self.exchange(request.map(|_| Sent::new(body)))
    }

    fn exchange(&self, request: Request<Sent>) -> Result<Reply> {
        self.runtime.block_on(async {
            let (head, mut body) = self.ask(request).await?.into_parts();
            let mut bytes = Vec::new();
            let mut whole = true;
            let mut trailers = HeaderMap::new();
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => match frame.into_data() {
                        Ok(data) => bytes.extend(data),
                        Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
                    },
                    Err(_) => whole = false,
                }
            }
            let body = Bytes::from(bytes);
            Ok(Reply {
                version: head.version,
                status: head.status,
                headers: head.headers,
                trailers,
                body,
                whole,
            })
        })
    }

    /// Sends a GET and counts the answer's bytes without keeping them.
    pub fn drain(&self, url: &str, headers: &[(&str, &str)]) -> Result<(StatusCode, u64)> {
        let request = request("GET", url, headers, Bytes::new())?;
        self.runtime.block_on(async {
            let (head, mut body) = self.ask(request).await?.into_parts();
            let mut count = 0;
            while let Some(frame) = body.frame().await {
                let bytes = frame?.into_data().unwrap_or_default();
                count += u64::try_from(bytes.len())?;
            }
            Ok((head.status, count))
        })
    }

    /// Sends a GET and reads the answer to its end or its break: without its body, of which only the
    /// bytes are counted.
    pub fn measure(&self, url: &str, headers: &[(&str, &str)]) -> Result<(Reply, u64)> {
        let request = request("GET", url, headers, Bytes::new())?;
        self.runtime.block_on(async {
            let (head, mut body) = self.ask(request).await?.into_parts();
            let (mut count, mut whole) = (0, true);
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => {
                        count += u64::try_from(frame.into_data().unwrap_or_default().len())?;
                    }
                    Err(_) => whole = false,
                }
            }
            let reply = Reply {
                version: head.version,
                status: head.status,
                headers: head.headers,
                trailers: HeaderMap::new(),
                body: Bytes::new(),
                whole,
            };
            Ok((reply, count))
        })
    }

    /// Sends a GET and hands on each piece of the answer's body as it comes; gives the answer's head.
    pub fn pieces(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        mut arrived: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<HeaderMap> {
        let request = request("GET", url, headers, Bytes::new())?;
        let (head, mut body) = self.runtime.block_on(self.ask(request))?.into_parts();
        while let Some(frame) = self.runtime.block_on(body.frame()) {
            arrived(&frame?.into_data().unwrap_or_default())?;
        }
        Ok(head.headers)
    }

    /// Sends a GET, waits for the first piece of the answer's body, and leaves the rest for later.
    pub fn begin(&self, url: &str, headers: &[(&str, &str)]) -> Result<Begun> {
        let request = request("GET", url, headers, Bytes::new())?;
        self.runtime.block_on(async {
            let (head, mut body) = self.ask(request).await?.into_parts();
            let first = body.frame().await.context("no body")??;
            Ok(Begun {
                status: head.status,
                read: first.into_data().unwrap_or_default().to_vec(),
                body,
            })
        })
    }

    /// Reads the rest of an answer; none if it breaks off.
    pub fn end(&self, mut begun: Begun) -> Option<String> {
        self.runtime.block_on(async {
            while let Some(frame) = begun.body.frame().await {
                begun.read.extend(frame.ok()?.into_data().ok()?);
            }
            String::from_utf8(begun.read).ok()
        })
    }

    async fn ask(&self, request: Request<Sent>) -> Result<Response<Incoming>> {
        self.inner.request(request).await.context("no answer")
    }
}

fn request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Result<Request<Sent>> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Ok(request.body(Full::new(body).boxed())?)
}
