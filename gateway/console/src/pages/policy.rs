//! The policies as their files are, and why a call was decided as it was.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension,
    extract::{Query, State},
};
use maud::html;
use serde::Deserialize;

use super::said;
use crate::{
    app::{Answer, App, html as answer},
    fault::Fault,
    page::{self, Section},
    sessions::Signed,
};

/// What is to be explained.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// The record of a call.
    record: String,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Query(asked): Query<Asked>,
) -> Answer {
    let record = said(&asked.record)?.map(|text| text.parse::<u64>());
    let record = record.transpose();
    let record = record.map_err(|_| Fault::Input("a record has a number".to_owned()))?;
    let (command, which) = match record {
        None => ("console policy", BTreeMap::new()),
        Some(record) => {
            let which = [("record".to_owned(), record.to_string())];
            ("console explain", which.into())
        }
    };
    app.record(&signed, command, which, None).await?;
    // All policies are read and checked for it.
    let turn = app.turn().await?;
    let explained = match record {
        None => None,
        Some(record) => Some(app.source.explain(record).await?),
    };
    let policies = app.source.policies().await?;
    drop(turn);
    let content = html! {
        section {
            h2 { "Explain a decision" }
            form.inline method="get" action="/policy" {
                label for="record" { "Record of a call" }
                input id="record" name="record" inputmode="numeric" value=(asked.record) autocomplete="off";
                button type="submit" { "Explain" }
            }
            @if let Some(text) = explained { pre tabindex="0" { (text) } }
        }
        section {
            h2 { "Policies" }
            p.quiet { (policies.count) " policies, digest " code { (policies.digest) }
                ", as the files are now: a gateway that runs decides by them from its next start or "
                code { "tidegate policy reload" } " on." }
            @for (name, text) in &policies.files {
                details.file { summary { (name) } pre tabindex="0" { (text) } }
            }
        }
    };
    Ok(answer(page::page(
        &signed,
        Section::Policy,
        "Policy",
        &content,
    )))
}
