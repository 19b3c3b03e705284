//! The one place where the data plane reads the time.

use std::time::SystemTime;

use jiff::Timestamp;

/// The wall clock, for spans.
#[expect(clippy::disallowed_methods, reason = "the data plane's one clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// The same instant as a timestamp, for records and token checks.
pub(crate) fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH)
}
