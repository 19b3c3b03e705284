//! Values leave as tokens and come back as values, only for whom policy allows it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    client::Client,
    records,
};

use crate::fleet::{Fleet, address, conversation, tokens_of};

#[test]
fn a_thousand_round_trips_over_shuffled_turns_and_two_hosts() -> Result<()> {
    const ROUNDS: usize = 1000;
    let fleet = Fleet::new()?;
    let other = Agent::curl()?;
    let (mut others, mut tokens) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        // Turns of a conversation in another order each time, through one host or the other.
        let mut people: Vec<usize> = (0..3).map(|turn| (round * 7 + turn * 31) % 97).collect();
        people.rotate_left(round % 3);
        let turns: Vec<String> = people
            .iter()
            .map(|person| format!("write to {}, please", address(*person)))
            .collect();
        let answer = fleet.ask(round % 2, "/model/answers", &turns)?.json()?;
        let words = answer["content"].as_str().context("no content")?;
        let call = &answer["tool_calls"][0]["function"]["arguments"];
        let arguments: Value = serde_json::from_str(call.as_str().context("no arguments")?)?;
        for person in &people {
            let address = address(*person);
            ensure!(words.contains(&address), "round {round}: {words}");
            let note = arguments["note"].as_str().context("no note")?;
            ensure!(note.contains(&address), "round {round}: {note}");
        }
        ensure!(!words.contains("tok_"), "round {round}: {words}");
        // The other agent says the same, fifty rounds at once.
        others.extend(turns);
        if round % 50 == 49 {
            let ask = Ask::post(
                fleet.hosts[round / 50 % 2].url("/model/answers")?,
                conversation(&others),
            );
            let theirs = other.ask(&ask)?;
            ensure!(theirs.status == 200, "{}", theirs.text());
            ensure!(!theirs.text().contains("@example.com"), "{}", theirs.text());
            let told = theirs.json()?["content"].to_string();
            tokens += told.matches("tok_pii.email_").count();
            others.clear();
        }
    }
    assert_eq!(tokens, 3 * ROUNDS);
    fleet.finish()
}

#[test]
fn tokens_are_the_same_on_every_host_and_an_altered_one_restores_nothing() -> Result<()> {
    let fleet = Fleet::new()?;
    let other = Agent::curl()?;
    let turns = [format!("it is {}", address(7))];
    let mut seen = Vec::new();
    for host in &fleet.hosts {
        let ask = Ask::post(host.url("/model/answers")?, conversation(&turns));
        let tokens = tokens_of(&other.ask(&ask)?.text());
        seen.push(tokens.first().context("no token")?.clone());
    }
    assert_eq!(seen[0], seen[1]);
    let token = seen.swap_remove(0);
    // The agent speaks of the token that it was once given: it holds, and comes back as the value.
    let whole = fleet.ask(0, "/model/answers", std::slice::from_ref(&token))?;
    ensure!(whole.text().contains(&address(7)), "{}", whole.text());
    let record = records::closing(&fleet.hosts[0], whole.record().context("no record")?)?;
    let restored = record.0["event"]["response"]["restored"].to_string();
    ensure!(restored.contains("pii.email"), "{record:?}");
    for at in 0..token.len() {
        let mut altered = token.clone().into_bytes();
        altered[at] = if altered[at] == b'0' { b'1' } else { b'0' };
        let altered = String::from_utf8(altered)?;
        let reply = fleet.ask(at % 2, "/model/answers", std::slice::from_ref(&altered))?;
        ensure!(
            !reply.text().contains("@example.com"),
            "{altered}: {}",
            reply.text()
        );
    }
    fleet.finish()
}

#[test]
fn a_streamed_answer_is_restored_over_every_cut() -> Result<()> {
    let fleet = Fleet::new()?;
    let turns: Vec<String> = (0..20)
        .map(|n| format!("{} \"quoted\"", address(n)))
        .collect();
    let reply = fleet.ask(1, "/model/streams", &turns)?;
    let answer = &reply.json()?["answer"];
    let call = answer["tool_calls"][0]["function"]["arguments"].as_str();
    let arguments: Value = serde_json::from_str(call.context("no arguments")?)?;
    for number in 0..20 {
        for text in [&answer["content"], &arguments["note"]] {
            let text = text.as_str().context("no text")?;
            ensure!(
                text.contains(&format!("{} \"quoted\"", address(number))),
                "{text}"
            );
        }
    }
    ensure!(!reply.text().contains("tok_"), "{}", reply.text());
    fleet.finish()
}

