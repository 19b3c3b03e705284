//! Documents in strings of documents that stream: lines, events, and the arguments of tools, which a
//! model writes word by word.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::properties::planted;
use super::streams::events;
use super::*;

/// An event that holds a piece of a tool's arguments.
fn delta(piece: &str) -> String {
    let data = json!({"object": "chat.completion.chunk", "choices": [{"index": 0,
        "delta": {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}}]});
    format!("data: {data}\n\n")
}

/// The arguments of a stream, joined as an SDK joins them.
fn joined(stream: &[u8]) -> String {
    let piece = |event: eventsource_stream::Event| {
        let data: Value = serde_json::from_str(&event.data).unwrap();
        let call = &data["choices"][0]["delta"]["tool_calls"][0];
        call["function"]["arguments"].as_str().unwrap().to_owned()
    };
    events(stream).into_iter().map(piece).collect()
}

fn stream(text: &str, sizes: &[usize]) -> String {
    let mut rest = text.chars();
    let mut stream = String::new();
    for size in sizes.iter().cycle() {
        let piece: String = rest.by_ref().take(*size).collect();
        if piece.is_empty() {
            return stream;
        }
        stream += &delta(&piece);
    }
    stream
}

proptest! {
    #[test]
    fn arguments_of_any_length_are_judged_under_their_names(
        planted in planted(),
        filler in 0..400usize,
        sizes in prop::collection::vec(1..24usize, 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let rows: Vec<_> = (0..filler).map(|n| json!({ "line": n, "title": "a lamp" })).collect();
        let inner = json!({ "patient": { "mrn": "MX-12345-K" } }).to_string();
        let arguments = json!({
            "before": { "mrn": "MX-77-K", "note": format!("see {planted} é") },
            "rows": rows,
            "after": { "mrn": "MX-78-K" },
            "deep": inner,
        });
        let stream = stream(&arguments.to_string(), &sizes);
        let disclose = |_: DataClass| Action::Replace;
        let whole = redact_as(Media::Sse, stream.as_bytes(), &[], disclose).unwrap();
        let cut = cut.index(stream.len());
        prop_assert_eq!(&redact_as(Media::Sse, stream.as_bytes(), &[cut], disclose).unwrap(), &whole);
        let text = joined(&whole.0);
        for hidden in [planted.as_str(), "MX-77-K", "MX-78-K", "MX-12345-K"] {
            prop_assert!(!text.contains(hidden), "{hidden} in {text}");
        }
        let released: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&released["rows"], &arguments["rows"]);
        prop_assert_eq!(&released["before"]["mrn"], "[phi.mrn]");
        let deep: Value = serde_json::from_str(released["deep"].as_str().unwrap()).unwrap();
        prop_assert_eq!(&deep["patient"]["mrn"], "[phi.mrn]");
    }

    #[test]
    fn lines_and_events_are_opened_as_documents_are(
        planted in planted(),
        media in prop::sample::select(vec![Media::Ndjson, Media::Sse]),
        cut in any::<prop::sample::Index>(),
    ) {
        let inner = json!({ "mrn": "MX-12345-K", "note": planted }).to_string();
        let twice = json!({ "text": inner }).to_string();
        let message = json!({
            "once": inner,
            "twice": json!({ "text": twice }).to_string(),
            "quoted": serde_json::to_string(&inner).unwrap(),
            "blob": STANDARD.encode(&inner),
            "url": format!("data:application/json;base64,{}", STANDARD.encode(&inner)),
            "text": STANDARD.encode(format!("write to {planted}")),
        });
        let document = match media {
            Media::Sse => format!("event: message\ndata: {message}\n\n"),
            _ => format!("{message}\n"),
        };
        let disclose = |_: DataClass| Action::Replace;
        let whole = redact_as(media, document.as_bytes(), &[], disclose).unwrap();
        let cut = cut.index(document.len());
        prop_assert_eq!(&redact_as(media, document.as_bytes(), &[cut], disclose).unwrap(), &whole);
        let text = String::from_utf8(whole.0).unwrap();
        let line = text.lines().find_map(|line| {
            let line = line.strip_prefix("data: ").unwrap_or(line);
            serde_json::from_str::<Value>(line).ok()
        });
        let released = line.unwrap();
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let decode = |text: &str| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap();
        let string = |name: &str| released[name].as_str().unwrap().to_owned();
        let twice = parse(&string("twice"));
        let twice = parse(twice["text"].as_str().unwrap());
        let url = string("url");
        let inners = [
            string("once"),
            twice["text"].as_str().unwrap().to_owned(),
            serde_json::from_str(&string("quoted")).unwrap(),
            decode(&string("blob")),
            decode(url.strip_prefix("data:application/json;base64,").unwrap()),
        ];
        for inner in inners {
            prop_assert!(!inner.contains(&planted), "{inner}");
            prop_assert_eq!(&parse(&inner)["mrn"], "[phi.mrn]");
        }
        prop_assert!(!decode(&string("text")).contains(&planted));

        let shown = redact_as(media, document.as_bytes(), &[], |_: DataClass| Action::Show).unwrap();
        prop_assert_eq!(shown.0, document.as_bytes());
    }
}

#[test]
fn what_breaks_off_is_judged_as_far_as_it_came() {
    for (text, hidden) in [
        (
            r#"{"mrn": "MX-77-K", "note": "write to ann@example.com and"#,
            "ann@",
        ),
        (
            r#"{"mrn": "MX-77-K"} and then ann@example.com, he said"#,
            "ann@",
        ),
        (r#"{"a": ["#, "none"),
        ("[see ann@example.com]", "ann@"),
    ] {
        let stream = stream(text, &[3]);
        let (released, _) = redact_as(Media::Sse, stream.as_bytes(), &[], |_: DataClass| {
            Action::Replace
        })
        .unwrap();
        let released = joined(&released);
        assert!(
            !released.contains(hidden) && !released.contains("MX-77"),
            "{released}"
        );
    }
}

#[test]
fn what_lines_hold_and_nobody_reads_is_a_gap() {
    let image = STANDARD.encode(b"\x89PNG\r\n\x1A\n0123456789".repeat(8));
    let line = json!({ "uri": "file:///a.png", "blob": image }).to_string() + "\n";
    let read = |opaque: Opaque| {
        let mut body = body(Coding::Identity, Media::Ndjson, |_: DataClass| {
            Action::Replace
        })
        .treating(opaque);
        let mut out = Output::new();
        body.push(&Bytes::copy_from_slice(line.as_bytes()), &mut out)?;
        body.finish(&mut out)?;
        assert_eq!(out.contiguous(), line.as_bytes());
        Ok(body.gaps().names().collect::<Vec<_>>())
    };
    assert_eq!(read(Opaque::Pass), Ok(vec!["embedded_media"]));
    assert_eq!(
        read(Opaque::Refuse),
        Err(Interrupted::Uninspected(Gap::EmbeddedMedia))
    );
}
