//! What happened, newest first, by whatever is looked for.

use std::{collections::BTreeMap, sync::Arc};

use audit::{Anchor, Criteria, Event, Kind, Matter, Span, Subject};
use axum::{
    Extension,
    extract::{Query, State},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::{result, said, what, who};
use crate::{
    app::{Answer, App, html as answer},
    fault::Fault,
    limits::{PAGE, SEARCH_ROWS_MAX},
    page::{self, Section, cell, table, time, word},
    sessions::Signed,
};

/// Data classes that a line names; the exchange's own page has all.
const CLASSES_MAX: usize = 3;

/// What is looked for, as it was typed. Names are those of `tidegate audit search`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sought {
    agent: String,
    session: String,
    task: String,
    service: String,
    operation: String,
    class: String,
    decision: String,
    rule: String,
    jurisdiction: String,
    subject: String,
    trace: String,
    kind: String,
    from: String,
    to: String,
    /// Only what is before this record.
    pub(crate) before: Option<u64>,
}

/// A field of the form: its name, what it is called, what it looks like.
type Field = (&'static str, &'static str, &'static str);

const FIELDS: [Field; 13] = [
    ("agent", "Agent", "spiffe://…"),
    ("service", "Service", "crm"),
    ("operation", "Operation", "customer.read"),
    ("decision", "Result or reason", "refused"),
    ("class", "Data class", "pii.email"),
    ("rule", "Rule", ""),
    ("task", "Task", ""),
    ("session", "Session", ""),
    ("subject", "Data subject", "customer=C-771"),
    ("jurisdiction", "Country", "DE"),
    ("trace", "Trace", "hexadecimal"),
    ("from", "From", "2026-01-31"),
    ("to", "Before", "2026-01-31T09:00:00Z"),
];

impl Sought {
    fn field(&self, name: &str) -> &str {
        match name {
            "agent" => &self.agent,
            "session" => &self.session,
            "task" => &self.task,
            "service" => &self.service,
            "operation" => &self.operation,
            "class" => &self.class,
            "decision" => &self.decision,
            "rule" => &self.rule,
            "jurisdiction" => &self.jurisdiction,
            "subject" => &self.subject,
            "trace" => &self.trace,
            "kind" => &self.kind,
            "from" => &self.from,
            "to" => &self.to,
            _ => "",
        }
    }

    /// The names of all fields that are not empty, with what they hold.
    fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let names = FIELDS.iter().map(|(name, ..)| *name).chain(["kind"]);
        let all = names.map(|name| (name, self.field(name).trim()));
        all.filter(|(_, value)| !value.is_empty())
    }

    pub(crate) fn criteria(&self) -> Result<Criteria, Fault> {
        let subject = said(&self.subject)?.map(|text| text.parse::<Subject>());
        let subject = subject.transpose();
        Ok(Criteria {
            agent: said(&self.agent)?,
            session: said(&self.session)?,
            task: said(&self.task)?,
            service: said(&self.service)?,
            operation: said(&self.operation)?,
            class: said(&self.class)?,
            decision: said(&self.decision)?,
            jurisdiction: said(&self.jurisdiction)?,
            subject: subject.map_err(|error| Fault::Input(error.to_string()))?,
            trace: said(&self.trace)?,
            rule: said(&self.rule)?,
            kind: said(&self.kind)?.map(|name| kind(&name)).transpose()?,
        })
    }

    /// Which part of the log is looked at.
    pub(crate) fn span(&self, criteria: &Criteria) -> Result<Span, Fault> {
        let kinds = match criteria.kind {
            // A closing stands with its opening.
            Some(Kind::Close) => [Kind::Open].into(),
            Some(kind) => [kind].into(),
            None => [Kind::Open, Kind::Refuse].into(),
        };
        Ok(Span {
            from: said(&self.from)?.map(|text| moment(&text)).transpose()?,
            until: said(&self.to)?.map(|text| moment(&text)).transpose()?,
            kinds,
            ..Span::default()
        })
    }

    /// The same search at `path`, from before `record` on.
    pub(crate) fn older(&self, path: &str, record: u64) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let given = self.given();
        let given = given.map(|(name, value)| format!("{name}={}", encoded(value)));
        let all: Vec<String> = given.chain([format!("before={record}")]).collect();
        format!("{path}?{}", all.join("&"))
    }
}

