use super::{GOOD, loaded};

/// The configuration with a service that third parties call, of which this is said.
fn called(sender: &str, more: &str, operation: &str) -> miette::Result<crate::config::Config> {
    let service = format!(
        "services:\n  - name: hook\n    prefix: /hook\n    upstream: http://127.0.0.1:9002\n    country: DE\n    \
         inbound: {{ sender: \"{sender}\", country: US, signature: stripe, secret: {{ name: hook }}{more} }}\n    \
         operations: [{operation}]\n"
    );
    loaded(&GOOD.replacen("services:\n", &service, 1))
}

const STRIPE: &str = "spiffe://acme.example/sender/stripe";
const EVENT: &str = "{ id: event, method: POST, path: /events, body: { type: type } }";

#[test]
fn a_service_of_third_parties_is_taken() {
    let config = called(STRIPE, ", tolerance: 10m", EVENT);
    let config = config.unwrap_or_else(|report| panic!("{report:?}"));
    let mut services = config.services.iter();
    let inbound = services.find_map(|it| it.inbound.as_ref()).unwrap();
    assert_eq!(inbound.sender.abroad.as_deref(), Some("US"));
    assert!(config.credentials.iter().any(|(name, _)| &**name == "hook"));
}

#[test]
fn what_is_not_signed_does_not_decide() {
    let told = |sender: &str, more: &str, operation: &str| {
        let Err(report) = called(sender, more, operation) else {
            panic!("{sender} {more} {operation} was taken")
        };
        report.to_string()
    };
    for operation in [
        "{ id: event, method: POST, path: \"/events/{kind}\" }",
        "{ id: event, method: POST, path: /events, query: { kind: kind } }",
        "{ id: event, method: POST, path: /events, header: { kind: x-kind } }",
    ] {
        let said = told(STRIPE, "", operation);
        assert!(said.contains("no path, query or field"), "{said}");
    }
    let said = told(STRIPE, "", "{ id: event, method: GET, path: /events }");
    assert!(said.contains("send messages"), "{said}");
    let said = told("spiffe://acme.example/agent/support", "", EVENT);
    assert!(said.contains("process of its own"), "{said}");
    let said = told(STRIPE, ", tolerance: 30m", EVENT);
    assert!(said.contains("too long"), "{said}");
}
