//! What the caller is told, built anew: nothing that the template does not list can be in it.

use serde_json::{Value, json};

use crate::{Choice, Form, Unmediated, field::Places};

/// How deep the service's answer may be nested; what `serde_json` reads.
pub const ANSWER_DEPTH_MAX: usize = 128;

/// What the caller is told, and what stayed behind on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The document.
    pub document: Value,
    /// Rows that the service sent.
    pub rows: u64,
    /// Rows beyond those that may be asked for.
    pub rows_dropped: u64,
    /// Whether groups were left out because few are in them.
    pub suppressed: bool,
}

impl Choice {
    /// The answer, from what policy has let through of the service's. `rows_max` is what the service was
    /// asked for, if that is known.
    ///
    /// # Errors
    /// [`Unmediated::Unparsable`] where it is no JSON or its rows are not where they should be,
    /// [`Unmediated::TooManyGroups`].
    pub fn answer(&self, bytes: &[u8]) -> Result<Answer, Unmediated> {
        let document: Value = serde_json::from_slice(bytes).map_err(|_| Unmediated::Unparsable)?;
        let Some(place) = &self.template.rows else {
            return self.of_document(&document);
        };
        let rows = place.find(&document).and_then(Value::as_array);
        let rows = rows.ok_or(Unmediated::Unparsable)?;
        let most = self.template.page.as_ref().map(|page| page.rows_max);
        let most = most.and_then(|most| usize::try_from(most).ok());
        let kept = rows.get(..most.unwrap_or(rows.len())).unwrap_or(rows);
        let mut answer = Answer {
            document: Value::Null,
            rows: rows.len() as u64,
            rows_dropped: (rows.len() - kept.len()) as u64,
            suppressed: false,
        };
        answer.document = match &self.template.form {
            Form::Rows | Form::Masked(_) => {
                let shown = kept.iter().filter_map(|row| self.shown(row));
                place.wrap(Value::Array(shown.collect()))
            }
            // Of a part of the rows the counts would be wrong.
            Form::Counts(_) if answer.rows_dropped > 0 => return Err(Unmediated::TooLarge),
            Form::Counts(counts) => {
                let (document, suppressed) = counts.of(kept)?;
                answer.suppressed = suppressed;
                document
            }
            Form::YesNo { at_least } => {
                json!({ "answer": if answer.rows >= *at_least { "yes" } else { "no" } })
            }
        };
        Ok(answer)
    }

    /// The answer where the document is the one row.
    fn of_document(&self, document: &Value) -> Result<Answer, Unmediated> {
        let is_row = document.is_object() && self.shows_rows();
        let shown = self.shown(document).filter(|_| is_row);
        Ok(Answer {
            document: shown.ok_or(Unmediated::Unparsable)?,
            rows: 1,
            rows_dropped: 0,
            suppressed: false,
        })
    }

    /// What is shown of a row.
    fn shown(&self, row: &Value) -> Option<Value> {
        let mut shown = Places::of(&self.fields).project(row)?;
        if let Form::Masked(fields) = &self.template.form {
            Places::of(fields).mask(&mut shown);
        }
        Some(shown)
    }
}
