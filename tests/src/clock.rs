//! The one place where this package asks for the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, in whole seconds since 1970, as tokens count it.
#[expect(
    clippy::disallowed_methods,
    reason = "this package is an outermost one, and tokens need a real expiry"
)]
pub fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}
