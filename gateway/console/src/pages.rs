//! The pages.

pub(crate) mod budgets;
pub(crate) mod classes;
pub(crate) mod exchange;
pub(crate) mod exchanges;
pub(crate) mod findings;
pub(crate) mod flows;
pub(crate) mod map;
pub(crate) mod overview;
pub(crate) mod policy;
pub(crate) mod reports;
pub(crate) mod revocations;
pub(crate) mod sessions;

use audit::{Anchor, Event, Kind, Matter, Span};
use maud::{Markup, html};
use serde::Deserialize;

use crate::{
    app::App,
    fault::Fault,
    figures::{Figures, Period},
    limits::{FIGURES_ROWS_MAX, TEXT_BYTES_MAX},
};

/// Which time a page of figures is about.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Chosen {
    #[serde(default)]
    period: Period,
}

/// The figures of a period, what holds them, and whether all of its records were looked at.
async fn figures(app: &App, period: Period) -> Result<(Figures, Anchor, bool), Fault> {
    let (mut archive, _turn) = app.archive().await?;
    let mut figures = Figures::new(period, app.source.now());
    let span = Span {
        from: Some(figures.from()),
        kinds: [
            Kind::Open,
            Kind::Refuse,
            Kind::Bypass,
            Kind::Gap,
            Kind::Anomaly,
        ]
        .into(),
        ..Span::default()
    };
    let mut walk = archive.backward(span, None, FIGURES_ROWS_MAX).await?;
    while let Some(matter) = walk.next().await? {
        figures.take(&matter);
    }
    let whole = walk.is_whole();
    Ok((figures, walk.anchor().clone(), whole))
}

/// Links to the same page about other times.
fn periods(path: &str, chosen: Period) -> Markup {
    html! {
        nav.choices aria-label="Period" {
            ul {
                @for period in Period::ALL {
                    @let (name, words) = period.names();
                    li {
                        a href={ (path) "?period=" (name) } aria-current=[(period == chosen).then_some("true")] { (words) }
                    }
                }
                li { a href={ (path) "?period=" (chosen.names().0) } { "Refresh" } }
            }
        }
    }
}

/// That figures are of less than they say.
fn cut(whole: bool) -> Markup {
    html! {
        @if !whole {
            p.notice {
                "There is more on record than this page looks at (" (FIGURES_ROWS_MAX) " records): its figures are of the "
                "newest ones. A report counts all of them."
            }
        }
    }
}

/// What of a form goes on record, or into a question: trimmed; none if it is empty.
fn said(text: &str) -> Result<Option<String>, Fault> {
    let text = text.trim();
    if text.len() > TEXT_BYTES_MAX || text.contains(char::is_control) {
        let why =
            format!("no text may be longer than {TEXT_BYTES_MAX} bytes or hold control characters");
        return Err(Fault::Input(why));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Who a matter is about: agent, or process where no agent was recognised.
fn who(matter: &Matter) -> String {
    let caller = match &matter.entry.event {
        Event::Open(opening) => &opening.caller,
        Event::Refuse(refusal) => &refusal.caller,
        Event::Bypass(bypass) => return bypass.agent.clone(),
        Event::Anomaly(anomaly) => return anomaly.agent.clone(),
        Event::Process(turn) => return turn.agent.clone(),
        Event::Reveal(revelation) => return revelation.operator.clone(),
        Event::Query(inquiry) => {
            let user = inquiry.criteria.get("user").cloned();
            return user.unwrap_or_else(|| format!("uid {}", inquiry.uid));
        }
        Event::Erase(erasure) => return format!("uid {}", erasure.uid),
        Event::Policies(change) => {
            return match &change.bundle {
                Some(bundle) => format!("bundle {bundle}"),
                None => format!("uid {}", change.uid),
            };
        }
        Event::Revoke(revocation) => return format!("{} {}", revocation.what, revocation.id),
        Event::Hold(hold) => return format!("uid {}", hold.uid),
        Event::Succeed(successor) => return format!("uid {}", successor.uid),
        Event::Start(_)
        | Event::Stop(_)
        | Event::Gap(_)
        | Event::Close(_)
        | Event::Expire(_)
        | Event::Expired(_) => return String::new(),
    };
    let process = caller.process.as_ref();
    let process = process.map(|it| format!("{}[{}]", it.comm, it.pid));
    let known = caller.agent.clone().or(process);
    known.unwrap_or_else(|| "unknown".to_owned())
}

/// What a matter is about: the operation, or what stands for it.
fn what(matter: &Matter) -> String {
    match &matter.entry.event {
        Event::Open(opening) => {
            format!(
                "{}/{}",
                opening.operation.service, opening.operation.operation
            )
        }
        Event::Refuse(refusal) => {
            let operation = refusal.operation.as_ref();
            operation.map_or_else(String::new, |it| format!("{}/{}", it.service, it.operation))
        }
        Event::Bypass(bypass) => {
            let name = bypass.name.as_ref().map(|name| format!(" ({name})"));
            format!(
                "{} {}{}",
                bypass.protocol,
                bypass.remote,
                name.unwrap_or_default()
            )
        }
        Event::Gap(gap) => format!("{} lost, {} found again", gap.lost, gap.recovered),
        Event::Revoke(revocation) => revocation.reason.clone(),
        Event::Anomaly(anomaly) => anomaly.about.clone(),
        Event::Process(turn) => format!("{} {}", turn.turn, turn.process.comm),
        Event::Reveal(revelation) => revelation.purpose.clone(),
        Event::Query(inquiry) => inquiry.command.to_string(),
        Event::Erase(erasure) => format!("{} a {}", erasure.act, erasure.name),
        Event::Policies(change) => format!("{} policies", change.policies),
        Event::Start(lifecycle) | Event::Stop(lifecycle) => {
            format!("version {}", lifecycle.version)
        }
        Event::Close(outcome) => format!("of {}", outcome.opening),
        Event::Expire(expiry) => format!("{} records, {}", expiry.records, expiry.class),
        Event::Hold(hold) => format!("{} {}", hold.act, hold.name),
        Event::Succeed(successor) => format!("{} signs the log", successor.after),
        Event::Expired(expired) => format!("destroyed, as record {} says", expired.expiry),
    }
}

/// How a matter ended, and why.
fn result(matter: &Matter) -> (String, Option<String>) {
    let own = |text: &str| text.to_owned();
    match &matter.entry.event {
        Event::Open(_) => match matter.outcome() {
            None => (own("open"), None),
            Some(outcome) => (own(&outcome.result), outcome.reason.as_deref().map(own)),
        },
        Event::Refuse(refusal) => (own("refused"), Some(own(&refusal.reason))),
        Event::Bypass(bypass) => (own(&bypass.result), Some(own(&bypass.technique))),
        Event::Gap(gap) => (own("gap"), Some(own(&gap.reason))),
        Event::Anomaly(anomaly) => (own(&anomaly.response), Some(own(&anomaly.detector))),
        Event::Revoke(it) => (own(if it.lifted { "lifted" } else { "revoked" }), None),
        Event::Reveal(it) => match &it.reason {
            Some(reason) => (own("refused"), Some(own(reason))),
            None => (own("told"), None),
        },
        Event::Erase(it) => match &it.refused {
            Some(reason) => (own("refused"), Some(own(reason))),
            None => (own("done"), None),
        },
        Event::Expired(_) => (own("expired"), None),
        event => (own(event.kind().name()), None),
    }
}
