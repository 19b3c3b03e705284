//! How things stand: figures of a time, the gateway's parts, the log.

use std::sync::Arc;

use audit::Anchor;
use axum::{
    Extension,
    extract::{Query, State},
};
use maud::{Markup, html};

use super::{Chosen, cut, figures, periods};
use crate::{
    app::{Answer, App, html as answer},
    figures::Figures,
    page::{self, Section, cell, table, word},
    role::Power,
    sessions::Signed,
    source::{Condition, Part, Unavailable},
};

/// A chart's size, in user units.
const WIDTH: u64 = 960;
const HEIGHT: u64 = 120;
/// Below the bars, for their names.
const FOOT: u64 = 20;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Query(chosen): Query<Chosen>,
) -> Answer {
    let (figures, anchor, whole) = figures(&app, chosen.period).await?;
    let parts = app.source.parts().await;
    let content = html! {
        (periods("/", chosen.period))
        (cut(whole))
        (tiles(&figures))
        section { h2 { "Exchanges" } (chart(&figures)) }
        div.columns {
            section { h2 { "Gateway" } (gateway(parts, signed.may(Power::Read))) }
            section { h2 { "Coverage gaps" } (gaps(&figures)) }
        }
        section { h2 { "Log" } (log(&anchor)) }
    };
    Ok(answer(page::page(
        &signed,
        Section::Overview,
        "Overview",
        &content,
    )))
}

fn tiles(figures: &Figures) -> Markup {
    let values = figures.classes.values();
    let changed: u64 = values.map(|it| it.changed).sum();
    let tiles = [
        ("Exchanges", figures.ends.all(), ""),
        ("Released", figures.ends.released, ""),
        ("Refused", figures.ends.refused, ""),
        ("Values masked or dropped", changed, ""),
        ("Past the gateway", figures.bypasses, "warn"),
        ("Unusual", figures.anomalies, "warn"),
        ("Agents", figures.agents.len() as u64, ""),
    ];
    html! {
        dl.tiles {
            @for (name, count, tone) in tiles {
                div class=[(count > 0 && !tone.is_empty()).then_some(tone)] { dt { (name) } dd { (count) } }
            }
        }
    }
}

/// Bars over time: refused on top of released.
fn chart(figures: &Figures) -> Markup {
    let most = figures.steps.iter().map(|step| step.all()).max();
    let most = most.unwrap_or(0).max(1);
    let room = WIDTH / (figures.steps.len() as u64).max(1);
    let height = |count: u64| count * (HEIGHT - 16) / most;
    let is_day = figures.steps.len() == 24;
    let name = |at: usize| {
        let format = if is_day { "%H:%M" } else { "%d %b" };
        figures.step(at).strftime(format).to_string()
    };
    let words: Vec<String> = figures
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| step.all() > 0)
        .map(|(at, step)| {
            format!(
                "{}: {} released, {} refused, {} other",
                name(at),
                step.released,
                step.refused,
                step.other
            )
        })
        .collect();
    html! {
        figure {
            svg.bars role="img" viewBox={ "0 0 " (WIDTH) " " (HEIGHT + FOOT) }
                aria-label={ "Exchanges over time (UTC). " (words.join("; ")) } {
                line x1="0" x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) {}
                @for ((step, x), at) in figures.steps.iter().zip((0..).map(|at| at * room)).zip(0_usize..) {
                    @let (released, refused, other) = (height(step.released), height(step.refused), height(step.other));
                    rect.released x=(x + 2) width=(room - 4) y=(HEIGHT - released) height=(released) {}
                    rect.other x=(x + 2) width=(room - 4) y=(HEIGHT - released - other) height=(other) {}
                    rect.refused x=(x + 2) width=(room - 4) y=(HEIGHT - released - other - refused) height=(refused) {}
                    @if step.all() > 0 {
                        text x=(x + room / 2) y=(HEIGHT - released - other - refused - 3) text-anchor="middle" { (step.all()) }
                    }
                    @if at % 3 == 0 || figures.steps.len() < 10 {
                        text.quiet x=(x + room / 2) y=(HEIGHT + 15) text-anchor="middle" { (name(at)) }
                    }
                }
            }
            figcaption {
                span.key.released { "released" } " " span.key.other { "ended otherwise, or open" } " "
                span.key.refused { "refused" } " · times are UTC"
            }
        }
    }
}

fn gateway(parts: Result<Vec<Part>, Unavailable>, detailed: bool) -> Markup {
    let parts = match parts {
        Ok(parts) => parts,
        Err(error) => {
            tracing::warn!(%error, "the gateway does not answer");
            return html! {
                p.notice { "The gateway does not answer at its admin address: it is down, or its configuration names none." }
            };
        }
    };
    let rows: Vec<Vec<Markup>> = parts
        .into_iter()
        .map(|part| {
            let condition = match part.condition {
                Condition::Ready => "ready",
                Condition::Degraded => "degraded",
                Condition::Down => "down",
            };
            // A detail may name a service or a destination.
            let detail = part.detail.filter(|_| detailed).unwrap_or_default();
            vec![cell(part.name), word(condition), cell(detail)]
        })
        .collect();
    table(
        "Parts of the gateway",
        &["Part", "Condition", "Detail"],
        &[],
        &rows,
    )
}

fn gaps(figures: &Figures) -> Markup {
    let rows: Vec<Vec<Markup>> = figures
        .gaps
        .iter()
        .map(|(why, count)| vec![html! { code { (why) } }, cell(count.to_string())])
        .collect();
    html! {
        (table("What was not seen, or not looked into", &["Why", "How often"], &[1], &rows))
    }
}

fn log(anchor: &Anchor) -> Markup {
    page::list(&[
        ("Name", cell(&anchor.log)),
        (
            "Records under its newest checkpoint",
            cell(anchor.size.to_string()),
        ),
        (
            "Root of the tree (RFC 6962)",
            html! { code { (anchor.root) } },
        ),
        ("Signature of the checkpoint", word("proven")),
        (
            "Whole log",
            html! { "The report " em { "integrity" } " verifies every record." },
        ),
    ])
}
