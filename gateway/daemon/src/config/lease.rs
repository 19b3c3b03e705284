//! How long a gateway goes on without the provider of its keyring.

use std::time::Duration;

use miette::Result;

use super::{file::Audit, resolve::Resolver};
use crate::lease::Terms;

/// How often the provider is asked, if nothing is said.
const PROBE: Duration = Duration::from_mins(1);
/// For how long it may be away, if nothing is said.
const LEASE: Duration = Duration::from_mins(15);

impl Resolver<'_> {
    pub(super) fn lease(&self, typed: &Audit) -> Result<Terms> {
        let keys = typed.keys.as_ref();
        let terms = Terms {
            probe: self.timeout(keys.and_then(|it| it.probe.as_ref()), PROBE)?,
            lease: self.timeout(keys.and_then(|it| it.lease.as_ref()), LEASE)?,
        };
        let typed = keys.and_then(|it| it.lease.as_ref().or(it.probe.as_ref()));
        if let Some(typed) = typed
            && terms.lease < terms.probe
        {
            let message = "the lease ends before the provider is asked again";
            let help = "give `audit.keys.lease` at least the time of `audit.keys.probe`";
            return Err(self.fault(typed, message, help));
        }
        Ok(terms)
    }
}
