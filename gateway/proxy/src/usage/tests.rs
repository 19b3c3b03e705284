use proptest::prelude::*;
use serde_json::json;

use super::*;

fn metering(places: Places) -> Arc<Metering> {
    let price = |model: &str, input, output| Price {
        model: Pattern::new(model).expect("a pattern"),
        input,
        cache_read: input / 10,
        cache_write: input,
        output,
    };
    // Of a million tokens: 2.50 and 10, and 3 and 15.
    let prices = Prices(vec![
        price("gpt-4o*", 2_500_000, 10_000_000),
        price("claude-x", 3_000_000, 15_000_000),
    ]);
    Arc::new(Metering {
        places,
        prices: Arc::new(prices),
    })
}

fn metered(places: Places) -> Metered {
    Metered {
        metering: metering(places),
        model: None,
        estimate: None,
        reading: None,
        is_sent: false,
    }
}

/// What an answer says that comes in these pieces.
fn read(places: Places, is_stream: bool, pieces: &[&[u8]]) -> (Option<Counts>, Option<String>) {
    let mut reading = Reading::new(metering(places), is_stream);
    for piece in pieces {
        reading.see(&Bytes::copy_from_slice(piece));
    }
    let (counts, model) = reading.told();
    (counts, model.map(|it| it.to_string()))
}

const CHAT: &str = r#"data: {"model":"gpt-4o-2024-08-06","choices":[{"delta":{"content":"usage"}}]}

data: {"model":"gpt-4o-2024-08-06","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":20,"prompt_tokens_details":{"cached_tokens":64}}}

data: [DONE]

"#;

const MESSAGES: &str = "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-x\",\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":7,\"cache_creation_input_tokens\":3,\"output_tokens\":1}}}\r\n\r\nevent: message_delta\r\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":15}}\r\n\r\n";

#[test]
fn answers_of_each_kind_say_what_was_used() {
    let chat = Counts {
        input: 36,
        cache_read: 64,
        cache_write: 0,
        output: 20,
    };
    let document = json!({ "model": "gpt-4o", "usage": { "prompt_tokens": 100,
        "completion_tokens": 20, "prompt_tokens_details": { "cached_tokens": 64 } } });
    let document = document.to_string();
    let found = read(Places::openai(), false, &[document.as_bytes()]);
    assert_eq!(found, (Some(chat), Some("gpt-4o".to_owned())));
    let found = read(Places::openai(), true, &[CHAT.as_bytes()]);
    assert_eq!(found, (Some(chat), Some("gpt-4o-2024-08-06".to_owned())));
    let responses = "data: {\"type\":\"response.completed\",\"response\":{\"model\":\"gpt-4o\",\
                     \"usage\":{\"input_tokens\":9,\"output_tokens\":4}}}\n\n";
    let (counts, _) = read(Places::openai(), true, &[responses.as_bytes()]);
    assert_eq!(counts.map(Counts::tokens), Some(13));
    let messages = Counts {
        input: 25,
        cache_read: 7,
        cache_write: 3,
        output: 15,
    };
    let found = read(Places::anthropic(), true, &[MESSAGES.as_bytes()]);
    assert_eq!(found, (Some(messages), Some("claude-x".to_owned())));
}

#[test]
fn what_is_too_long_or_no_document_says_nothing() {
    let long = format!(
        "{{\"a\":\"{}\",\"usage\":{{\"prompt_tokens\":1}}}}",
        "x".repeat(1 << 20)
    );
    for (is_stream, text) in [
        (false, long.as_str()),
        (false, "[1, 2"),
        (
            false,
            r#"{"usage":{"prompt_tokens":-1,"completion_tokens":"7"}}"#,
        ),
        (true, "event: x\n: note\nid: 7\n\n"),
        (true, &format!("data: {long}\n\n")),
    ] {
        let found = read(Places::openai(), is_stream, &[text.as_bytes()]);
        assert_eq!(found, (None, None));
    }
    // A line that is too long is over at its end.
    let after = format!("data: {long}\n\n{CHAT}");
    let (counts, _) = read(Places::openai(), true, &[after.as_bytes()]);
    assert_eq!(counts.map(Counts::tokens), Some(120));
}

