//! The redactor, from outside: what leaves for what comes in.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod arguments;
mod documents;
mod elements;
mod embedded;
mod keys;
mod memory;
mod multipart;
mod planting;
mod properties;
mod protobuf;
mod readings;
mod restoring;
mod rows;
mod rules;
mod shaping;
mod streams;
mod tables;
mod transforms;
mod twins;
mod whole;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use classifiers::DataClass;
use redaction::{
    Action, Body, Boundary, Coding, Disclose, Format, Framing, Gap, Gaps, Interrupted, Media,
    Opaque, Output, Pseudonyms, Redactor, Summary, Workspace,
};

/// Keyed with a constant; the vault's are HMAC-SHA-256.
struct TestPseudonyms;

impl Pseudonyms for TestPseudonyms {
    fn pseudonym(&self, class: DataClass, value: &[u8]) -> [u8; 16] {
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, class.name(), value).hash(&mut hasher);
            hasher.finish().to_le_bytes()
        };
        let mut id = [0; 16];
        id[..8].copy_from_slice(&half(1));
        id[8..].copy_from_slice(&half(2));
        id
    }
}

fn redactor<D: Disclose>(disclose: D) -> Redactor<D> {
    Redactor::new(
        disclose,
        Arc::new(TestPseudonyms),
        Box::new(Workspace::new()),
    )
}

fn body<D: Disclose + Clone>(coding: Coding, format: impl Into<Format>, disclose: D) -> Body<D> {
    Body::new(
        coding,
        format,
        disclose,
        Arc::new(TestPseudonyms),
        Box::new(Workspace::new()),
    )
}

/// What leaves when a document of any kind comes in cut before each of `cuts`, which ascend.
fn redact_as(
    format: impl Into<Format>,
    document: &[u8],
    cuts: &[usize],
    disclose: impl Disclose + Clone,
) -> Result<(Vec<u8>, Summary), Interrupted> {
    push_cut(body(Coding::Identity, format, disclose), document, cuts)
}

/// What a body lets go when the document comes in cut before each of `cuts`, which ascend.
fn push_cut(
    mut body: Body<impl Disclose + Clone>,
    document: &[u8],
    cuts: &[usize],
) -> Result<(Vec<u8>, Summary), Interrupted> {
    let mut out = Output::new();
    let mut released = Vec::new();
    let mut from = 0;
    for &cut in cuts.iter().chain(&[document.len()]) {
        body.push(&Bytes::copy_from_slice(&document[from..cut]), &mut out)?;
        released.extend(out.by_ref().flatten());
        from = cut;
    }
    body.finish(&mut out)?;
    released.extend_from_slice(&out.contiguous());
    Ok((released, body.into_parts().0))
}

/// What leaves when the document comes in cut before each of `cuts`, which ascend.
fn redact_cut(
    document: &[u8],
    cuts: &[usize],
    disclose: impl Disclose,
) -> Result<(Vec<u8>, Summary), Interrupted> {
    redact_with(document, cuts, redactor(disclose))
}

fn redact_with(
    document: &[u8],
    cuts: &[usize],
    mut redactor: Redactor<impl Disclose>,
) -> Result<(Vec<u8>, Summary), Interrupted> {
    let mut out = Output::new();
    let mut released = Vec::new();
    let mut from = 0;
    for &cut in cuts.iter().chain(&[document.len()]) {
        redactor.push(&Bytes::copy_from_slice(&document[from..cut]), &mut out)?;
        released.extend(out.by_ref().flatten());
        from = cut;
    }
    redactor.finish(&mut out)?;
    released.extend_from_slice(&out.contiguous());
    Ok((released, redactor.into_parts().0))
}

fn redact(document: &[u8], action: Action) -> Result<(Vec<u8>, Summary), Interrupted> {
    redact_cut(document, &[], move |_: DataClass| action)
}
