//! Twilio.

use anyhow::{Result, ensure};
use tests::{peers::vendor::twilio, sdks::Language};

use super::{Vendor, is_error, is_redacted, says};

const OPERATIONS: &[(&str, &str, &str)] = &[
    (
        "message.list",
        "GET",
        "/2010-04-01/Accounts/{account}/Messages.json",
    ),
    (
        "message.send",
        "POST",
        "/2010-04-01/Accounts/{account}/Messages.json",
    ),
    ("closed", "GET", "/2010-04-01/Accounts/{account}/Calls.json"),
];

/// Errors of single messages and of pages are of two classes in Python.
fn check(language: Language, class: &str, of_pages: &str) -> Result<()> {
    let vendor = Vendor::start(("twilio", twilio::router()), OPERATIONS, language)?;
    let account = twilio::account();
    let calls = vendor.calls("twilio", &[("SDK_ACCOUNT", &account)])?;
    for told in ["whole", "pages"] {
        let made = calls.of(told)?;
        is_redacted(&made)?;
        ensure!(made.value()?.contains("queued 2023"), "{}", made.value()?);
    }
    is_error(&calls.of("broken")?, class, Some(400))?;
    is_error(&calls.of("failed")?, class, Some(500))?;
    is_error(&calls.of("refused")?, of_pages, None)?;
    is_error(&calls.of("unknown")?, class, Some(401))?;
    says(&calls.of("broken")?, "not a valid phone number")?;
    says(&calls.of("refused")?, "closed to agents")?;
    vendor.finish()
}

#[test]
fn python() -> Result<()> {
    check(Language::Python, "TwilioRestException", "TwilioException")
}

#[test]
fn node() -> Result<()> {
    check(Language::Node, "RestException", "RestException")
}
