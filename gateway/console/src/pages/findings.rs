//! What somebody should look at, and whether somebody did.

use std::{collections::BTreeMap, sync::Arc};

use audit::{Event, Kind, Matter, Span};
use axum::{
    Extension, Form,
    extract::{Path, Query, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{result, said, what, who};
use crate::{
    app::{Answer, App, html as answer},
    fault::Fault,
    findings::{ACKNOWLEDGE, Acknowledgement, KINDS, is_finding},
    limits::{PAGE, SEARCH_ROWS_MAX, TEXT_BYTES_MAX},
    page::{self, Section, cell, csrf, table, time, word},
    role::Power,
    sessions::Signed,
};

/// Which are shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    /// `all`: also those that are acknowledged.
    show: String,
    /// Only those of this kind of record.
    kind: String,
    /// Only what is before this record.
    before: Option<u64>,
}

/// The kinds as people call them.
const NAMES: [(Kind, &str); 4] = [
    (Kind::Anomaly, "Unusual"),
    (Kind::Bypass, "Past the gateway"),
    (Kind::Gap, "Gaps"),
    (Kind::Refuse, "Refusals"),
];

impl Wanted {
    fn is_all(&self) -> bool {
        self.show == "all"
    }

    fn kind(&self) -> Option<Kind> {
        KINDS.into_iter().find(|kind| kind.name() == self.kind)
    }

    /// The address of the same page with other choices.
    fn address(all: bool, kind: Option<Kind>, before: Option<u64>) -> String {
        let show = all.then_some("show=all".to_owned());
        let kind = kind.map(|kind| format!("kind={}", kind.name()));
        let before = before.map(|record| format!("before={record}"));
        let chosen: Vec<String> = [show, kind, before].into_iter().flatten().collect();
        format!("/findings?{}", chosen.join("&"))
    }
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let (all, kind) = (wanted.is_all(), wanted.kind());
    let mut which = BTreeMap::from([(
        "show".to_owned(),
        if all { "all" } else { "open" }.to_owned(),
    )]);
    which.extend(kind.map(|kind| ("kind".to_owned(), kind.name().to_owned())));
    app.record(&signed, "console findings", which, None).await?;
    let (rows, older) = read(&app, &signed, &wanted).await?;
    let content = html! {
        (choices(all, kind))
        (listed(&rows, all))
        @if let Some(at) = older {
            nav.choices aria-label="Pages" { ul {
                li { a rel="next" href=(Wanted::address(all, kind, Some(at))) { "Older than record " (at) } }
            } }
        }
    };
    Ok(answer(page::page(
        &signed,
        Section::Findings,
        "Findings and alerts",
        &content,
    )))
}

/// A page of rows, and from where on there may be older ones.
async fn read(
    app: &App,
    signed: &Signed,
    wanted: &Wanted,
) -> Result<(Vec<Vec<Markup>>, Option<u64>), Fault> {
    let (mut archive, _turn) = app.archive().await?;
    let known = app.acknowledged.known(&mut archive).await?;
    let kinds = wanted.kind().map_or(KINDS.into(), |kind| [kind].into());
    let span = Span {
        kinds,
        ..Span::default()
    };
    let mut walk = archive
        .backward(span, wanted.before, SEARCH_ROWS_MAX)
        .await?;
    let mut rows = Vec::new();
    while rows.len() < PAGE {
        let Some(matter) = walk.next().await? else {
            let older = (!walk.is_whole()).then(|| walk.at());
            return Ok((rows, older));
        };
        let acknowledged = known.of(matter.entry.index);
        if is_finding(&matter) && (wanted.is_all() || acknowledged.is_none()) {
            rows.push(row(signed, &matter, acknowledged));
        }
    }
    let older = Some(walk.at()).filter(|at| *at > 0);
    Ok((rows, older))
}

fn choices(all: bool, kind: Option<Kind>) -> Markup {
    let current = |is: bool| is.then_some("true");
    html! {
        nav.choices aria-label="Which" { ul {
            li { a href=(Wanted::address(false, kind, None)) aria-current=[current(!all)] { "Open" } }
            li { a href=(Wanted::address(true, kind, None)) aria-current=[current(all)] { "All" } }
        } }
        nav.choices aria-label="Kind" { ul {
            li { a href=(Wanted::address(all, None, None)) aria-current=[current(kind.is_none())] { "Every kind" } }
            @for (one, name) in NAMES {
                li { a href=(Wanted::address(all, Some(one), None)) aria-current=[current(kind == Some(one))] { (name) } }
            }
        } }
    }
}

fn listed(rows: &[Vec<Markup>], all: bool) -> Markup {
    let caption = if all {
        "All findings, newest first"
    } else {
        "Open findings, newest first"
    };
    let columns = [
        "Record",
        "Time (UTC)",
        "Kind",
        "Agent",
        "About",
        "What followed",
        "Acknowledged",
    ];
    table(caption, &columns, &[0], rows)
}

fn row(signed: &Signed, matter: &Matter, acknowledged: Option<&Acknowledgement>) -> Vec<Markup> {
    let index = matter.entry.index;
    let (followed, reason) = result(matter);
    vec![
        html! { a href={ "/exchanges/" (index) } { (index) } },
        time(matter.entry.event.at()),
        html! { (kind(matter)) @if let Some(reason) = reason { " " code { (reason) } } },
        cell(who(matter)),
        about(matter),
        word(&followed),
        match acknowledged {
            Some(it) => html! {
                (word("acknowledged")) " by " (it.user) ", " (time(it.at))
                @if let Some(note) = &it.note { br; q { (note) } }
            },
            None if signed.may(Power::Acknowledge) => acknowledge_form(signed, index),
            None => html! { span.quiet { "open" } },
        },
    ]
}

fn kind(matter: &Matter) -> &'static str {
    match &matter.entry.event {
        Event::Anomaly(_) => "unusual",
        Event::Bypass(_) => "past the gateway",
        Event::Gap(_) => "gap",
        _ => "refusal",
    }
}

fn about(matter: &Matter) -> Markup {
    let Event::Anomaly(anomaly) = &matter.entry.event else {
        return cell(what(matter));
    };
    html! {
        (anomaly.about)
        @for number in &anomaly.numbers { " " span.quiet { (number.name) " " (number.count) } }
        @if let Some(record) = anomaly.record { " " a href={ "/exchanges/" (record) } { "record " (record) } }
    }
}

fn acknowledge_form(signed: &Signed, index: u64) -> Markup {
    html! {
        form.inline method="post" action={ "/findings/" (index) "/acknowledge" } {
            (csrf(signed))
            input name="note" aria-label={ "Note on record " (index) } placeholder="Note" maxlength=(TEXT_BYTES_MAX) autocomplete="off";
            button type="submit" aria-label={ "Acknowledge record " (index) } { "Acknowledge" }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Note {
    #[serde(default)]
    note: String,
}

/// Puts on record that somebody looked at a finding.
pub(crate) async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Path(record): Path<u64>,
    Form(Note { note }): Form<Note>,
) -> Result<Redirect, Fault> {
    let note = said(&note)?;
    let (mut archive, turn) = app.archive().await?;
    let shown = archive.show(record).await?.ok_or(Fault::NoRecord)?;
    let matter = Matter {
        entry: shown.entry,
        closing: None,
    };
    drop((archive, turn));
    if !is_finding(&matter) {
        let why = format!("record {record} is no finding");
        return Err(Fault::Input(why));
    }
    let which = [("record".to_owned(), record.to_string())];
    app.record(&signed, ACKNOWLEDGE, which.into(), note).await?;
    Ok(Redirect::to("/findings"))
}
