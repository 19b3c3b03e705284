use super::*;
use crate::{AgentError, Ambiguous, Registry, Selector, SpiffeId, SpiffeIdError};

const AGENT: &str = "spiffe://acme.example/agent/support";

#[test]
fn selectors_hold_for_what_they_name() {
    let mut process = process("/usr/bin/curl", 1001);
    process.agent = flows::AgentRule::number_of(AGENT);
    process.ancestors.push(ancestor(9, "/opt/agent/run"));
    let digest = "ab".repeat(32);
    for (text, expected) in [
        ("unix:uid:1001", true),
        ("unix:uid:1002", false),
        ("unix:gid:100", true),
        ("unix:gid:0", false),
        ("unix:path:/usr/bin/curl", true),
        ("unix:path:/usr/bin/cur", false),
        ("unix:path:/usr/bin/bash", false),
        ("unix:ancestor-path:/usr/bin/bash", true),
        ("unix:ancestor-path:/opt/agent/run", true),
        ("unix:ancestor-path:/usr/bin/curl", false),
        (&format!("unix:sha256:{digest}"), true),
        (&format!("unix:sha256:{}", "cd".repeat(32)), false),
        ("cgroup:path:/system.slice/agent.service", true),
        ("cgroup:path:/system.slice", false),
        ("cgroup:path:/system.slice/**", true),
        ("cgroup:path:/system.slice/agent.service/**", true),
        ("cgroup:path:/system.slice/agent.s/**", false),
        ("systemd:id:agent.service", true),
        ("systemd:id:gent.service", false),
        ("tidegate:exec:1001", true),
    ] {
        let selector: Selector = text.parse().unwrap();
        assert_eq!(selector.matches(&process, AGENT), expected, "{text}");
        assert_eq!(selector.to_string(), text);
    }
}

#[test]
fn what_is_not_known_of_a_process_never_matches() {
    let mut unknown = process("/usr/bin/curl", 1001);
    unknown.exe = None;
    unknown.exe_sha256 = None;
    unknown.cgroup = None;
    unknown.ancestors.clear();
    for text in [
        "unix:path:/usr/bin/curl",
        "unix:ancestor-path:/usr/bin/curl",
        &format!("unix:sha256:{}", "00".repeat(32)),
        "cgroup:path:/system.slice/**",
        "systemd:id:agent.service",
        "tidegate:exec:1001",
    ] {
        assert!(
            !text.parse::<Selector>().unwrap().matches(&unknown, AGENT),
            "{text}"
        );
    }
}

#[test]
fn a_unit_is_the_systems_and_no_users() {
    let selector: Selector = "systemd:id:agent.service".parse().unwrap();
    let mut process = process("/usr/bin/curl", 1001);
    for (cgroup, expected) in [
        ("/system.slice/agent.service", true),
        ("/system.slice/agent.service/worker", true),
        ("/agents.slice/agents-eu.slice/agent.service", true),
        ("/system.slice/other.service/agent.service", false),
        (
            "/user.slice/user-1001.slice/user@1001.service/app.slice/agent.service",
            false,
        ),
        ("/", false),
    ] {
        process.cgroup = Some(cgroup.into());
        assert_eq!(selector.matches(&process, AGENT), expected, "{cgroup}");
    }
}

