//! What a workload's own certificate says of it: an X.509-SVID, already verified against the bundle of its
//! trust domain.

use jiff::Timestamp;

use crate::{Cause, SpiffeId, agent::Agent};

/// An X.509-SVID (SPIFFE's standard of that name, section 3) that was shown in TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Svid {
    /// Whom it names.
    pub id: SpiffeId,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// Whether the certificate, or its absence, fits the agent that the process is.
pub(crate) fn agrees(agent: &Agent, svid: Option<&Svid>, now: Timestamp) -> Result<(), Cause> {
    match svid {
        None if agent.svid => Err(Cause::SvidRequired),
        Some(svid) if svid.id != agent.id => Err(Cause::SvidWorkloadMismatch),
        Some(svid) if svid.expires_at <= now => Err(Cause::SvidExpired),
        None | Some(_) => Ok(()),
    }
}
