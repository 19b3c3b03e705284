//! What an operator declares for an operation and its purposes.

use std::sync::Arc;

use crate::{Counts, Field};

/// What may be asked for and answered for some purposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its name, unique for its operation.
    pub name: Arc<str>,
    /// The purposes that it is for, as tokens state them.
    pub purposes: Vec<String>,
    /// Where the rows stand in the service's answer; none: the document is the one row.
    pub rows: Option<Field>,
    /// The fields of a row that may be asked for.
    pub fields: Vec<Field>,
    /// Query parameters that the service is always asked with.
    pub filters: Vec<(String, String)>,
    /// Query parameters of the caller that go on as they are.
    pub passes: Vec<String>,
    /// How many rows may be asked for.
    pub page: Option<Page>,
    /// What the answer looks like.
    pub form: Form,
}

/// How many rows may be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The query parameter that says how many.
    pub parameter: String,
    /// The most.
    pub rows_max: u64,
}

/// What an answer looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Rows with the listed fields.
    Rows,
    /// The same, with these fields covered.
    Masked(Vec<Field>),
    /// How many rows there are of each kind.
    Counts(Counts),
    /// Whether there are at least so many rows.
    YesNo {
        /// So many.
        at_least: u64,
    },
}

impl Form {
    /// Whether rows are shown.
    pub fn shows_rows(&self) -> bool {
        matches!(self, Self::Rows | Self::Masked(_))
    }

    /// Its name in configuration, records and headers.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Masked(_) => "masked",
            Self::Counts(_) => "counts",
            Self::YesNo { .. } => "yes_no",
        }
    }
}

impl Template {
    /// The fields that an answer is made of, of these.
    pub(crate) fn needs(&self, fields: &[Field]) -> Vec<Field> {
        match &self.form {
            Form::Rows | Form::Masked(_) | Form::YesNo { .. } => fields.to_vec(),
            Form::Counts(counts) => {
                let individual = counts.individual.iter();
                counts.by.iter().chain(individual).cloned().collect()
            }
        }
    }
}
