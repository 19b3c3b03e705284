//! Dates as APIs write them: the parts, and the same layout written again with others.

use jiff::civil::Date;

/// The most bytes of a date with its time.
const DATE_BYTES_MAX: usize = 40;

/// In which order the parts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// `1971-03-09`, `1971/03/09`, `19710309`.
    YearMonthDay,
    /// `09.03.1971`, and `25/03/1971` where the first can be no month.
    DayMonthYear,
    /// `03/09/1971`.
    MonthDayYear,
    /// `1971-03` (FHIR and ISO 8601 allow it).
    YearMonth,
}

/// A date within a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dated<'a> {
    pub(super) date: Date,
    layout: Layout,
    /// Between the parts; none in `19710309`.
    separator: Option<u8>,
    /// What follows the date: a time of day, a zone.
    rest: &'a [u8],
}

impl<'a> Dated<'a> {
    /// The date that `text` is.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        if text.len() > DATE_BYTES_MAX {
            return None;
        }
        let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
        let first = digits(text);
        if first == 8 {
            let (date, rest) = text.split_at_checked(8)?;
            let (year, date) = date.split_at_checked(4)?;
            let (month, day) = date.split_at_checked(2)?;
            let layout = Layout::YearMonthDay;
            return Self::of(year, month, day, layout, None, rest);
        }
        let (one, after) = text.split_at_checked(first)?;
        let (separator, after) = after.split_first()?;
        let (two, after) = after.split_at_checked(digits(after))?;
        let separator = Some(*separator).filter(|byte| b"-/.".contains(byte))?;
        if one.len() == 4 && after.is_empty() && two.len() == 2 && separator == b'-' {
            return Self::of(one, two, b"01", Layout::YearMonth, Some(separator), after);
        }
        let after = after.strip_prefix(&[separator])?;
        let (three, rest) = after.split_at_checked(digits(after))?;
        if one.len() == 4 {
            let layout = Layout::YearMonthDay;
            return Self::of(one, two, three, layout, Some(separator), rest);
        }
        // Without a month above twelve, slashes are read as the United States write them.
        let american = separator != b'.' && number(one)? <= 12;
        let (day, month, layout) = if american {
            (two, one, Layout::MonthDayYear)
        } else {
            (one, two, Layout::DayMonthYear)
        };
        Self::of(three, month, day, layout, Some(separator), rest)
    }

    fn of(
        year: &[u8],
        month: &[u8],
        day: &[u8],
        layout: Layout,
        separator: Option<u8>,
        rest: &'a [u8],
    ) -> Option<Self> {
        if year.len() != 4 || month.len() > 2 || day.len() > 2 {
            return None;
        }
        let part = |digits| number(digits).and_then(|part| i8::try_from(part).ok());
        let time = |(at, byte): (usize, &u8)| match byte {
            b'T' | b' ' => at == 0,
            b'0'..=b'9' | b':' | b'.' | b'+' | b'-' | b'Z' => at > 0,
            _ => false,
        };
        let is_time = rest.iter().enumerate().all(time);
        Some(Self {
            date: Date::new(number(year)?, part(month)?, part(day)?).ok()?,
            layout,
            separator,
            rest,
        })
        .filter(|_| is_time)
    }

    /// Appends another date in the same layout, with the same time.
    pub(super) fn write(&self, date: Date, out: &mut Vec<u8>) {
        self.write_date(date, out);
        out.extend_from_slice(self.rest);
    }

    /// Appends the first day of `year` in the same layout, with midnight for a time: the year is all
    /// that it tells, and it is still a date.
    pub(super) fn write_year(&self, year: i16, out: &mut Vec<u8>) {
        if let Ok(date) = Date::new(year, 1, 1) {
            self.write_date(date, out);
            let zero = |byte: &u8| if byte.is_ascii_digit() { b'0' } else { *byte };
            out.extend(self.rest.iter().map(zero));
        }
    }

    fn write_date(&self, date: Date, out: &mut Vec<u8>) {
        let year = format!("{:04}", date.year());
        let month = format!("{:02}", date.month());
        let day = format!("{:02}", date.day());
        let parts: &[&str] = match self.layout {
            Layout::YearMonthDay => &[&year, &month, &day],
            Layout::DayMonthYear => &[&day, &month, &year],
            Layout::MonthDayYear => &[&month, &day, &year],
            Layout::YearMonth => &[&year, &month],
        };
        for (at, part) in parts.iter().enumerate() {
            out.extend(self.separator.filter(|_| at > 0));
            out.extend_from_slice(part.as_bytes());
        }
    }
}

/// The only year that a text names, in whatever words the rest of the date is.
pub(super) fn year_in(text: &[u8]) -> Option<i16> {
    let mut years = text
        .split(|byte| !byte.is_ascii_digit())
        .filter(|digits| digits.len() == 4)
        .filter_map(number)
        .filter(|year| (1800..2200).contains(year));
    let year = years.next()?;
    years.next().is_none().then_some(year)
}

fn number(digits: &[u8]) -> Option<i16> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_is_written_as_it_was_read() {
        for text in [
            "1971-03-09",
            "1971/03/09",
            "19710309",
            "09.03.1971",
            "25/03/1971",
            "03/09/1971",
            "1971-03",
            "1971-03-09T10:11:12.5+02:00",
            "1971-03-09 10:11",
        ] {
            let dated = Dated::parse(text.as_bytes()).unwrap();
            let mut out = Vec::new();
            dated.write(dated.date, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        for text in [
            "1971",
            "1971-13-09",
            "9 March 1971",
            "1971-03-09 in Rome",
            "555-1234",
        ] {
            assert!(Dated::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn a_year_is_found_in_words() {
        assert_eq!(year_in(b"9 March 1971"), Some(1971));
        assert_eq!(year_in(b"1971 or 1972"), None);
        assert_eq!(year_in(b"yesterday"), None);
    }
}
