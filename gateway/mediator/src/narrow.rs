//! What the service is asked: the caller's query, without whatever the template does not know.

use crate::{Choice, Form, Page, Unmediated};

/// The query that goes on, and what was narrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Names and values, decoded.
    pub pairs: Vec<(String, String)>,
    /// What is not as it was asked.
    pub narrowed: Narrowed,
}

/// What of a request was narrowed: counts, and names that the operator declared. Never a value, and no
/// name that the caller brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// Query parameters that the template does not know.
    pub parameters_dropped: u64,
    /// Header fields of the caller that do not go on.
    pub headers_dropped: u64,
    /// Filters that the service was asked with.
    pub filters: Vec<String>,
    /// Whether fewer rows were asked for than the caller did, or the number was said for it.
    pub page_capped: bool,
}

impl Choice {
    /// What goes on of a query of these names and values. Parameters that `is_bound` to what policy
    /// decided on go on as they are; others only where the template passes them, by their exact names.
    /// `decided` is the number of rows that policy decided on, where the page is an argument of the call.
    ///
    /// # Errors
    /// [`Unmediated::NoRows`] where policy decided on a page without a row.
    pub fn narrow(
        &self,
        asked: Vec<(String, String)>,
        is_bound: impl Fn(&str) -> bool,
        decided: Option<i64>,
    ) -> Result<Query, Unmediated> {
        let template = &self.template;
        let mut narrowed = Narrowed::default();
        let page = template.page.as_ref();
        let is_page = |name: &str| page.is_some_and(|page| page.parameter == name);
        let is_filter = |name: &str| template.filters.iter().any(|(filter, _)| filter == name);
        let mut sizes = Vec::new();
        let mut pairs = Vec::new();
        for (name, value) in asked {
            if is_page(&name) {
                sizes.push(value);
            } else if !is_filter(&name) && (is_bound(&name) || template.passes.contains(&name)) {
                pairs.push((name, value));
            } else {
                narrowed.parameters_dropped += 1;
            }
        }
        if let Some(page) = page {
            let (size, is_as_asked) = self.page_size(page, &sizes, decided)?;
            narrowed.page_capped = !is_as_asked;
            pairs.push((page.parameter.clone(), size.to_string()));
        }
        for (name, value) in &template.filters {
            narrowed.filters.push(name.clone());
            pairs.push((name.clone(), value.clone()));
        }
        Ok(Query { pairs, narrowed })
    }

    /// How many rows the service is asked for, and whether that is what the caller asked for.
    fn page_size(
        &self,
        page: &Page,
        asked: &[String],
        decided: Option<i64>,
    ) -> Result<(u64, bool), Unmediated> {
        match (&self.template.form, decided) {
            // A caller that chose how many are counted could have a group of one more, and subtract. One
            // more than may come says whether these are all.
            (Form::Counts(_), _) => Ok((page.rows_max.saturating_add(1), false)),
            (Form::YesNo { .. }, _) => Ok((page.rows_max, false)),
            // The service gets what policy decided on, or less.
            (Form::Rows | Form::Masked(_), Some(decided)) => {
                let decided = u64::try_from(decided).ok().filter(|rows| *rows > 0);
                let decided = decided.ok_or(Unmediated::NoRows)?;
                let size = decided.min(page.rows_max);
                Ok((size, size == decided))
            }
            (Form::Rows | Form::Masked(_), None) => {
                let asked = match asked {
                    [size] => size.parse::<u64>().ok(),
                    _ => None,
                };
                let fits = asked.filter(|size| (1..=page.rows_max).contains(size));
                Ok((fits.unwrap_or(page.rows_max), fits.is_some()))
            }
        }
    }
}