#[test]
fn a_wrong_selector_says_how_to_mend_it() {
    for (text, expected) in [
        (
            "unix:uid",
            "selector `unix:uid`: it has no value; write it as `kind:name:value`: `unix:uid:1001`",
        ),
        (
            "unix:udi:1",
            "selector `unix:udi:1`: there is no such kind; did you mean `unix:uid`?",
        ),
        (
            "unix:comm:curl",
            "selector `unix:comm:curl`: a process chooses its command name itself; use `unix:path` or `unix:sha256`",
        ),
        (
            "unix:user:bob",
            "selector `unix:user:bob`: there is no such kind; use `unix:uid` with the number that `id -u` prints",
        ),
        (
            "unix:uid:bob",
            "selector `unix:uid:bob`: it is not a number; write the numeric id: `unix:uid:1001`",
        ),
        (
            "unix:uid:+1",
            "selector `unix:uid:+1`: it is not a number; write the numeric id: `unix:uid:1001`",
        ),
        (
            "unix:path:curl",
            "selector `unix:path:curl`: it is not a plain absolute path; write the whole path, as `readlink -f` prints it: `/usr/bin/curl`",
        ),
        (
            "unix:path:/usr/../bin/curl",
            "selector `unix:path:/usr/../bin/curl`: it is not a plain absolute path; write the whole path, as `readlink -f` prints it: `/usr/bin/curl`",
        ),
        (
            "unix:sha256:ab",
            "selector `unix:sha256:ab`: it is not a SHA-256; write the 64 hexadecimal digits that `sha256sum` prints",
        ),
        (
            "cgroup:path:/a/*",
            "selector `cgroup:path:/a/*`: it is not a cgroup's path; write `/system.slice/x.service`, or `/system.slice/**` for all below it",
        ),
        (
            "cgroup:path:/**",
            "selector `cgroup:path:/**`: it is not a cgroup's path; write `/system.slice/x.service`, or `/system.slice/**` for all below it",
        ),
        (
            "systemd:id:agent",
            "selector `systemd:id:agent`: it is not a service or a scope; write the unit with its suffix: `systemd:id:agent.service`",
        ),
    ] {
        let error = text.parse::<Selector>().unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let error = "docker:label:x".parse::<Selector>().unwrap_err();
    assert!(error.hint.starts_with("choose from `unix:uid`"), "{error}");
}

#[test]
fn spiffe_ids_are_as_the_standard_has_them() {
    use SpiffeIdError::{Length, Path, Scheme, TrustDomain};
    let long = format!("spiffe://a/{}", "x".repeat(2048));
    let wide = format!("spiffe://{}/x", "a".repeat(256));
    for (text, expected) in [
        (SUPPORT, None),
        ("spiffe://a.b-c_d.1/x/Y/z.9_-", None),
        ("https://a/x", Some(Scheme)),
        ("SPIFFE://a/x", Some(Scheme)),
        ("spiffe://a", Some(Path)),
        ("spiffe://a/", Some(Path)),
        ("spiffe://a/x/", Some(Path)),
        ("spiffe://a//x", Some(Path)),
        ("spiffe://a/./x", Some(Path)),
        ("spiffe://a/../x", Some(Path)),
        ("spiffe://a/x%20", Some(Path)),
        ("spiffe://a/x?y", Some(Path)),
        ("spiffe:///x", Some(TrustDomain)),
        ("spiffe://A/x", Some(TrustDomain)),
        ("spiffe://a:1/x", Some(TrustDomain)),
        ("spiffe://u@a/x", Some(TrustDomain)),
        (&wide, Some(TrustDomain)),
        (&long, Some(Length)),
    ] {
        assert_eq!(text.parse::<SpiffeId>().err(), expected, "{text}");
    }
}

#[test]
fn a_registry_refuses_what_would_confuse() {
    let one = "spiffe://a/one";
    let two = "spiffe://a/two";
    let rule = TokenRule::Optional;
    let errors = Registry::build(vec![
        agent(one, &["unix:uid:1"], rule),
        agent(one, &["unix:uid:2"], rule),
        agent(two, &["unix:uid:1", "unix:uid:1"], rule),
        agent("spiffe://a/none", &[], rule),
    ])
    .unwrap_err();
    let id = |text: &str| text.parse::<SpiffeId>().unwrap();
    assert_eq!(
        errors,
        [
            AgentError::Duplicate(id(one)),
            AgentError::SameSelectors(id(one), id(two)),
            AgentError::NoSelectors(id("spiffe://a/none")),
        ]
    );
    assert_eq!(
        errors[1].to_string(),
        "agents `spiffe://a/one` and `spiffe://a/two` have the same selectors; add one that tells \
         them apart"
    );
}

#[test]
fn the_most_particular_agent_is_it_and_of_equals_none() {
    let rule = TokenRule::Optional;
    let registry = Registry::build(vec![
        agent("spiffe://a/any", &["unix:uid:1001"], rule),
        agent(
            "spiffe://a/curl",
            &["unix:uid:1001", "unix:path:/usr/bin/curl"],
            rule,
        ),
        agent("spiffe://a/path", &["unix:path:/usr/bin/wget"], rule),
    ])
    .unwrap();
    let found = |exe: &str, uid: u32| {
        let found = registry
            .find(&process(exe, uid))
            .map(|found| found.map(Arc::clone));
        found.map(|found| found.map(|agent| agent.id.to_string()))
    };
    assert_eq!(
        found("/usr/bin/curl", 1001).unwrap().as_deref(),
        Some("spiffe://a/curl")
    );
    assert_eq!(
        found("/usr/bin/bash", 1001).unwrap().as_deref(),
        Some("spiffe://a/any")
    );
    assert_eq!(found("/usr/bin/curl", 1002).unwrap(), None);
    let Err(Ambiguous(one, two)) = found("/usr/bin/wget", 1001) else {
        panic!("two agents fit equally well");
    };
    let mut both = [one.id.as_str(), two.id.as_str()];
    both.sort_unstable();
    assert_eq!(both, ["spiffe://a/any", "spiffe://a/path"]);
}
