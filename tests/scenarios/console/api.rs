//! Records and reports for programs: who is let in, and that they are what the command line tells.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{client::Reply, console, gateway::POLL};

use super::{Place, criterion};
use crate::{evidence::search, world::SUPPORT};

const RECORDS: &str = "/api/v1/records";
const REPORTS: &str = "/api/v1/reports";

/// A program, by its token.
struct Program<'a> {
    place: &'a Place,
    bearer: String,
}

impl Place {
    fn program(&self, role: &str) -> Result<Program<'_>> {
        let name = format!("p-{role}");
        let token = console::add_program(&self.world.gateway, &name, role)?;
        let bearer = format!("Bearer {token}");
        Ok(Program {
            place: self,
            bearer,
        })
    }
}

impl Program<'_> {
    fn get(&self, path: &str) -> Result<Reply> {
        let headers = [("authorization", &*self.bearer)];
        let url = self.place.console.url(path);
        self.place.world.client.get(&url, &headers)
    }

    fn json(&self, path: &str) -> Result<Value> {
        let reply = self.get(path)?;
        ensure!(reply.status == 200, "{path}: {}", reply.text());
        Ok(serde_json::from_slice(&reply.body)?)
    }

    fn order(&self, order: &Value) -> Result<Reply> {
        let headers = [
            ("authorization", &*self.bearer),
            ("content-type", "application/json"),
        ];
        let url = self.place.console.url(REPORTS);
        let body = order.to_string().into();
        self.place.world.client.send("POST", &url, &headers, body)
    }
}

/// What a refusal says.
fn problem(reply: &Reply) -> Result<String> {
    let kind = reply.header("content-type").unwrap_or_default();
    ensure!(kind == "application/problem+json", "{kind}");
    let told: Value = serde_json::from_slice(&reply.body)?;
    let status = told.get("status").and_then(Value::as_u64);
    ensure!(status == Some(reply.status.as_u16().into()), "{told}");
    let title = told.get("title").and_then(Value::as_str);
    Ok(title.context("no title")?.to_owned())
}

#[test]
fn programs_are_let_in_by_their_tokens_alone_and_do_what_their_roles_may() -> Result<()> {
    let place = Place::new()?;
    let record = place.call("C-771", "C-771")?;
    let one = format!("{RECORDS}/{record}");
    let client = &place.world.client;
    let operator = place.login("operator")?;
    for headers in [
        vec![],
        vec![("authorization", "Bearer x")],
        vec![("authorization", "Basic eDp4")],
        // Who is logged in is a browser, and any site can have that ask.
        vec![("cookie", operator.cookie())],
    ] {
        for path in [RECORDS, &one, REPORTS] {
            let reply = client.get(&place.console.url(path), &headers)?;
            assert_eq!(reply.status, 401, "{path}");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
            problem(&reply)?;
        }
    }
    for (role, least) in [("viewer", 0), ("auditor", 1), ("compliance", 2)] {
        let program = place.program(role)?;
        for (path, needed) in [(RECORDS, 1), (&*one, 1), (REPORTS, 2)] {
            let reply = program.get(path)?;
            let expected = if least >= needed { 200 } else { 403 };
            assert_eq!(reply.status, expected, "{role} {path}: {}", reply.text());
        }
        // Pages are for people.
        assert_eq!(program.get("/exchanges")?.status, 303);
        assert_eq!(program.get("/api/v1/secrets")?.status, 404);
        // A program has no password.
        let none = place.console.try_login(client, &format!("p-{role}"), "")?;
        assert_eq!(none.status, 403);
    }
    let gone = place.program("operator")?;
    assert_eq!(gone.get(&one)?.status, 200);
    let config = console::config(&place.world.gateway);
    let arguments = [
        "console",
        "user",
        "remove",
        "p-operator",
        "--config",
        &config,
    ];
    ensure!(place.world.gateway.cli(&arguments)?.status.success());
    assert_eq!(gone.get(&one)?.status, 401);

    let queries = search(
        &place.world.gateway,
        &["--kind", "query", "--limit", "100000"],
    )?;
    let queries: Vec<_> = queries.into_iter().map(tests::records::Record).collect();
    let by = |command: &str| -> Vec<_> {
        let named = queries.iter().filter(|it| it.text("command") == command);
        named.filter_map(|it| criterion(it, "user")).collect()
    };
    assert_eq!(
        by("api refused"),
        ["p-viewer", "p-viewer", "p-viewer", "p-auditor"]
    );
    assert_eq!(by("api show"), ["p-auditor", "p-compliance", "p-operator"]);
    // Of many that have none, once a minute.
    let refused = queries.iter();
    let refused = refused.filter(|it| it.text("command") == "api token refused");
    assert!((1..=3).contains(&refused.count()));
    let changed = queries.iter().filter_map(|it| criterion(it, "name"));
    assert!(changed.into_iter().any(|name| name == "p-operator"));
    place.finish()
}

