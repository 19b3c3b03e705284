//! One record in full, with what belongs to it and the proof that it is in the log.

use std::sync::Arc;

use audit::{
    BodyRecord, CallerRecord, DeclaredRecord, Event, FindingRecord, OperationRecord, Outcome,
    PolicyRecord, Shown,
};
use axum::{
    Extension,
    extract::{Path, State},
    http::header,
    response::{IntoResponse as _, Response},
};
use maud::{Markup, html};

use crate::{
    app::{Answer, App, html as answer},
    fault::Fault,
    page::{self, Section, cell, list, table, time, word},
    sessions::Signed,
};

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Path(record): Path<u64>,
) -> Answer {
    let which = [("record".to_owned(), record.to_string())];
    app.record(&signed, "console show", which.into(), None)
        .await?;
    let (mut archive, turn) = app.archive().await?;
    let shown = archive.show(record).await?.ok_or(Fault::NoRecord)?;
    drop((archive, turn));
    let content = html! {
        (matter(&shown))
        section { h2 { "Evidence" } (evidence(&shown)) }
    };
    let title = format!("Record {record}");
    Ok(answer(page::page(
        &signed,
        Section::Exchanges,
        &title,
        &content,
    )))
}

/// The proof that a record is in the log, for whoever has the public key.
pub(crate) async fn proof(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Path(record): Path<u64>,
) -> Result<Response, Fault> {
    let which = [("record".to_owned(), record.to_string())];
    app.record(&signed, "console proof", which.into(), None)
        .await?;
    let (mut archive, _turn) = app.archive().await?;
    let inclusion = archive.inclusion(record).await?.ok_or(Fault::NoRecord)?;
    let text = serde_json::to_vec_pretty(&inclusion).map_err(|_| Fault::Internal)?;
    let name = format!("attachment; filename=\"record-{record}.proof.json\"");
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, text).into_response())
}

fn matter(shown: &Shown) -> Markup {
    match &shown.entry.event {
        Event::Open(opening) => {
            let outcome = shown.closing.as_ref().and_then(|it| match &it.event {
                Event::Close(outcome) => Some(&**outcome),
                _ => None,
            });
            html! {
                (outcome_line(outcome))
                (who(&opening.caller, &opening.declared, &opening.notices))
                section { h2 { "What was asked for" } (operation(&opening.operation, opening.upstream.as_deref())) }
                section { h2 { "Why it was allowed" } (rules(&opening.policies, &opening.policy)) (explain(shown)) }
                @if let Some(outcome) = outcome {
                    (body("Request", &outcome.request))
                    (body("Answer", &outcome.response))
                    section { h2 { "How it ended" } (ending(outcome)) }
                } @else {
                    p.notice { "No end of this exchange is on record: it goes on, or its gateway was killed." }
                }
                (trace(&opening.trace))
            }
        }
        Event::Refuse(refusal) => html! {
            p.lead { (word("refused")) " " (refusal.status) " " code { (refusal.reason) }
                @if refusal.finding { " " span.word.bad { "security finding" } } }
            (who(&refusal.caller, &refusal.declared, &refusal.notices))
            @if let Some(asked) = &refusal.operation {
                section { h2 { "What was asked for" } (operation(asked, None)) }
            }
            section { h2 { "Why it was refused" } (rules(&refusal.policies, &refusal.policy)) (explain(shown)) }
            @if !refusal.findings.is_empty() {
                section { h2 { "Request" } (findings("Found in the request", &refusal.findings)) }
            }
            (trace(&refusal.trace))
        },
        Event::Close(outcome) => html! {
            p { "It ends the exchange of record " a href={ "/exchanges/" (outcome.opening) } { (outcome.opening) } "." }
        },
        Event::Expired(expired) => html! {
            p.lead { (word("expired")) }
            p { "Its time is over: its data key is destroyed, as record "
                a href={ "/exchanges/" (expired.expiry) } { (expired.expiry) } " says. Its place in the log stays proven." }
        },
        other => html! {
            p.lead { (word(other.kind().name())) }
            (plain(other))
        },
    }
}

/// Every value of a record that has no page of its own.
fn plain(event: &Event) -> Markup {
    let json = serde_json::to_value(event).unwrap_or_default();
    let mut rows = Vec::new();
    flatten("", &json, &mut rows);
    let rows: Vec<Vec<Markup>> = rows
        .into_iter()
        .map(|(name, value)| vec![html! { code { (name) } }, cell(value)])
        .collect();
    table("All that it says", &["Name", "Value"], &[], &rows)
}

