//! The acts, one function each. What an act claims, it checks.

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Answer, Ask},
    peers::{SEED, clinic, crm},
    people::{Home, Person},
    records::{self, Record},
};

use crate::{compare, page::Page, stage::Stage};

/// Sets the scene.
pub(crate) fn prologue(page: &mut Page, stage: &Stage) {
    page.line("Tidegate: a governed call, end to end");
    page.line("");
    page.prose(
        "Five services with made-up people (a CRM and a clinic in Germany, two analytics services \
         in the US, mail in Ireland), three registered agents, one gateway between them. Every call \
         below is made by a real process, and what is said about it is read back from the log.",
    );
    if !stage.users_differ() {
        page.prose(
            "We are not root: all agents run as this user, and without kernel programs callers are \
             inferred from /proc.",
        );
    }
}

/// Plays them all.
pub(crate) fn play(page: &mut Page, stage: &Stage) -> Result<()> {
    let token = stage.token("support", |claims| {
        claims.task("T-4891", "support").scope("customer", "C-771")
    })?;
    own_customer(page, stage, &token)?;
    other_customer(page, stage, &token)?;
    unknown_program(page, stage, &token)?;
    stolen_token(page, stage, &token)?;
    exports(page, stage)?;
    patient(page, stage)?;
    verification(page, stage)
}

fn own_customer(page: &mut Page, stage: &Stage, token: &str) -> Result<()> {
    page.act("The support agent reads the customer of its ticket");
    page.prose("Its token says: ticket T-4891, purpose support, customer C-771 and nobody else.");
    let path = "/customers/C-771";
    let before = stage
        .support
        .ask(&Ask::get(stage.direct("crm", path)?))?
        .json()?;
    let ask = Ask::get(stage.gateway.url(&format!("/crm{path}"))?).token(token);
    let answer = through(page, stage, &stage.support, &ask)?;
    page.expect("the answer is 200", answer.status == 200);
    let after = answer.json().unwrap_or_default();
    compare::show(
        page,
        "the CRM's answer",
        "what the agent got",
        &before,
        &after,
    );
    let person = crm::person(SEED, 771);
    hidden(page, &answer.text(), &person.secrets());
    page.expect(
        "the name is shown, as the rule says",
        after.get("name") == before.get("name"),
    );
    page.expect(
        "what is not personal is unchanged",
        after.get("plan") == before.get("plan"),
    );
    reasons(page, stage, &answer)
}

fn other_customer(page: &mut Page, stage: &Stage, token: &str) -> Result<()> {
    page.act("The same session asks for someone else");
    let ask = Ask::get(stage.gateway.url("/crm/customers/C-332")?).token(token);
    let answer = through(page, stage, &stage.support, &ask)?;
    refused(page, &answer, 403);
    let text = answer.text();
    page.expect(
        "it names the rule",
        text.contains("session-sees-only-its-customer"),
    );
    let record = record_of(stage, &answer)?;
    let scope = record.find("scope").and_then(|scope| scope.get("customer"));
    page.expect("the record names the scope", scope == Some(&json!("C-771")));
    hidden(page, &text, &crm::person(SEED, 332).secrets());
    Ok(())
}

fn unknown_program(page: &mut Page, stage: &Stage, token: &str) -> Result<()> {
    page.act("A program that nobody registered tries the same token");
    page.prose("It is a copy of curl under another name, as a malicious package would bring one.");
    let ask = Ask::get(stage.gateway.url("/crm/customers/C-771")?).token(token);
    let answer = through(page, stage, &stage.stranger, &ask)?;
    page.expect("it is refused", matches!(answer.status, 401 | 403));
    say_why(page, &answer);
    hidden(page, &answer.text(), &crm::person(SEED, 771).secrets());
    Ok(())
}

