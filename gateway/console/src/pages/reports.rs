//! Reports: ordered, made one after the other, downloaded.

use std::{collections::BTreeMap, sync::Arc};

use ::reports::{Form as Written, Kind, Report, Scope};
use audit::Subject;
use axum::{
    Extension, Form,
    extract::{Path, State},
    http::header,
    response::{IntoResponse as _, Redirect, Response},
};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::{exchanges::moment, said};
use crate::{
    app::{Answer, App, html as answer},
    fault::Fault,
    orders::{Job, Order, Standing, kinds},
    page::{self, Section, cell, csrf, table, time, word},
    sessions::Signed,
};

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
) -> Answer {
    let jobs = app.orders.of(&signed);
    let rows: Vec<Vec<Markup>> = jobs.iter().map(|job| row(job)).collect();
    let columns = ["Report", "Ordered (UTC)", "About", "Form", "Standing"];
    let content = html! {
        section { h2 { "Order a report" } (form(&signed)) }
        section {
            h2 { "Your reports" }
            p.quiet { "They are kept in memory until the console stops, or newer ones need the room. "
                a href="/reports" { "Refresh" } }
            (table("Reports that you ordered, newest first", &columns, &[], &rows))
        }
    };
    Ok(answer(page::page(
        &signed,
        Section::Reports,
        "Reports",
        &content,
    )))
}

fn form(signed: &Signed) -> Markup {
    html! {
        form.grid method="post" action="/reports" {
            (csrf(signed))
            div { label for="kind" { "Report" } select id="kind" name="kind" required {
                @for kind in kinds() {
                    option value=(kind.name()) { (kind.title()) " (" (kind.law()) ")" }
                }
            } }
            div { label for="form" { "Form" } select id="form" name="form" {
                @for form in Written::ALL { option value=(form.name()) { (form.name()) } }
            } }
            div { label for="from" { "From (UTC)" }
                input id="from" name="from" placeholder="2026-01-31" autocomplete="off"; }
            div { label for="to" { "Before (UTC)" }
                input id="to" name="to" placeholder="2026-02-28" autocomplete="off"; }
            div { label for="subject" { "Data subject" }
                input id="subject" name="subject" placeholder="customer=C-771" autocomplete="off"; }
            div { label for="purpose" { "Purpose, for the record" }
                input id="purpose" name="purpose" autocomplete="off"; }
            div.actions { button type="submit" { "Make the report" } }
        }
    }
}

fn row(job: &Job) -> Vec<Markup> {
    let scope = &job.order.scope;
    let moment = |time: Option<Timestamp>, none: &str| {
        time.map_or_else(
            || none.to_owned(),
            |time| time.strftime("%F %R").to_string(),
        )
    };
    let about = html! {
        (moment(scope.from, "the beginning")) " to " (moment(scope.until, "now"))
        @if let Some(subject) = &scope.subject { ", " (subject) }
    };
    vec![
        cell(job.order.kind.title()),
        time(job.at),
        about,
        cell(job.order.form.name()),
        standing(job),
    ]
}

fn standing(job: &Job) -> Markup {
    match job.standing() {
        Standing::Done(bytes) => html! {
            a href={ "/reports/" (job.id) } download { "Download " (job.file()) }
            " " span.quiet { (bytes.len().div_ceil(1024)) " KiB" }
        },
        Standing::Failed(why) => html! { (word("down")) " " (why) },
        Standing::Made { of: 0, .. } => html! { span.quiet { "waits" } },
        Standing::Made { read, of } => html! {
            progress aria-label={ "Progress of " (job.file()) } max=(of) value=(read) {}
            " " (read) " of " (of) " records"
        },
    }
}

/// What is asked for, as it was typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    pub(crate) kind: String,
    pub(crate) form: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) purpose: String,
}

impl Wanted {
    fn order(&self) -> Result<Order, Fault> {
        let input = |why: &str| Fault::Input(why.to_owned());
        let kind = Kind::named(&self.kind).filter(|kind| kinds().any(|it| it == *kind));
        let kind = kind.ok_or_else(|| input("there is no such report here"))?;
        let form = Written::named(&self.form);
        let subject = said(&self.subject)?.map(|text| text.parse::<Subject>());
        let subject = subject.transpose();
        let scope = Scope {
            from: said(&self.from)?.map(|text| moment(&text)).transpose()?,
            until: said(&self.to)?.map(|text| moment(&text)).transpose()?,
            subject: subject.map_err(|error| Fault::Input(error.to_string()))?,
            narrowed: Vec::new(),
        };
        // Whether there is such a report, before anybody waits for it.
        Report::new(kind, scope.clone()).map_err(|error| Fault::Input(error.to_string()))?;
        Ok(Order {
            kind,
            form: form.ok_or_else(|| input("there is no such form of a report"))?,
            scope,
        })
    }
}

/// What of an order goes on record.
fn stated(order: &Order) -> BTreeMap<String, String> {
    let Scope {
        from,
        until,
        subject,
        ..
    } = &order.scope;
    let time = |time: &Option<Timestamp>| time.map(|time| time.to_string());
    let named = [
        ("report", Some(order.kind.name().to_owned())),
        ("from", time(from)),
        ("to", time(until)),
        ("subject", subject.as_ref().map(|it| it.name.clone())),
    ];
    let given = named.into_iter();
    given
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

pub(crate) async fn order(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Form(wanted): Form<Wanted>,
) -> Result<Redirect, Fault> {
    begin(&app, &signed, "console report", &wanted).await?;
    Ok(Redirect::to("/reports"))
}

/// Has a report made; the order is on record as `command` before.
pub(crate) async fn begin(
    app: &App,
    signed: &Signed,
    command: &'static str,
    wanted: &Wanted,
) -> Result<Arc<Job>, Fault> {
    let order = wanted.order()?;
    let purpose = said(&wanted.purpose)?;
    app.record(signed, command, stated(&order), purpose).await?;
    let source = Arc::clone(&app.source);
    app.orders.begin(source, signed, order, app.source.now())
}

pub(crate) async fn download(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Path(id): Path<u64>,
) -> Result<Response, Fault> {
    hand_over(&app, &signed, "console download", id).await
}

/// The file of the report `id`, if it is theirs and made; on record as `command` before.
pub(crate) async fn hand_over(
    app: &App,
    signed: &Signed,
    command: &'static str,
    id: u64,
) -> Result<Response, Fault> {
    let job = app.orders.one(signed, id).ok_or(Fault::NotFound)?;
    let Standing::Done(bytes) = job.standing() else {
        return Err(Fault::NotFound);
    };
    let which = [("report".to_owned(), job.file())];
    app.record(signed, command, which.into(), None).await?;
    let kind = match job.order.form {
        Written::Html => "text/html; charset=utf-8",
        Written::Csv => "text/csv; charset=utf-8",
        Written::Json | Written::Oscal => "application/json",
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", job.file()),
        ),
    ];
    Ok((headers, bytes).into_response())
}
