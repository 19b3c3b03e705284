//! Other policies, tried on the record at the console.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use tests::{client::Reply, console::Visitor};

use super::{Place, criterion};

/// Policies by which nobody may call.
const NONE: &str = "@id(\"nobody\") forbid (principal, action == Action::\"call\", resource);";

/// Policies that many bytes longer.
fn long(bytes: usize) -> String {
    format!("{NONE}// {}", "x".repeat(bytes))
}

fn tried(visitor: &Visitor<'_>, text: &str, place: &str, records: &str) -> Result<Reply> {
    let fields = [("text", text), ("place", place), ("records", records)];
    visitor.post("/policy/simulate", &fields)
}

#[test]
fn other_policies_are_tried_on_the_record_and_change_nothing() -> Result<()> {
    let place = Place::new()?;
    place.call("C-771", "C-771")?;
    let operator = place.login("operator")?;
    for at in ["all", "beside"] {
        let reply = tried(&operator, NONE, at, "1000")?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let text = reply.text();
        let is_denied = text.contains("allowed -&gt; denied") && text.contains("by nobody");
        ensure!(is_denied, "{text}");
    }
    // The file that is there in its own place: nothing would be otherwise.
    let page = operator.get("/policy")?.text();
    let mut named = page.split("value=\"file:").skip(1);
    let file = named.next().and_then(|it| it.split('"').next());
    let file = file.context("no file of policies")?.to_owned();
    let own = fs::read_to_string(place.world.gateway.folder().join(&file))?;
    let same = tried(&operator, &own, &format!("file:{file}"), "1000")?.text();
    ensure!(same.contains("nothing would be otherwise"), "{same}");
    let broken = tried(&operator, "permit (<script>", "all", "1000")?.text();
    ensure!(broken.contains("cannot be used"), "{broken}");
    ensure!(!broken.contains("<script"), "{broken}");
    let unknown = tried(&operator, NONE, "file:/etc/passwd", "1000")?.text();
    ensure!(unknown.contains("no such file"), "{unknown}");

    // It is on record, and what is tried is not in force.
    let acts = place.acts()?;
    let simulated = acts.iter().filter(|(act, _)| act == "console simulate");
    let digests: Vec<_> = simulated
        .filter_map(|(_, record)| criterion(record, "policies"))
        .collect();
    assert_eq!(digests.len(), 5);
    ensure!(digests.iter().all(|it| it.len() == 64), "{digests:?}");
    let record = place.call("C-771", "C-771")?;
    let shown = operator.get(&format!("/exchanges/{record}"))?.text();
    ensure!(shown.contains("released"), "{shown}");
    place.finish()
}

#[test]
fn policies_are_tried_by_an_operator_alone_and_are_no_longer_than_that_takes() -> Result<()> {
    let place = Place::new()?;
    place.call("C-771", "C-771")?;
    let operator = place.login("operator")?;
    // More than other forms may have, and no more than this one may.
    assert_eq!(tried(&operator, &long(100_000), "all", "1000")?.status, 200);
    for (text, at, records) in [
        (&*long(140_000), "all", "1000"),
        (NONE, "elsewhere", "1000"),
        (NONE, "all", "1000000"),
        ("", "all", "1000"),
    ] {
        let reply = tried(&operator, text, at, records)?;
        assert_eq!(reply.status, 400, "{at} {records}");
    }
    let compliance = place.login("compliance")?;
    let page = compliance.get("/policy")?.text();
    ensure!(!page.contains("Try other policies"), "{page}");
    assert_eq!(tried(&compliance, NONE, "all", "1000")?.status, 403);
    // What is too long, and of somebody else what is long, is not read to its end: whoever sends on may find the connection
    // closed before the answer.
    for (visitor, bytes) in [(&operator, 600_000), (&compliance, 100_000)] {
        let refused = tried(visitor, &long(bytes), "all", "1000");
        ensure!(
            refused.is_err() || refused?.status == 400,
            "{bytes} were read"
        );
    }
    place.finish()
}
