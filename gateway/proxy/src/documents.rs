//! Fetches a document again and again, and hears when it is still the same (RFC 9110 section 13.1.2).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use rustls::ClientConfig;
use tokio::time::timeout;

use crate::{Upstream, body::Outbound, limits};

/// For the whole fetch.
const DEADLINE: Duration = Duration::from_secs(30);

/// Why a document could not be fetched.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentFault {
    /// It took too long.
    #[error("it did not arrive in time")]
    Deadline,
    /// Nobody is there.
    #[error("nobody answers there")]
    Unreachable,
    /// Somebody is, but does not give it.
    #[error("the answer has status {0}")]
    Status(u16),
    /// It is too long, or broke off.
    #[error("it is longer than {0} bytes, or broke off")]
    Body(usize),
}

/// A document that was fetched.
#[derive(Clone, Debug)]
pub struct Document {
    /// What is in it.
    pub content: Bytes,
    /// What its server calls this version of it.
    pub tag: Option<HeaderValue>,
}

/// Fetches the document at `uri` of at most `bytes_max`; none if it is still the one that `tag` names. Nobody is followed
/// elsewhere.
///
/// # Errors
/// If it does not come whole, and in time.
pub async fn fetch(
    tls: &Arc<ClientConfig>,
    uri: Uri,
    tag: Option<&HeaderValue>,
    bytes_max: usize,
) -> Result<Option<Document>, DocumentFault> {
    let mut request = Request::new(Outbound::empty());
    *request.uri_mut() = uri;
    if let Some(tag) = tag {
        request
            .headers_mut()
            .insert(header::IF_NONE_MATCH, tag.clone());
    }
    let fetched = async {
        let client = Upstream::new(tls);
        let head = limits::RESPONSE_HEAD_DEADLINE;
        let asked = client.send(request, std::future::ready(()), head).await;
        let response = asked.map_err(|_| DocumentFault::Unreachable)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if tag.is_some() => return Ok(None),
            other => return Err(DocumentFault::Status(other.as_u16())),
        }
        let tag = response.headers().get(header::ETAG).cloned();
        let body = Limited::new(response.into_body(), bytes_max)
            .collect()
            .await;
        let content = body.map_err(|_| DocumentFault::Body(bytes_max))?.to_bytes();
        Ok(Some(Document { content, tag }))
    };
    timeout(DEADLINE, fetched)
        .await
        .map_err(|_| DocumentFault::Deadline)?
}
