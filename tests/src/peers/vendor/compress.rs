//! Answers under gzip for whoever takes them, events one by one, as the vendors' own edges do.

use std::{convert::Infallible, io::Write as _};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};
use flate2::{Compression, write::GzEncoder};
use futures_util::StreamExt as _;

/// Compresses the answer to `request`, if its sender takes gzip.
pub(super) async fn compress(request: Request, next: Next) -> Response {
    let takes = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.contains("gzip"));
    let accepts = request
        .headers()
        .get(header::ACCEPT_ENCODING)
        .is_some_and(takes);
    let response = next.run(request).await;
    if !accepts {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let coding = HeaderValue::from_static("gzip");
    parts.headers.insert(header::CONTENT_ENCODING, coding);
    let encoder = Some(GzEncoder::new(Vec::new(), Compression::default()));
    let pieces = (body.into_data_stream().fuse(), encoder);
    let coded = futures_util::stream::unfold(pieces, |(mut pieces, mut encoder)| async move {
        let piece = match pieces.next().await {
            Some(Ok(piece)) => coded(encoder.as_mut()?, &piece)?,
            _ => encoder.take()?.finish().ok()?,
        };
        Some((Ok::<_, Infallible>(Bytes::from(piece)), (pieces, encoder)))
    });
    Response::from_parts(parts, Body::from_stream(coded))
}

/// One piece, so that it can be read before the next comes.
fn coded(encoder: &mut GzEncoder<Vec<u8>>, piece: &[u8]) -> Option<Vec<u8>> {
    encoder.write_all(piece).ok()?;
    encoder.flush().ok()?;
    Some(std::mem::take(encoder.get_mut()))
}
