//! Values shaped like secrets are put together here, so that no scanner takes this file for a leak.

use proptest::prelude::*;

use crate::DataClass as D;
use crate::{Context, Finding, KeyCache, ValueKind, classify_value};

fn findings(path: &str, text: &str) -> Vec<Finding> {
    let mut cache = KeyCache::new();
    let mut context = Context::root();
    for name in path.split('.').filter(|name| !name.is_empty()) {
        context = context.member(name.as_bytes(), &mut cache);
    }
    let mut findings = Vec::new();
    classify_value(&context, ValueKind::Text, text.as_bytes(), &mut findings);
    findings
}

#[track_caller]
fn check(path: &str, text: &str, expected: &[(D, &str)]) {
    let found: Vec<(D, &str)> = findings(path, text)
        .into_iter()
        .filter(|finding| finding.class.is_within(D::SECRET))
        .map(|finding| {
            let range = finding.start.try_into().unwrap()..finding.end.try_into().unwrap();
            (finding.class, text.get(range).unwrap())
        })
        .collect();
    assert_eq!(found, expected, "{path}: {text}");
}

/// Thirty-two hexadecimal digits drawn by lot.
const HEX: &str = "9f3c71e05b8a42d6c07e1f94b3a85d26";
/// Forty letters and digits drawn by lot.
const WORD: &str = "tH2EmCyaTOMSY2cGyvEsLMH4PaC6SUtwQ9x7Zk3B";

/// The first letters of [`WORD`].
fn cut(length: usize) -> &'static str {
    WORD.get(..length).unwrap()
}

#[test]
fn vendors_are_told_by_their_prefix() {
    let cases = [
        (["do", "p_v1_", HEX, HEX].concat(), D::VENDOR_TOKEN),
        (["da", "pi", HEX].concat(), D::VENDOR_TOKEN),
        (
            ["gl", "sa_", cut(32), "_486f63e1"].concat(),
            D::VENDOR_TOKEN,
        ),
        (["hv", "s.", WORD, WORD].concat(), D::VAULT_TOKEN),
        (["sh", "pat_", HEX].concat(), D::SHOPIFY_TOKEN),
        (
            ["py", "pi-AgEIcHlwaS5vcmc", WORD, WORD].concat(),
            D::PYPI_TOKEN,
        ),
        (["12345678", "9:", "AA", cut(33)].concat(), D::VENDOR_TOKEN),
        ([HEX, "-u", "s20"].concat(), D::VENDOR_TOKEN),
        (
            [cut(14), ".atl", "asv1.", WORD, cut(27)].concat(),
            D::VENDOR_TOKEN,
        ),
        (["_V2", "8Q", "~", cut(34)].concat(), D::AZURE_SECRET),
        (
            [
                "https://hoo",
                "ks.slack.com/services/T0",
                "24TBBQR/B0",
                "72BVBL/",
                cut(24),
            ]
            .concat(),
            D::SLACK_WEBHOOK,
        ),
        (
            [
                "https://dis",
                "cord.com/api/webhooks/",
                "123456789012345678/",
                WORD,
                cut(28),
            ]
            .concat(),
            D::SLACK_WEBHOOK,
        ),
    ];
    for (token, class) in cases {
        check("note", &token, &[(class, &token)]);
        check(
            "note",
            &format!("see \"{token}\", then"),
            &[(class, &token)],
        );
        if !token.starts_with("http") {
            check("note", &format!("x{token}"), &[]);
        }
    }
}

#[test]
fn what_shows_where_a_key_goes_is_no_key() {
    for text in [
        ["gh", "s_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"].concat(),
        ["AK", "IAIOSFODNN7EXAMPLE"].concat(),
        ["TODAYINAS", "IAASACKOFRICEFELLOVER"].concat(),
        ["s.", "makeKubeConfigController = args"].concat(),
        ["xo", "xb-xxx and sk", "_live_ keys"].concat(),
        ["task_te", "st_vd0o79utc4rchkl367n8opjhrovahq"].concat(),
        [
            "+6wqX6fNUXA/rYqRvfQ+EZ",
            "AKGqQRiRyqAFRQshGPWOIAwNWGORfKHSBnVNFtVmWYoW6PH23lkqbbDWep95C",
        ]
        .concat(),
        "-----BEGIN PRIVATE KEY-----\nanything\n-----END PRIVATE KEY-----".to_owned(),
        // An account's name at Twilio is no secret.
        ["AC", HEX].concat(),
        "password: required, min. 8 characters".to_owned(),
        "password = config.password".to_owned(),
        "token: string".to_owned(),
        "api_key=${API_KEY_1}".to_owned(),
        "credentialsId: '29f63271-dc2f-4734-8221-5b31b5169bac'".to_owned(),
        "secret_length = X25519.secret_length".to_owned(),
        "MantleAPI_version=9a038989604e8da62ecddbe2094b16ce1b778be1".to_owned(),
        "curl -u \"${_username}:${_password}\" https://example.com".to_owned(),
        "postgres://user:password@localhost/db".to_owned(),
        "https://api.example.com:8443/a@b".to_owned(),
    ] {
        check("note", &text, &[]);
    }
}

#[test]
fn private_keys_are_found_whole_cut_and_escaped() {
    let (begin, end) = (
        ["-----BE", "GIN EC PRIV", "ATE KEY-----"].concat(),
        ["-----E", "ND EC PRIV", "ATE KEY-----"].concat(),
    );
    for key in [
        format!("{begin}\n{WORD}{WORD}\n{end}"),
        format!("{begin}\\n{WORD}{WORD}\\n{end}"),
        format!("{begin}\n{WORD}{WORD}"),
    ] {
        check("note", &key, &[(D::PRIVATE_KEY, &key)]);
        check("note", &format!("key: {key}"), &[(D::PRIVATE_KEY, &key)]);
    }
}

