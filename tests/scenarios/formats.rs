//! Documents of all kinds are redacted, both ways, and so is what stands beside them.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    peers::formats::{ADDRESS, document, odd::ODD},
    records,
};

use crate::world::World;

/// Paths of the troubled service whose documents hold an address, and what of them stays.
const DOCUMENTS: &[(&str, &str)] = &[
    ("ndjson", "\"n\":1}\n{\"n\":2}\n"),
    (
        "csv",
        "id,email\r\n1,t***@***.org\r\n2,\"t***@***.org\"\r\n",
    ),
    (
        "xml",
        "<r><email>t***@***.org</email><n a=\"t***@***.org\">1</n></r>",
    ),
    ("page", "<p>Mail <b>t***@***.org</b>, please.</p>"),
    ("form", "id=1&email=t***%40***.org&n=2"),
    ("plain", "Mail t***@***.org, please.\n"),
    ("events", ": hello\n\nid: 7\ndata: {\"email\":\""),
    ("gzip-lines", "{\"n\":2}\n"),
];

#[test]
fn every_kind_of_document_is_redacted() -> Result<()> {
    let world = World::new()?;
    for (path, stays) in DOCUMENTS {
        let reply = world
            .client
            .get(&world.gateway.url(&format!("/trouble/{path}"))?, &[])?;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let text = reply.text();
        ensure!(
            !text.contains("wrenfold") && text.contains(stays),
            "{path}: {text}"
        );
        let opening = reply
            .record()
            .with_context(|| format!("{path} left no record"))?;
        let closing = records::closing(&world.gateway, opening)?.0.to_string();
        ensure!(closing.contains("pii.email"), "{path}: {closing}");
    }
    world.finish()
}

#[test]
fn another_charset_is_refused_or_on_record() -> Result<()> {
    let world = World::new()?;
    for path in ["latin", "utf16"] {
        let reply = world
            .client
            .get(&world.gateway.url(&format!("/trouble/{path}"))?, &[])?;
        assert_eq!(reply.status, 502, "{path}: {}", reply.text());
    }
    world.finish()
}

#[test]
fn odd_bytes_are_read_right_or_refused() -> Result<()> {
    let world = World::new()?;
    for (verb, readable) in ODD {
        let url = world.gateway.url(&format!("/trouble/{verb}"))?;
        let reply = world.client.get(&url, &[])?;
        let text = reply.text();
        ensure!(!text.contains("wrenfold"), "{verb}: {text}");
        // Nor with every other byte left out, as whoever reads UTF-16 would see it.
        let narrow: String = text.chars().filter(|letter| *letter != '\0').collect();
        ensure!(!narrow.contains("wrenfold"), "{verb}: {text}");
        let opening = reply.record().context("no record")?;
        let closing = records::closing(&world.gateway, opening)?;
        if *readable {
            assert_eq!(reply.status, 200, "{verb}: {text}");
            ensure!(text.contains("***.org"), "{verb}: {text}");
            ensure!(
                closing.0.to_string().contains("pii.email"),
                "{verb}: {}",
                closing.0
            );
        } else {
            // A stream that began to flow can only break off, and says so.
            ensure!(
                reply.status == 502 || !reply.whole || text.contains("error"),
                "{verb}: {text}"
            );
            assert_ne!(closing.text("result"), "released", "{verb}");
        }
    }
    world.finish()
}

#[test]
fn odd_bytes_of_an_agent_never_leave() -> Result<()> {
    let world = World::new()?;
    let url = world.gateway.url("/insights/events")?;
    for (verb, readable) in ODD {
        let (media, coding, bytes) = document(verb)?.context("a document")?;
        let coding = Some(coding).filter(|coding| !coding.is_empty());
        let headers: Vec<_> = [("content-type", media)]
            .into_iter()
            .chain(coding.map(|coding| ("content-encoding", coding)))
            .collect();
        let reply = world.client.send("POST", &url, &headers, bytes.into())?;
        assert_eq!(reply.status == 202, *readable, "{verb}: {}", reply.text());
        ensure!(reply.record().is_some(), "{verb} left no record");
    }
    let received = format!("{}/received", world.peers.insights.url());
    let received = world.client.get(&received, &[])?.text();
    ensure!(
        !received.contains("wrenfold") && received.contains("pseudonym.invalid"),
        "{received}"
    );
    world.finish()
}

#[test]
fn requests_of_all_kinds_are_redacted_before_they_leave() -> Result<()> {
    let world = World::new()?;
    let url = world.gateway.url("/insights/events")?;
    let bodies = [
        (
            "application/x-ndjson",
            format!("{{\"email\":\"{ADDRESS}\"}}\n{{\"n\":1}}\n"),
        ),
        ("text/csv", format!("id,email\n1,{ADDRESS}\n")),
        (
            "application/x-www-form-urlencoded",
            format!("id=1&email={}", ADDRESS.replace('@', "%40")),
        ),
        (
            "application/xml",
            format!("<r><email>{ADDRESS}</email></r>"),
        ),
        ("text/plain", format!("Mail {ADDRESS}, please.")),
        (
            FORM,
            form("application/json", &format!("{{\"to\":\"{ADDRESS}\"}}")),
        ),
    ];
    for (media, body) in &bodies {
        let headers = [("content-type", *media)];
        let reply = world
            .client
            .send("POST", &url, &headers, body.clone().into())?;
        assert_eq!(reply.status, 202, "{media}: {}", reply.text());
    }
    let received = format!("{}/received", world.peers.insights.url());
    let received = world.client.get(&received, &[])?.text();
    ensure!(!received.contains("wrenfold"), "{received}");
    ensure!(
        received.matches("pseudonym.invalid").count() == bodies.len(),
        "{received}"
    );
    world.finish()
}

