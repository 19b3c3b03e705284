//! By which names agents go past the gateway, data that leaves in names, and places allowed by name.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Result;
use serde_json::Value;
use tests::{records, resolver, setup::Setup};

use crate::bypass::{AGENT, Host, until};

/// A loopback address of the test's own: port 53 is the same for all.
fn own_address(salt: u8) -> IpAddr {
    let [.., second, last] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 100 + salt, second, last.max(1)).into()
}

fn bypass_where(host: &Host, is: impl Fn(&Value) -> bool) -> Result<Value> {
    until(|| {
        let flows = host.flows(&["--bypass", "--workload", AGENT])?;
        Ok(flows.into_iter().find(|flow| is(flow)))
    })
}

#[test]
fn a_finding_has_the_name_that_the_agent_asked_for_and_says() -> Result<()> {
    let Some(host) = Host::start("observe", |setup, _| setup)? else {
        return Ok(());
    };
    let to = host.tcp(0)?;
    for (salt, way, name) in [
        (0, "ask", "Db.tests.example"),
        (1, "ask-tcp", "mail.tests.example"),
    ] {
        let resolver = resolver::start(own_address(salt), Ipv4Addr::LOCALHOST)?;
        host.escape(way, resolver, &[name])?.was("passed")?;
        let asked = bypass_where(&host, |flow| flow["remote"] == resolver.to_string())?;
        assert_eq!(asked["technique"], "dns", "{asked}");
        // Not before the answer was heard.
        until(|| {
            host.escape("tcp", to, &[])?.was("passed")?;
            let flows = host.flows(&["--bypass", "--workload", AGENT])?;
            let named = flows.iter().any(|flow| {
                flow["remote"] == to.to_string()
                    && flow["name"] == name.to_ascii_lowercase()
                    && flow["named_by"] == "dns"
            });
            Ok(named.then_some(()))
        })?;
    }
    host.escape("hello", to, &["Api.tests.example"])?
        .was("passed")?;
    let said = bypass_where(&host, |flow| flow["named_by"] == "sni")?;
    assert_eq!(said["name"], "api.tests.example", "{said}");
    assert_eq!(said["remote"], to.to_string());
    let recorded = records::list(&host.gateway)?;
    let mut names = recorded.iter().filter(|record| record.kind() == "bypass");
    assert!(names.any(|record| record.text("name") == "api.tests.example"));
    Ok(())
}

#[test]
fn data_that_leaves_in_names_is_found_where_it_may_pass_and_refused_where_it_may_not() -> Result<()>
{
    let resolver: SocketAddr = resolver::start(own_address(2), Ipv4Addr::LOCALHOST)?;
    for (allow, result) in [
        (vec![resolver.to_string()], "passed"),
        (Vec::new(), "refused"),
    ] {
        let shape = |setup: Setup, _: &[SocketAddr]| setup.egress("deny", &allow);
        let Some(host) = Host::start("deny", shape)? else {
            return Ok(());
        };
        // Ordinary questions are no finding where they are allowed.
        if result == "passed" {
            host.escape("ask", resolver, &["db.tests.example"])?
                .was("passed")?;
        }
        host.escape("tunnel", resolver, &["exfil.example"])?
            .was(result)?;
        let found = bypass_where(&host, |flow| flow["remote"] == resolver.to_string())?;
        assert_eq!(found["result"], result, "{found}");
        if result == "passed" {
            assert_eq!(found["technique"], "dns_volume", "{found}");
            assert_eq!(found["name"], "exfil.example", "{found}");
        } else {
            assert_eq!(found["technique"], "dns", "{found}");
        }
        host.finish(&[(resolver, result)])?;
    }
    Ok(())
}

#[test]
fn an_agent_may_go_where_a_name_leads_and_nowhere_else() -> Result<()> {
    // What `localhost` is stands in a file of every host.
    let named = |setup: Setup, ends: &[SocketAddr]| {
        let port = ends.first().map_or(0, SocketAddr::port);
        setup.egress("deny", &[format!("localhost:{port}")])
    };
    let Some(host) = Host::start("deny", named)? else {
        return Ok(());
    };
    let (v4, v6) = (host.tcp(0)?, host.tcp(1)?);
    assert_eq!(host.escape("tcp", v4, &[])?.told, "passed");
    let refused = host.attempt("tcp", v6, "loopback", "refused")?;
    host.finish(&[refused])
}
