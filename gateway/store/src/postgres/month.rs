//! Months of records: one partition each.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// A month in UTC, by its first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Month(Date);

/// The first and last years that have partitions: a clock that is wrong makes no thousands of them.
const YEARS: std::ops::RangeInclusive<i16> = 2020..=2120;

impl Month {
    /// The month of a time in microseconds since 1970, and that time; the nearest that has a partition.
    pub(super) fn of(at_us: i64) -> (Self, i64) {
        let at = Timestamp::from_microsecond(at_us).unwrap_or_default();
        let day = at.to_zoned(TimeZone::UTC).date();
        let year = day.year().clamp(*YEARS.start(), *YEARS.end());
        let first = |month| jiff::civil::date(year, month, 1);
        if year == day.year() {
            return (Self(first(day.month())), at_us);
        }
        let nearest = Self(first(if year < day.year() { 12 } else { 1 }));
        (nearest, nearest.starts_us())
    }

    fn starts_us(self) -> i64 {
        let begins = self.0.to_zoned(TimeZone::UTC);
        begins.map_or(0, |begins| begins.timestamp().as_microsecond())
    }

    /// Its partition's.
    pub(super) fn name(self) -> String {
        format!("record_{}", self.0.strftime("%Y_%m"))
    }

    /// The statements that make its partition.
    pub(super) fn partition(self) -> [String; 2] {
        let next = self.0.last_of_month().tomorrow().unwrap_or(self.0);
        let (name, first) = (self.name(), self.0);
        [
            format!("CREATE TABLE IF NOT EXISTS {name} (LIKE record INCLUDING ALL)"),
            format!(
                "ALTER TABLE record ATTACH PARTITION {name} \
                 FOR VALUES FROM ('{first} 00:00:00+00') TO ('{next} 00:00:00+00')"
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_its_month_and_a_wrong_clock_in_the_nearest() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
        let (month, kept) = Month::of(at("2026-12-31T23:59:59.999999Z"));
        assert_eq!(kept, at("2026-12-31T23:59:59.999999Z"));
        assert_eq!(
            month.partition(),
            [
                "CREATE TABLE IF NOT EXISTS record_2026_12 (LIKE record INCLUDING ALL)",
                "ALTER TABLE record ATTACH PARTITION record_2026_12 \
                 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00')"
            ]
        );
        assert_eq!(Month::of(0).1, at("2020-01-01T00:00:00Z"));
        assert_eq!(Month::of(i64::MIN).1, at("2020-01-01T00:00:00Z"));
        assert_eq!(
            Month::of(at("9000-06-01T00:00:00Z")).1,
            at("2120-12-01T00:00:00Z")
        );
    }
}