/// The words and the arguments of a stream of events, joined as an SDK joins them.
fn joined(stream: &str) -> Result<[String; 2]> {
    let mut texts = [String::new(), String::new()];
    let events = stream
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "));
    for data in events.filter(|data| *data != "[DONE]") {
        let data: Value = serde_json::from_str(data)?;
        let pieces = [
            "/choices/0/delta/content",
            "/choices/0/delta/tool_calls/0/function/arguments",
        ];
        for (text, place) in texts.iter_mut().zip(pieces) {
            let piece = data.pointer(place).and_then(Value::as_str);
            text.push_str(piece.unwrap_or_default());
        }
    }
    Ok(texts)
}

#[test]
fn words_and_arguments_of_an_event_stream_are_restored_for_whom_policy_allows() -> Result<()> {
    let fleet = Fleet::new()?;
    let turns: Vec<String> = (0..20)
        .map(|n| format!("ask {} \"soon\"", address(n)))
        .collect();
    let reply = fleet.ask(0, "/model/events", &turns)?;
    let [words, arguments] = joined(&reply.text())?;
    let arguments: Value = serde_json::from_str(&arguments)?;
    for number in 0..20 {
        let said = format!("ask {} \"soon\"", address(number));
        ensure!(words.contains(&said), "{words}");
        let note = arguments["note"].as_str().context("no note")?;
        ensure!(note.contains(&said), "{note}");
    }
    let record = records::closing(&fleet.hosts[0], reply.record().context("no record")?)?;
    let restored = record.0["event"]["response"]["restored"].to_string();
    ensure!(restored.contains("\"count\":40"), "{restored}");
    // The other agent's stream keeps its tokens.
    let ask = Ask::post(fleet.hosts[1].url("/model/events")?, conversation(&turns));
    let theirs = Agent::curl()?.ask(&ask)?;
    ensure!(theirs.status == 200, "{}", theirs.text());
    ensure!(!theirs.text().contains("@example.com"), "{}", theirs.text());
    let [words, arguments] = joined(&theirs.text())?;
    for text in [&words, &arguments] {
        assert_eq!(text.matches("tok_pii.email_").count(), 20, "{text}");
    }
    fleet.finish()
}

#[test]
fn an_agent_that_has_only_tokens_works_on_the_true_records() -> Result<()> {
    let fleet = Fleet::new()?;
    let host = &fleet.hosts[0];
    let ask = Ask::post(host.url("/model/answers")?, conversation(&[address(5)]));
    let token = tokens_of(&Agent::curl()?.ask(&ask)?.text()).swap_remove(0);
    let sent = fleet.client.post(
        &host.url("/mail/messages")?,
        &[],
        &json!({ "to": token, "text": format!("for {token}") }).to_string(),
    )?;
    assert_eq!(sent.status, 202, "{}", sent.text());
    let record = records::closing(host, sent.record().context("no record")?)?;
    let restored = record.0["event"]["request"]["restored"].to_string();
    ensure!(restored.contains("\"count\":2"), "{record:?}");
    // What the service got is the address: the other service's own store says so.
    let peer = Client::plain()?.get(&format!("{}/messages/1", fleet.peers[1].url()), &[])?;
    assert_eq!(peer.json()?["to"], address(5));
    // Read back through the gateway it is a token again.
    let read = fleet.client.get(&host.url("/mail/messages/1")?, &[])?;
    assert_eq!(read.json()?["to"], token);
    // Another agent's token goes on as a token.
    let ask = Ask::post(
        host.url("/mail/messages")?,
        json!({ "to": token }).to_string(),
    );
    assert_eq!(Agent::curl()?.ask(&ask)?.status, 202);
    let peer = Client::plain()?.get(&format!("{}/messages/2", fleet.peers[1].url()), &[])?;
    assert_eq!(peer.json()?["to"], token);
    fleet.finish()
}
