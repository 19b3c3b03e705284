//! What a report is before it has a form: tables of cells.

use audit::{Anchor, Subject};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::figure::{Figure, Source};

/// A report.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    /// Its kind's name.
    pub kind: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The provision that asks for it.
    pub law: &'static str,
    /// The controls of NIST SP 800-53 (revision 5) that it is evidence for.
    pub controls: &'static [&'static str],
    /// What it is about.
    pub scope: Scope,
    /// When the records in it were made; none if there are none.
    pub covered: Option<Covered>,
    /// The checkpoint that holds everything in it.
    pub anchor: Anchor,
    /// What a reader must know of the tables.
    pub notes: Vec<String>,
    /// What there is to say.
    pub tables: Vec<Table>,
}

/// The times of the first and the last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// The first.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
}

/// What a report is about.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Scope {
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// About whom.
    #[serde(serialize_with = "told")]
    pub subject: Option<Subject>,
    /// What else it was narrowed to: `agent`, `service`.
    pub narrowed: Vec<(String, String)>,
}

#[expect(clippy::ref_option, reason = "serde gives it so")]
fn told<S: Serializer>(subject: &Option<Subject>, to: S) -> Result<S::Ok, S::Error> {
    subject.as_ref().map(ToString::to_string).serialize(to)
}

/// One table.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// What it shows.
    pub title: &'static str,
    /// How it is to be read.
    pub note: &'static str,
    /// The columns' names.
    pub columns: Vec<&'static str>,
    /// Its rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// Rows that there was no room for: a narrower scope shows them.
    pub omitted: u64,
    /// The same as a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart: Option<Chart>,
}

/// Bars.
#[derive(Clone, Debug, Serialize)]
pub struct Chart {
    /// What they show.
    pub title: &'static str,
    /// Names and lengths, in order.
    pub bars: Vec<(String, u64)>,
}

/// No chart has more bars.
const BARS_MAX: usize = 31;

impl Table {
    pub(crate) fn new(title: &'static str, note: &'static str, columns: &[&'static str]) -> Self {
        Self {
            title,
            note,
            columns: columns.to_vec(),
            rows: Vec::new(),
            omitted: 0,
            chart: None,
        }
    }

    /// Shows the figures in column `of` as bars, named by column `by`; the longest first.
    pub(crate) fn drawn(mut self, title: &'static str, by: usize, of: usize) -> Self {
        let mut bars = self.bars(by, of);
        bars.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        bars.truncate(BARS_MAX);
        self.chart = (bars.len() > 1).then_some(Chart { title, bars });
        self
    }

    /// As [`drawn`](Self::drawn), in the order of the rows; the last ones, if there are too many.
    pub(crate) fn plotted(mut self, title: &'static str, by: usize, of: usize) -> Self {
        let mut bars = self.bars(by, of);
        bars.drain(..bars.len().saturating_sub(BARS_MAX));
        self.chart = (bars.len() > 1).then_some(Chart { title, bars });
        self
    }

    /// Equal names make one bar.
    fn bars(&self, by: usize, of: usize) -> Vec<(String, u64)> {
        let mut bars: Vec<(String, u64)> = Vec::new();
        for row in &self.rows {
            let (Some(name), Some(length)) = (row.get(by), row.get(of).and_then(Cell::value))
            else {
                continue;
            };
            let name = name.text();
            match bars.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = known.saturating_add(length),
                None if length > 0 => bars.push((name, length)),
                None => {}
            }
        }
        bars
    }
}

/// What stands in a table.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// A text.
    Text(String),
    /// Several.
    Words(Vec<String>),
    /// A number, with what it was counted from.
    Figure(Figure),
    /// A time.
    Time(Timestamp),
    /// A record.
    Record(Source),
}

impl Cell {
    /// For people, in one line.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Words(words) => words.join(", "),
            Self::Figure(figure) => figure.to_string(),
            Self::Time(time) => time.to_string(),
            Self::Record(source) => source.record.to_string(),
        }
    }

    fn value(&self) -> Option<u64> {
        match self {
            Self::Figure(figure) => Some(figure.value),
            _ => None,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Figure> for Cell {
    fn from(figure: Figure) -> Self {
        Self::Figure(figure)
    }
}

impl<T: ToString> FromIterator<T> for Cell {
    fn from_iter<I: IntoIterator<Item = T>>(words: I) -> Self {
        Self::Words(words.into_iter().map(|it| it.to_string()).collect())
    }
}
