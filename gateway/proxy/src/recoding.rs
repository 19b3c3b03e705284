//! In which content coding a judged answer leaves, and what its head says of that.

use http::HeaderMap;
use redaction::Coding;

use crate::{
    accept::Accepted,
    headers, limits,
    pump::{Broken, Pump},
};

/// In which content coding a judged answer leaves.
#[derive(Clone, Copy)]
pub(crate) struct Recoding {
    /// What the agent takes.
    pub(crate) accepted: Accepted,
    /// Whether the service's answers are encoded again.
    pub(crate) encodes: bool,
    /// In which it came; none of a body that passes as it is.
    pub(crate) came: Option<Coding>,
}

impl Recoding {
    /// Encodes what `pump` releases, of `bytes` if that is known, and says so in the answer's head.
    pub(crate) fn apply(
        self,
        pump: &mut Pump,
        headers: &mut HeaderMap,
        bytes: Option<u64>,
    ) -> Result<(), Broken> {
        let Some(came) = self.came.filter(|_| bytes != Some(0)) else {
            return Ok(());
        };
        let wanted = |came| self.accepted.choose(came, bytes, limits::ENCODED_BYTES_MIN);
        // Where nothing is encoded again it is as if it had come plain.
        let coding = wanted(if self.encodes { came } else { Coding::Identity });
        if came == Coding::Identity && coding == Coding::Identity {
            return Ok(());
        }
        headers::body_recoded(headers);
        headers::coded(headers, coding);
        pump.encode(coding)
    }
}
