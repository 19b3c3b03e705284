//! A report as it is read, and as much of it as paper has room for.
//!
//! Nothing is left out silently: a table says how many rows stand in the other forms only, a figure how many records.

use serde::{Deserialize, Serialize};

/// Rows of one table that are set: some eighty pages.
const ROWS_MAX: usize = 2_000;
/// Records of a figure that are set; its digest is over all.
const LISTED_MAX: usize = 12;
/// Lines of one cell.
const WORDS_MAX: usize = 64;
/// Characters of one of them.
const CHARS_MAX: usize = 2_000;

/// What `tidegate report --output json` gives.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    title: String,
    law: String,
    scope: Scope,
    covered: Option<Covered>,
    anchor: Anchor,
    notes: Vec<String>,
    tables: Vec<Table>,
}

#[derive(Debug, Deserialize)]
struct Scope {
    from: Option<String>,
    until: Option<String>,
    subject: Option<String>,
    narrowed: Vec<(String, String)>,
}

#[derive(Debug, Deserialize)]
struct Covered {
    from: String,
    to: String,
}

#[derive(Debug, Deserialize)]
struct Anchor {
    log: String,
    size: u64,
    root: String,
    checkpoint: String,
}

#[derive(Debug, Deserialize)]
struct Table {
    title: String,
    note: String,
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
    omitted: u64,
    chart: Option<Chart>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Chart {
    title: String,
    bars: Vec<(String, u64)>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Cell {
    Text(String),
    Words(Vec<String>),
    Figure(Figure),
    Record(Source),
}

#[derive(Debug, Deserialize)]
struct Figure {
    value: u64,
    #[serde(default)]
    at_least: bool,
    evidence: Evidence,
}

#[derive(Debug, Deserialize)]
struct Evidence {
    records: u64,
    digest: String,
    listed: Vec<Source>,
}

#[derive(Debug, Deserialize)]
struct Source {
    record: u64,
}

/// What is set.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    title: &'a str,
    /// Year, month and day of what it says last: an archive wants a date, and the same report has the same.
    date: (u16, u8, u8),
    particulars: Vec<(&'a str, String)>,
    notes: &'a [String],
    tables: Vec<ShownTable<'a>>,
    cited: Vec<Cited<'a>>,
    checkpoint: &'a str,
    log: &'a str,
    root: &'a str,
}

#[derive(Debug, Serialize)]
struct ShownTable<'a> {
    title: &'a str,
    note: &'a str,
    columns: Vec<Column<'a>>,
    rows: Vec<Vec<ShownCell>>,
    omitted: u64,
    /// Rows for which paper has no room.
    beyond: usize,
    chart: Option<&'a Chart>,
}

#[derive(Debug, Serialize)]
struct Column<'a> {
    name: &'a str,
    numeric: bool,
    /// How much of the width it takes beside others: its longest word, within limits.
    weight: usize,
}

#[derive(Debug, Serialize)]
struct ShownCell {
    lines: Vec<String>,
    /// The number of what the figure is cited as; none if there is nothing to cite.
    cited: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Cited<'a> {
    value: String,
    records: u64,
    listed: String,
    digest: &'a str,
}