fn kind(name: &str) -> Result<Kind, Fault> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    found.ok_or_else(|| Fault::Input("there is no such kind of record".to_owned()))
}

/// A time, or the midnight (UTC) that a day begins with.
pub(super) fn moment(text: &str) -> Result<Timestamp, Fault> {
    let day = |text: &str| {
        let day: Date = text.parse()?;
        Ok::<_, jiff::Error>(day.to_zoned(TimeZone::UTC)?.timestamp())
    };
    text.parse().or_else(|_| day(text)).map_err(|_| {
        Fault::Input("a time is a day (2026-01-31) or RFC 3339 (2026-01-31T09:00:00Z)".to_owned())
    })
}

/// What a search found.
pub(crate) struct Found {
    pub(crate) matters: Vec<Matter>,
    /// What holds them.
    pub(crate) anchor: Anchor,
    /// Everything from this record on was looked at.
    pub(crate) at: u64,
    /// Whether there may be older ones.
    pub(crate) more: bool,
}

pub(crate) async fn search(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Query(sought): Query<Sought>,
) -> Answer {
    let criteria = sought.criteria()?;
    let span = sought.span(&criteria)?;
    let stated = stated(&criteria, &span, sought.before);
    app.record(&signed, "console search", stated, None).await?;
    let found = find(&app, &criteria, span, sought.before).await?;
    let content = html! {
        (form(&sought))
        (rows(&found.matters))
        nav.choices aria-label="Pages" { ul {
            @if sought.before.is_some() { li { a href="/exchanges" { "Newest" } } }
            @if found.more {
                li { a href=(sought.older("/exchanges", found.at)) rel="next" { "Older than record " (found.at) } }
            } @else { li.quiet { "There is nothing older." } }
        } }
    };
    Ok(answer(page::page(
        &signed,
        Section::Exchanges,
        "Exchanges",
        &content,
    )))
}

/// What of a search goes on record: of a data subject only by what it is named.
pub(crate) fn stated(
    criteria: &Criteria,
    span: &Span,
    before: Option<u64>,
) -> BTreeMap<String, String> {
    let times = [("from", span.from), ("to", span.until)];
    let times = times.map(|(name, time)| (name, time.map(|time| time.to_string())));
    let before = ("before", before.map(|record| record.to_string()));
    let more = times.into_iter().chain([before]);
    let more = more.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    criteria.stated().into_iter().chain(more).collect()
}

/// As many as fit on a page.
pub(crate) async fn find(
    app: &App,
    criteria: &Criteria,
    span: Span,
    before: Option<u64>,
) -> Result<Found, Fault> {
    let (mut archive, _turn) = app.archive().await?;
    let mut walk = archive.backward(span, before, SEARCH_ROWS_MAX).await?;
    let mut matters = Vec::new();
    while matters.len() < PAGE {
        let Some(matter) = walk.next().await? else {
            let (at, more) = (walk.at(), !walk.is_whole());
            let anchor = walk.anchor().clone();
            return Ok(Found {
                matters,
                anchor,
                at,
                more,
            });
        };
        if criteria.holds(&matter) {
            matters.push(matter);
        }
    }
    let (at, anchor) = (walk.at(), walk.anchor().clone());
    Ok(Found {
        matters,
        anchor,
        at,
        more: at > 0,
    })
}

fn form(sought: &Sought) -> Markup {
    let is_open = sought.given().next().is_some();
    html! {
        details.search open[is_open] {
            summary { "Search" }
            form method="get" action="/exchanges" {
                @for (name, label, example) in FIELDS {
                    div {
                        label for=(name) { (label) }
                        input id=(name) name=(name) value=(sought.field(name)) placeholder=(example) autocomplete="off" spellcheck="false";
                    }
                }
                div {
                    label for="kind" { "Kind of record" }
                    select id="kind" name="kind" {
                        option value="" { "exchanges and refusals" }
                        @for kind in Kind::ALL {
                            option value=(kind.name()) selected[sought.kind == kind.name()] { (kind.name()) }
                        }
                    }
                }
                div.actions { button type="submit" { "Search" } " " a href="/exchanges" { "Clear" } }
            }
        }
    }
}

