//! Anthropic.

use anyhow::Result;
use tests::{peers::vendor::anthropic, sdks::Language};

use super::{Vendor, is_broken_off, is_error, is_redacted, says};

const OPERATIONS: &[(&str, &str, &str)] = &[
    ("message", "POST", "/v1/messages"),
    ("closed", "GET", "/v1/models"),
];

fn check(language: Language) -> Result<()> {
    let vendor = Vendor::start(("anthropic", anthropic::router()), OPERATIONS, language)?;
    let calls = vendor.calls("anthropic", &[])?;
    for told in ["whole", "streamed", "tool", "tool_streamed", "retried"] {
        is_redacted(&calls.of(told)?)?;
    }
    is_error(&calls.of("refused")?, "PermissionDeniedError", Some(403))?;
    is_error(&calls.of("overshared")?, "PermissionDeniedError", Some(403))?;
    // In the midst of a stream the status is told already: its error is of that status' class.
    let broken = match language {
        Language::Python => "APIStatusError",
        Language::Node => "APIError",
    };
    is_broken_off(&calls.of("overshared_streamed")?, broken)?;
    is_error(&calls.of("limited")?, "RateLimitError", Some(429))?;
    is_error(&calls.of("failed")?, "InternalServerError", Some(500))?;
    is_error(&calls.of("unknown")?, "AuthenticationError", Some(401))?;
    says(&calls.of("limited")?, "exceed your rate limit")?;
    says(&calls.of("refused")?, "closed to agents")?;
    vendor.finish()
}

#[test]
fn python() -> Result<()> {
    check(Language::Python)
}

#[test]
fn node() -> Result<()> {
    check(Language::Node)
}
