//! A refund of at most 50 EUR, a message only to Germany: the cookbook's rules on the profiles' operations, as Stripe's
//! and Twilio's libraries meet them.

use anyhow::{Result, ensure};
use tests::{
    gateway::Gateway,
    peers::{
        Peer,
        vendor::{KEY, stripe, twilio},
    },
    sdks::Language,
    setup::{Service, Setup},
};

use super::{AGENT, is_error, says};
use crate::world::{path_selector, verified};

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("refunds-are-small") @reason("a refund is at most 50 EUR")
forbid (principal, action == Action::"call", resource in Operation::"stripe/PostRefunds")
unless { context.argument has refund_amount
         && context.argument.refund_amount > 0 && context.argument.refund_amount <= 5000 };

@id("other-money-stays") @reason("agents move no money but refunds")
forbid (principal, action == Action::"call", resource in Group::"money")
unless { resource in Operation::"stripe/PostRefunds" };

@id("messages-stay-in-the-country") @reason("agents write to numbers in Germany alone")
forbid (principal, action == Action::"call", resource in Group::"messages")
unless { context.argument has to && context.argument.to like "+49*" };

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

fn check(language: Language, refused: &str, invalid: &str, unsent: &str) -> Result<()> {
    let [payments, phone] =
        [stripe::router(), twilio::router()].map(|it| Peer::serve(it, "127.0.0.1:0", None));
    let (payments, phone) = (payments?, phone?);
    let setup = Setup::new()
        .agent(AGENT, &[path_selector(&language.program()?)], "optional")
        .service(
            // Its library takes no path before its own.
            Service::of("stripe", "stripe", &payments.url(), "US").set("host", "localhost".into()),
        )
        .service(
            Service::of("twilio", "twilio", &phone.url(), "US").set("prefix", "/twilio".into()),
        )
        .policy(POLICY);
    let mut gateway = Gateway::start(&setup)?;
    let at = gateway.listen(0)?;
    let calls = language.calls(
        "bounds",
        &[
            ("SDK_URL", &format!("http://localhost:{}", at.port())),
            ("TWILIO_URL", &format!("http://{at}/twilio")),
            ("SDK_ACCOUNT", &twilio::account()),
            ("SDK_KEY", KEY),
        ],
    )?;
    assert_eq!(calls.of("refund_small")?.value()?, "5000");
    assert_eq!(calls.of("message_near")?.value()?, "queued");
    is_error(&calls.of("refund_large")?, refused, Some(403))?;
    says(&calls.of("refund_large")?, "at most 50 EUR")?;
    is_error(&calls.of("payout")?, refused, Some(403))?;
    says(&calls.of("payout")?, "no money but refunds")?;
    // How much would be refunded is not known here: so it must be said.
    is_error(&calls.of("refund_whole")?, invalid, Some(400))?;
    is_error(&calls.of("message_far")?, unsent, Some(403))?;
    says(&calls.of("message_far")?, "Germany alone")?;
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    verified(&gateway).map(drop)
}

#[test]
fn python() -> Result<()> {
    check(
        Language::Python,
        "PermissionError",
        "InvalidRequestError",
        "TwilioRestException",
    )
}

#[test]
fn node() -> Result<()> {
    check(
        Language::Node,
        "StripePermissionError",
        "StripeInvalidRequestError",
        "RestException",
    )
}
