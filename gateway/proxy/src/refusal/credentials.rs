//! Why a service's credential could not be presented; nothing was sent then.

use http::StatusCode;

use super::Interruption;
use crate::credential::Fault;

impl Interruption {
    const fn unpresented() -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "credential_unavailable")
    }

    /// The service's credential is not to be had.
    pub fn credential_unavailable() -> Self {
        Self::unpresented()
            .says("the gateway holds no credential for this service that opens; nothing was sent")
    }

    /// Its authorization server gives no access token.
    pub(crate) fn no_access_token(fault: Fault) -> Self {
        let mut refusal = Self::unpresented().says(format!(
            "the service's authorization server gives no access token: {fault}; nothing was sent"
        ));
        refusal.passing = matches!(fault, Fault::Unreachable | Fault::Late);
        refusal
    }

    /// What should be a certificate and its key is none, or they are not of each other.
    pub(crate) fn certificate_unusable() -> Self {
        Self::unpresented().says(
            "the certificate that the gateway holds for this service cannot be used; nothing was sent",
        )
    }

    /// A signature cannot cover what the request holds.
    pub(crate) fn unsignable() -> Self {
        Self::unpresented().says(
            "the request cannot be signed for this service: its `content-type` and its fields `x-amz-…` \
             must be plain ASCII; nothing was sent",
        )
    }
}
