//! What models stream: a value split over events never leaves, every event stays what it was, and
//! no more is held back than the stated bounds.

use classifiers::declared::{Declared, Place};
use classifiers::document::HELD_BYTES_MAX;
use eventsource_stream::Eventsource as _;
use futures_util::StreamExt as _;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::documents::words;
use super::properties::{hiding, planted};
use super::*;

/// The events of a stream, as a parser of somebody else's reads them.
pub(crate) fn events(stream: &[u8]) -> Vec<eventsource_stream::Event> {
    let bytes = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(stream)]);
    let events = bytes.eventsource().map(Result::unwrap).collect();
    let mut events = std::pin::pin!(events);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match Future::poll(events.as_mut(), &mut context) {
        std::task::Poll::Ready(events) => events,
        std::task::Poll::Pending => Vec::new(),
    }
}

/// Whose wire format a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Chat,
    ToolCall,
    Responses,
    ResponsesCall,
    Messages,
    ToolUse,
    Gemini,
}

pub(crate) const PROTOCOLS: [Protocol; 7] = [
    Protocol::Chat,
    Protocol::ToolCall,
    Protocol::Responses,
    Protocol::ResponsesCall,
    Protocol::Messages,
    Protocol::ToolUse,
    Protocol::Gemini,
];

impl Protocol {
    pub(crate) fn event(self, piece: &str, block: u8) -> String {
        let data = match self {
            Self::Chat => json!({"id": "chatcmpl-1", "object": "chat.completion.chunk",
                "choices": [{"index": block, "delta": {"content": piece}, "finish_reason": null}]}),
            Self::ToolCall => json!({"object": "chat.completion.chunk", "choices": [{"index": 0,
                "delta": {"tool_calls": [{"index": block, "function": {"arguments": piece}}]}}]}),
            Self::Responses => json!({"type": "response.output_text.delta", "item_id": "m",
                "output_index": 0, "content_index": block, "delta": piece}),
            Self::ResponsesCall => json!({"type": "response.function_call_arguments.delta",
                "item_id": format!("fc_{block}"), "output_index": block, "delta": piece}),
            Self::Messages => json!({"type": "content_block_delta", "index": block,
                "delta": {"type": "text_delta", "text": piece}}),
            Self::ToolUse => json!({"type": "content_block_delta", "index": block,
                "delta": {"type": "input_json_delta", "partial_json": piece}}),
            Self::Gemini => json!({"candidates": [{"index": block,
                "content": {"parts": [{"text": piece}], "role": "model"}}]}),
        };
        match self {
            Self::Messages | Self::ToolUse => {
                format!("event: content_block_delta\ndata: {data}\n\n")
            }
            _ => format!("data: {data}\n\n"),
        }
    }

    /// The block of an event, and the piece of text in it.
    fn piece(self, data: &Value) -> (u64, &str) {
        let (block, piece) = match self {
            Self::Chat => (
                &data["choices"][0]["index"],
                &data["choices"][0]["delta"]["content"],
            ),
            Self::ToolCall => {
                let call = &data["choices"][0]["delta"]["tool_calls"][0];
                (&call["index"], &call["function"]["arguments"])
            }
            Self::Responses => (&data["content_index"], &data["delta"]),
            Self::ResponsesCall => (&data["output_index"], &data["delta"]),
            Self::Messages => (&data["index"], &data["delta"]["text"]),
            Self::ToolUse => (&data["index"], &data["delta"]["partial_json"]),
            Self::Gemini => (
                &data["candidates"][0]["index"],
                &data["candidates"][0]["content"]["parts"][0]["text"],
            ),
        };
        (block.as_u64().unwrap(), piece.as_str().unwrap())
    }

    /// The texts of the two blocks, joined as an SDK joins them.
    pub(crate) fn joined(self, stream: &[u8]) -> [String; 2] {
        let mut texts = [String::new(), String::new()];
        for event in events(stream) {
            let data: Value = serde_json::from_str(&event.data).unwrap();
            let (block, piece) = self.piece(&data);
            texts[usize::try_from(block).unwrap()].push_str(piece);
        }
        texts
    }

    /// A stream of two texts, interleaved, each cut at the given places.
    pub(crate) fn stream(self, texts: [&str; 2], sizes: &[usize]) -> String {
        let mut rest = texts.map(str::chars);
        let mut stream = String::from(": keep-alive\n\n");
        for (at, size) in sizes.iter().cycle().enumerate() {
            let block = at % 2;
            let piece: String = rest[block].by_ref().take(*size).collect();
            if !piece.is_empty() {
                stream += &self.event(&piece, u8::try_from(block).unwrap());
            }
            if rest.iter().all(|rest| rest.as_str().is_empty()) {
                return stream;
            }
        }
        stream
    }
}

