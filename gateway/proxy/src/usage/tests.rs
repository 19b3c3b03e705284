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
        output_ceiling: None,
    })
}

fn metered(places: Places) -> Metered {
    Metered {
        metering: metering(places),
        model: None,
        costs: true,
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
        (
            false,
            r#"{"usage":{"prompt_tokens":7,"completion_tokens":"7"}}"#,
        ),
        (
            false,
            r#"{"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":7}}"#,
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

fn cost(metered: &Metered, counts: Counts, model: &str) -> (u64, bool) {
    let (spent, is_priced) = metered.spent(counts, Some(model));
    (spent.cost, is_priced)
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
    assert_eq!(cost(&metered, counts, "gpt-4o-mini"), (4525, true));
    let one = Counts {
        cache_read: 1,
        ..Counts::default()
    };
    assert_eq!(cost(&metered, one, "gpt-4o"), (1, true));
    // Who has no price costs as much as the dearest.
    let million = Counts {
        output: 1_000_000,
        ..Counts::default()
    };
    assert_eq!(cost(&metered, million, "claude-xy"), (15_000_000, false));
    let most = Counts {
        output: u64::MAX,
        ..Counts::default()
    };
    assert_eq!(cost(&metered, most, "gpt-4o").0, u64::MAX);
    for odd in ["", "a*b", "**"] {
        assert_eq!(Pattern::new(odd), None, "{odd}");
    }
}

fn asked(document: &serde_json::Value) -> Result<Metered, Interruption> {
    let mut metered = metered(Places::openai());
    let bytes = Bytes::from(document.to_string());
    metered.estimate = Some(metered.ask(&bytes, &BTreeMap::new())?);
    Ok(metered)
}

#[test]
fn a_path_names_a_model_as_a_body_does() {
    let places = Places {
        request: RequestPlaces {
            parameter: Some("model".to_owned()),
            ..Places::openai().request
        },
        ..Places::openai()
    };
    let model = |body: serde_json::Value, bound: &[(&str, &str)]| {
        let bound = bound
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let asked = places
            .request
            .asked(&body, &bound.collect())
            .expect("a request");
        asked.model.map(|it| it.to_string())
    };
    let bound = [("model", "gemini-2.5-pro")];
    assert_eq!(model(json!({}), &bound).as_deref(), Some("gemini-2.5-pro"));
    assert_eq!(model(json!({}), &[]), None);
    // Two names are none.
    assert_eq!(model(json!({ "model": "other" }), &bound), None);
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
}

#[test]
fn what_cannot_be_metered_is_refused() {
    for (request, reason) in [
        (
            json!({ "model": "other", "max_tokens": 5 }),
            "price_unknown",
        ),
        (
            json!({ "input": "no model", "max_tokens": 5 }),
            "usage_unmetered",
        ),
        (
            json!({ "model": "x".repeat(97), "max_tokens": 5 }),
            "usage_unmetered",
        ),
        (
            json!({ "model": "gpt-4o\n", "max_tokens": 5 }),
            "usage_unmetered",
        ),
        (json!({ "model": "gpt-4o" }), "usage_unmetered"),
        (
            json!({ "model": "gpt-4o", "max_tokens": null }),
            "usage_unmetered",
        ),
        (
            json!({ "model": "gpt-4o", "max_tokens": "100000" }),
            "usage_unmetered",
        ),
        (
            json!({ "model": "gpt-4o", "max_tokens": 5, "max_completion_tokens": 1e5 }),
            "usage_unmetered",
        ),
        (
            json!({ "model": "gpt-4o", "max_tokens": -5 }),
            "usage_unmetered",
        ),
        (
            json!({ "model": "gpt-4o", "max_tokens": 5, "n": 100.0 }),
            "usage_unmetered",
        ),
        (
            json!({ "model": "gpt-4o", "max_tokens": 5, "Max_Tokens": 100_000 }),
            "message_ambiguous",
        ),
        (
            json!({ "model": "gpt-4o", "Model": "o1-pro", "max_tokens": 5 }),
            "message_ambiguous",
        ),
    ] {
        let refused = asked(&request).err().map(|why| why.reason);
        assert_eq!(refused, Some(reason), "{request}");
    }
    // A ceiling stands for a limit, of each answer.
    let places = Places::openai();
    let mut open = metered(places.clone());
    open.metering = Arc::new(Metering {
        places,
        prices: Arc::clone(&open.metering.prices),
        output_ceiling: Some(400),
    });
    let request = json!({ "model": "gpt-4o", "n": 2 }).to_string();
    let estimate = open
        .ask(&Bytes::from(request), &BTreeMap::new())
        .expect("an estimate");
    assert_eq!(estimate.output, 800);
}

#[test]
fn what_is_not_known_to_be_less_is_taken_for_as_much_as_it_may_be() {
    let limited = json!({ "model": "gpt-4o", "max_tokens": 1000 });
    let held = asked(&limited).expect("an estimate");
    let input = (limited.to_string().len() as u64).div_ceil(4);
    let tokens = |metered: &Metered, came| metered.used(came, 20).spent.tokens;
    for (came, most) in [
        (Came::Uncalled, 0),
        (Came::Failed, 0),
        (Came::Part, 1000 + input),
        (Came::Whole, 1000 + input),
    ] {
        assert_eq!(tokens(&held, came), most);
    }
    let mut told = asked(&limited).expect("an estimate");
    let reading = told.reads(&HeaderMap::new());
    let answer = br#"{"usage":{"prompt_tokens":7,"completion_tokens":2}}"#;
    let mut seen = reading.lock().expect("a lock");
    seen.see(&Bytes::from_static(answer));
    drop(seen);
    let used = told.used(Came::Whole, 20);
    assert_eq!((used.spent.tokens, used.gaps.len()), (9, 0));
    let used = told.used(Came::Part, 20);
    assert_eq!(
        (used.spent.tokens, used.gaps),
        (1000 + input, vec![UNKNOWN])
    );
}

#[test]
fn a_limit_that_was_not_kept_is_not_believed() {
    // Whoever asks for one token and gets 40,000 bytes of text used more than one token.
    let mut metered = asked(&json!({ "model": "gpt-4o", "max_tokens": 1 })).expect("an estimate");
    let reading = metered.reads(&HeaderMap::new());
    reading.lock().expect("a lock").came(40_000);
    for came in [Came::Whole, Came::Part] {
        let used = metered.used(came, 40);
        assert_eq!(used.record.map(|record| record.output), Some(10_000));
    }
}

#[test]
fn who_answers_without_a_price_is_a_gap_and_costs_as_much_as_the_dearest() {
    let mut metered = asked(&json!({ "model": "gpt-4o", "max_tokens": 1 })).expect("an estimate");
    let reading = metered.reads(&HeaderMap::new());
    let answer = br#"{"model":"other","usage":{"prompt_tokens":0,"completion_tokens":1000000}}"#;
    let mut seen = reading.lock().expect("a lock");
    seen.see(&Bytes::from_static(answer));
    drop(seen);
    let used = metered.used(Came::Whole, 40);
    assert_eq!((used.spent.cost, used.gaps), (15_000_000, vec![UNPRICED]));
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
