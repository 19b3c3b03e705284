//! What every page has: its head, who is logged in, where one can go.

use axum::http::StatusCode;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use crate::{role::Power, sessions::Signed};

/// The parts of the console, in the order of its navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Exchanges,
    Sessions,
    Budgets,
    Flows,
    Map,
    Classes,
    Findings,
    Reports,
    Policy,
    Revocations,
}

impl Section {
    const ALL: [Self; 11] = [
        Self::Overview,
        Self::Exchanges,
        Self::Sessions,
        Self::Budgets,
        Self::Flows,
        Self::Map,
        Self::Classes,
        Self::Findings,
        Self::Reports,
        Self::Policy,
        Self::Revocations,
    ];

    fn place(self) -> (&'static str, &'static str, Power) {
        match self {
            Self::Overview => ("/", "Overview", Power::Figures),
            Self::Exchanges => ("/exchanges", "Exchanges", Power::Read),
            Self::Sessions => ("/sessions", "Sessions", Power::Read),
            Self::Budgets => ("/budgets", "Budgets", Power::Read),
            Self::Flows => ("/flows", "Flows", Power::Read),
            Self::Map => ("/map", "Map", Power::Read),
            Self::Classes => ("/classes", "Data", Power::Figures),
            Self::Findings => ("/findings", "Findings", Power::Read),
            Self::Reports => ("/reports", "Reports", Power::Report),
            Self::Policy => ("/policy", "Policy", Power::Read),
            Self::Revocations => ("/revocations", "Revocations", Power::Revoke),
        }
    }
}

/// A page for whoever is logged in.
pub(crate) fn page(signed: &Signed, here: Section, title: &str, content: &Markup) -> Markup {
    let sections = Section::ALL
        .into_iter()
        .filter(|it| signed.may(it.place().2));
    shell(
        title,
        &html! {
            header.top {
                a.brand href="/" { "Tidegate" }
                nav aria-label="Main" {
                    ul {
                        @for section in sections {
                            @let (path, name, _) = section.place();
                            li { a href=(path) aria-current=[(section == here).then_some("page")] { (name) } }
                        }
                    }
                }
                form.who method="post" action="/logout" {
                    (csrf(signed))
                    span { (signed.user) " " span.quiet { "(" (signed.role.name()) ")" } }
                    button.plain type="submit" { "Log out" }
                }
            }
            main id="content" tabindex="-1" {
                h1 { (title) }
                (content)
            }
        },
    )
}

/// A page for nobody.
pub(crate) fn bare(title: &str, content: &Markup) -> Markup {
    shell(
        title,
        &html! {
            header.top { a.brand href="/" { "Tidegate" } }
            main.narrow id="content" tabindex="-1" {
                h1 { (title) }
                (content)
            }
        },
    )
}

pub(crate) fn fault(status: StatusCode, why: &str) -> Markup {
    let title = status.canonical_reason().unwrap_or("It failed");
    bare(
        title,
        &html! {
            p.notice role="alert" { (capital(why)) "." }
            p { a href="/" { "To the overview" } }
        },
    )
}

fn shell(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Tidegate" }
                link rel="stylesheet" href="/style.css";
                link rel="icon" type="image/svg+xml" href="/icon.svg";
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                (body)
            }
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// What proves that a form is of this session.
pub(crate) fn csrf(signed: &Signed) -> Markup {
    html! { input type="hidden" name="csrf" value=(signed.csrf); }
}

/// A time, to the second.
pub(crate) fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%F %T")) } }
}

/// A word with a colour that says the same again.
pub(crate) fn word(text: &str) -> Markup {
    let tone = match text {
        "released" | "ready" | "show" | "acknowledged" | "proven" | "passed on" => "good",
        "refused" | "failed_open" | "down" | "quarantine" | "aborted" => "bad",
        "passed" | "degraded" | "alert" | "throttle" | "step_up" | "upstream_failed"
        | "client_gone" | "open" => "warn",
        _ => "plain",
    };
    html! { span class={ "word " (tone) } { (text) } }
}

/// Text of two columns: names and what they are.
pub(crate) fn list(rows: &[(&str, Markup)]) -> Markup {
    html! {
        dl { @for (name, value) in rows { dt { (name) } dd { (value) } } }
    }
}

/// A table with a caption, or that there is nothing; `numbers` are the columns whose cells are numbers.
pub(crate) fn table(
    caption: &str,
    columns: &[&str],
    numbers: &[usize],
    rows: &[Vec<Markup>],
) -> Markup {
    if rows.is_empty() {
        return html! { p.quiet { (caption) ": nothing." } };
    }
    html! {
        // Whoever has no mouse scrolls it by its focus.
        div.wide tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr {
                    @for (at, name) in columns.iter().enumerate() {
                        th.number[numbers.contains(&at)] scope="col" { (name) }
                    }
                } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (at, cell) in row.iter().enumerate() {
                                td.number[numbers.contains(&at)] { (cell) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Text as a cell.
pub(crate) fn cell(text: impl AsRef<str>) -> Markup {
    html! { (text.as_ref()) }
}
