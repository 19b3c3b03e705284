//! Why a message of a third party is not believed; the agent that it was for heard nothing of it.

use http::StatusCode;

use super::Interruption;
use crate::{inbound::Disbelieved, webhook::Scheme};

impl Interruption {
    /// Nobody is believed to have sent it.
    pub(crate) fn disbelieved(why: Disbelieved, scheme: Scheme) -> Self {
        let (status, reason, detail) = match why {
            Disbelieved::Unsigned => (
                StatusCode::UNAUTHORIZED,
                "signature_missing",
                format!(
                    "messages to this path are signed in the way `{}`",
                    scheme.name()
                ),
            ),
            Disbelieved::Forged => (
                StatusCode::UNAUTHORIZED,
                "signature_invalid",
                "the message was signed with another secret, or altered".to_owned(),
            ),
            Disbelieved::Stale => (
                StatusCode::UNAUTHORIZED,
                "signature_stale",
                "the message was signed too long ago, or one of the clocks is wrong".to_owned(),
            ),
            Disbelieved::Replayed => (
                StatusCode::CONFLICT,
                "signature_replayed",
                "the message came before: to send it again, sign it again".to_owned(),
            ),
            Disbelieved::TooMany => (
                StatusCode::SERVICE_UNAVAILABLE,
                "signatures_too_many",
                "too many messages came to know whether this one came before".to_owned(),
            ),
            Disbelieved::NoSecret => (
                StatusCode::SERVICE_UNAVAILABLE,
                "signature_unverifiable",
                "the gateway holds no secret to hold the message against".to_owned(),
            ),
        };
        let mut refusal = Self::new(status, reason).says(detail);
        refusal.finding = matches!(why, Disbelieved::Forged | Disbelieved::Replayed);
        refusal.passing = status == StatusCode::SERVICE_UNAVAILABLE;
        refusal
    }
}