fn flatten(name: &str, value: &serde_json::Value, rows: &mut Vec<(String, String)>) {
    let under = |key: &str| match name {
        "" => key.to_owned(),
        name => format!("{name}.{key}"),
    };
    match value {
        serde_json::Value::Object(members) => {
            for (key, member) in members {
                flatten(&under(key), member, rows);
            }
        }
        serde_json::Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                flatten(&under(&at.to_string()), item, rows);
            }
        }
        serde_json::Value::Null => {}
        serde_json::Value::String(text) => rows.push((name.to_owned(), text.clone())),
        other => rows.push((name.to_owned(), other.to_string())),
    }
}

fn outcome_line(outcome: Option<&Outcome>) -> Markup {
    html! {
        p.lead {
            @match outcome {
                None => (word("open")),
                Some(outcome) => {
                    (word(&outcome.result))
                    @if let Some(status) = outcome.status { " " (status) }
                    @if let Some(reason) = &outcome.reason { " " code { (reason) } }
                }
            }
        }
    }
}

fn who(caller: &CallerRecord, declared: &[DeclaredRecord], notices: &[String]) -> Markup {
    let mut rows = vec![
        (
            "Agent",
            cell(caller.agent.as_deref().unwrap_or("not recognised")),
        ),
        ("Evidence", html! { code { (caller.evidence) } }),
    ];
    if let Some(session) = &caller.session {
        rows.push((
            "Session",
            html! { a href={ "/exchanges?session=" (session) } { (session) } },
        ));
    }
    if let Some(process) = &caller.process {
        let exe = process.exe.as_deref().unwrap_or(&process.comm);
        rows.push((
            "Process",
            html! { (exe) " [" (process.pid) "], user " (process.uid) },
        ));
        if let Some(digest) = &process.exe_sha256 {
            rows.push(("SHA-256 of the program", html! { code { (digest) } }));
        }
        if let Some(cgroup) = &process.cgroup {
            rows.push(("Control group", html! { code { (cgroup) } }));
        }
        let parents = process.ancestors.join(" ← ");
        rows.push(("Ancestors, nearest first", cell(parents)));
    }
    if let Some(key) = &caller.key {
        rows.push(("Static key", cell(key)));
    }
    if let Some(token) = &caller.token {
        rows.push((
            "Token",
            html! { "for " (token.subject) ", by " (token.issuer) },
        ));
        if let Some(task) = &token.task {
            rows.push((
                "Task",
                html! { a href={ "/exchanges?task=" (task) } { (task) } },
            ));
        }
        if let Some(purpose) = &token.purpose {
            rows.push(("Purpose", cell(purpose)));
        }
        for (name, value) in &token.scope {
            rows.push(("Scope of the task", html! { (name) " = " (value) }));
        }
        if let Some(delegation) = &token.delegation {
            let actors = delegation.actors.join(" for ");
            rows.push(("Acts for", html! { (actors) " for " (delegation.subject) }));
        }
    }
    for said in declared {
        let version = said.version.as_deref().unwrap_or_default();
        rows.push((
            "Says that it is",
            html! { (said.name) " " (version) " (" (said.by) ")" },
        ));
    }
    for notice in notices {
        rows.push(("Notice", html! { code { (notice) } }));
    }
    html! { section { h2 { "Who" } (list(&rows)) } }
}

fn operation(asked: &OperationRecord, upstream: Option<&str>) -> Markup {
    let mut rows = vec![
        (
            "Operation",
            html! { (asked.service) "/" (asked.operation) " (" (asked.effect) ")" },
        ),
        ("Route", html! { code { (asked.method) " " (asked.route) } }),
        ("Keeps its data in", cell(&asked.country)),
    ];
    for (name, value) in asked.bound.iter() {
        rows.push(("About", html! { (name) " = " (value) }));
    }
    for (name, value) in asked.arguments.iter() {
        rows.push(("Argument", html! { (name) " = " (value) }));
    }
    if let Some(upstream) = upstream {
        rows.push(("Upstream", html! { code { (upstream) } }));
    }
    list(&rows)
}

fn rules(policies: &[PolicyRecord], digest: &str) -> Markup {
    let rows: Vec<Vec<Markup>> = policies
        .iter()
        .map(|rule| {
            let own = |text: &Option<Arc<str>>| cell(text.as_deref().unwrap_or_default());
            vec![
                html! { code { (rule.id) } },
                own(&rule.reason),
                own(&rule.basis),
            ]
        })
        .collect();
    html! {
        (table("Rules that took part", &["Rule", "Reason", "Basis"], &[], &rows))
        p.quiet { "Digest of the policies in force then: " code { (digest) } }
    }
}

