//! Stripe.

use anyhow::{Result, ensure};
use tests::{client::Client, peers::vendor::stripe, sdks::Language};

use super::{Vendor, is_error, is_redacted, says};

const OPERATIONS: &[(&str, &str, &str)] = &[
    ("customer.list", "GET", "/v1/customers"),
    ("customer.create", "POST", "/v1/customers"),
    ("closed", "GET", "/v1/charges"),
];

/// Errors are named as `StripeCardError` in JavaScript, as `CardError` in Python.
fn check(language: Language, prefix: &str) -> Result<()> {
    let vendor = Vendor::start(("stripe", stripe::router()), OPERATIONS, language)?;
    let calls = vendor.calls("stripe", &[])?;
    for (told, id) in [("whole", "cus_new"), ("pages", "cus_second")] {
        let made = calls.of(told)?;
        is_redacted(&made)?;
        // Types stay types, and what is not personal stays.
        let kept = format!("{id} 1760000000 gold");
        ensure!(made.value()?.contains(&kept), "{}", made.value()?);
    }
    let error = |name: &str, class: &str, status| {
        is_error(&calls.of(name)?, &format!("{prefix}{class}"), Some(status))
    };
    error("declined", "CardError", 402)?;
    error("broken", "InvalidRequestError", 400)?;
    error("limited", "RateLimitError", 429)?;
    error("refused", "PermissionError", 403)?;
    error("unknown", "AuthenticationError", 401)?;
    says(&calls.of("refused")?, "closed to agents")?;
    // The form arrived as it was written.
    let received = Client::plain()?.get(&format!("{}/received", vendor.peer.url()), &[])?;
    let form = received.text();
    ensure!(
        form.contains("email=tamsel.wrenfold%40example.org"),
        "{form}"
    );
    vendor.finish()
}

#[test]
fn python() -> Result<()> {
    check(Language::Python, "")
}

#[test]
fn node() -> Result<()> {
    check(Language::Node, "Stripe")
}
