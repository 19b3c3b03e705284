//! Documents as one page: no script, nothing from elsewhere, prints well, in light and dark.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart;
use crate::{
    Document, Evidence, Figure, Table,
    document::Cell,
    figure::{LISTED_MAX, Source},
};

const STYLE: &str = include_str!("page.css");

/// Nothing is loaded, whatever a name in a record looks like.
const CSP: &str = "default-src 'none'; style-src 'unsafe-inline'";

pub(super) fn page(document: &Document) -> Markup {
    let mut cited = Vec::new();
    let tables: Vec<Markup> = document
        .tables
        .iter()
        .map(|one| table(one, &mut cited))
        .collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(CSP);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (document.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (document.title) }
                    dl {
                        @for (name, value) in document.particulars() {
                            dt { (name) }
                            dd { (value) }
                        }
                    }
                    @for note in &document.notes { p.quiet { (note) } }
                }
                main {
                    @for table in &tables { (table) }
                    (evidence(&cited))
                    (checkpoint(&document.anchor.checkpoint))
                }
            }
        }
    }
}

fn table<'a>(table: &'a Table, cited: &mut Vec<&'a Figure>) -> Markup {
    let numeric = |at: usize| {
        let mut cells = table.rows.iter().filter_map(|row| row.get(at));
        cells.any(|cell| matches!(cell, Cell::Figure(_) | Cell::Record(_)))
    };
    let rows: Vec<Vec<Markup>> = table
        .rows
        .iter()
        .map(|row| {
            let cells = row.iter().enumerate();
            cells.map(|(at, it)| cell(it, numeric(at), cited)).collect()
        })
        .collect();
    html! {
        section {
            h2 { (table.title) }
            @if !table.note.is_empty() { p.quiet { (table.note) } }
            @if let Some(chart) = &table.chart { (chart::svg(chart)) }
            @if rows.is_empty() { p { "Nothing." } } @else {
                div.wide {
                    table {
                        thead { tr {
                            @for (at, name) in table.columns.iter().enumerate() {
                                th.number[numeric(at)] scope="col" { (name) }
                            }
                        } }
                        tbody { @for row in &rows { tr { @for cell in row { (cell) } } } }
                    }
                }
            }
            @if table.omitted > 0 {
                p { (table.omitted) " further rows had no room here: a narrower scope shows them." }
            }
        }
    }
}

fn cell<'a>(cell: &'a Cell, numeric: bool, cited: &mut Vec<&'a Figure>) -> Markup {
    match cell {
        Cell::Text(text) => html! { td { (text) } },
        Cell::Words(words) => html! { td { ul { @for word in words { li { (word) } } } } },
        Cell::Time(time) => {
            html! { td.time.number[numeric] { time datetime=(time) { (time.strftime("%F %T UTC")) } } }
        }
        Cell::Record(Source { record, trace }) => html! {
            td.number title=[trace.as_ref().map(|it| format!("trace {it}"))] { (record) }
        },
        Cell::Figure(figure) if figure.evidence.records == 0 => html! { td.number { (figure) } },
        Cell::Figure(figure) => {
            cited.push(figure);
            html! { td.number { a href={ "#e" (cited.len()) } { (figure) } } }
        }
    }
}

fn evidence(cited: &[&Figure]) -> Markup {
    html! {
        section.evidence {
            h2 { "Evidence" }
            p.quiet {
                "What each figure was counted from: records of the log by index; a record's trace id is its tooltip, "
                "and stands in the form for programs. "
                "Of more than " (LISTED_MAX) " records the first stand here, and a digest over all of them: "
                "SHA-256 over the indexes as eight bytes each, big-endian, in the order in which the "
                "exchanges ended. "
                code { "tidegate audit show INDEX" } " tells a record and proves that it is in the log."
            }
            @if !cited.is_empty() {
                div.wide {
                    table {
                        thead { tr {
                            th scope="col" { "figure" }
                            th.number scope="col" { "value" }
                            th.number scope="col" { "records" }
                            th scope="col" { "indexes and traces" }
                            th scope="col" { "digest" }
                        } }
                        tbody {
                            @for (figure, number) in cited.iter().zip(1_usize..) {
                                (cite(number, figure))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn cite(number: usize, figure: &Figure) -> Markup {
    let Evidence {
        records,
        digest,
        listed,
    } = &figure.evidence;
    html! {
        tr id={ "e" (number) } {
            td { "e" (number) }
            td.number { (figure) }
            td.number { (records) }
            td {
                @for (source, at) in listed.iter().zip(0_usize..) {
                    @if at > 0 { ", " }
                    span title=[source.trace.as_ref().map(|it| format!("trace {it}"))] { (source.record) }
                }
                @if *records > listed.len() as u64 { ", …" }
            }
            td { code { (digest) } }
        }
    }
}

fn checkpoint(note: &str) -> Markup {
    html! {
        section {
            h2 { "Checkpoint" }
            p.quiet {
                "Everything above is under this checkpoint (C2SP signed note). An export of the log verifies "
                "against it: " code { "tidegate audit verify --export FILE --key KEY --checkpoint FILE" }
            }
            pre { (note) }
        }
    }
}
