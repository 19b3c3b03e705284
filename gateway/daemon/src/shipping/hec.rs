//! Events to Splunk's HTTP Event Collector
//! (<https://docs.splunk.com/Documentation/Splunk/latest/Data/HECRESTendpoints>), or whoever speaks like it.

use std::{collections::BTreeMap, path::Path, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::Upstream;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::events::Batch;
use crate::config::{Collector, Destination, To};

/// The longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 4096;
/// How soon it is asked again whether a batch is indexed, twice as long after each time;
const ASK_FIRST: Duration = Duration::from_millis(50);
const ASK_MAX: Duration = Duration::from_secs(4);
/// and how many times before the batch goes again: about a minute.
const ASKED_MAX: usize = 20;
/// What Splunk takes an event for.
const SOURCE_TYPE: &str = "tidegate:ocsf";

/// What collectors know us by, each at its destination's place; read while that may be.
pub(crate) struct Tokens(BTreeMap<usize, HeaderValue>);

impl Tokens {
    /// Reads those of all collectors.
    pub(crate) fn read(destinations: &[Destination]) -> Result<Self> {
        let mut tokens = BTreeMap::new();
        for (place, destination) in destinations.iter().enumerate() {
            if let To::Hec(collector) = &destination.to {
                tokens.insert(place, token(&collector.token)?);
            }
        }
        Ok(Self(tokens))
    }

    pub(super) fn take(&mut self, place: usize) -> Option<HeaderValue> {
        self.0.remove(&place)
    }
}

/// The field `authorization` with the token in the file.
fn token(path: &Path) -> Result<HeaderValue> {
    let read = || {
        let text = vault::private(path).into_diagnostic()?;
        if text.len() > TOKEN_BYTES_MAX {
            return Err(miette!("it is longer than {TOKEN_BYTES_MAX} bytes"));
        }
        let token = std::str::from_utf8(&text).into_diagnostic()?.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(miette!("it holds no token: one line of letters and digits"));
        }
        let field = Zeroizing::new(format!("Splunk {token}"));
        let mut value = HeaderValue::from_str(&field).into_diagnostic()?;
        value.set_sensitive(true);
        Ok(value)
    };
    read().wrap_err_with(|| {
        format!(
            "the token of a collector, `{}`, cannot be used",
            path.display()
        )
    })
}

/// An event as it is posted.
#[derive(Serialize)]
struct Posted<'a> {
    /// Seconds since 1970, with the milliseconds behind the point.
    time: String,
    source: &'static str,
    sourcetype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<&'a str>,
    event: &'a RawValue,
}

/// What is answered.
#[derive(Deserialize)]
struct Taken {
    code: u64,
    #[serde(rename = "ackId")]
    acknowledgement: Option<u64>,
}

/// Which are indexed.
#[derive(Deserialize)]
struct Indexed {
    acks: BTreeMap<String, bool>,
}

/// A collector.
pub(super) struct Hec {
    collector: Collector,
    headers: HeaderMap,
    client: Upstream,
}

impl Hec {
    pub(super) fn new(collector: Collector, token: HeaderValue, client: Upstream) -> Self {
        let json = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, token);
        headers.insert(header::CONTENT_TYPE, json);
        if collector.acknowledge.is_some()
            // A channel is a GUID of the client's own choice.
            && let Ok(channel) = HeaderValue::from_str(&uuid::Uuid::now_v7().to_string())
        {
            headers.insert("x-splunk-request-channel", channel);
        }
        Self {
            collector,
            headers,
            client,
        }
    }

    /// Hands them over, and waits until they are indexed if that is asked for; false if they are too much at once.
    pub(super) async fn send(&self, batch: &Batch) -> Result<bool> {
        let (status, answer) = self
            .asked(&self.collector.events, self.body(batch)?)
            .await?;
        if status == StatusCode::PAYLOAD_TOO_LARGE && batch.0.len() > 1 {
            return Ok(false);
        }
        let taken: Taken = said(status, &answer)?;
        if taken.code != 0 {
            return Err(miette!("the collector answered with code {}", taken.code));
        }
        let Some(at) = &self.collector.acknowledge else {
            return Ok(true);
        };
        let id = taken.acknowledgement.ok_or_else(|| {
            let help = "allow acknowledgement for the token, or leave `acknowledge` out";
            miette!(
                help = help,
                "the collector gives nothing to ask for acknowledgement by"
            )
        })?;
        self.indexed(at, id).await.map(|()| true)
    }

    async fn indexed(&self, at: &Uri, id: u64) -> Result<()> {
        let question = serde_json::json!({ "acks": [id] }).to_string();
        let mut pause = ASK_FIRST;
        for _ in 0..ASKED_MAX {
            let (status, answer) = self.asked(at, question.clone().into()).await?;
            let indexed: Indexed = said(status, &answer)?;
            if indexed.acks.get(&id.to_string()).is_some_and(|is| *is) {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(ASK_MAX);
        }
        Err(miette!("the events are not indexed in time"))
    }

    async fn asked(&self, at: &Uri, body: Vec<u8>) -> Result<(StatusCode, bytes::Bytes)> {
        let asked = self
            .client
            .ask(at.clone(), self.headers.clone(), body.into());
        asked.await.into_diagnostic()
    }

    /// Objects one after the other, as the collector takes several.
    fn body(&self, batch: &Batch) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        for event in &batch.0 {
            let (seconds, rest) = (event.at_ms.div_euclid(1000), event.at_ms.rem_euclid(1000));
            let posted = Posted {
                time: format!("{seconds}.{rest:03}"),
                source: "tidegate",
                sourcetype: SOURCE_TYPE,
                index: self.collector.index.as_deref(),
                event: serde_json::from_str(&event.json).into_diagnostic()?,
            };
            serde_json::to_writer(&mut body, &posted).into_diagnostic()?;
        }
        Ok(body)
    }
}

/// What a collector says, if it does.
fn said<T: serde::de::DeserializeOwned>(status: StatusCode, answer: &[u8]) -> Result<T> {
    if status != StatusCode::OK {
        return Err(miette!("the collector answered with status {status}"));
    }
    serde_json::from_slice(answer)
        .into_diagnostic()
        .wrap_err("the collector's answer is not what a collector says")
}
