//! The flows of agents' processes, as the kernel has them now.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Extension, extract::State};
use maud::{Markup, html};

use crate::{
    app::{Answer, App, html as answer},
    page::{self, Section, cell, table, word},
    sessions::Signed,
    source::{Flow, Flows},
};

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
) -> Answer {
    app.record(&signed, "console flows", BTreeMap::new(), None)
        .await?;
    let content = match app.source.flows().await {
        Ok(flows) => html! {
            nav.choices aria-label="Flows" { ul { li { a href="/flows" { "Refresh" } } } }
            (listed(&flows))
        },
        Err(error) => {
            tracing::warn!(%error, "flows are not known");
            html! {
                p.notice { "Flows are not known: the gateway does not answer at its admin address, or its kernel programs do not run." }
            }
        }
    };
    Ok(answer(page::page(
        &signed,
        Section::Flows,
        "Live flows of agents",
        &content,
    )))
}

/// Those past the gateway first.
fn listed(flows: &Flows) -> Markup {
    let (past, other): (Vec<&Flow>, Vec<&Flow>) =
        flows.all.iter().partition(|flow| flow.bypass.is_some());
    let rows: Vec<Vec<Markup>> = past.into_iter().chain(other).map(row).collect();
    let columns = [
        "Agent",
        "Process",
        "Direction",
        "Other end",
        "State",
        "Way",
        "Sent",
        "Received",
    ];
    html! {
        (table("Open flows of agents' processes, and those that ended a moment ago", &columns, &[6, 7], &rows))
        @if flows.cut { p.notice { "There are more flows than this page shows; " code { "tidegate flows" } " shows all." } }
    }
}

fn row(flow: &Flow) -> Vec<Markup> {
    vec![
        cell(&flow.agent),
        html! { (flow.comm) " [" (flow.pid) "]" },
        cell(&flow.direction),
        html! { (flow.protocol) " " (flow.remote) @if let Some(name) = &flow.name { " " span.quiet { (name) } } },
        cell(&flow.state),
        html! {
            @if let Some((technique, result)) = &flow.bypass {
                span.word.bad { "bypassing" } " " (technique) " " (word(result))
            } @else { (flow.verdict) }
        },
        cell(flow.sent.to_string()),
        cell(flow.received.to_string()),
    ]
}
