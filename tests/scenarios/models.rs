//! What models use is counted, held before it is used, and stays used up.

use std::thread;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    client::Client,
    peers::{Peer, metered::Asked},
    records,
    setup::Service,
};

use crate::{behaviour::reason, world::World};

/// Who ask at once.
const ASKING: u64 = 8;

struct Thinking {
    world: World,
    asked: Asked,
    _model: Peer,
}

impl Thinking {
    fn with(budget: Value) -> Result<Self> {
        // A call without a limit holds what it sends, and no more.
        let usage = json!({ "profile": "openai", "output_ceiling": 0 });
        Self::metered(usage, budget)
    }

    fn metered(usage: Value, budget: Value) -> Result<Self> {
        let asked = Asked::default();
        let model = Peer::serve(asked.router(), "127.0.0.1:0", None)?;
        let service = Service::new("model", &model.url(), "DE")
            .operation("chat", "POST", "/chat/completions")
            .set("usage", usage);
        let world = World::with(|setup| {
            setup
                .service(service)
                .set(
                    "prices",
                    json!([{ "model": "gpt-4o*", "input": 2.5, "output": 10 }]),
                )
                .set("budgets", json!([budget]))
        })?;
        Ok(Self {
            world,
            asked,
            _model: model,
        })
    }

    /// Asks for an answer; gives the status, the reason of a refusal, and what the record says was used.
    fn ask(&self, request: &Value) -> Result<(u16, String, Value)> {
        let url = self.world.gateway.url("/model/chat/completions")?;
        let reply = self.world.client.post(&url, &[], &request.to_string())?;
        let status = reply.status.as_u16();
        let index = reply.record().context("no record")?;
        if status == 200 || status == 500 {
            let closing = records::closing(&self.world.gateway, index)?;
            let said = |at: &str| closing.0.pointer(at).cloned().unwrap_or_default();
            let gaps = said("/event/response/gaps").to_string();
            return Ok((status, gaps, said("/event/model")));
        }
        Ok((status, reason(&reply)?, Value::Null))
    }
}

fn request(used: [u64; 2], more: &Value) -> Value {
    let mut request = json!({ "model": "gpt-4o-mini", "used": used,
        "messages": [{ "role": "user", "content": "Shall it be?" }] });
    if let (Some(request), Some(more)) = (request.as_object_mut(), more.as_object()) {
        request.extend(more.clone());
    }
    request
}

#[test]
fn what_a_model_used_is_debited_and_what_it_may_use_is_held_before() -> Result<()> {
    let mut thinking = Thinking::with(json!({ "id": "thinking", "tokens": 1000 }))?;
    let plain = json!({});
    let (status, gaps, used) = thinking.ask(&request([100, 50], &plain))?;
    assert_eq!((status, &*gaps), (200, "[]"));
    let expected = json!({ "model": "gpt-4o-mini", "input": 100, "output": 50, "cache_read": 0,
        "cache_write": 0, "cost": 750, "estimated": false });
    assert_eq!(used, expected);
    let (_, gaps, used) = thinking.ask(&request([100, 50], &json!({ "stream": true })))?;
    assert_eq!((&*gaps, &used["output"]), ("[]", &json!(50)));

    // 700 are left: what may not fit is not asked for.
    let times = thinking.asked.times();
    let (status, reason, _) = thinking.ask(&request([1, 1], &json!({ "max_tokens": 700 })))?;
    assert_eq!((status, &*reason), (429, "budget_exhausted"));
    assert_eq!(thinking.asked.times(), times);
    // What was held and not used comes back, also of what failed.
    for more in [
        json!({ "max_tokens": 500 }),
        json!({ "max_tokens": 500, "fail": true }),
    ] {
        let (status, ..) = thinking.ask(&request([50, 50], &more))?;
        assert_eq!(status, if more["fail"] == true { 500 } else { 200 });
    }
    let (status, ..) = thinking.ask(&request([100, 200], &json!({ "max_tokens": 500 })))?;
    assert_eq!(status, 200);

    // 300 are left, and somebody who does not say what was used.
    let silent = json!({ "max_tokens": 200, "silent": true, "stream": true });
    let (status, gaps, used) = thinking.ask(&request([1, 1], &silent))?;
    assert_eq!((status, &used["output"]), (200, &json!(200)));
    ensure!(
        gaps.contains("usage_unknown") && used["estimated"] == true,
        "{gaps} {used}"
    );
    let (status, ..) = thinking.ask(&request([500, 500], &plain))?;
    assert_eq!(status, 200, "something was left");
    thinking.world.gateway.kill()?;
    thinking.world.gateway.restart()?;
    let (status, reason, _) = thinking.ask(&request([1, 1], &plain))?;
    assert_eq!((status, &*reason), (429, "budget_exhausted"));
    thinking.world.finish()
}

