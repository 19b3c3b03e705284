//! What a fleet shares: what fits is taken, what does not is told with its place.

use std::time::Duration;

use super::{GOOD, loaded};
use crate::config::{Config, Shown};

fn with(fleet: &str, budget: &str) -> miette::Result<Config> {
    let text = GOOD.replacen("audit: {", &format!("fleet: {fleet}\naudit: {{"), 1);
    let budget = format!("budgets: [{{ id: b, {budget} }}, ");
    loaded(&text.replacen("budgets: [", &budget, 1))
}

/// A fleet whose server has this beside its address.
fn fleet(redis: &str) -> String {
    format!("{{ host: b, hosts: [b, a], redis: {{ url: \"rediss://redis.example\"{redis} }} }}")
}

#[test]
fn a_fleet_is_taken() {
    let typed = fleet(", password: a.cedar, ca: a.cedar, timeout: 250ms").replace(
        "redis: {",
        "name: prod, budgets: { lease: 2.5%, lease_ttl: 10s }, redis: {",
    );
    let config = with(&typed, "per: agent, calls: 5");
    let config = config.unwrap_or_else(|report| panic!("{report:?}"));
    let fleet = config.fleet.as_ref().unwrap();
    assert_eq!((&*fleet.name, &*fleet.host), ("prod", "b"));
    assert_eq!(fleet.hosts, ["a", "b"]);
    assert_eq!(fleet.lending.slice, 250);
    assert_eq!(fleet.lending.ttl, Duration::from_secs(10));
    let redis = &fleet.redis;
    assert_eq!((&*redis.host, redis.port), ("redis.example", 6379));
    assert_eq!((redis.tls, redis.database), (true, 0));
    assert!(matches!(redis.login, Some(Shown::Password(_))));
    assert_eq!(redis.files().count(), 2);

    let local = fleet_at("redis://127.0.0.1:7000/3");
    let config = with(&local, "per: agent, calls: 5").unwrap();
    let redis = &config.fleet.as_ref().unwrap().redis;
    assert_eq!((redis.port, redis.database, redis.tls), (7000, 3, false));
}

fn fleet_at(url: &str) -> String {
    fleet("").replace("rediss://redis.example", url)
}

#[test]
fn what_is_of_a_session_stays_with_its_host_unless_it_is_meant() {
    for (budget, shared) in [
        ("calls: 5", false),
        ("calls: 5, shared: true", true),
        ("per: agent, calls: 5", true),
        ("per: task, calls: 5", true),
        ("per: agent, calls: 5, shared: false", false),
    ] {
        let config = with(&fleet(""), budget).unwrap();
        assert_eq!(config.budgets[0].shared, shared, "{budget}");
    }
    let most = format!("per: agent, bytes: {}", u64::MAX);
    assert!(with(&fleet(""), &format!("{most}, shared: false")).is_ok());
    let alone = "budgets: [{ id: b, per: agent, calls: 5, shared: true }, ";
    let alone = loaded(&GOOD.replacen("budgets: [", alone, 1));
    let told = alone.err().unwrap().to_string();
    assert!(told.contains("no fleet to share it with"), "{told}");
    let told = with(&fleet(""), &most).err().unwrap().to_string();
    assert!(told.contains("so many bytes"), "{told}");
}

#[test]
fn what_is_no_fleet_is_told() {
    // No secret, but it looks like one; put together so that nobody takes it for one.
    let login = ["rediss://ann", ":", "word", "@redis.example"].concat();
    let hosts = |these: &str| fleet("").replace("[b, a]", these);
    let lending =
        |these: &str| fleet("").replace("redis: {", &format!("budgets: {these}, redis: {{"));
    for (typed, told) in [
        (fleet_at("https://redis.example"), "no address of Redis"),
        (fleet_at("rediss://redis.example/a"), "no address of Redis"),
        (fleet_at("redis.example:6379"), "no address of Redis"),
        (fleet_at("redis://redis.example"), "in the clear"),
        (fleet_at(&login), "no login stands in"),
        (hosts("[]"), "1 to 64 hosts"),
        (hosts("[b, b]"), "named twice"),
        (hosts("[a]"), "`b` is not among"),
        (hosts("[b, \"a:b\"]"), "no name of a host"),
        (
            fleet("").replace("host: b", "host: \"\""),
            "no name of a host",
        ),
        (fleet(", login: absent"), "there is no file"),
        (fleet(", login: a.cedar, password: a.cedar"), "one login"),
        (fleet(", timeout: 11s"), "do not wait that long"),
        (lending("{ lease: 0% }"), "no part of a budget"),
        (lending("{ lease: half }"), "no part of a budget"),
        (lending("{ lease_ttl: 100ms }"), "before they are used"),
    ] {
        let Err(report) = with(&typed, "per: agent, calls: 5") else {
            panic!("{typed} was taken")
        };
        assert!(report.to_string().contains(told), "{typed}: {report:?}");
    }
}