impl Report {
    /// What is set of it.
    pub(crate) fn shown(&self) -> Shown<'_> {
        let mut cited = Vec::new();
        let tables = self.tables.iter().map(|table| table.shown(&mut cited));
        Shown {
            title: &self.title,
            date: self.date(),
            particulars: self.particulars(),
            notes: &self.notes,
            tables: tables.collect(),
            cited,
            checkpoint: &self.anchor.checkpoint,
            log: &self.anchor.log,
            root: &self.anchor.root,
        }
    }

    fn date(&self) -> (u16, u8, u8) {
        let last = self.covered.as_ref().map(|covered| &covered.to);
        let times = [last, self.scope.until.as_ref(), self.scope.from.as_ref()];
        let date = |time: &String| {
            let mut parts = time.get(..10)?.split('-');
            let year = parts.next()?.parse().ok()?;
            let month = parts.next()?.parse().ok()?;
            let day = parts.next()?.parse().ok()?;
            Some((year, month, day))
        };
        times
            .into_iter()
            .flatten()
            .find_map(date)
            .unwrap_or((1970, 1, 1))
    }

    fn particulars(&self) -> Vec<(&str, String)> {
        let Self { scope, anchor, .. } = self;
        let or = |time: &Option<String>, none: &str| time.as_deref().unwrap_or(none).to_owned();
        let mut all = vec![
            ("Asked for by", self.law.clone()),
            ("From", or(&scope.from, "the first record")),
            ("Before", or(&scope.until, "the checkpoint")),
        ];
        all.extend(scope.subject.iter().map(|it| ("Data subject", it.clone())));
        let narrowed = scope.narrowed.iter();
        all.extend(narrowed.map(|(name, value)| (name.as_str(), value.clone())));
        if let Some(covered) = &self.covered {
            all.push(("First record in it", covered.from.clone()));
            all.push(("Last record in it", covered.to.clone()));
        }
        all.extend([
            ("Log", anchor.log.clone()),
            ("Records under the checkpoint", anchor.size.to_string()),
            ("Root of the tree (RFC 6962)", anchor.root.clone()),
        ]);
        all
    }
}

impl Table {
    fn shown<'a>(&'a self, cited: &mut Vec<Cited<'a>>) -> ShownTable<'a> {
        let rows: Vec<Vec<ShownCell>> = self
            .rows
            .iter()
            .take(ROWS_MAX)
            // A row is as long as the table is wide, or there would be no table.
            .map(|row| {
                let cells = row.iter().map(|cell| cell.shown(cited));
                let empty = || ShownCell {
                    lines: Vec::new(),
                    cited: None,
                };
                cells
                    .chain(std::iter::repeat_with(empty))
                    .take(self.columns.len())
                    .collect()
            })
            .collect();
        let columns = self.columns.iter().enumerate().map(|(at, name)| {
            let mut cells = self.rows.iter().filter_map(|row| row.get(at));
            let widest = rows.iter().filter_map(|row| row.get(at)?.widest()).max();
            Column {
                name,
                numeric: cells.any(|cell| matches!(cell, Cell::Figure(_) | Cell::Record(_))),
                weight: widest.unwrap_or(0).max(name.len()).clamp(6, 44),
            }
        });
        ShownTable {
            title: &self.title,
            note: &self.note,
            columns: columns.collect(),
            omitted: self.omitted,
            beyond: self.rows.len().saturating_sub(rows.len()),
            rows,
            chart: self.chart.as_ref(),
        }
    }
}

impl Cell {
    fn shown<'a>(&'a self, cited: &mut Vec<Cited<'a>>) -> ShownCell {
        let lines = match self {
            Self::Text(text) => vec![short(text)],
            Self::Words(words) => {
                let set = words.iter().take(WORDS_MAX).map(|word| short(word));
                let beyond = words.len().saturating_sub(WORDS_MAX);
                let told = (beyond > 0).then(|| format!("… and {beyond} more"));
                set.chain(told).collect()
            }
            Self::Record(source) => vec![source.record.to_string()],
            Self::Figure(figure) => vec![figure.to_string()],
        };
        let cited = match self {
            Self::Figure(figure) if figure.evidence.records > 0 => {
                cited.push(figure.cited());
                Some(cited.len())
            }
            _ => None,
        };
        ShownCell { lines, cited }
    }
}

impl ShownCell {
    fn widest(&self) -> Option<usize> {
        self.lines.iter().map(|line| line.chars().count()).max()
    }
}

impl Figure {
    fn cited(&self) -> Cited<'_> {
        let Evidence {
            records,
            digest,
            listed,
        } = &self.evidence;
        let set = listed.iter().take(LISTED_MAX);
        let mut told: Vec<String> = set.map(|it| it.record.to_string()).collect();
        if *records > told.len() as u64 {
            told.push("…".to_owned());
        }
        Cited {
            value: self.to_string(),
            records: *records,
            listed: told.join(", "),
            digest,
        }
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.at_least { "≥ " } else { "" };
        write!(f, "{sign}{}", self.value)
    }
}

/// As much of a text as a cell has room for; long words may be broken anywhere.
fn short(text: &str) -> String {
    let mut shown: String = text.chars().take(CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
