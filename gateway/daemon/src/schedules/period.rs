//! The last day, week or month, by somebody's calendar.

use jiff::{Timestamp, ToSpan as _, civil::Weekday, tz::TimeZone};
use miette::{IntoDiagnostic as _, Result};
use serde::Deserialize;

/// What one report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Every {
    /// A day.
    Day,
    /// A week, from Monday (ISO 8601).
    Week,
    /// A month.
    Month,
}

/// A time that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Period {
    /// Its first moment.
    pub(super) from: Timestamp,
    /// The first moment behind it.
    pub(super) until: Timestamp,
    /// `2026-11-25`, `2026-W48`, `2026-11`.
    pub(super) name: String,
}

impl Every {
    /// The last one that is over `now`.
    pub(super) fn last(self, now: Timestamp, zone: &TimeZone) -> Result<Period> {
        let today = now.to_zoned(zone.clone()).date();
        let (until, back) = match self {
            Self::Day => (today, 1.day()),
            Self::Week => {
                let monday = today.weekday().since(Weekday::Monday);
                (
                    today.checked_sub(monday.days()).into_diagnostic()?,
                    1.week(),
                )
            }
            Self::Month => (today.first_of_month(), 1.month()),
        };
        let from = until.checked_sub(back).into_diagnostic()?;
        let at = |date: jiff::civil::Date| {
            let begins = date.to_zoned(zone.clone()).into_diagnostic()?;
            Ok::<_, miette::Report>(begins.timestamp())
        };
        let name = match self {
            Self::Day => from.to_string(),
            Self::Week => {
                let week = from.iso_week_date();
                format!("{}-W{:02}", week.year(), week.week())
            }
            Self::Month => from.strftime("%Y-%m").to_string(),
        };
        Ok(Period {
            from: at(from)?,
            until: at(until)?,
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(every: Every, now: &str, zone: &str) -> [String; 3] {
        let zone = TimeZone::get(zone).unwrap();
        let period = every.last(now.parse().unwrap(), &zone).unwrap();
        [
            period.from.to_string(),
            period.until.to_string(),
            period.name,
        ]
    }

    #[test]
    fn a_period_is_over_by_the_calendar_of_its_zone() {
        assert_eq!(
            last(Every::Day, "2026-11-26T23:30:00Z", "Europe/Berlin"),
            ["2026-11-25T23:00:00Z", "2026-11-26T23:00:00Z", "2026-11-26"]
        );
        assert_eq!(
            last(Every::Week, "2026-11-26T10:00:00Z", "UTC"),
            ["2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z", "2026-W47"]
        );
        assert_eq!(
            last(Every::Month, "2026-01-01T00:00:00Z", "UTC"),
            ["2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z", "2025-12"]
        );
    }

    #[test]
    fn a_day_on_which_clocks_change_has_its_own_length() {
        assert_eq!(
            last(Every::Day, "2026-03-30T00:00:00Z", "Europe/Berlin"),
            ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-29"]
        );
    }

    #[test]
    fn a_week_is_named_by_the_year_that_it_belongs_to() {
        let [_, _, name] = last(Every::Week, "2027-01-05T10:00:00Z", "UTC");
        assert_eq!(name, "2026-W53");
    }
}
