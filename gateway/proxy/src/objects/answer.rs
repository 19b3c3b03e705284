//! What a store answers, and how it says that an object is locked.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

use super::{fault::ObjectFault, xml};
use crate::clock;

/// By so much a lock may end earlier than it should: clocks differ, and an object is dated after it was sent.
const LOCK_SLACK: Duration = Duration::from_hours(1);

pub(super) const VERSION: HeaderName = HeaderName::from_static("x-amz-version-id");
pub(super) const LOCK_MODE: HeaderName = HeaderName::from_static("x-amz-object-lock-mode");
pub(super) const LOCK_UNTIL: HeaderName =
    HeaderName::from_static("x-amz-object-lock-retain-until-date");
/// The mode that nobody can lift.
pub(super) const COMPLIANCE: &str = "COMPLIANCE";
/// What an object is, in words of the one who put it.
pub(super) const LABEL: HeaderName = HeaderName::from_static("x-amz-meta-tidegate");

/// How an object is locked when it is put (Object Lock, mode `COMPLIANCE`): nobody can delete that version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// For how long from when it is put.
    pub span: Duration,
    /// Whether the store is asked afterwards: one may drop what it does not know.
    pub is_asked: bool,
}

/// How a store says that an object is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Whether nobody can lift it (mode `COMPLIANCE`).
    pub is_compliance: bool,
    /// Until when.
    pub until: SystemTime,
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// None if it was longer than asked for.
    pub(super) body: Option<Bytes>,
}

impl Answer {
    pub(super) fn fault(&self) -> ObjectFault {
        ObjectFault::of(self.status, self.body.as_deref().unwrap_or_default())
    }

    /// Whether it is an error with this code.
    pub(super) fn says(&self, code: &str) -> bool {
        let body = self.body.as_deref().unwrap_or_default();
        xml::code(body).as_deref() == Some(code)
    }

    pub(super) fn field(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn modified(&self) -> Option<SystemTime> {
        let text = self.field(&header::LAST_MODIFIED)?;
        let at = DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(at.into())
    }

    pub(super) fn retention(&self) -> Option<Retention> {
        let until: Timestamp = self.field(&LOCK_UNTIL)?.parse().ok()?;
        Some(Retention {
            is_compliance: self.field(&LOCK_MODE)? == COMPLIANCE,
            until: until.into(),
        })
    }

    /// Until when it should be locked, if it is not for so long.
    pub(super) fn lacks(&self, span: Duration) -> Option<SystemTime> {
        let due = self.modified().unwrap_or_else(clock::now) + span;
        let is_locked = self
            .retention()
            .is_some_and(|it| it.is_compliance && it.until + LOCK_SLACK >= due);
        (!is_locked).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// What a store says of an object that came at ten.
    fn said(mode: Option<&'static str>, until: Option<&'static str>) -> Answer {
        let mut headers = HeaderMap::new();
        let mut put = |name: HeaderName, text: Option<&'static str>| {
            if let Some(text) = text {
                headers.insert(name, HeaderValue::from_static(text));
            }
        };
        put(header::LAST_MODIFIED, Some("Fri, 27 Nov 2026 10:00:00 GMT"));
        put(LOCK_MODE, mode);
        put(LOCK_UNTIL, until);
        Answer {
            status: StatusCode::OK,
            headers,
            body: None,
        }
    }

    #[test]
    fn a_lock_is_one_that_nobody_lifts_before_it_is_time() {
        let day = Duration::from_hours(24);
        for (mode, until, holds) in [
            (Some("COMPLIANCE"), Some("2026-11-28T10:00:00Z"), true),
            (Some("COMPLIANCE"), Some("2026-11-28T09:30:00.000Z"), true),
            (Some("COMPLIANCE"), Some("2026-11-28T08:00:00Z"), false),
            (Some("GOVERNANCE"), Some("2026-11-29T10:00:00Z"), false),
            (None, Some("2026-11-29T10:00:00Z"), false),
            (Some("COMPLIANCE"), None, false),
            (Some("COMPLIANCE"), Some("tomorrow"), false),
        ] {
            let lacks = said(mode, until).lacks(day);
            assert_eq!(lacks.is_none(), holds, "{mode:?} {until:?}");
            let due = lacks.map(clock::timestamp);
            let expected = "2026-11-28T10:00:00Z".parse::<Timestamp>().expect("a time");
            assert!(due.is_none_or(|it| it == expected), "{due:?}");
        }
    }
}
