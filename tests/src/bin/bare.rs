//! A hyper proxy that does nothing else: the floor that the gateway is measured against.
//!
//! One current-thread runtime, one pooled client, HTTP/1.1, plain or TLS in front.
#![expect(
    clippy::print_stdout,
    reason = "the ready line is this program's output"
)]

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use clap::Parser;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, combinators::BoxBody};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// Forwards every request to one upstream.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// `host:port` of the upstream.
    #[arg(long)]
    upstream: String,
    /// Certificate and key, PEM, for TLS in front.
    #[arg(long, num_args = 2, value_names = ["CERTIFICATE", "KEY"])]
    tls: Vec<PathBuf>,
}

type Upstream = Client<HttpConnector, Incoming>;
type Body = BoxBody<Bytes, hyper::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let tls = acceptor(&arguments.tls)?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Upstream = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(connector);
    let upstream: Arc<str> = arguments.upstream.into();
    let listener = TcpListener::bind(&arguments.listen).await?;
    println!(
        "{}",
        serde_json::json!({ "ready": true, "listen": listener.local_addr()? })
    );
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (client, upstream, tls) = (client.clone(), Arc::clone(&upstream), tls.clone());
        tokio::spawn(async move {
            match tls {
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, client, upstream).await;
                    }
                }
                None => serve(stream, client, upstream).await,
            }
        });
    }
}

fn acceptor(files: &[PathBuf]) -> Result<Option<TlsAcceptor>> {
    let [certificate, key] = files else {
        return Ok(None);
    };
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&fs::read(certificate)?).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&fs::read(key)?).context("the key file")?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

async fn serve<S>(stream: S, client: Upstream, upstream: Arc<str>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service =
        service_fn(move |request| forward(client.clone(), Arc::clone(&upstream), request));
    // A caller that hangs up is its own business.
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

async fn forward(
    client: Upstream,
    upstream: Arc<str>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, http::Error> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let target = Uri::builder()
        .scheme("http")
        .authority(&*upstream)
        .path_and_query(path)
        .build()?;
    *request.uri_mut() = target;
    if let Ok(host) = HeaderValue::from_str(&upstream) {
        request.headers_mut().insert(header::HOST, host);
    }
    match client.request(request).await {
        Ok(response) => Ok(response.map(BodyExt::boxed)),
        Err(_) => Response::builder()
            .status(StatusCode::BAD_GATEWAY)
            .body(Empty::new().map_err(|never| match never {}).boxed()),
    }
}
