//! The rules for SDKs.

/// Agents are in Germany, services in America: in answers, addresses and numbers are covered, cards are not released at all, and one operation is closed.
pub(super) const POLICY: &str = r#"
@id("sdks-may-call")
permit (principal, action == Action::"call", resource);

@id("this-one-is-closed")
@reason("this is closed to agents")
forbid (principal, action == Action::"call", resource)
when { context.operation == "closed" };

@id("the-rest-may-be-shown")
permit (principal, action == Action::"disclose", resource);

@id("addresses-are-covered")
@obligation("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.email")
when { context.recipient == Country::"DE" };

@id("numbers-are-replaced")
@obligation("replace")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.us_ssn")
when { context.recipient == Country::"DE" };

@id("cards-stay")
@obligation("block")
forbid (principal, action == Action::"disclose", resource in DataClass::"pci.pan")
when { context.recipient == Country::"DE" };
"#;