#[test]
fn credentials_in_urls_are_those_of_the_web_or_of_a_connection() {
    check(
        "note",
        "open https://ann:hunter22@example.com/x",
        &[(D::BASIC_AUTH, "ann:hunter22")],
    );
    for scheme in ["postgres", "mongodb+srv", "redis", "amqp", "mysql", "mssql"] {
        let url = format!("{scheme}://app:h_unter2{}@db.internal:5432/main", "p@ss");
        check("note", &url, &[(D::CONNECTION_STRING, "h_unter2p@ss")]);
    }
    check(
        "note",
        "Server=tcp:db;Database=crm;User ID=app;Password=h_unter22!;Encrypt=True",
        &[(D::CONNECTION_STRING, "h_unter22!")],
    );
    check(
        "note",
        "jdbc:postgresql://db/crm?user=app&password=h_unter22&ssl=true",
        &[(D::CONNECTION_STRING, "h_unter22")],
    );
}

#[test]
fn headers_hand_over_their_credentials() {
    check(
        "note",
        &format!("Authorization: Bearer {WORD}"),
        &[(D::BEARER_TOKEN, WORD)],
    );
    let github = ["gh", "p_", cut(36)].concat();
    check(
        "note",
        &format!("Authorization: Bearer {github}"),
        &[(D::GITHUB_TOKEN, &github)],
    );
    let basic = ["c3ZjLVly", "M1g6UnUyYjdZJmRDN09r"].concat();
    check(
        "request.auth",
        &format!("Basic {basic}"),
        &[(D::BASIC_AUTH, &basic)],
    );
    // It decodes to nothing with a colon.
    check("note", "Basic dGhpc2lzbm90aGluZ2F0YWxs", &[]);
    check(
        "set-cookie",
        &format!("session={WORD}; Path=/; HttpOnly"),
        &[(D::SESSION_COOKIE, WORD)],
    );
    check(
        "note",
        &format!("Cookie: theme=dark; sid={WORD}"),
        &[(D::SESSION_COOKIE, WORD)],
    );
    check(
        "note",
        "curl -u ann:h0pk1ns~21s https://x.example",
        &[(D::BASIC_AUTH, "ann:h0pk1ns~21s")],
    );
}

#[test]
fn names_in_text_tell_secrets() {
    for (text, class, secret) in [
        (format!("api_key = \"{WORD}\""), D::GENERIC, WORD),
        (format!("export CLIENT_SECRET={WORD}"), D::GENERIC, WORD),
        (
            format!("client secret: {WORD}\nclient id: x"),
            D::GENERIC,
            WORD,
        ),
        (
            format!("OKTA_TOKEN=00{WORD}"),
            D::VENDOR_TOKEN,
            &*format!("00{WORD}"),
        ),
        ("password: hunter2!".to_owned(), D::PASSWORD, "hunter2!"),
        (
            "the Passwort: Sommer2024".to_owned(),
            D::PASSWORD,
            "Sommer2024",
        ),
    ] {
        check("note", &text, &[(class, secret)]);
    }
}

#[test]
fn names_of_fields_tell_secrets_that_look_like_one() {
    check("client_secret", WORD, &[(D::GENERIC, WORD)]);
    check(
        "heroku_api_key",
        "9bc945e0-a392-046c-3672-71d34c7870e2",
        &[(D::VENDOR_TOKEN, "9bc945e0-a392-046c-3672-71d34c7870e2")],
    );
    check("secret_name", "prod-database-1", &[]);
    check("token", "bearer", &[]);
    check("api_key", "YOUR_API_KEY_123", &[]);
    check(
        "access_token_id",
        "9bc945e0-a392-046c-3672-71d34c7870e2",
        &[],
    );
}

proptest! {
    #[test]
    fn a_planted_token_is_found_in_any_prose(before in "[a-z ,;:]{0,80} ", after in " [a-z ,;:]{0,80}") {
        let token = ["sk", "_live_", cut(24)].concat();
        let text = format!("{before}{token}{after}");
        let found = findings("note", &text);
        prop_assert!(found.iter().any(|finding| finding.class == D::STRIPE_KEY));
    }
}

/// What each detector takes longest for. No time is asserted, since machines are busy: a quadratic
/// detector takes many minutes for a megabyte, and `cargo xtask instructions` counts what a linear
/// one takes.
#[test]
fn a_megabyte_of_hostile_text_comes_to_an_end() {
    let patterns = [
        "Bearer ",
        "Basic ",
        "Cookie: ",
        "ey-",
        "eyJ.ey.",
        "aaa=a1b2",
        "key=a1b2c3d4",
        "-----BEGIN PRIVATE KEY-----",
        "curl -u\"",
        "ya29.",
        "glpat-",
        "://",
        "http://a:b1@",
        "a1|",
        "1Q~",
        "password:",
        "+1 202 ",
        "012 345 678 ",
        "call 12 ",
        "1.2345,",
        "aa:aa:",
        "aa-aa-",
        "a@a.",
        "1.1.1.",
        "48°",
    ];
    for pattern in patterns {
        let text = pattern.repeat(1_000_000 / pattern.len());
        let found = findings("note", &text);
        assert!(found.len() <= text.len(), "{pattern}");
    }
}