const FORM: &str = "multipart/form-data; boundary=x-7f";

/// A form of one part.
fn form(media: &str, body: &str) -> String {
    let head = format!("content-disposition: form-data; name=\"a\"\r\ncontent-type: {media}");
    format!("--x-7f\r\n{head}\r\n\r\n{body}\r\n--x-7f--\r\n")
}

#[test]
fn a_part_that_cannot_be_inspected_is_refused_or_on_record() -> Result<()> {
    let send = |world: &World| {
        let url = world.gateway.url("/insights/events")?;
        let body = form("image/png", "picture");
        let headers = [("content-type", FORM)];
        world.client.send("POST", &url, &headers, body.into())
    };
    let strict = World::new()?;
    let reply = send(&strict)?;
    assert_eq!(reply.status, 415, "{}", reply.text());
    strict.finish()?;
    let world = World::with(|setup| setup.set("uninspected", json!("record")))?;
    let reply = send(&world)?;
    assert_eq!(reply.status, 202, "{}", reply.text());
    let closing = records::closing(&world.gateway, reply.record().context("no record")?)?;
    assert_eq!(
        closing.0.pointer("/event/request/gaps"),
        Some(&json!(["part_unknown"]))
    );
    world.finish()
}

#[test]
fn header_fields_and_queries_are_inspected() -> Result<()> {
    let world = World::new()?;
    let url = world.gateway.url(&format!("/trouble/echo/{ADDRESS}"))?;
    let reply = world.client.get(&url, &[])?;
    assert_eq!(reply.header("x-debug"), Some("t***@***.org"));
    let closing = records::closing(&world.gateway, reply.record().context("no record")?)?;
    ensure!(closing.0.to_string().contains("/@headers"), "{}", closing.0);
    // Towards the US nothing of a person leaves, in a field or in a query.
    let url = world.gateway.url("/analytics/export")?;
    let asked = format!("{url}?email={}", ADDRESS.replace('@', "%40"));
    let named = [("x-contact", ADDRESS)];
    for (url, headers) in [(&asked, &[][..]), (&url, &named[..])] {
        let reply = world.client.post(url, headers, "{}")?;
        assert_eq!(reply.status, 451, "{}", reply.text());
    }
    let received = format!("{}/received", world.peers.analytics.url());
    let received = world.client.get(&received, &[])?.json()?;
    assert_eq!(received["received"], Value::Array(Vec::new()));
    world.finish()
}

/// What a client of the protocol reads: the text, and the error that ends the stream.
fn chat(stream: &str) -> Result<(String, Option<Value>)> {
    let (mut text, mut error) = (String::new(), None);
    for event in stream.split_terminator("\n\n") {
        let data = event.strip_prefix("data: ").context("an event has data")?;
        if data == "[DONE]" {
            continue;
        }
        let data: Value = serde_json::from_str(data)?;
        let piece = data.pointer("/choices/0/delta/content");
        text += piece.and_then(Value::as_str).unwrap_or("");
        error = data.get("error").cloned();
    }
    Ok((text, error))
}

#[test]
fn what_a_model_streams_is_redacted_over_its_events() -> Result<()> {
    let world = World::new()?;
    let reply = world
        .client
        .get(&world.gateway.url("/trouble/chat")?, &[])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    ensure!(
        reply.whole && reply.text().ends_with("data: [DONE]\n\n"),
        "{}",
        reply.text()
    );
    let (text, error) = chat(&reply.text())?;
    assert_eq!(
        text,
        "You may write to t***@***.org at any time, of course."
    );
    assert_eq!(error, None);
    world.finish()
}

#[test]
fn a_block_in_a_stream_ends_in_an_error_event() -> Result<()> {
    const RULE: &str = "@id(\"no-mail\") @obligation(\"block\") @reason(\"no addresses here\")
        forbid (principal, action == Action::\"disclose\", resource == DataClass::\"pii.email\");";
    let world = World::with(|setup| setup.policy(RULE))?;
    let reply = world
        .client
        .get(&world.gateway.url("/trouble/chat")?, &[])?;
    ensure!(reply.whole, "it broke off: {}", reply.text());
    let (text, error) = chat(&reply.text())?;
    ensure!("You may write to ".starts_with(&text), "{text}");
    let error = error.context("no error event")?;
    assert_eq!(error["code"], "disclosure_refused");
    let closing = records::closing(&world.gateway, reply.record().context("no record")?)?;
    assert_eq!(closing.text("result"), "aborted");
    world.finish()
}
