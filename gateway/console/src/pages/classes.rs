//! What kinds of data went by, and what was done with them.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Query, State},
};
use maud::{Markup, html};

use super::{Chosen, cut, figures, periods};
use crate::{
    app::{Answer, App, html as answer},
    figures::Figures,
    page::{self, Section, cell, table},
    sessions::Signed,
};

/// The size of a small chart, in user units.
const STEP: u64 = 8;
const HEIGHT: u64 = 24;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Query(chosen): Query<Chosen>,
) -> Answer {
    let (figures, _, whole) = figures(&app, chosen.period).await?;
    let rows: Vec<Vec<Markup>> = figures
        .classes
        .iter()
        .map(|(class, values)| {
            vec![
                html! { code { (class) } },
                cell(values.exchanges.to_string()),
                cell(values.shown.to_string()),
                cell(values.changed.to_string()),
                line(class, &values.steps, &figures),
            ]
        })
        .collect();
    let columns = [
        "Class",
        "Exchanges",
        "Values shown",
        "Masked or dropped",
        "Over time",
    ];
    let content = html! {
        (periods("/classes", chosen.period))
        (cut(whole))
        (table("Data classes found in requests and answers", &columns, &[1, 2, 3], &rows))
    };
    Ok(answer(page::page(
        &signed,
        Section::Classes,
        "Data classes",
        &content,
    )))
}

fn line(class: &str, steps: &[u64], figures: &Figures) -> Markup {
    let most = steps.iter().max().copied().unwrap_or(0).max(1);
    let width = STEP * steps.len() as u64;
    let words: Vec<String> = steps
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .map(|(at, count)| format!("{}: {count}", figures.step(at).strftime("%d %b %H:%M")))
        .collect();
    html! {
        svg.bars.small role="img" viewBox={ "0 0 " (width) " " (HEIGHT) } width=(width) height=(HEIGHT)
            aria-label={ (class) " over time (UTC). " (words.join("; ")) } {
            line x1="0" x2=(width) y1=(HEIGHT - 1) y2=(HEIGHT - 1) {}
            @for (count, x) in steps.iter().zip((0..).map(|at| at * STEP)) {
                @let height = (count * (HEIGHT - 2) / most).max(u64::from(*count > 0) * 2);
                rect.released x=(x + 1) width=(STEP - 2) y=(HEIGHT - 1 - height) height=(height) {}
            }
        }
    }
}
