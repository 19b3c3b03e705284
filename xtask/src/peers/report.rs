//! Tables in Markdown, and the goals.

use anyhow::{Context as _, Result};

use super::{DOCUMENTS, contender::Reading};
use crate::step::say;

/// What a contender did.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) peak_bytes: u64,
    /// One for each document.
    pub(super) cells: Vec<Reading>,
}

/// The yardstick: what it takes to read over a document.
const SKIP: &str = "serde_json-skip";
/// A speed that nobody wants to be below.
const PARSE: &str = "serde_json-parse";

/// Least speed in MB/s, in clean and in dense documents.
static SPEED_GOALS: [(&str, f64, f64); 2] = [("scan", 1500.0, 600.0), ("scan-plain", 500.0, 300.0)];
const TABLE_BYTES_GOAL: f64 = 10e6;
const STREAM_BYTES_GOAL: f64 = 64.0 * 1024.0;

/// Prints who was how fast, with how much memory, and what that is beside our goals.
pub(super) fn print(rows: &[Row], footprint: &str) -> Result<()> {
    let row = |name: &str| {
        let found = rows.iter().find(|row| row.name == name);
        found.with_context(|| format!("`{name}` was not measured"))
    };
    let (ours, skip, parse) = (row("scan")?, row(SKIP)?, row(PARSE)?);

    say("MB/s, and in brackets the ratio to `serde_json` skipping the same bytes");
    table(rows, "peak memory", |row, column| {
        let (speed, yardstick) = (speed(row, column), speed(skip, column));
        let ratio = speed / yardstick;
        let decimals = if ratio < 0.01 { 5 } else { 2 };
        format!("{speed:.*} ({ratio:.decimals$})", digits(speed))
    });
    say("how many times as fast `scan` is, and with how many times its memory others do");
    table(rows, "memory", |row, column| {
        let ratio = speed(ours, column) / speed(row, column);
        format!("{ratio:.*}", digits(ratio))
    });
    say("findings in one document");
    table(rows, "", |row, column| {
        row.cells
            .get(column)
            .map_or_else(String::new, |cell| format!("{}", cell.findings))
    });

    say("goals");
    for (name, clean, dense) in SPEED_GOALS {
        let ours = row(name)?;
        for (column, document) in DOCUMENTS.iter().enumerate() {
            let least = if document.starts_with("Clean") {
                clean
            } else {
                dense
            };
            let what = format!("{name} {document}, MB/s");
            goal(&what, "at least", least, speed(ours, column));
            let what = format!("{name} {document}, times a parse");
            goal(
                &what,
                "at least",
                1.0,
                speed(ours, column) / speed(parse, column),
            );
        }
    }
    footprint_goals(footprint)
}

/// A table with one line for each contender.
fn table(rows: &[Row], last: &str, cell: impl Fn(&Row, usize) -> String) {
    let line = |name: &str, cells: &[String]| say(&format!("| {name} | {} |", cells.join(" | ")));
    let mut head: Vec<String> = DOCUMENTS.map(str::to_owned).to_vec();
    head.push(last.to_owned());
    line("", &head);
    line("---", &vec!["---".to_owned(); head.len()]);
    let ours = rows.first().map_or(1, |row| row.peak_bytes);
    for row in rows {
        let mut cells: Vec<String> = (0..DOCUMENTS.len())
            .map(|column| cell(row, column))
            .collect();
        cells.push(match last {
            "" => String::new(),
            "memory" => format!("{:.1}", megabytes(row.peak_bytes) / megabytes(ours)),
            _ => format!("{:.1} MB", megabytes(row.peak_bytes)),
        });
        line(row.name, &cells);
    }
}

/// What the tables and a stream occupy, as `footprint` tells it.
fn footprint_goals(footprint: &str) -> Result<()> {
    let mut tables = 0.0;
    for line in footprint.lines() {
        let mut words = line.split_whitespace();
        let what = words.next().unwrap_or_default();
        let bytes: f64 = words
            .next()
            .and_then(|word| word.parse().ok())
            .context("no size")?;
        if what.starts_with("tables") {
            say(&format!("{what}: {bytes} bytes"));
            tables += bytes;
        } else if let Some(document) = what.strip_prefix("stream-") {
            let buffers = words.next().unwrap_or_default();
            let what = format!("a stream within {document}, bytes ({buffers} of them buffers)");
            goal(&what, "at most", STREAM_BYTES_GOAL, bytes);
        }
    }
    goal("tables, bytes", "at most", TABLE_BYTES_GOAL, tables);
    Ok(())
}

fn goal(what: &str, side: &str, limit: f64, reached: f64) {
    let met = if side == "at least" {
        reached >= limit
    } else {
        reached <= limit
    };
    let verdict = if met { "met" } else { "not met" };
    say(&format!(
        "| {what} | {side} {limit} | {reached:.*} | {verdict} |",
        digits(reached)
    ));
}

fn speed(row: &Row, column: usize) -> f64 {
    row.cells.get(column).map_or(f64::NAN, |cell| cell.speed())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "megabytes are printed with one digit"
)]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// As many decimals as say something.
fn digits(number: f64) -> usize {
    match number {
        100.0.. => 0,
        1.0.. => 1,
        _ => 3,
    }
}