#[test]
fn calls_with_a_limit_never_use_more_than_there_is_however_many_ask_at_once() -> Result<()> {
    let thinking = Thinking::with(json!({ "id": "thinking", "per": "agent", "tokens": 5000 }))?;
    let url = thinking.world.gateway.url("/model/chat/completions")?;
    let limited = request([30, 40], &json!({ "max_tokens": 50 })).to_string();
    let went: u64 = thread::scope(|scope| {
        let asking: Vec<_> = (0..ASKING)
            .map(|_| {
                scope.spawn(|| -> Result<u64> {
                    let client = Client::plain()?;
                    let mut went = 0;
                    for _ in 0..40 {
                        let status = client.post(&url, &[], &limited)?.status.as_u16();
                        ensure!(status == 200 || status == 429, "{status}");
                        went += u64::from(status == 200);
                    }
                    Ok(went)
                })
            })
            .collect();
        asking
            .into_iter()
            .map(|one| {
                one.join()
                    .map_err(|_| anyhow::anyhow!("a thread panicked"))?
            })
            .sum::<Result<u64>>()
    })?;
    assert_eq!(went, thinking.asked.times());
    // Each used 70; the last ones could not hold what they might have used.
    ensure!((60..=71).contains(&went), "{went} calls went");
    thinking.world.finish()
}

#[test]
fn costs_are_counted_by_model_and_a_model_without_a_price_is_refused() -> Result<()> {
    // Two answers of 100,000 tokens at 10 for a million, and something for what was read.
    let thinking = Thinking::with(json!({ "id": "money", "cost": 2.5 }))?;
    let plain = json!({});
    for _ in 0..2 {
        let (status, _, used) = thinking.ask(&request([1000, 100_000], &plain))?;
        assert_eq!((status, &used["cost"]), (200, &json!(1_002_500)));
    }
    let (status, reason, _) = thinking.ask(&request([1, 1], &json!({ "max_tokens": 50_000 })))?;
    assert_eq!((status, &*reason), (429, "budget_exhausted"));
    let times = thinking.asked.times();
    let (status, reason, _) = thinking.ask(&request([1, 1], &json!({ "model": "own-7b" })))?;
    assert_eq!((status, &*reason), (403, "price_unknown"));
    assert_eq!(thinking.asked.times(), times);
    let (status, ..) = thinking.ask(&request([1, 1], &plain))?;
    assert_eq!(status, 200);
    thinking.world.finish()
}

#[test]
fn what_cannot_be_metered_is_refused_before_it_is_sent() -> Result<()> {
    let budget = json!({ "id": "thinking", "tokens": 100_000, "cost": 5 });
    let thinking = Thinking::metered(json!({ "profile": "openai" }), budget)?;
    for (more, why) in [
        (json!({}), "usage_unmetered"),
        (json!({ "max_tokens": "9" }), "usage_unmetered"),
        (json!({ "max_tokens": 9, "n": 2.5 }), "usage_unmetered"),
        (json!({ "max_tokens": 9, "model": null }), "usage_unmetered"),
        (
            json!({ "max_tokens": 9, "Max_Tokens": 9999 }),
            "message_ambiguous",
        ),
    ] {
        let (_, reason, _) = thinking.ask(&request([1, 1], &more))?;
        assert_eq!(reason, why, "{more}");
    }
    let url = thinking.world.gateway.url("/model/chat/completions")?;
    let good = request([1, 1], &json!({ "max_tokens": 9 })).to_string();
    let client = &thinking.world.client;
    let coded = client.post(&url, &[("content-encoding", "gzip")], &good)?;
    let plain = [("content-type", "text/plain")];
    let plain = client.send("POST", &url, &plain, good.clone().into())?;
    for reply in [coded, plain] {
        assert_eq!(reply.status.as_u16(), 403);
        assert_eq!(reason(&reply)?, "usage_unmetered");
    }
    assert_eq!(thinking.asked.times(), 0);
    assert_eq!(client.post(&url, &[], &good)?.status.as_u16(), 200);
    thinking.world.finish()
}

#[test]
fn neither_a_limit_nor_a_count_is_believed_that_cannot_be() -> Result<()> {
    let thinking = Thinking::with(json!({ "id": "thinking", "tokens": 1_000_000 }))?;
    // The service does not keep to a limit, and does not say what it used.
    let more = json!({ "max_tokens": 1, "silent": true, "stream": true });
    let (status, _, used) = thinking.ask(&request([1, 1], &more))?;
    let output = used["output"].as_u64().context("no count")?;
    ensure!(status == 200 && output > 50, "{used}");
    // A count that cannot be is none, and breaks nothing for whoever comes next.
    for _ in 0..2 {
        let (status, gaps, used) = thinking.ask(&request([u64::MAX, 1], &json!({})))?;
        ensure!(status == 200 && gaps.contains("usage_unknown"), "{gaps}");
        ensure!(used["input"].as_u64() < Some(1000), "{used}");
    }
    let (status, gaps, _) = thinking.ask(&request([1, 1], &json!({})))?;
    assert_eq!((status, &*gaps), (200, "[]"));
    thinking.world.finish()
}

#[test]
fn the_name_of_a_model_takes_nothing_personal_into_the_record() -> Result<()> {
    let thinking = Thinking::with(json!({ "id": "money", "cost": 5 }))?;
    let address = ["tamsel.wrenfold", "mailbox.example.org"].join("@");
    let model = format!("gpt-4o/{address}");
    let (status, _, used) = thinking.ask(&request([1, 1], &json!({ "model": model })))?;
    assert_eq!((status, &used["model"]), (200, &json!("[withheld]")));
    let files = thinking.world.gateway.files()?;
    ensure!(
        !files
            .iter()
            .any(|(_, bytes)| crate::canary::contains(bytes, &address))
    );
    thinking.world.finish()
}
