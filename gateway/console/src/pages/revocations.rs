//! Who may not call any more, by an operator's word.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Extension, Form, extract::State, response::Redirect};
use maud::{Markup, html};
use serde::Deserialize;

use super::said;
use crate::{
    app::{Answer, App, html as answer},
    fault::Fault,
    limits::TEXT_BYTES_MAX,
    page::{self, Section, cell, csrf, table},
    sessions::Signed,
    source::{Revoked, What},
};

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
) -> Answer {
    app.record(&signed, "console revocations", BTreeMap::new(), None)
        .await?;
    let revoked = app.source.revoked().await?;
    let rows: Vec<Vec<Markup>> = revoked.iter().map(|it| row(&signed, it)).collect();
    let content = html! {
        section { h2 { "Revoke" } (form(&signed)) }
        section {
            h2 { "Revoked now" }
            (table("Who may not call", &["What", "Which", "Why", "Act"], &[], &rows))
        }
    };
    Ok(answer(page::page(
        &signed,
        Section::Revocations,
        "Revocations",
        &content,
    )))
}

fn form(signed: &Signed) -> Markup {
    html! {
        p.quiet { "It holds within a second, for calls that are under way too." }
        form.grid method="post" action="/revocations" {
            (csrf(signed))
            div { label for="what" { "What" } select id="what" name="what" {
                option value="agent" { "agent" } option value="session" { "session" }
            } }
            div { label for="id" { "Which" }
                input id="id" name="id" required maxlength=(TEXT_BYTES_MAX) placeholder="spiffe://…" autocomplete="off"; }
            div { label for="reason" { "Why" }
                input id="reason" name="reason" required maxlength=(TEXT_BYTES_MAX) autocomplete="off"; }
            div.actions { button.danger type="submit" { "Revoke" } }
        }
    }
}

fn row(signed: &Signed, revoked: &Revoked) -> Vec<Markup> {
    let act = named(&revoked.what).map(|_| {
        html! {
            form.inline method="post" action="/revocations" {
                (csrf(signed))
                input type="hidden" name="what" value=(revoked.what);
                input type="hidden" name="id" value=(revoked.id);
                input type="hidden" name="lift" value="yes";
                button type="submit" aria-label={ "Lift the revocation of " (revoked.id) } { "Lift" }
            }
        }
    });
    vec![
        cell(&revoked.what),
        cell(&revoked.id),
        cell(&revoked.reason),
        act.unwrap_or_default(),
    ]
}

fn named(what: &str) -> Option<What> {
    match what {
        "agent" => Some(What::Agent),
        "session" => Some(What::Session),
        _ => None,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Change {
    what: String,
    id: String,
    reason: String,
    lift: String,
}

pub(crate) async fn change(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Form(change): Form<Change>,
) -> Result<Redirect, Fault> {
    let input = |why: &str| Fault::Input(why.to_owned());
    let what =
        named(&change.what).ok_or_else(|| input("an agent or a session may be revoked here"))?;
    let id = said(&change.id)?.ok_or_else(|| input("say which"))?;
    let lift = change.lift == "yes";
    let reason = said(&change.reason)?;
    if reason.is_none() && !lift {
        return Err(input("say why: it stands in the record"));
    }
    let which = [(change.what.clone(), id.clone())];
    let command = if lift {
        "console lift"
    } else {
        "console revoke"
    };
    // A reason makes no revocation of what lifts one.
    let by = reason.clone().filter(|_| !lift);
    let by = by.map(|reason| format!("{reason} ({} at the console)", signed.user));
    // What is on record is done, whether or not somebody waits for it.
    let done = tokio::spawn(async move {
        app.record(&signed, command, which.into(), reason).await?;
        let done = app.source.revoke(what, &id, by.as_deref()).await;
        done.map_err(Fault::from)
    });
    if !done.await.map_err(|_| Fault::Internal)?? {
        return Err(input(
            "there is nothing to change: it is no agent's id, or is not revoked",
        ));
    }
    Ok(Redirect::to("/revocations"))
}
