//! Which agents go to which APIs, through the gateway and past it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Extension,
    extract::{Query, State},
};
use maud::{Markup, html};

use super::{Chosen, cut, figures, periods};
use crate::{
    app::{Answer, App, html as answer},
    figures::{Edge, Ends, Figures},
    page::{self, Section, cell, table},
    sessions::Signed,
};

/// The picture's width, and that of its two columns of names, in user units.
const WIDTH: usize = 960;
const COLUMN: usize = 330;
const ROW: usize = 34;
/// Characters of a name that fit into a column.
const NAME_CHARS: usize = 44;
/// Names on either side of the picture; the table has all.
const DRAWN_MAX: usize = 24;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Query(chosen): Query<Chosen>,
) -> Answer {
    let period = [("period".to_owned(), chosen.period.names().0.to_owned())];
    app.record(&signed, "console map", period.into(), None)
        .await?;
    let (figures, _, whole) = figures(&app, chosen.period).await?;
    let content = html! {
        (periods("/map", chosen.period))
        (cut(whole))
        @if figures.edges.is_empty() { p { "No agent went anywhere in this time." } } @else {
            (picture(&figures))
            (edges(&figures))
        }
        @if figures.omitted > 0 {
            p.notice { (figures.omitted) " matters are of agents and places that there is no room for here." }
        }
    };
    Ok(answer(page::page(
        &signed,
        Section::Map,
        "Agents and APIs",
        &content,
    )))
}

fn edges(figures: &Figures) -> Markup {
    let count = |count: u64| cell(count.to_string());
    let rows: Vec<Vec<Markup>> = figures
        .edges
        .iter()
        .map(|(edge, ends)| {
            let way = if edge.governed { "governed" } else { "bypassing" };
            let way = html! { span class={ "word " (if edge.governed { "good" } else { "bad" }) } { (way) } };
            vec![cell(&edge.agent), cell(&edge.to), way, count(ends.released), count(ends.refused), count(ends.other)]
        })
        .collect();
    let columns = [
        "Agent",
        "API or place",
        "Way",
        "Released or passed",
        "Refused",
        "Other",
    ];
    table("Who went where", &columns, &[3, 4, 5], &rows)
}

fn picture(figures: &Figures) -> Markup {
    let agents: BTreeSet<&str> = figures.edges.keys().map(|edge| &*edge.agent).collect();
    let places: BTreeSet<(bool, &str)> = figures
        .edges
        .keys()
        .map(|edge| (!edge.governed, &*edge.to))
        .collect();
    let agents: BTreeMap<&str, usize> = agents.into_iter().take(DRAWN_MAX).zip(0..).collect();
    let places: BTreeMap<(bool, &str), usize> =
        places.into_iter().take(DRAWN_MAX).zip(0..).collect();
    let rows = agents.len().max(places.len());
    let middle = |at: usize, of: usize| (rows - of.min(rows)) * ROW / 2 + at * ROW + ROW / 2;
    let drawn = figures.edges.iter().filter_map(|(edge, ends)| {
        let from = middle(*agents.get(&*edge.agent)?, agents.len());
        let to = middle(*places.get(&(!edge.governed, &*edge.to))?, places.len());
        Some((edge, ends, from, to))
    });
    html! {
        figure {
            svg.map role="img" viewBox={ "0 0 " (WIDTH) " " (rows * ROW) }
                aria-label="Agents on the left, APIs and other places on the right; the table below says the same" {
                @for (edge, ends, from, to) in drawn { (drawn_edge(edge, *ends, from, to)) }
                @for (name, at) in &agents { (node(name, 0, middle(*at, agents.len()), "agent")) }
                @for ((past, name), at) in &places {
                    (node(name, WIDTH - COLUMN, middle(*at, places.len()), if *past { "past" } else { "service" }))
                }
            }
            figcaption {
                span.key.released { "through the gateway" } " " span.key.refused { "past the gateway, or tried to" }
                " · dashed: all of it was refused"
            }
        }
    }
}

fn node(name: &str, x: usize, y: usize, kind: &str) -> Markup {
    html! {
        g class={ "node " (kind) } {
            rect x=(x + 1) y=(y - 13) width=(COLUMN - 2) height="26" rx="4" {}
            text x=(x + 10) y=(y + 4) { (short(name)) title { (name) } }
        }
    }
}

fn drawn_edge(edge: &Edge, ends: Ends, from: usize, to: usize) -> Markup {
    let (left, right) = (COLUMN, WIDTH - COLUMN);
    let middle = usize::midpoint(left, right);
    let path = format!("M{left} {from} C{middle} {from} {middle} {to} {right} {to}");
    let tone = if edge.governed {
        "edge governed"
    } else {
        "edge past"
    };
    let dashes = (ends.released == 0 && ends.refused > 0).then_some("5 4");
    // Ten times as much is one step thicker.
    let width = 1 + ends.all().checked_ilog10().unwrap_or(0);
    html! {
        path class=(tone) d=(path) stroke-width=(width) stroke-dasharray=[dashes] {
            title { (edge.agent) " → " (edge.to) ": " (ends.all()) }
        }
    }
}

/// The end of a long name says more than its beginning.
fn short(name: &str) -> String {
    let long = name.chars().count().saturating_sub(NAME_CHARS);
    if long == 0 {
        return name.to_owned();
    }
    std::iter::once('…')
        .chain(name.chars().skip(long + 1))
        .collect()
}