fn stolen_token(page: &mut Page, stage: &Stage, token: &str) -> Result<()> {
    page.act("Another registered agent presents the support agent's token");
    let ask = Ask::get(stage.gateway.url("/crm/customers/C-771")?).token(token);
    let answer = through(page, stage, &stage.reporting, &ask)?;
    refused(page, &answer, 403);
    let record = record_of(stage, &answer)?;
    page.expect(
        "the record is a security finding",
        record.find("finding") == Some(&json!(true)),
    );
    Ok(())
}

fn exports(page: &mut Page, stage: &Stage) -> Result<()> {
    page.act("The reporting agent exports customers: to the US, to the US by contract, to Ireland");
    let token = stage.token("reporting", |claims| claims.task("R-12", "reporting"))?;
    let person = crm::person(SEED, 771);
    let message = json!({
        "customer": "C-771",
        "email": person.email,
        "phone": person.phone,
        "orders": 14,
    });
    for (service, path) in [
        ("analytics", "/export"),
        ("insights", "/events"),
        ("mail", "/messages"),
    ] {
        let ask = Ask::post(
            stage.gateway.url(&format!("/{service}{path}"))?,
            message.to_string(),
        );
        let answer = through(page, stage, &stage.reporting, &ask.token(&token))?;
        if service == "analytics" {
            refused(page, &answer, 451);
            let rule = "eea-data-stays-in-adequate-countries";
            page.expect("it names the rule", answer.text().contains(rule));
        } else {
            page.expect(&format!("{service} took it"), answer.status == 202);
        }
        let arrived = arrived(stage, service)?;
        judge_arrival(page, service, &message, arrived.as_ref(), &person);
    }
    Ok(())
}

/// What the service says it received last.
fn arrived(stage: &Stage, service: &str) -> Result<Option<Value>> {
    let path = if service == "mail" {
        "/messages/1"
    } else {
        "/received"
    };
    let answer = stage.support.ask(&Ask::get(stage.direct(service, path)?))?;
    let kept = answer.json().unwrap_or_default();
    Ok(match service {
        "mail" => (answer.status == 200).then_some(kept),
        _ => kept.pointer("/received/0").cloned(),
    })
}

fn judge_arrival(
    page: &mut Page,
    service: &str,
    sent: &Value,
    arrived: Option<&Value>,
    person: &Person,
) {
    match (service, arrived) {
        ("analytics", arrived) => page.expect("nothing arrived there", arrived.is_none()),
        ("insights", Some(arrived)) => {
            compare::show(page, "the agent sent", "the service got", sent, arrived);
            hidden(
                page,
                &arrived.to_string(),
                &[person.email.clone(), person.phone.clone()],
            );
            page.expect(
                "the rest arrived",
                arrived.get("orders") == sent.get("orders"),
            );
        }
        ("mail", Some(arrived)) => page.expect("it arrived there as it was sent", arrived == sent),
        _ => page.expect("something arrived there", false),
    }
}

fn patient(page: &mut Page, stage: &Stage) -> Result<()> {
    page.act("The ward's agent reads a patient (FHIR R4)");
    let token = stage.token("ward", |claims| claims.task("round-07", "treatment"))?;
    let path = "/fhir/Patient/p-042";
    let before = stage
        .ward
        .ask(&Ask::get(stage.direct("clinic", path)?))?
        .json()?;
    let ask = Ask::get(stage.gateway.url(&format!("/clinic{path}"))?).token(&token);
    let answer = through(page, stage, &stage.ward, &ask)?;
    page.expect("the answer is 200", answer.status == 200);
    let after = answer.json().unwrap_or_default();
    compare::show(
        page,
        "the clinic's answer",
        "what the agent got",
        &before,
        &after,
    );
    let person = clinic::person(SEED, 42, Home::De);
    hidden(
        page,
        &answer.text(),
        &[person.email, person.phone, person.street],
    );
    let shown = ["/name/0/family", "/birthDate", "/identifier/0/value"];
    let same = shown
        .iter()
        .all(|path| after.pointer(path) == before.pointer(path));
    page.expect("name, birth date and record number are shown", same);
    reasons(page, stage, &answer)
}