fn explain(shown: &Shown) -> Markup {
    html! {
        p { a href={ "/policy?record=" (shown.entry.index) } { "Explain this decision by the policies of today" } }
    }
}

fn body(title: &str, body: &BodyRecord) -> Markup {
    let counted = |counts: &[audit::CountRecord]| {
        let texts = counts.iter().map(|it| format!("{} {}", it.count, it.name));
        texts.collect::<Vec<_>>().join(", ")
    };
    let mut rows = vec![(
        "Bytes",
        html! { (body.received) " came, " (body.released) " went on" },
    )];
    if let Some(messages) = body.messages {
        rows.push(("Messages", cell(messages.to_string())));
    }
    if !body.gaps.is_empty() {
        rows.push((
            "Not looked into",
            html! { @for gap in &body.gaps { code { (gap) } " " } },
        ));
    }
    if !body.restored.is_empty() {
        rows.push(("Tokens turned back", cell(counted(&body.restored))));
    }
    if !body.withheld.is_empty() {
        rows.push(("Left out", cell(counted(&body.withheld))));
    }
    if body.findings_unlisted > 0 {
        rows.push((
            "Further findings",
            html! { (body.findings_unlisted) " that the record has no room for" },
        ));
    }
    html! {
        section {
            h2 { (title) }
            (list(&rows))
            (findings(&format!("{title}: what came, and what went on of it"), &body.findings))
        }
    }
}

fn findings(caption: &str, findings: &[FindingRecord]) -> Markup {
    let rows: Vec<Vec<Markup>> = findings
        .iter()
        .map(|finding| {
            let went_on = match &*finding.action {
                "show" => "as it came",
                "drop" => "null, or nothing",
                _ => "something in its place",
            };
            vec![
                html! { code { (finding.path) } },
                html! { code { (finding.class) } },
                cell(finding.count.to_string()),
                word(&finding.action),
                cell(went_on),
                html! { @if let Some(rule) = &finding.policy { code { (rule) } } },
            ]
        })
        .collect();
    let columns = ["Place", "Came: class", "Values", "Done", "Went on", "Rule"];
    table(caption, &columns, &[2], &rows)
}

fn ending(outcome: &Outcome) -> Markup {
    let millis = outcome.duration_us / 1_000;
    let mut rows = vec![
        ("Time (UTC)", time(outcome.at)),
        (
            "Took",
            html! { (millis) "." (format!("{:03}", outcome.duration_us % 1_000)) " ms" },
        ),
        (
            "Given to the upstream",
            cell(if outcome.sent { "yes" } else { "no" }),
        ),
    ];
    if let Some(status) = outcome.upstream_status {
        rows.push(("Status of the upstream", cell(status.to_string())));
    }
    if let Some(credential) = &outcome.credential {
        rows.push((
            "Credential",
            html! { (credential.name) ", version " (credential.version) },
        ));
    }
    if let Some(model) = &outcome.model {
        let name = model.model.as_deref().unwrap_or("unknown");
        rows.push((
            "Model",
            html! { (name) ": " (model.input) " tokens in, " (model.output) " out" },
        ));
    }
    if let Some(mediation) = &outcome.mediation {
        let template = mediation.template.as_deref().unwrap_or("none");
        rows.push((
            "Mediated",
            html! { "by " code { (mediation.rule) } ", template " (template) },
        ));
    }
    list(&rows)
}

fn trace(id: &str) -> Markup {
    html! {
        section { h2 { "Trace" }
            p { code { (id) } " · " a href={ "/exchanges?trace=" (id) } { "all records of this trace" } }
        }
    }
}

fn evidence(shown: &Shown) -> Markup {
    let index = shown.entry.index;
    let proven = if shown.proven { "proven" } else { "not proven" };
    let mut rows = vec![
        (
            "Record",
            html! { (index) ", " (time(shown.entry.event.at())) },
        ),
        (
            "In the log",
            html! { (word(proven)) " under the checkpoint over " (shown.signed) " records" },
        ),
    ];
    if let Some(closing) = &shown.closing {
        rows.push((
            "Closed by record",
            html! { a href={ "/exchanges/" (closing.index) } { (closing.index) } },
        ));
    }
    if shown.proven {
        rows.push(("Proof", html! {
            a href={ "/exchanges/" (index) "/proof" } download { "Download the inclusion proof" }
        }));
    }
    list(&rows)
}
