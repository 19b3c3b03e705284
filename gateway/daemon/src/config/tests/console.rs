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
            "missing field",
        ),
        ("{ listen: \"127.0.0.1:9443\" }", "missing field"),
        ("{ listen: here, users: u }", "invalid socket address"),
        (
            "{ listen: \"127.0.0.1:9443\", users: u, roles: [] }",
            "unknown field",
        ),
    ] {
        let Err(report) = with(console) else {
            panic!("{console} was taken")
        };
        let text = format!("{report:?}");
        assert!(text.contains(told), "{console}: {text}");
    }
}
