//! One document of each kind, with an address in it, and what a model streams.

pub mod odd;

use std::io::Write as _;

use anyhow::Result;
use flate2::{Compression, write::GzEncoder};

/// The address in every document.
pub const ADDRESS: &str = "tamsel.wrenfold@example.org";

/// Media type, content coding and bytes.
pub type Document = (&'static str, &'static str, Vec<u8>);

/// The document of the kind that `verb` names.
pub fn document(verb: &str) -> Result<Option<Document>> {
    let text = |text: &str| text.replace("{}", ADDRESS).into_bytes();
    let lines = text("{\"email\":\"{}\",\"n\":1}\n{\"n\":2}\n");
    Ok(Some(match verb {
        "ndjson" => ("application/x-ndjson", "", lines),
        "csv" => ("text/csv", "", text("id,email\r\n1,{}\r\n2,\"{}\"\r\n")),
        "xml" => (
            "application/xml",
            "",
            text("<r><email>{}</email><n a=\"{}\">1</n></r>"),
        ),
        "page" => (
            "text/html; charset=utf-8",
            "",
            text("<!doctype html><p>Mail <b>{}</b>, please.</p>"),
        ),
        "form" => (
            "application/x-www-form-urlencoded",
            "",
            text("id=1&email={}&n=2")
                .into_iter()
                .fold(Vec::new(), percent),
        ),
        "plain" => ("text/plain", "", text("Mail {}, please.\n")),
        "events" => (
            "text/event-stream",
            "",
            text(": hello\n\nid: 7\ndata: {\"email\":\"{}\"}\n\n"),
        ),
        "gzip-lines" => ("application/x-ndjson", "gzip", gzip(&lines)?),
        "latin" => (
            "text/plain; charset=iso-8859-1",
            "",
            b"na\xefve tamsel".to_vec(),
        ),
        "utf16" => (
            "text/plain",
            "",
            ADDRESS.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        other => return Ok(odd::document(other)),
    }))
}

fn percent(mut out: Vec<u8>, byte: u8) -> Vec<u8> {
    match byte {
        b'@' => out.extend_from_slice(b"%40"),
        other => out.push(other),
    }
    out
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// The events of a model that says `text`, four letters at a time.
pub fn chat(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let events = letters.chunks(4).map(|piece| {
        let chunk = serde_json::json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk",
            "choices": [{"index": 0, "finish_reason": null,
                "delta": {"content": piece.iter().collect::<String>()}}],
        });
        format!("data: {chunk}\n\n")
    });
    events.chain(["data: [DONE]\n\n".to_owned()]).collect()
}