fn text() -> impl Strategy<Value = (String, String)> {
    (words(12), planted(), words(12))
        .prop_map(|(before, planted, after)| (format!("{before} {planted} {after}"), planted))
}

proptest! {
    #[test]
    fn a_value_split_over_events_never_leaves(
        (first, planted) in text(),
        (second, other) in text(),
        sizes in prop::collection::vec(1..9usize, 1..12),
        protocol in prop::sample::select(&PROTOCOLS[..]),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        action in hiding(),
    ) {
        let stream = protocol.stream([&first, &second], &sizes);
        let bytes = stream.as_bytes();
        let disclose = move |_: DataClass| action;
        let whole = redact_as(Media::Sse, bytes, &[], disclose).unwrap();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&redact_as(Media::Sse, bytes, &cuts, disclose).unwrap(), &whole);
        let every: Vec<_> = (1..bytes.len()).collect();
        prop_assert_eq!(&redact_as(Media::Sse, bytes, &every, disclose).unwrap(), &whole);

        let (released, _) = whole;
        prop_assert!(released.starts_with(b": keep-alive\n\n"));
        prop_assert_eq!(events(&released).len(), events(bytes).len());
        let texts = protocol.joined(&released);
        prop_assert!(!texts[0].contains(&planted), "{stream}\nbecame {texts:?}");
        prop_assert!(!texts[1].contains(&other), "{stream}\nbecame {texts:?}");
    }

    #[test]
    fn a_stream_with_nothing_to_hide_leaves_as_it_came(
        text in words(40),
        sizes in prop::collection::vec(1..9usize, 1..12),
        protocol in prop::sample::select(&PROTOCOLS[..]),
    ) {
        let stream = protocol.stream([&text, "and so on"], &sizes);
        let (released, summary) =
            redact_as(Media::Sse, stream.as_bytes(), &[], |_: DataClass| Action::Drop).unwrap();
        if summary.findings() == 0 {
            prop_assert_eq!(released, stream.as_bytes());
        }
    }

    #[test]
    fn the_arguments_of_a_tool_stay_json(
        planted in planted(),
        note in "[a-z \"]{0,20}",
        sizes in prop::collection::vec(1..9usize, 1..12),
        protocol in prop::sample::select(&[Protocol::ToolCall, Protocol::ToolUse][..]),
        action in hiding(),
    ) {
        let arguments = json!({"to": planted, "note": note, "n": [1, true, null]}).to_string();
        let stream = protocol.stream([&arguments, "{}"], &sizes);
        let (released, _) =
            redact_as(Media::Sse, stream.as_bytes(), &[], move |_: DataClass| action).unwrap();
        let [joined, _] = protocol.joined(&released);
        let joined: Value = serde_json::from_str(&joined).unwrap();
        prop_assert_eq!(&joined["n"], &json!([1, true, null]));
        prop_assert!(!joined.to_string().contains(&planted), "{}", joined);
    }
}

#[test]
fn ordinary_words_are_released_as_they_come() {
    const WORDS: &str =
        "the meeting went well and everybody agreed that this should go on as it is ";
    // Each event is about a hundred bytes of four letters; the last few words are held.
    const HELD: usize = 12 * 110;
    let mut body = body(Coding::Identity, Media::Sse, |_: DataClass| Action::Drop);
    let (mut came, mut left) = (0, 0);
    let mut out = Output::new();
    for piece in WORDS.repeat(20).as_bytes().chunks(4) {
        let event = Protocol::Messages.event(std::str::from_utf8(piece).unwrap(), 0);
        came += event.len();
        body.push(&Bytes::from(event), &mut out).unwrap();
        left += out.by_ref().map(|piece| piece.len()).sum::<usize>();
        assert!(came - left <= HELD, "{} bytes are held", came - left);
    }
}