#[test]
fn what_programs_are_told_is_what_the_command_line_tells() -> Result<()> {
    let place = Place::new()?;
    for _ in 0..55 {
        place.call("C-771", "C-771")?;
    }
    let refused = place.call("C-771", "C-332")?;
    let program = place.program("compliance")?;

    let mut next = Some(format!(
        "{RECORDS}?agent={SUPPORT}&subject=customer%3DC-771"
    ));
    let (mut found, mut pages) = (BTreeSet::new(), 0);
    while let Some(path) = next {
        let page = program.json(&path)?;
        for matter in page["matters"].as_array().context("no matters")? {
            found.insert(matter["entry"]["index"].as_u64().context("no index")?);
        }
        ensure!(page["anchor"]["size"].is_u64(), "{page}");
        next = page["next"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert!(pages > 1);
    let sought = [
        "--agent",
        SUPPORT,
        "--subject",
        "customer=C-771",
        "--limit",
        "1000",
    ];
    let told = search(&place.world.gateway, &sought)?;
    let told: BTreeSet<_> = told
        .iter()
        .filter_map(|it| it["entry"]["index"].as_u64())
        .collect();
    assert_eq!(found, told);
    assert!(found.contains(&refused));

    let shown = program.json(&format!("{RECORDS}/{refused}"))?;
    assert_eq!(shown["entry"]["event"]["reason"], "scope_mismatch");
    let proof = program.json(&format!("{RECORDS}/{refused}/proof"))?;
    assert_eq!(proof["index"], refused);
    for path in ["?agnet=x", "?from=yesterday", "?subject=x", "/999999", "/x"] {
        let reply = program.get(&format!("{RECORDS}{path}"))?;
        let expected = if path.starts_with('?') { 400 } else { 404 };
        assert_eq!(reply.status, expected, "{path}: {}", reply.text());
        problem(&reply)?;
    }
    let named = program.get(&format!("{RECORDS}?agnet=x"))?;
    assert!(problem(&named)?.contains("agnet"));
    place.finish()
}

#[test]
fn a_program_orders_a_report_and_fetches_it() -> Result<()> {
    let place = Place::new()?;
    place.call("C-771", "C-771")?;
    place.call("C-771", "C-332")?;
    let program = place.program("compliance")?;
    for (order, why) in [
        (json!({ "report": "riches" }), "no such report"),
        (json!({ "report": "subject" }), "about one data subject"),
        (
            json!({ "report": "erasure", "subject": "customer=C-1" }),
            "cannot be about one",
        ),
        (json!({ "report": "agents", "form": "xls" }), "no such form"),
        (json!({ "kind": "agents" }), "kind"),
    ] {
        let reply = program.order(&order)?;
        assert_eq!(reply.status, 400, "{order}");
        let told = problem(&reply)?;
        assert!(told.contains(why), "{order}: {told}");
    }
    let order = json!({ "report": "agents", "purpose": "review 26-11" });
    let reply = program.order(&order)?;
    assert_eq!(reply.status, 202, "{}", reply.text());
    let place_of = reply.header("location").context("no place")?.to_owned();
    let file = loop {
        let standing = program.json(&place_of)?;
        match standing["state"].as_str() {
            Some("done") => break standing["file"].as_str().context("no file")?.to_owned(),
            Some("waiting" | "making") => std::thread::sleep(POLL),
            _ => anyhow::bail!("{standing}"),
        }
    };
    let made = program.get(&file)?;
    let report: Value = serde_json::from_slice(&made.body)?;
    let size = report["anchor"]["size"]
        .as_u64()
        .context("no size")?
        .to_string();
    let data = place.world.gateway.data().display().to_string();
    let arguments = [
        "report", "agents", "-o", "json", "--at", &size, "--data", &data,
    ];
    let told = place.world.gateway.cli(&arguments)?;
    let errors = String::from_utf8_lossy(&told.stderr);
    ensure!(told.status.success(), "{errors}");
    assert_eq!(told.stdout, made.body);
    // It is nobody else's.
    let other = place.program("operator")?;
    assert_eq!(other.get(&file)?.status, 404);
    let queries = search(
        &place.world.gateway,
        &["--kind", "query", "--limit", "100000"],
    )?;
    let ordered: Vec<_> = queries
        .iter()
        .map(|it| &it["entry"]["event"])
        .filter(|it| it["command"] == "api report")
        .collect();
    assert_eq!(ordered.len(), 1);
    assert_eq!(ordered[0]["purpose"], "review 26-11");
    place.finish()
}