fn verification(page: &mut Page, stage: &Stage) -> Result<()> {
    page.act("The log, checked with nothing but an export and the public key");
    let export = stage.gateway.folder().join("export.jsonl");
    let exported = stage.gateway.export(&export)?;
    page.expect("the log exports", exported.status.success());
    let key = stage.gateway.public_key()?;
    page.fact("key", &key);
    let verified = stage.gateway.verify(&export, &key)?;
    let report: Value = serde_json::from_slice(&verified.stdout).unwrap_or_default();
    let number = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or_default();
    let (size, signed, checkpoints) = (number("size"), number("signed"), number("checkpoints"));
    page.fact(
        "verify",
        &format!("{size} records, {signed} signed, {checkpoints} checkpoints"),
    );
    page.expect(
        "verify says it is whole (exit 0)",
        verified.status.success() && size > 0,
    );
    for record in records::list(&stage.gateway)?.iter().rev().take(4).rev() {
        let what = [
            record.kind(),
            record.text("operation"),
            record.text("reason"),
        ]
        .join(" ");
        page.fact(
            "tail",
            &format!("{} {what}", record.index().unwrap_or_default()),
        );
    }
    Ok(())
}

/// Asks through the gateway and says who asked, as the log has it.
fn through(page: &mut Page, stage: &Stage, agent: &Agent, ask: &Ask) -> Result<Answer> {
    let answer = agent.ask(ask)?;
    page.fact("asked", &format!("{} {}", ask.method, path_of(&ask.url)));
    let record = record_of(stage, &answer)?;
    page.fact(
        "caller",
        &format!(
            "pid {}, {}, uid {}; evidence: {}",
            record.text("pid"),
            record.text("exe"),
            record.text("uid"),
            record.text("evidence")
        ),
    );
    page.fact(
        "answer",
        &format!("{} in trace {}", answer.status, record.text("trace")),
    );
    page.fact(
        "record",
        &format!(
            "{} ({})",
            answer.record().unwrap_or_default(),
            record.kind()
        ),
    );
    let same = record.number("pid") == Some(answer.pid.into());
    page.expect(
        &format!("the log names the process that asked, {}", answer.pid),
        same,
    );
    Ok(answer)
}

fn record_of(stage: &Stage, answer: &Answer) -> Result<Record> {
    let index = answer.record().ok_or_else(|| {
        anyhow!(
            "the answer {} names no record: {}",
            answer.status,
            answer.text()
        )
    })?;
    records::show(&stage.gateway, index)
}

fn path_of(url: &str) -> &str {
    url.splitn(4, '/').nth(3).unwrap_or_default()
}

fn refused(page: &mut Page, answer: &Answer, status: u16) {
    page.expect(&format!("the answer is {status}"), answer.status == status);
    say_why(page, answer);
}

fn say_why(page: &Page, answer: &Answer) {
    let problem = answer.json().unwrap_or_default();
    let text = |name: &str| {
        problem
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("-")
            .to_owned()
    };
    page.fact(
        "why",
        &format!("{}; rule: {}", text("reason"), text("rule")),
    );
    if let Some(detail) = problem.get("detail").and_then(Value::as_str) {
        page.fact("", detail);
    }
}

/// What was done to the answer, by class and rule, as the closing record has it.
fn reasons(page: &Page, stage: &Stage, answer: &Answer) -> Result<()> {
    let Some(opening) = answer.record() else {
        return Ok(());
    };
    let closing = records::closing(&stage.gateway, opening)?;
    let findings = closing.0.pointer("/event/response/findings");
    for finding in findings.and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or("-");
        page.fact(
            "why",
            &format!(
                "{:<14} {:<13} {}",
                text("class"),
                text("action"),
                text("policy")
            ),
        );
    }
    Ok(())
}

fn hidden(page: &mut Page, text: &str, secrets: &[String]) {
    let seen = secrets
        .iter()
        .filter(|secret| text.contains(secret.as_str()))
        .count();
    page.expect(
        &format!("none of {} protected values is in it", secrets.len()),
        seen == 0,
    );
}
