//! Why a store did not do it, in words that send nobody the wrong way.

use http::StatusCode;

use super::xml;

/// Why it is not there. No variant holds what a store said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectFault {
    /// The keys are no `ID:SECRET` or `ID:SECRET:TOKEN`.
    #[error("the request cannot be signed: the keys are `ID:SECRET` or `ID:SECRET:TOKEN`")]
    Unsigned,
    /// No request can have that key or label.
    #[error(
        "an object cannot have that name: a key has 1 to 1024 bytes, without a slash before it"
    )]
    Unspeakable,
    /// The store could not be reached, or broke off.
    #[error("the store could not be reached")]
    Unreachable,
    /// It took too long.
    #[error("the store did not answer in time")]
    Late,
    /// It is busy, or two asked for the same at once: it is to be asked again.
    #[error("the store is busy, and is asked again (status {0})")]
    Busy(u16),
    /// It does not let these keys do that.
    #[error("the store does not let these keys do that (status 403)")]
    Denied,
    /// Clocks are more than a quarter of an hour apart.
    #[error("the clock of this host or of the store is wrong: they are too far apart")]
    Skewed,
    /// The token of the keys has ended.
    #[error("the token of these keys has ended; put new ones into their file")]
    Expired,
    /// There is no such bucket.
    #[error("there is no such bucket (status 404)")]
    NoBucket,
    /// The bucket is elsewhere.
    #[error("the bucket is in another region, or at another address (status {0})")]
    Elsewhere(u16),
    /// Another object has that key.
    #[error("another object is there, of somebody else")]
    Taken,
    /// It is there, and nothing keeps it.
    #[error(
        "it is there, and not locked for as long as `retain_days` asks, or these keys may not see that it is \
         (`s3:GetObjectRetention`); a lock needs a bucket with Object Lock, and `s3:PutObjectRetention`"
    )]
    Unlocked,
    /// It does not take it.
    #[error("the store does not take it (status {0}); a lock needs a bucket with Object Lock")]
    Refused(u16),
    /// It answered, but not as S3 does.
    #[error("the store does not answer as Amazon S3 does")]
    Garbled,
    /// It is longer than such an object may be.
    #[error("it is longer than {0} bytes")]
    Long(usize),
}

impl ObjectFault {
    /// Whether the same may succeed in a moment.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Unreachable | Self::Late | Self::Busy(_))
    }

    /// What a status tells, and the code in what the store said beside it ("Error responses", a list of codes).
    pub(super) fn of(status: StatusCode, body: &[u8]) -> Self {
        match (status, xml::code(body).as_deref()) {
            (_, Some("RequestTimeTooSkewed")) => Self::Skewed,
            (_, Some("ExpiredToken" | "TokenRefreshRequired")) => Self::Expired,
            (_, Some("NoSuchBucket")) => Self::NoBucket,
            (_, Some("PermanentRedirect" | "AuthorizationHeaderMalformed")) => {
                Self::Elsewhere(status.as_u16())
            }
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => Self::Denied,
            (StatusCode::NOT_FOUND, _) => Self::NoBucket,
            (StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS, _) => {
                Self::Busy(status.as_u16())
            }
            (StatusCode::NOT_IMPLEMENTED, _) => Self::Refused(status.as_u16()),
            (status, _) if status.is_server_error() => Self::Busy(status.as_u16()),
            (status, _) if status.is_redirection() => Self::Elsewhere(status.as_u16()),
            (status, _) => Self::Refused(status.as_u16()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_status_and_code() {
        let error = |code: &str| {
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>x</Message></Error>")
        };
        for (status, code, expected) in [
            (403, "", ObjectFault::Denied),
            (403, "AccessDenied", ObjectFault::Denied),
            (403, "RequestTimeTooSkewed", ObjectFault::Skewed),
            (400, "ExpiredToken", ObjectFault::Expired),
            (404, "", ObjectFault::NoBucket),
            (301, "PermanentRedirect", ObjectFault::Elsewhere(301)),
            (
                400,
                "AuthorizationHeaderMalformed",
                ObjectFault::Elsewhere(400),
            ),
            (409, "ConditionalRequestConflict", ObjectFault::Busy(409)),
            (429, "", ObjectFault::Busy(429)),
            (503, "SlowDown", ObjectFault::Busy(503)),
            (400, "InvalidRequest", ObjectFault::Refused(400)),
            (501, "NotImplemented", ObjectFault::Refused(501)),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let fault = ObjectFault::of(status, error(code).as_bytes());
            assert_eq!(fault, expected, "{status} {code}");
        }
        assert!(ObjectFault::Busy(503).is_passing() && !ObjectFault::Denied.is_passing());
    }
}
