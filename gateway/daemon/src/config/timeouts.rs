//! How long a service may take.

use std::{str::FromStr as _, time::Duration};

use jiff::SignedDuration;
use miette::Result;
use proxy::limits::Timeouts;
use serde_saphyr::Spanned;

use super::{file, resolve::Resolver};

/// A model may think for long, but whoever waits for longer has been forgotten.
const TIMEOUT_MAX: SignedDuration = SignedDuration::from_hours(1);

impl Resolver<'_> {
    pub(super) fn timeouts(&self, service: &file::Service) -> Result<Timeouts> {
        let usual = Timeouts::default();
        Ok(Timeouts {
            head: self.timeout(service.timeout.as_ref(), usual.head)?,
            idle: self.timeout(service.idle_timeout.as_ref(), usual.idle)?,
        })
    }

    pub(super) fn timeout(
        &self,
        typed: Option<&Spanned<String>>,
        usual: Duration,
    ) -> Result<Duration> {
        let Some(typed) = typed else {
            return Ok(usual);
        };
        let parsed = SignedDuration::from_str(&typed.value).ok();
        parsed
            .filter(|duration| duration.is_positive() && *duration <= TIMEOUT_MAX)
            .and_then(|duration| Duration::try_from(duration).ok())
            .ok_or_else(|| {
                let message = format!("`{}` is no time to wait", typed.value);
                self.fault(typed, message, "a duration up to 1h: `90s`, `10m`")
            })
    }
}
