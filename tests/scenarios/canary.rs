//! A value planted everywhere is found nowhere.

use anyhow::{Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use tests::{collector::Collector, people::Dice};

use crate::world::World;

/// Every form in which a value might be written down: plain, hexadecimal, base64 at each of the
/// three alignments (without the characters that neighbours share).
pub(crate) fn forms(canary: &str) -> Vec<String> {
    let mut forms = vec![
        canary.to_owned(),
        hex::encode(canary),
        hex::encode_upper(canary),
    ];
    for shift in 0..3 {
        let encoded = STANDARD.encode(format!("{}{canary}", "x".repeat(shift)));
        let skip = (shift * 8).div_ceil(6);
        let solid = encoded.trim_end_matches('=');
        forms.push(
            solid
                .chars()
                .skip(skip)
                .take(solid.len() - skip - 1)
                .collect(),
        );
    }
    forms
}

/// Whether bytes hold others. A gateway's files are megabytes, in which debug builds look byte by byte for seconds.
pub(crate) fn contains(haystack: &[u8], needle: impl AsRef<[u8]>) -> bool {
    memchr::memmem::find(haystack, needle.as_ref()).is_some()
}

#[test]
fn a_planted_value_is_found_nowhere() -> Result<()> {
    let collector = Collector::start()?;
    let mut world = World::with(|setup| setup.telemetry(&collector.endpoint(), 1.0))?;
    let digits = Dice::new(u64::from(std::process::id())).digits(12);
    let canary = format!("canary{digits}");
    let url = |path: &str| world.gateway.url(&path.replace("{}", &canary));

    // In the URL, in a header, in bodies both ways, in an upstream's error.
    let header = [("x-note", canary.as_str()), ("cookie", canary.as_str())];
    world.client.get(&url("/crm/customers/{}")?, &header)?;
    world.client.get(&url("/crm/customers?name={}")?, &header)?;
    world.client.get(&url("/nowhere/{}?q={}")?, &header)?;
    let echoed = world.client.get(&url("/trouble/echo/{}")?, &header)?;
    ensure!(echoed.record().is_some(), "{}", echoed.text());
    // In a member's name too, above something that is found.
    let under = json!({ "email": "tamsel.wrenfold@example.org" });
    let body = json!({ "ssn": canary, "email": format!("{canary}@example.org"), &canary: under });
    let body = body.to_string();
    for path in [
        "/analytics/export",
        "/insights/events",
        "/crm/tickets/T-1",
        "/mail/messages",
    ] {
        world
            .client
            .post(&world.gateway.url(path)?, &header, &body)?;
    }
    world.client.post(
        &world.gateway.url("/mail/messages")?,
        &header,
        &format!("{{{canary}"),
    )?;
    let token = [("tidegate-token", canary.as_str())];
    world
        .client
        .get(&world.gateway.url("/crm/items/1")?, &token)?;
    let metrics = world
        .client
        .get(&world.gateway.admin_url("/metrics")?, &[])?;
    collector.wait_for(|spans| spans.len() > 4)?;
    let status = world.gateway.stop()?;
    ensure!(status.success(), "{status}");

    let mut places = vec![
        ("stderr".to_owned(), world.gateway.stderr().into_bytes()),
        ("metrics".to_owned(), metrics.body.to_vec()),
        ("spans".to_owned(), collector.output()?.into_bytes()),
    ];
    for (path, bytes) in world.gateway.files()? {
        places.push((path.display().to_string(), bytes));
    }
    ensure!(places.len() > 4, "there is no log to search");
    for (place, bytes) in &places {
        for form in forms(&canary) {
            ensure!(
                !contains(bytes, &form),
                "{place} holds the planted value as {form}"
            );
        }
    }
    world.finish()
}

#[test]
fn the_search_would_find_it() {
    let canary = "canary000111222333";
    for shift in 0..4 {
        let text = STANDARD.encode(format!("{}{canary} and more", "-".repeat(shift)));
        assert!(
            forms(canary)
                .iter()
                .any(|form| contains(text.as_bytes(), form)),
            "{text}"
        );
    }
}
