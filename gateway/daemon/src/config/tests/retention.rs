use audit::{Kind, USUAL_BASIS, USUAL_DAYS};

use super::{GOOD, loaded};

/// The retention of a configuration that says this of it.
fn kept(retention: &str) -> miette::Result<audit::Retention> {
    let audit = format!("audit: {{ directory: data, retention: {retention} }}");
    let text = GOOD.replacen("audit: { directory: data }", &audit, 1);
    loaded(&text).map(|config| config.retention)
}

fn days(keep: &str) -> Option<u32> {
    let kept = kept(&format!("{{ keep: {keep} }}"));
    kept.unwrap_or_else(|report| panic!("{report:?}"))
        .usual()
        .days
}

#[test]
fn six_years_are_usual_and_other_times_are_no_law() {
    let usual = loaded(GOOD).unwrap_or_else(|report| panic!("{report:?}"));
    let usual = usual.retention.usual().clone();
    assert_eq!(usual.days, Some(USUAL_DAYS));
    assert_eq!(usual.basis.as_deref(), Some(USUAL_BASIS));
    let other = kept("{ keep: 90d }").unwrap_or_else(|report| panic!("{report:?}"));
    assert_eq!(other.usual().basis, None);
    let told =
        kept("{ keep: 90d, basis: house rule }").unwrap_or_else(|report| panic!("{report:?}"));
    assert_eq!(told.usual().basis.as_deref(), Some("house rule"));
}

#[test]
fn no_month_or_year_is_longer() {
    assert_eq!(days("1d"), Some(1));
    assert_eq!(days("2w"), Some(14));
    assert_eq!(days("1mo"), Some(31));
    assert_eq!(days("1y"), Some(366));
    assert_eq!(days("6y"), Some(USUAL_DAYS));
    assert_eq!(days("10y 6mo"), Some(3653 + 186));
    assert_eq!(days("forever"), None);
}

#[test]
fn rules_are_taken() {
    let rules = "{ rules: [{ name: patients, services: [crm], keep: 10y, basis: BGB 630f },
        { name: lives, records: [process, gap], keep: 30d }] }";
    let kept = kept(rules).unwrap_or_else(|report| panic!("{report:?}"));
    let [patients, lives] = kept.rules() else {
        panic!("{:?}", kept.rules())
    };
    assert_eq!(patients.term.days, Some(3653));
    assert_eq!(patients.term.basis.as_deref(), Some("BGB 630f"));
    assert_eq!(lives.kinds, [Kind::Process, Kind::Gap].into());
}

#[test]
fn what_is_no_retention_is_told() {
    for (retention, told) in [
        ("{ keep: 0d }", "no time to keep records"),
        ("{ keep: 5h }", "no time to keep records"),
        ("{ keep: 101y }", "no time to keep records"),
        ("{ keep: soon }", "no time to keep records"),
        ("{ basis: \"\" }", "no basis of a rule"),
        ("{ rules: [{ name: all, keep: 1y }] }", "about everything"),
        (
            "{ rules: [{ name: default, keep: 1y, services: [crm] }] }",
            "no name of a rule",
        ),
        (
            "{ rules: [{ name: a, keep: 1y, services: [erp] }] }",
            "no service `erp`",
        ),
        (
            "{ rules: [{ name: a, keep: 1y, agents: [\"spiffe://b\"] }] }",
            "no agent `spiffe://b`",
        ),
        (
            "{ rules: [{ name: a, keep: 1y, records: [close] }] }",
            "no kind of record with a time of its own",
        ),
        (
            "{ rules: [{ name: a, keep: 1y, records: [expire] }] }",
            "no kind of record with a time of its own",
        ),
    ] {
        let Err(report) = kept(retention) else {
            panic!("{retention} was taken")
        };
        let text = report.to_string();
        assert!(text.contains(told), "{retention}: {text}");
    }
}
