//! What agents, tasks and sessions used of their budgets, as the gateway has it now.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Extension, extract::State};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    app::{Answer, App, html as answer},
    page::{self, Section, cell, table},
    sessions::Signed,
    source::{Budgets, Used},
};

/// From so many hundredths on a budget is nearly used up.
const NEARLY: u8 = 80;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
) -> Answer {
    app.record(&signed, "console budgets", BTreeMap::new(), None)
        .await?;
    let content = match app.source.budgets().await {
        Ok(Some(budgets)) => html! {
            nav.choices aria-label="Budgets" { ul { li { a href="/budgets" { "Refresh" } } } }
            (listed(&budgets))
        },
        Ok(None) => html! {
            p.quiet { "The configuration names no budgets." }
        },
        Err(error) => {
            tracing::warn!(%error, "budgets are not known");
            html! { p.notice { "Budgets are not known: the gateway does not answer at its admin address." } }
        }
    };
    Ok(answer(page::page(
        &signed,
        Section::Budgets,
        "Live budgets",
        &content,
    )))
}

fn listed(budgets: &Budgets) -> Markup {
    let rows: Vec<Vec<Markup>> = budgets.used.iter().map(row).collect();
    let columns = [
        "Budget",
        "Whose",
        "Of what",
        "Used",
        "Of",
        "Share",
        "Begins anew in",
    ];
    html! {
        (table("What was used by whoever spent since the gateway started, the latest first", &columns, &[3, 4], &rows))
        @if budgets.cut { p.notice { "There are more than this page shows; " code { "tidegate budgets --session ID" } " shows those of one." } }
    }
}

fn row(used: &Used) -> Vec<Markup> {
    vec![
        cell(&used.budget),
        whose(used),
        cell(&used.meter),
        cell(&used.used),
        cell(&used.allowed),
        html! {
            meter min="0" max="100" high=(NEARLY) optimum="0" value=(used.percent)
                aria-label={ (used.meter) " of " (used.budget) } { (used.percent) " %" }
            " " (used.percent) " %"
        },
        cell(used.renews_in.map_or_else(String::new, span)),
    ]
}

fn whose(used: &Used) -> Markup {
    html! {
        @if let Some(agent) = &used.agent { (agent) " " }
        @if let Some(task) = &used.task { "task " (task) " " }
        @if let Some(session) = &used.session {
            @let encoded = utf8_percent_encode(session, NON_ALPHANUMERIC).to_string();
            "session " a href={ "/exchanges?session=" (encoded) } { code { (session) } }
        }
    }
}

/// A time that is left, as people say it.
fn span(seconds: u32) -> String {
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, _) => format!("{minutes} min"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_left_is_told_in_what_matters() {
        let told = [0, 59, 60, 3_599, 3_600, 90_000].map(span);
        assert_eq!(
            told,
            ["0 s", "59 s", "1 min", "59 min", "1 h 0 min", "25 h 0 min"]
        );
    }

    #[test]
    fn what_a_token_says_is_text_on_the_page() {
        let used = Used {
            budget: "a-day".to_owned(),
            agent: Some("spiffe://acme.example/agent/support".to_owned()),
            task: Some("<script>".to_owned()),
            session: Some("a&b".to_owned()),
            percent: 85,
            ..Used::default()
        };
        let budgets = Budgets {
            used: vec![used],
            cut: true,
        };
        let page = listed(&budgets).into_string();
        assert!(page.contains("task &lt;script&gt;"), "{page}");
        assert!(page.contains("/exchanges?session=a%26b\""), "{page}");
        assert!(
            page.contains("value=\"85\"") && page.contains("85 %"),
            "{page}"
        );
        assert!(page.contains("There are more"), "{page}");
    }
}
