//! `kill -9` of the gateway, again and again, while agents call and try to get out: a capture of every
//! packet shows that nothing leaves, and no call is served to nobody.

use std::{
    io::Write as _,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tests::{
    env,
    network::{self, Capture},
    records,
    setup::Setup,
};

use crate::{
    bypass::{AGENT, Bpffs, HOST, Host, can_attach, until},
    world::verified,
};

const ADDRESSES: [&str; 2] = ["192.0.2.7/32", "2001:db8::7/128"];
/// Agents that call at a time.
const CALLERS: usize = 4;
/// Connections that a gateway serves at least before it is killed.
const SERVED_EACH: u64 = 20;
/// How long a gateway is gone in between: once it is longer than the kernel takes for a sign of life.
const GONE: Duration = Duration::from_millis(20);
const GONE_LONG: Duration = Duration::from_millis(3_500);

#[test]
fn a_gateway_that_is_killed_again_and_again_lets_nothing_out_and_loses_no_owner() -> Result<()> {
    if !can_attach()? {
        return Ok(());
    }
    for mode in ["deny", "redirect"] {
        network::apart(&ADDRESSES, || killed(mode, env::number(env::RESTARTS, 2)))?;
    }
    Ok(())
}

fn killed(mode: &str, times: u64) -> Result<()> {
    let outside: [SocketAddr; 2] = ["192.0.2.7:443".parse()?, "[2001:db8::7]:443".parse()?];
    let _listeners = outside.map(TcpListener::bind);
    let watched: Vec<IpAddr> = outside.iter().map(SocketAddr::ip).collect();
    let bpffs = Bpffs::mount()?;
    // The port stays, so that who calls need not be told of another.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let shape = |setup: Setup, _: &[SocketAddr]| {
        let address = format!("127.0.0.1:{port}");
        setup
            .pins(&bpffs.pins(), "closed")
            .set("listen", serde_json::json!([{ "address": address }]))
    };
    let Some(mut host) = Host::start(mode, shape)? else {
        return Ok(());
    };
    let gateway = host.gateway.listen(0)?;
    let callers = (0..CALLERS).map(|_| host.escape("calls", gateway, &[HOST]));
    let callers: Vec<_> = callers.collect::<Result<_>>()?;
    let hammers = outside.map(|to| host.escape("hammer", to, &[]));
    let hammers: Vec<_> = hammers.into_iter().collect::<Result<_>>()?;
    let capture = Capture::start(&watched)?;
    let mut opened = 0;
    for round in 0..times {
        host.gateway.kill()?;
        thread::sleep(if round == 0 { GONE_LONG } else { GONE });
        host.gateway.restart()?;
        let now = counted(&host, "tidegate_flows_opened_total ")?;
        ensure!(now >= opened, "a counter began anew: {opened}, then {now}");
        opened = now;
        // Each one serves before it is killed.
        until(|| {
            let attributed = counted(&host, "tidegate_attributions_total{source=\"kernel\"} ");
            Ok((attributed.unwrap_or(0) >= SERVED_EACH).then_some(()))
        })?;
    }
    let out = capture.seen();
    // The capture can see what leaves: this process is nobody's agent.
    for to in outside {
        drop(TcpStream::connect(to)?);
    }
    until(|| Ok((capture.seen().len() >= 2 * 3).then_some(())))?;
    let (mut served, mut refused) = (0, 0);
    for caller in callers {
        let figures = caller.end()?;
        let of = |name: &str| figures.get(name).copied().context("no such figure");
        assert_eq!(
            of("other")?,
            0,
            "a call was refused: its owner was not known"
        );
        served += of("served")?;
    }
    for hammer in hammers {
        let figures = hammer.end()?;
        let of = |name: &str| figures.get(name).copied().context("no such figure");
        refused += of("refused")?;
        if mode == "deny" {
            assert_eq!(of("passed")?, 0);
        }
    }
    ensure!(
        served > 0 && refused > 0,
        "{served} served, {refused} refused"
    );
    // Nothing but what the redirected connection carries to the gateway, which has another address.
    assert!(
        out.is_empty(),
        "{} packets got out: {:?}",
        out.len(),
        out.first()
    );
    owned(&mut host, mode, times, served, refused)
}

/// Every exchange on record has its owner by the kernel.
fn owned(host: &mut Host, mode: &str, times: u64, served: u64, refused: u64) -> Result<()> {
    host.gateway.stop()?;
    verified(&host.gateway)?;
    let records = records::list(&host.gateway)?;
    let mut exchanges = 0_u64;
    for record in records.iter().filter(|record| record.kind() == "open") {
        exchanges += 1;
        assert_eq!(record.text("agent"), AGENT);
        assert_eq!(record.text("exe"), host.program.display().to_string());
    }
    ensure!(
        exchanges >= served,
        "{exchanges} on record, {served} served"
    );
    let refusals = records.iter().filter(|record| record.kind() == "refuse");
    let unowned = refusals.filter(|record| record.text("reason") != "service_unknown");
    assert_eq!(unowned.count(), 0);
    writeln!(
        std::io::stderr(),
        "scenario restarts: {mode}: {times} kills, {exchanges} exchanges all owned, {refused} attempts \
         to get out, 0 packets"
    )?;
    Ok(())
}

fn counted(host: &Host, name: &str) -> Result<u64> {
    let metrics = tests::client::Client::plain()?.get(&host.gateway.admin_url("/metrics")?, &[])?;
    let text = metrics.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    Ok(line.context("no such figure")?.trim().parse()?)
}
