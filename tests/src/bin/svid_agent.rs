//! An agent that has its identity from the SPIFFE Workload API, by the ordinary Rust client of that.
//!
//! `tidegate-svid-agent SOCKET once URL`, `... SOCKET load URL RENEWALS` and `... SOCKET jwt URL AUDIENCE` print
//! what came of it as one line of JSON.

#![expect(
    clippy::print_stdout,
    reason = "what it prints is for whoever started it"
)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use spiffe::{JwtSource, X509Source};
use spiffe_rustls::{authorizer, mtls_client};
use tower::Service;

/// Between two calls of one kind.
const PAUSE: Duration = Duration::from_millis(20);

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().context("an argument is missing");
    let (socket, mode, url) = (next()?, next()?, next()?.parse()?);
    let endpoint = format!("unix:{socket}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let told = runtime.block_on(async {
        match mode.as_str() {
            "once" => once(&endpoint, url).await,
            "load" => load(&endpoint, url, next()?.parse()?).await,
            "jwt" => jwt(&endpoint, url, &next()?).await,
            _ => bail!("no mode is called `{mode}`"),
        }
    })?;
    println!("{told}");
    Ok(())
}

/// Opens connections, and counts them.
#[derive(Clone)]
struct Counting {
    inner: HttpConnector,
    opened: Arc<AtomicU64>,
}

impl Service<Uri> for Counting {
    type Response = <HttpConnector as Service<Uri>>::Response;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = <HttpConnector as Service<Uri>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.inner.call(uri)
    }
}

type Caller = Client<HttpsConnector<Counting>, Empty<Bytes>>;

/// A client with a pool of its own, over HTTP/2 or HTTP/1.1.
fn client(source: &X509Source, http2: bool) -> Result<(Caller, Arc<AtomicU64>)> {
    let tls = mtls_client(source.clone())
        .authorize(authorizer::any())
        .build()?;
    let mut inner = HttpConnector::new();
    inner.enforce_http(false);
    let opened = Arc::new(AtomicU64::new(0));
    let counting = Counting {
        inner,
        opened: Arc::clone(&opened),
    };
    let builder = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only();
    let connector = if http2 {
        builder.enable_http2().wrap_connector(counting)
    } else {
        builder.enable_http1().wrap_connector(counting)
    };
    let mut client = Client::builder(TokioExecutor::new());
    Ok((client.http2_only(http2).build(connector), opened))
}

async fn call(client: &Caller, url: &Uri) -> Result<(u16, Value)> {
    let request = Request::get(url).body(Empty::new())?;
    let answer = client.request(request).await?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await?.to_bytes();
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}

async fn once(endpoint: &str, url: Uri) -> Result<Value> {
    let source = X509Source::builder().endpoint(endpoint).build().await?;
    let (client, _) = client(&source, true)?;
    Ok(match call(&client, &url).await {
        Ok((status, body)) => json!({ "status": status, "body": body }),
        Err(error) => json!({ "error": format!("{error:#}") }),
    })
}

/// Calls over one kept connection of HTTP/2, and over a new one of HTTP/1.1 each time, until the SVID was
/// renewed so often, and the kept connection was closed for that and made anew.
async fn load(endpoint: &str, url: Uri, renewals: u64) -> Result<Value> {
    let source = X509Source::builder().endpoint(endpoint).build().await?;
    let mut updates = source.updated();
    let first = updates.last();
    let (kept, opened) = client(&source, true)?;
    let (mut statuses, mut failed) = (BTreeMap::<String, u64>::new(), Vec::new());
    let mut renewed = 0;
    while renewed < renewals || opened.load(Ordering::Relaxed) < 2 {
        let (fresh, _) = client(&source, false)?;
        for client in [&kept, &fresh] {
            match call(client, &url).await {
                Ok((status, _)) => *statuses.entry(status.to_string()).or_default() += 1,
                Err(error) => failed.push(format!("{error:#}")),
            }
        }
        tokio::select! {
            fresh = updates.changed() => { fresh?; }
            () = tokio::time::sleep(PAUSE) => {}
        }
        renewed = updates.last() - first;
    }
    let kept = opened.load(Ordering::Relaxed);
    Ok(json!({ "statuses": statuses, "failed": failed, "renewed": renewed, "kept": kept }))
}

/// One call in the clear with a JWT-SVID.
async fn jwt(endpoint: &str, url: Uri, audience: &str) -> Result<Value> {
    let source = JwtSource::builder().endpoint(endpoint).build().await?;
    let svid = source.fetch_jwt_svid([audience]).await?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let bearer = format!("Bearer {}", svid.token());
    let request = Request::get(url).header(header::AUTHORIZATION, bearer);
    let answer = client.request(request.body(Empty::new())?).await?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(json!({ "status": status, "body": body }))
}