fn rows(matters: &[Matter]) -> Markup {
    let rows: Vec<Vec<Markup>> = matters.iter().map(row).collect();
    let columns = [
        "Record",
        "Time (UTC)",
        "Agent",
        "Operation",
        "Purpose",
        "Data classes",
        "Result",
    ];
    table("Newest first", &columns, &[0], &rows)
}

fn row(matter: &Matter) -> Vec<Markup> {
    let index = matter.entry.index;
    let (ended, reason) = result(matter);
    let status = matter.outcome().and_then(|it| it.status);
    let status = status.or(matter.refusal().map(|it| it.status));
    vec![
        html! { a href={ "/exchanges/" (index) } { (index) } },
        time(matter.entry.event.at()),
        cell(who(matter)),
        cell(what(matter)),
        cell(purpose(matter).unwrap_or_default()),
        classes(matter),
        html! {
            (word(&ended)) @if let Some(status) = status { " " (status) }
            @if let Some(reason) = reason { " " span.quiet { (reason) } }
        },
    ]
}

fn purpose(matter: &Matter) -> Option<&str> {
    let caller = match &matter.entry.event {
        Event::Open(opening) => &opening.caller,
        Event::Refuse(refusal) => &refusal.caller,
        Event::Query(inquiry) => return inquiry.purpose.as_deref(),
        _ => return None,
    };
    caller.token.as_ref()?.purpose.as_deref()
}

fn classes(matter: &Matter) -> Markup {
    let refused = matter.refusal().map(|it| &it.findings);
    let outcome = matter.outcome();
    let bodies = outcome.map(|it| [&it.request.findings, &it.response.findings]);
    let all = bodies.into_iter().flatten().chain(refused).flatten();
    let mut names: Vec<&str> = all.map(|finding| &*finding.class).collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(CLASSES_MAX);
    html! {
        @for name in names.iter().take(CLASSES_MAX) { code { (name) } " " }
        @if more > 0 { span.quiet { "and " (more) " more" } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_goes_on_record_without_its_subjects_value_and_goes_on_where_it_stopped() {
        let sought = Sought {
            agent: " spiffe://a.example/x ".to_owned(),
            subject: "customer=C-771&x".to_owned(),
            from: "2026-01-31".to_owned(),
            ..Sought::default()
        };
        let criteria = sought.criteria().unwrap();
        let span = sought.span(&criteria).unwrap();
        let stated = stated(&criteria, &span, Some(9));
        let expected = [
            ("agent", "spiffe://a.example/x"),
            ("before", "9"),
            ("from", "2026-01-31T00:00:00Z"),
            ("subject", "customer"),
        ];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        assert_eq!(stated, expected.map(own).into());
        let older = sought.older("/exchanges", 7);
        assert!(older.contains("subject=customer%3DC%2D771%26x&"), "{older}");
        assert!(older.ends_with("&before=7"), "{older}");
    }

    #[test]
    fn what_cannot_be_looked_for_is_refused_with_why() {
        let sought = |name: &str, value: &str| {
            let value = value.to_owned();
            let mut sought = Sought::default();
            match name {
                "subject" => sought.subject = value,
                "kind" => sought.kind = value,
                "from" => sought.from = value,
                _ => sought.agent = value,
            }
            sought
        };
        let long = "x".repeat(257);
        for (name, value) in [
            ("subject", "C-771"),
            ("kind", "opens"),
            ("from", "yesterday"),
            ("agent", "a\nb"),
            ("agent", &*long),
        ] {
            let sought = sought(name, value);
            let criteria = sought.criteria();
            let refused = criteria.and_then(|criteria| sought.span(&criteria));
            assert!(matches!(refused, Err(Fault::Input(_))), "{name} {value}");
        }
    }
}
