//! The policies as their files are, why a call was decided as it was, and what other policies would have decided.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension, Form,
    extract::{Query, State},
};
use maud::{Markup, html};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::said;
use crate::{
    app::{Answer, App, html as answer},
    fault::Fault,
    limits::{POLICY_BYTES_MAX, SIMULATED_MAX},
    page::{self, Section},
    role::Power,
    sessions::Signed,
    source::{Other, Place, Policies},
};

/// How many records other policies are tried on, to choose from.
const RECORDS: [usize; 3] = [1_000, 5_000, SIMULATED_MAX];

/// What is to be explained.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// The record of a call.
    record: String,
}

/// What is to be tried.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tried {
    text: String,
    /// `all`, `beside` or `file:NAME`.
    place: String,
    records: String,
}

impl Tried {
    fn other(&self) -> Result<Other, Fault> {
        let fault = |text: &str| Fault::Input(text.to_owned());
        let records = self.records.parse().ok();
        let records = records.filter(|count| RECORDS.contains(count));
        let records = records.ok_or_else(|| fault("so many records are none to choose from"))?;
        let place = match (&*self.place, self.place.strip_prefix("file:")) {
            ("all", _) => Place::All,
            ("beside", _) => Place::Beside,
            (_, Some(name)) => Place::File(name.to_owned()),
            _ => return Err(fault("the policies stand nowhere")),
        };
        if self.text.trim().is_empty() || self.text.len() > POLICY_BYTES_MAX {
            return Err(fault("policies have text, and at most 128 KiB of it"));
        }
        Ok(Other {
            text: self.text.clone(),
            place,
            records,
        })
    }
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
    let may_try = signed.may(Power::Simulate);
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
        @if may_try { (form(&signed, &policies, &Tried::default())) }
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

pub(crate) async fn simulate(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Form(tried): Form<Tried>,
) -> Answer {
    let other = tried.other()?;
    let what = [
        ("policies", hex::encode(Sha256::digest(&other.text))),
        ("place", crate::app::told(&tried.place)),
        ("records", other.records.to_string()),
    ];
    let what = what.map(|(name, it)| (name.to_owned(), it));
    app.record(&signed, "console simulate", what.into(), None)
        .await?;
    let turn = app.turn().await?;
    let simulated = app.source.simulate(other).await?;
    let policies = app.source.policies().await?;
    drop(turn);
    let content = html! {
        section {
            h2 { "What they would have decided" }
            @match &simulated {
                Ok(report) => pre tabindex="0" { (report) },
                Err(wrong) => {
                    p.notice role="alert" { "These policies cannot be used." }
                    pre tabindex="0" { (wrong) }
                }
            }
        }
        (form(&signed, &policies, &tried))
    };
    Ok(answer(page::page(
        &signed,
        Section::Policy,
        "Other policies, tried",
        &content,
    )))
}

/// The form to try other policies, as it was filled in.
fn form(signed: &Signed, policies: &Policies, tried: &Tried) -> Markup {
    let files = policies.files.iter();
    let places = files.map(|(name, _)| (format!("file:{name}"), format!("in place of {name}")));
    let all = ("all".to_owned(), "in place of all policies".to_owned());
    let beside = ("beside".to_owned(), "beside all policies".to_owned());
    html! {
        section {
            h2 { "Try other policies" }
            p.quiet { "They are checked, and decide the last calls on record again, and what was found in them. Nothing else \
                       comes of it: policies are put in force by their files and " code { "tidegate policy reload" } "." }
            form.stacked.tried method="post" action="/policy/simulate" {
                (page::csrf(signed))
                label for="text" { "Policies (Cedar)" }
                textarea id="text" name="text" rows="12" spellcheck="false" autocomplete="off" required { (tried.text) }
                label for="place" { "They stand" }
                select id="place" name="place" {
                    @for (value, told) in places.chain([all, beside]) {
                        option value=(value) selected[value == tried.place] { (told) }
                    }
                }
                label for="records" { "Records, the last" }
                select id="records" name="records" {
                    @for count in RECORDS {
                        option value=(count) selected[count.to_string() == tried.records] { (count) }
                    }
                }
                button type="submit" { "Try them" }
            }
        }
    }
}
