//! Hands a small document to somebody who waits for it, for alerts.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Collected, Limited};
use tokio::time::timeout;

use crate::{Upstream, body::Outbound, limits};

/// For the whole of it.
pub const POST_DEADLINE: Duration = Duration::from_secs(10);

/// How much of the answer is read, so that the connection can be used again.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// It was not handed over.
#[derive(Debug, thiserror::Error)]
pub enum PostFault {
    /// It took too long.
    #[error("the receiver did not answer in time")]
    Deadline,
    /// The receiver could not be reached, or broke off.
    #[error("the receiver could not be reached")]
    Unreachable,
    /// It did not take it.
    #[error("the receiver answered with status {0}")]
    Status(u16),
}

impl Upstream {
    /// Posts `body` to `uri`; a status of 2xx takes it.
    pub async fn post(&self, uri: Uri, headers: HeaderMap, body: Bytes) -> Result<(), PostFault> {
        let (status, _) = within(self.posted(posting(Method::POST, uri, headers, body))).await?;
        if status.is_success() {
            Ok(())
        } else {
            Err(PostFault::Status(status.as_u16()))
        }
    }

    /// Posts `body` to `uri`; gives what is answered, with whatever status. An answer that breaks off or is too long is
    /// a fault.
    pub async fn ask(
        &self,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), PostFault> {
        self.call(Method::POST, uri, headers, body).await
    }

    /// The same by any method.
    pub async fn call(
        &self,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), PostFault> {
        self.answered(posting(method, uri, headers, body)).await
    }

    /// The same for a request that is written already.
    pub(crate) async fn answered(
        &self,
        request: Request<Outbound>,
    ) -> Result<(StatusCode, Bytes), PostFault> {
        let (status, body) = within(self.posted(request)).await?;
        body.map(|body| (status, body))
            .ok_or(PostFault::Unreachable)
    }

    /// The answer's status, and its body if it is whole.
    async fn posted(
        &self,
        request: Request<Outbound>,
    ) -> Result<(StatusCode, Option<Bytes>), PostFault> {
        let head = limits::RESPONSE_HEAD_DEADLINE;
        let sent = self.send(request, std::future::ready(()), head).await;
        let answer = sent.map_err(|_| PostFault::Unreachable)?;
        let status = answer.status();
        // That it is read lets the connection live.
        let read = Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
        let read = read.collect().await;
        Ok((status, read.map(Collected::to_bytes).ok()))
    }
}

async fn within<T>(work: impl Future<Output = Result<T, PostFault>>) -> Result<T, PostFault> {
    let done = timeout(POST_DEADLINE, work).await;
    done.map_err(|_| PostFault::Deadline)?
}

fn posting(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Request<Outbound> {
    let mut request = Request::new(Outbound::full(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}
