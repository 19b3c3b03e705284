//! The forms that a document has.

mod chart;
mod html;
mod oscal;
mod table;

use serde::Serialize;

use crate::Document;

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people: one file without scripts or anything from elsewhere.
    Html,
    /// For spreadsheets: its tables, one below the other.
    Csv,
    /// For programs.
    Json,
    /// For assessments: OSCAL assessment results, in JSON.
    Oscal,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Html, Self::Csv, Self::Json, Self::Oscal];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Oscal => "oscal",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// What a file's name ends in that holds it.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Oscal => "oscal.json",
            _ => self.name(),
        }
    }
}

/// A form that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// As CSV.
    #[error("the report cannot be written as CSV")]
    Csv(#[from] csv::Error),
    /// As JSON.
    #[error("the report cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl Document {
    /// The document in this form; the same document gives the same bytes.
    pub fn written(&self, form: Form) -> Result<Vec<u8>, FormError> {
        match form {
            Form::Html => Ok(html::page(self).into_string().into_bytes()),
            Form::Csv => Ok(table::csv(self)?),
            Form::Json => json(self),
            Form::Oscal => json(&oscal::results(self)),
        }
    }

    /// What it is about and what holds it, by name.
    fn particulars(&self) -> Vec<(&str, String)> {
        let time = |time: Option<jiff::Timestamp>, none: &str| {
            time.map_or_else(|| none.to_owned(), |time| time.to_string())
        };
        let scope = &self.scope;
        let mut all = vec![
            ("Asked for by", self.law.to_owned()),
            ("From", time(scope.from, "the first record")),
            ("Before", time(scope.until, "the checkpoint")),
        ];
        if let Some(subject) = &scope.subject {
            all.push(("Data subject", subject.to_string()));
        }
        let narrowed = scope.narrowed.iter();
        all.extend(narrowed.map(|(name, value)| (name.as_str(), value.clone())));
        if let Some(covered) = self.covered {
            all.push(("First record in it", covered.from.to_string()));
            all.push(("Last record in it", covered.to.to_string()));
        }
        all.extend([
            ("Log", self.anchor.log.clone()),
            ("Records under the checkpoint", self.anchor.size.to_string()),
            ("Root of the tree (RFC 6962)", self.anchor.root.clone()),
        ]);
        all
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, FormError> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}