#[test]
fn an_event_that_ends_a_block_releases_it() {
    for (protocol, end) in [
        (
            Protocol::Chat,
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        ),
        (
            Protocol::Messages,
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        ),
        (
            Protocol::Responses,
            "data: {\"type\":\"response.output_text.done\",\"item_id\":\"m\",\"output_index\":0,\"content_index\":0,\"text\":\"\"}\n\n",
        ),
        (Protocol::Chat, "data: [DONE]\n\n"),
    ] {
        let mut body = body(Coding::Identity, Media::Sse, |_: DataClass| Action::Replace);
        let mut out = Output::new();
        let event = protocol.event("Ask Ann Lee", 0);
        body.push(&Bytes::from(event), &mut out).unwrap();
        assert!(out.is_empty(), "{protocol:?}");
        body.push(&Bytes::from_static(end.as_bytes()), &mut out)
            .unwrap();
        assert!(out.contiguous().ends_with(end.as_bytes()), "{protocol:?}");
        assert_eq!(body.held(), None);
    }
}

#[test]
fn a_flush_releases_what_could_only_grow() {
    let mut body = body(Coding::Identity, Media::Sse, |_: DataClass| Action::Replace);
    let mut out = Output::new();
    let event = Protocol::Chat.event("mail ann@example.com", 0);
    body.push(&Bytes::from(event), &mut out).unwrap();
    assert!(out.is_empty() && body.held().is_some());
    body.flush(&mut out).unwrap();
    let released = String::from_utf8(out.contiguous().to_vec()).unwrap();
    assert!(released.contains("\"mail [pii.email]\""), "{released}");
    assert_eq!(body.held(), None);
    // What grew after all is hidden as far as it was not shown.
    let event = Protocol::Chat.event(".au now", 0);
    body.push(&Bytes::from(event), &mut out).unwrap();
    body.finish(&mut out).unwrap();
    assert!(!out.contiguous().is_empty());
}

#[test]
fn hostile_streams_are_bounded_or_refused() {
    let bound = usize::try_from(HELD_BYTES_MAX).unwrap();
    let endless: [(Media, &str, &str); 8] = [
        (
            Media::Sse,
            "data: {\"a\":\"",
            "x x x x x x x x x x x x x x x x",
        ),
        (Media::Sse, "data: a\n", ": a comment in an event\n"),
        (Media::Sse, "data: a\n", "data:\n"),
        (Media::Ndjson, "", "[[[[[[[[[[[[[[[["),
        (Media::Csv, "a,b\n\"", "no end of this field "),
        (Media::Xml, "<a>b", "<!-- between two texts -->"),
        (Media::Html, "<p>b", "<b></b><i></i>"),
        (Media::Text, "", "1234567890abcdefghij"),
    ];
    for (media, head, more) in endless {
        let mut body = body(Coding::Identity, media, |_: DataClass| Action::Replace);
        let mut out = Output::new();
        let (mut came, mut left) = (0, 0);
        let chunk = Bytes::from(more.repeat(4096 / more.len()));
        body.push(&Bytes::from_static(head.as_bytes()), &mut out)
            .unwrap();
        came += head.len();
        for _ in 0..2048 {
            came += chunk.len();
            if body.push(&chunk, &mut out).is_err() {
                break;
            }
            left += out.by_ref().map(|piece| piece.len()).sum::<usize>();
            assert!(came - left <= bound, "{media:?} {more}: {}", came - left);
        }
    }
}

#[test]
fn what_an_apis_owner_says_holds_in_every_event() {
    let schema = json!({ "properties": { "remark": { "x-data-class": "phi.condition" } } });
    let content = json!({ "application/json": { "schema": schema } });
    let document = json!({ "paths": { "/": { "get": { "responses": { "default": { "content": content } } } } } });
    let declared = Arc::new(Declared::load(&document).expect("a document"));
    let place = declared.operations()[0].response(200).expect("a place");
    let remark = "heron blue";
    let event = format!("data: {}\n\n", json!({ "remark": remark, "note": "kept" }));
    let run = |place: Option<Place>| {
        let work = Workspace::new().declaring(Arc::clone(&declared));
        let mut body = Body::new(
            Coding::Identity,
            Media::Sse,
            |_: DataClass| Action::Replace,
            Arc::new(TestPseudonyms),
            Box::new(work),
        );
        if let Some(place) = place {
            body.set_place(place);
        }
        let mut out = Output::new();
        let two = Bytes::from(format!("{event}: ping\n\n{event}"));
        body.push(&two, &mut out).expect("a stream");
        body.finish(&mut out).expect("its end");
        String::from_utf8_lossy(&out.contiguous()).into_owned()
    };
    assert_eq!(run(None).matches(remark).count(), 2);
    let told = run(Some(place));
    assert_eq!(
        (told.matches(remark).count(), told.matches("kept").count()),
        (0, 2),
        "{told}"
    );
}
