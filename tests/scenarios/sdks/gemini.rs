//! Google's Gemini.

use anyhow::Result;
use tests::{peers::vendor::gemini, sdks::Language};

use super::{Vendor, is_broken_off, is_error, is_redacted, says};

const OPERATIONS: &[(&str, &str, &str)] = &[
    ("generate", "POST", "/v1/models/{call}"),
    ("closed", "GET", "/v1/models"),
];

fn check(language: Language, told: &[&str], client: &str, server: &str) -> Result<()> {
    let vendor = Vendor::start(("gemini", gemini::router()), OPERATIONS, language)?;
    let calls = vendor.calls("gemini", &[])?;
    for told in told {
        is_redacted(&calls.of(told)?)?;
    }
    is_error(&calls.of("refused")?, client, Some(403))?;
    is_error(&calls.of("overshared")?, client, Some(403))?;
    is_broken_off(&calls.of("overshared_streamed")?, client)?;
    is_error(&calls.of("limited")?, client, Some(429))?;
    is_error(&calls.of("failed")?, server, Some(500))?;
    is_error(&calls.of("unknown")?, client, Some(403))?;
    says(&calls.of("limited")?, "exceeded your current quota")?;
    says(&calls.of("refused")?, "closed to agents")?;
    vendor.finish()
}

#[test]
fn python() -> Result<()> {
    let told = ["whole", "streamed", "tool", "retried"];
    check(Language::Python, &told, "ClientError", "ServerError")
}

#[test]
fn node() -> Result<()> {
    check(
        Language::Node,
        &["whole", "streamed", "tool"],
        "ApiError",
        "ApiError",
    )
}
