//! The sessions of agents: who, what for, what they got, and what detectors say of them.

use std::sync::Arc;

use audit::{Kind, Span};
use axum::{
    Extension,
    extract::{Query, State},
};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Chosen, cut, periods};
use crate::{
    agent_sessions::{AgentSession, AgentSessions},
    app::{Answer, App, html as answer},
    fault::Fault,
    figures::Period,
    limits::FIGURES_ROWS_MAX,
    page::{self, Section, cell, csrf, table, time, word},
    role::Power,
    sessions::Signed,
    source::{AtRisk, Risks},
};

/// From so much on a risk is a high one.
const HIGH: u32 = 60;

/// Characters of an id that are shown.
const ID_CHARS: usize = 10;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Query(chosen): Query<Chosen>,
) -> Answer {
    let period = [("period".to_owned(), chosen.period.names().0.to_owned())];
    app.record(&signed, "console sessions", period.into(), None)
        .await?;
    let (sessions, whole) = read(&app, chosen.period).await?;
    let rows: Vec<Vec<Markup>> = sessions.all.iter().map(|it| row(&signed, it)).collect();
    let columns = [
        "Session",
        "Agent",
        "Task and purpose",
        "Last seen (UTC)",
        "Released",
        "Refused",
        "Other",
        "Shown",
        "Changed",
        "Unusual",
        "Act",
    ];
    let shown = if signed.may(Power::Revoke) { 11 } else { 10 };
    let columns = columns.get(..shown).unwrap_or_default();
    let content = html! {
        (now(&app).await)
        (periods("/sessions", chosen.period))
        (cut(whole))
        (table("Sessions, the newest first; of values how many were shown, and how many masked or dropped", columns, &[4, 5, 6, 7, 8], &rows))
        @if sessions.omitted > 0 {
            p.notice { (sessions.omitted) " exchanges are of older sessions, which there is no room for here." }
        }
    };
    Ok(answer(page::page(
        &signed,
        Section::Sessions,
        "Sessions of agents",
        &content,
    )))
}

/// Who is at risk now.
async fn now(app: &App) -> Markup {
    match app.source.risks().await {
        Ok(Some(risks)) => at_risk(&risks),
        Ok(None) => html! {},
        Err(error) => {
            tracing::warn!(%error, "risks are not known");
            html! { p.notice { "Who is at risk now is not known: the gateway does not answer at its admin address." } }
        }
    }
}

fn at_risk(risks: &Risks) -> Markup {
    if risks.sessions.is_empty() {
        return html! { p.quiet { "No session is at risk now." } };
    }
    let rows: Vec<Vec<Markup>> = risks.sessions.iter().map(risk).collect();
    let columns = ["Session", "Agent", "Risk", "Because of", "Its calls"];
    html! {
        (table("Sessions at risk now, the latest that called first; those of one process share its risk", &columns, &[], &rows))
        @if risks.cut { p.notice { "There are more than this page shows; " code { "tidegate risk --session ID" } " shows one." } }
    }
}

fn risk(session: &AtRisk) -> Vec<Markup> {
    let encoded = utf8_percent_encode(&session.session, NON_ALPHANUMERIC).to_string();
    vec![
        html! { a href={ "/exchanges?session=" (encoded) } title=(session.session) { code { (short(&session.session)) } } },
        cell(&session.agent),
        html! {
            meter min="0" max="100" high=(HIGH) optimum="0" value=(session.risk)
                aria-label={ "risk of " (session.session) } { (session.risk) " of 100" }
            " " (session.risk)
        },
        cell(&session.detector),
        cell(&session.meets),
    ]
}

async fn read(app: &App, period: Period) -> Result<(AgentSessions, bool), Fault> {
    let (mut archive, _turn) = app.archive().await?;
    let span = Span {
        from: Some(period.from(app.source.now())),
        kinds: [Kind::Open, Kind::Refuse, Kind::Anomaly].into(),
        ..Span::default()
    };
    let mut walk = archive.backward(span, None, FIGURES_ROWS_MAX).await?;
    let mut sessions = AgentSessions::default();
    while let Some(matter) = walk.next().await? {
        sessions.take(&matter);
    }
    Ok((sessions, walk.is_whole()))
}

/// The beginning of an id, which tells it from others well enough.
fn short(id: &str) -> String {
    let more = id.chars().count() > ID_CHARS;
    let begin = id.chars().take(ID_CHARS);
    begin.chain(more.then_some('…')).collect()
}

fn row(signed: &Signed, session: &AgentSession) -> Vec<Markup> {
    let number = |count: u64| cell(count.to_string());
    let encoded = utf8_percent_encode(&session.id, NON_ALPHANUMERIC).to_string();
    let mut cells = vec![
        html! { a href={ "/exchanges?session=" (encoded) } title=(session.id) { code { (short(&session.id)) } } },
        cell(&session.agent),
        html! {
            @if let Some(task) = &session.task { (task) " " }
            @if let Some(purpose) = &session.purpose { span.quiet { (purpose) } }
        },
        time(session.last),
        number(session.ends.released),
        number(session.ends.refused),
        number(session.ends.other),
        number(session.shown),
        number(session.changed),
        html! {
            @if session.unusual > 0 { (session.unusual) " " }
            @if let Some(response) = &session.response { (word(response)) }
        },
    ];
    if signed.may(Power::Revoke) {
        cells.push(html! {
            form.inline method="post" action="/revocations" {
                (csrf(signed))
                input type="hidden" name="what" value="session";
                input type="hidden" name="id" value=(session.id);
                input type="hidden" name="reason" value="from the list of sessions";
                button.danger type="submit" aria-label={ "Revoke session " (session.id) } { "Revoke" }
            }
        });
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_at_risk_is_told_in_words_and_what_a_token_says_is_text() {
        let session = AtRisk {
            session: "<s>&1".to_owned(),
            agent: "spiffe://acme.example/agent/support".to_owned(),
            risk: 75,
            detector: "enumeration".to_owned(),
            meets: "are refused".to_owned(),
        };
        let risks = Risks {
            sessions: vec![session],
            cut: true,
        };
        let page = at_risk(&risks).into_string();
        for told in [
            "/exchanges?session=%3Cs%3E%261\"",
            "&lt;s&gt;&amp;1",
            "value=\"75\"",
            "enumeration",
            "are refused",
            "There are more",
        ] {
            assert!(page.contains(told), "{told}: {page}");
        }
        let nobody = at_risk(&Risks::default()).into_string();
        assert!(nobody.contains("No session is at risk now."), "{nobody}");
    }
}
