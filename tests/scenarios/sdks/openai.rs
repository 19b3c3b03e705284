//! OpenAI.

use anyhow::{Result, ensure};
use tests::{peers::vendor::openai, sdks::Language};

use super::{Vendor, is_broken_off, is_error, is_redacted, says};

const OPERATIONS: &[(&str, &str, &str)] = &[
    ("chat", "POST", "/v1/chat/completions"),
    ("respond", "POST", "/v1/responses"),
    ("closed", "GET", "/v1/models"),
];

fn check(language: Language) -> Result<()> {
    let vendor = Vendor::start(("openai", openai::router()), OPERATIONS, language)?;
    let calls = vendor.calls("openai", &[])?;
    for told in [
        "whole",
        "streamed",
        "tool",
        "tool_streamed",
        "response",
        "response_streamed",
        "retried",
    ] {
        is_redacted(&calls.of(told)?)?;
    }
    // The arguments of a tool are still JSON, and what they hold beside the text is there.
    for tool in ["tool", "tool_streamed"] {
        let made = calls.of(tool)?;
        let arguments = made.value()?.trim_start_matches("note: ");
        let arguments: serde_json::Value = serde_json::from_str(arguments)?;
        ensure!(arguments.get("urgent") == Some(&true.into()), "{arguments}");
    }
    is_error(&calls.of("refused")?, "PermissionDeniedError", Some(403))?;
    is_error(&calls.of("overshared")?, "PermissionDeniedError", Some(403))?;
    is_broken_off(&calls.of("overshared_streamed")?, "APIError")?;
    is_broken_off(&calls.of("overshared_response")?, "APIError")?;
    is_error(&calls.of("limited")?, "RateLimitError", Some(429))?;
    is_error(&calls.of("failed")?, "InternalServerError", Some(500))?;
    is_error(&calls.of("unknown")?, "AuthenticationError", Some(401))?;
    // What the vendor says of its own errors arrives.
    says(&calls.of("limited")?, "Rate limit reached")?;
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
