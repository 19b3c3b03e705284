//! The load of an agent that is behind a proxy: requests in tunnels, over HTTP/1.1 or HTTP/2, each connection asking
//! again as soon as it was answered.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::load::Load;

/// Requests that are under way at a time.
const AT_A_TIME: u32 = 32;
/// Connections of HTTP/2 that they share.
const CONNECTIONS_OF_HTTP2: u32 = 4;

/// Which version the agent speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// HTTP/1.1: a connection for each request that is under way.
    Http1,
    /// HTTP/2: a few connections.
    Http2,
}

impl Version {
    /// Its name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }

    /// Its name for ALPN.
    pub(crate) fn protocol(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }
}

/// What is asked for, and through what.
#[derive(Clone)]
pub(crate) struct Order {
    /// The proxy, if there is one.
    pub(crate) proxy: Option<SocketAddr>,
    /// Where the service is.
    pub(crate) upstream: SocketAddr,
    pub(crate) version: Version,
    pub(crate) tls: Arc<ClientConfig>,
    /// The path.
    pub(crate) path: String,
    pub(crate) until: Instant,
}

/// The name that the service goes by.
const HOST: &str = "localhost";

/// Asks until the time is over.
pub(crate) async fn run(order: Order, seconds: u32) -> Result<Load> {
    let mut tasks = JoinSet::new();
    match order.version {
        Version::Http1 => {
            for _ in 0..AT_A_TIME {
                let order = order.clone();
                tasks.spawn(async move {
                    let (mut sender, connection) =
                        http1::handshake(TokioIo::new(order.connect().await?)).await?;
                    tokio::spawn(connection);
                    let mut took = Vec::new();
                    while Instant::now() < order.until {
                        let began = Instant::now();
                        sender.ready().await?;
                        answered(sender.send_request(order.request()?).await?).await?;
                        took.push(began.elapsed());
                    }
                    anyhow::Ok(took)
                });
            }
        }
        Version::Http2 => {
            for _ in 0..CONNECTIONS_OF_HTTP2 {
                let io = TokioIo::new(order.connect().await?);
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(connection);
                for _ in 0..AT_A_TIME / CONNECTIONS_OF_HTTP2 {
                    let (order, mut sender) = (order.clone(), sender.clone());
                    tasks.spawn(async move {
                        let mut took = Vec::new();
                        while Instant::now() < order.until {
                            let began = Instant::now();
                            answered(sender.send_request(order.request()?).await?).await?;
                            took.push(began.elapsed());
                        }
                        anyhow::Ok(took)
                    });
                }
            }
        }
    }
    let mut took = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        took.extend(ended??);
    }
    took.sort_unstable();
    let quantile = |part: usize| {
        let at = (took.len() * part / 100).min(took.len().saturating_sub(1));
        took.get(at).map_or(f64::NAN, |it| it.as_secs_f64() * 1e6)
    };
    let requests = f64::from(u32::try_from(took.len())?);
    Ok(Load {
        requests,
        per_second: requests / f64::from(seconds),
        p50_us: quantile(50),
        p99_us: quantile(99),
    })
}

/// One request alone, again and again: what a call takes when nobody else calls.
pub(crate) async fn alone(order: Order, times: usize) -> Result<Duration> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(order.connect().await?)).await?;
    tokio::spawn(connection);
    let mut took = Vec::new();
    for _ in 0..times {
        let began = Instant::now();
        sender.ready().await?;
        answered(sender.send_request(order.request()?).await?).await?;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took.get(times / 2).copied().context("nothing was asked")
}

async fn answered(answer: http::Response<hyper::body::Incoming>) -> Result<()> {
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(
        status == StatusCode::OK && !body.is_empty(),
        "{status}: {}",
        String::from_utf8_lossy(&body)
    );
    Ok(())
}

impl Order {
    fn request(&self) -> Result<Request<Empty<Bytes>>> {
        let request = match self.version {
            Version::Http1 => Request::get(&self.path).header("host", HOST),
            Version::Http2 => Request::get(format!("https://{HOST}{}", self.path)),
        };
        Ok(request.body(Empty::new())?)
    }

    async fn connect(&self) -> Result<TlsStream<TcpStream>> {
        let mut stream = TcpStream::connect(self.proxy.unwrap_or(self.upstream)).await?;
        stream.set_nodelay(true)?;
        if self.proxy.is_some() {
            let target = format!("{HOST}:{}", self.upstream.port());
            let ask = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
            stream.write_all(ask.as_bytes()).await?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await?);
            }
            let head = String::from_utf8_lossy(&head);
            ensure!(head.starts_with("HTTP/1.1 200"), "no tunnel: {head}");
        }
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector
            .connect(ServerName::try_from(HOST)?, stream)
            .await?;
        let agreed = stream.get_ref().1.alpn_protocol();
        ensure!(
            agreed == Some(self.version.protocol()),
            "another protocol was agreed on: {agreed:?}"
        );
        Ok(stream)
    }
}