#[test]
fn costs_are_those_of_the_model_rounded_up() {
    let metered = metered(Places::openai());
    let counts = Counts {
        input: 1000,
        cache_read: 100,
        output: 200,
        ..Counts::default()
    };
    // 1000 x 2.50 + 100 x 0.25 + 200 x 10, of a million.
    assert_eq!(metered.spent(counts, Some("gpt-4o-mini")).cost, 4525);
    let one = Counts {
        cache_read: 1,
        ..Counts::default()
    };
    assert_eq!(metered.spent(one, Some("gpt-4o")).cost, 1);
    assert_eq!(metered.spent(one, Some("claude-xy")).cost, 0);
    let most = Counts {
        output: u64::MAX,
        ..Counts::default()
    };
    assert_eq!(metered.spent(most, Some("gpt-4o")).cost, u64::MAX);
    for odd in ["", "a*b", "**"] {
        assert_eq!(Pattern::new(odd), None, "{odd}");
    }
}

fn asked(document: &serde_json::Value) -> Result<Metered, Interruption> {
    let mut metered = metered(Places::openai());
    let bytes = Bytes::from(document.to_string());
    metered.ask(&bytes, true).map(|()| metered)
}

#[test]
fn what_may_be_used_at_most_is_estimated_where_the_request_says_it() {
    let limited =
        json!({ "model": "gpt-4o", "max_tokens": 10, "max_completion_tokens": 100, "n": 3 });
    let metered = asked(&limited).expect("an estimate");
    let estimate = metered.estimate.expect("an estimate");
    assert_eq!(estimate.output, 300);
    assert_eq!(
        estimate.input,
        (limited.to_string().len() as u64).div_ceil(4)
    );
    let open = asked(&json!({ "model": "gpt-4o" })).expect("no estimate");
    assert_eq!(open.estimate, None);
    let unpriced = asked(&json!({ "model": "other" })).err().expect("no price");
    assert_eq!(unpriced.reason, "price_unknown");
    assert!(asked(&json!({ "input": "no model" })).is_ok());
}

#[test]
fn what_is_not_known_to_be_less_is_taken_for_as_much_as_it_may_be() {
    let limited = json!({ "model": "gpt-4o", "max_tokens": 1000 });
    let held = asked(&limited).expect("an estimate");
    let open = asked(&json!({ "model": "gpt-4o" })).expect("no estimate");
    let tokens = |metered: &Metered, came| metered.used(came, (400, 80)).spent.tokens;
    let most = 1000 + (limited.to_string().len() as u64).div_ceil(4);
    for (came, with, without) in [
        (Came::Uncalled, 0, 0),
        (Came::Failed, 0, 0),
        (Came::Part, most, 120),
        (Came::Whole, most, 120),
    ] {
        assert_eq!((tokens(&held, came), tokens(&open, came)), (with, without));
    }
    let mut told = asked(&limited).expect("an estimate");
    let reading = told.reads(&HeaderMap::new());
    let answer = br#"{"usage":{"prompt_tokens":7,"completion_tokens":2}}"#;
    reading
        .lock()
        .expect("a lock")
        .see(&Bytes::from_static(answer));
    let used = told.used(Came::Whole, (400, 80));
    assert_eq!((used.spent.tokens, used.is_unknown), (9, false));
    let used = told.used(Came::Part, (400, 80));
    assert_eq!((used.spent.tokens, used.is_unknown), (most, true));
}

proptest! {
    #[test]
    fn every_cut_is_read_alike(cuts in proptest::collection::vec(0_usize..1000, 0..8)) {
        for (places, text) in [(Places::openai(), CHAT), (Places::anthropic(), MESSAGES)] {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % text.len()).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                pieces.push(&text.as_bytes()[from..cut]);
                from = cut;
            }
            let whole = read(places.clone(), true, &[text.as_bytes()]);
            prop_assert_eq!(read(places, true, &pieces), whole);
        }
    }

    #[test]
    fn no_bytes_break_it(pieces in proptest::collection::vec(any::<Vec<u8>>(), 0..8), stream: bool) {
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        read(Places::openai(), stream, &pieces);
    }
}
