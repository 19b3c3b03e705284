use super::{GOOD, loaded};

const ONE: &str = "    upstream: http://127.0.0.1:9001\n    country: DE\n";

/// The configuration whose service has these lines in place of its one upstream.
fn with(lines: &str) -> miette::Result<crate::config::Config> {
    assert!(GOOD.contains(ONE));
    loaded(&GOOD.replacen(ONE, lines, 1))
}

fn several(each: &[&str], more: &str) -> String {
    let each: Vec<String> = each.iter().map(|it| format!("      - {it}\n")).collect();
    format!("    upstreams:\n{}{more}", each.concat())
}

#[test]
fn a_service_may_have_several_upstreams() {
    let lines = several(
        &[
            "{ url: \"https://eu.shop.example/v1\", country: DE, weight: 3 }",
            "{ url: \"http://shop.internal:8080/v1/\", country: US, networks: [10.0.0.0/8] }",
        ],
        "    health: { path: \"/up?deep=1\", every: 1s, fails: 3 }\n    ejection: { pause: 1m }\n",
    );
    let config = with(&lines).unwrap();
    let upstreams = &config.services[0].upstreams;
    let each: Vec<_> = upstreams
        .all()
        .map(|it| {
            (
                it.authority().to_string(),
                it.country.code().to_owned(),
                it.weight,
            )
        })
        .collect();
    let one = |name: &str, country: &str, weight| (name.to_owned(), country.to_owned(), weight);
    assert_eq!(
        each,
        [
            one("eu.shop.example:443", "DE", 3),
            one("shop.internal:8080", "US", 1)
        ]
    );
    assert_eq!(upstreams.countries().len(), 2);
    assert_eq!(upstreams.ejection.failures, 3);
    assert_eq!(upstreams.ejection.pause.as_secs(), 60);
    let checks = upstreams.checks.as_ref().unwrap();
    assert_eq!((checks.every.as_secs(), checks.agreement.fails), (1, 3));
    assert!(with(ONE).unwrap().services[0].upstreams.checks.is_none());
}

#[test]
fn upstreams_that_do_not_go_together_are_refused() {
    let near = "{ url: \"https://a.example\", country: DE }";
    let far = "{ url: \"https://b.example\", country: US }";
    let cases = [
        (String::new(), "has no upstream"),
        (ONE.replace("    country: DE\n", ""), "does not say clearly"),
        (
            format!("{ONE}{}", several(&[near], "")),
            "does not say clearly",
        ),
        (
            several(&[near], "    networks: [10.0.0.0/8]\n"),
            "does not say clearly",
        ),
        (several(&[near, near], ""), "`a.example:443` is there twice"),
        (
            several(
                &[near, "{ url: \"https://b.example/v2\", country: US }"],
                "",
            ),
            "the same base path",
        ),
        (
            several(
                &["{ url: \"https://a.example\", country: DE, weight: 0 }"],
                "",
            ),
            "all upstreams stand by",
        ),
        (
            several(
                &["{ url: \"https://a.example\", country: DE, weight: 1001 }"],
                "",
            ),
            "a weight is 0 to 1000",
        ),
        (
            several(&["{ url: \"https://a.example?x=1\", country: DE }"], ""),
            "no query",
        ),
        (
            several(&[near, far], "    health: { path: up }\n"),
            "`up` is no path",
        ),
        (
            several(&[near, far], "    ejection: { failures: 0 }\n"),
            "0 in a row",
        ),
        (
            several(
                &[near, "{ url: \"http://b.example\", country: US }"],
                "    credential: { name: shop, as: bearer }\n",
            ),
            "not sent in the clear",
        ),
        (
            format!("{ONE}    networks: [inner]\n"),
            "`inner` is not a network",
        ),
    ];
    for (lines, expected) in cases {
        let fault = with(&lines).err().map(|it| it.to_string());
        let fault = fault.unwrap_or_else(|| panic!("{lines} was taken"));
        assert!(fault.contains(expected), "{fault}, not {expected}");
    }
    let many = (0..17).map(|it| format!("{{ url: \"https://{it}.example\", country: DE }}"));
    let many: Vec<String> = many.collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let fault = with(&several(&many, "")).err().unwrap().to_string();
    assert!(fault.contains("at most 16 upstreams"), "{fault}");
}
