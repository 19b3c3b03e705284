use super::{GOOD, loaded};

fn with(console: &str) -> miette::Result<crate::config::Config> {
    loaded(&format!("{GOOD}\nconsole: {console}\n"))
}

#[test]
fn a_console_is_taken_at_home_and_elsewhere_by_tls() {
    let home = with("{ listen: \"127.0.0.1:9443\", users: users.json }");
    let home = home.unwrap_or_else(|report| panic!("{report:?}"));
    let console = home.console.unwrap();
    assert!(console.tls.is_none() && console.users.ends_with("users.json"));
    let away = "{ listen: \"0.0.0.0:9443\", users: u, tls: { certificate: c, key: k } }";
    assert!(with(away).unwrap().console.unwrap().tls.is_some());
    assert!(loaded(GOOD).unwrap().console.is_none());
}

#[test]
fn certificates_are_asked_for_where_an_authority_is_named() {
    let with_them = "{ listen: \"0.0.0.0:9443\", users: u, tls: { certificate: c, key: k }, \
                     certificates: { ca: staff.pem, crl: gone.pem } }";
    let loaded = with(with_them).unwrap_or_else(|report| panic!("{report:?}"));
    let people = loaded.console.unwrap().people.unwrap();
    assert!(people.ca.ends_with("staff.pem") && people.crl.unwrap().ends_with("gone.pem"));
}

const OPENID: &str = "issuer: \"https://login.example/staff\", client_id: console, client_secret: s, \
                      public_url: \"https://console.example\", roles: { auditors: auditor }";

/// A console with a provider that is configured so, and further or otherwise.
fn with_openid(openid: &str) -> miette::Result<crate::config::Config> {
    with(&format!(
        "{{ listen: \"127.0.0.1:9443\", users: u, openid: {{ {openid} }} }}"
    ))
}

#[test]
fn a_provider_of_logins_is_taken_with_what_its_groups_may() {
    let loaded = with_openid(OPENID).unwrap_or_else(|report| panic!("{report:?}"));
    let provider = loaded.console.unwrap().openid.unwrap();
    assert_eq!(provider.typed.issuer, "https://login.example/staff");
    assert_eq!(provider.typed.groups, "groups");
    assert_eq!(provider.typed.roles["auditors"], console::Role::Auditor);
    assert!(!provider.typed.in_body && provider.networks.is_empty());
    let more = format!(
        "{OPENID}, client_auth: body, groups_claim: /realm_access/roles, name_claim: email, scopes: [email], \
         networks: [\"10.0.0.0/8\"]"
    );
    let loaded = with_openid(&more).unwrap_or_else(|report| panic!("{report:?}"));
    let provider = loaded.console.unwrap().openid.unwrap();
    assert!(provider.typed.in_body && provider.networks.len() == 1);
    assert_eq!(provider.typed.name, console::NameClaim::Email);
    let home = OPENID
        .replace("https://login.example", "http://127.0.0.1:4000")
        .replace("https://console.example", "http://localhost:9443/");
    let loaded = with_openid(&home).unwrap_or_else(|report| panic!("{report:?}"));
    let provider = loaded.console.unwrap().openid.unwrap();
    assert_eq!(provider.typed.public, "http://localhost:9443");
}

#[test]
fn what_is_no_provider_of_logins_is_told() {
    for (from, to, told) in [
        ("https://login", "http://login", "in the clear"),
        ("https://console", "http://console", "in the clear"),
        ("/staff", "/staff?x=1", "no part of it"),
        (
            "console.example",
            "console.example/audit",
            "no path of its own",
        ),
        ("{ auditors: auditor }", "{}", "no group has a role"),
        ("auditor }", "admin }", "none of what may stand here"),
        ("client_id: console", "client_id: \"\"", "no id or scope"),
        ("client_secret: s, ", "", "is missing"),
        ("client_id", "client", "there is no key"),
    ] {
        let Err(report) = with_openid(&OPENID.replace(from, to)) else {
            panic!("{to} was taken")
        };
        let text = format!("{report:?}");
        assert!(text.contains(told), "{to}: {text}");
    }
}

#[test]
fn what_is_no_console_is_told() {
    for (console, told) in [
        ("{ listen: \"192.0.2.1:9443\", users: u }", "in the clear"),
        ("{ listen: \"[::]:9443\", users: u }", "in the clear"),
        (
            "{ listen: \"127.0.0.1:9443\", users: u, tls: { certificate: c, key: k, ask_certificate: true } }",
            "whose certificates",
        ),
        (
            "{ listen: \"127.0.0.1:9443\", users: u, certificates: { ca: staff.pem } }",
            "within TLS alone",
        ),
        (
            "{ listen: \"127.0.0.1:9443\", users: u, tls: { certificate: c, key: k }, certificates: {} }",
            "is missing",
        ),
        ("{ listen: \"127.0.0.1:9443\" }", "is missing"),
        ("{ listen: here, users: u }", "no address to listen at"),
        (
            "{ listen: \"127.0.0.1:9443\", users: u, roles: [] }",
            "there is no key",
        ),
    ] {
        let Err(report) = with(console) else {
            panic!("{console} was taken")
        };
        let text = format!("{report:?}");
        assert!(text.contains(told), "{console}: {text}");
    }
}
