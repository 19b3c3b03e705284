//! A service that is at several places: who answers, where, and what is on record of it.

use std::{
    collections::BTreeMap,
    env, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    client::{Client, Reply},
    gateway::{Gateway, POLL},
    peers::{
        Peer,
        place::{HEALTH, Mode, Place},
        trouble,
    },
    records::{self, Record},
    setup::{Service, Setup},
};

use crate::world::{HERE, path_selector, verified};

/// How long anything that is waited for may take on a busy machine.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// Calls go to the Union alone; mail addresses of elsewhere are masked.
const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("calls-stay-in-adequate-countries")
@category("residency")
@basis("GDPR Art. 44")
forbid (principal, action == Action::"call", resource)
unless { context.country in Region::"GDPR-adequate" };

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);

@id("mail-of-swiss-people-is-masked")
@obligation("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.email")
when { context.origin == Country::"CH" };
"#;

/// A gateway before two places of one service: the first has the calls, the second stands by.
struct Two {
    gateway: Gateway,
    client: Client,
    first: Place,
    second: Place,
    peers: Vec<Peer>,
}

impl Two {
    fn new(country: &str, shape: impl FnOnce(Service) -> Service) -> Result<Self> {
        let (first, second) = (Place::new("first"), Place::new("second"));
        let (one, other) = (first.serve("127.0.0.1:0")?, second.serve("127.0.0.1:0")?);
        let urls = (one.url(), other.url());
        let places = (first, second, vec![one, other]);
        Self::at(&urls.0, &urls.1, country, places, shape)
    }

    fn at(
        one: &str,
        other: &str,
        country: &str,
        (first, second, peers): (Place, Place, Vec<Peer>),
        shape: impl FnOnce(Service) -> Service,
    ) -> Result<Self> {
        let upstreams = json!([
            { "url": one, "country": "DE" },
            { "url": other, "country": country, "weight": 0 },
        ]);
        let service = Service::at("shop", upstreams)
            .operation("thing.read", "GET", "/things/{thing}")
            .operation("thing.make", "POST", "/things")
            .governed("thing.find", "POST", "/found", json!({ "effect": "read" }))
            .operation("stream", "GET", "/stream/{stream}")
            .set("timeout", json!("1s"));
        let here = path_selector(&env::current_exe()?.canonicalize()?);
        let setup = Setup::new()
            .agent(HERE, &[here], "optional")
            .service(shape(service))
            .policy(POLICY);
        Ok(Self {
            gateway: Gateway::start(&setup)?,
            client: Client::plain()?,
            first,
            second,
            peers,
        })
    }

    fn get(&self, path: &str) -> Result<Reply> {
        self.client.get(&self.gateway.url(path)?, &[])
    }

    fn admin(&self, path: &str) -> Result<Reply> {
        self.client.get(&self.gateway.admin_url(path)?, &[])
    }

    fn metric(&self, name: &str) -> Result<Option<f64>> {
        metric(&self.gateway, name)
    }

    fn finish(mut self) -> Result<()> {
        ensure!(self.gateway.stop()?.success(), "{}", self.gateway.stderr());
        verified(&self.gateway)?;
        drop(self.peers);
        Ok(())
    }
}

/// The sample of a metric, by its whole name.
pub(crate) fn metric(gateway: &Gateway, name: &str) -> Result<Option<f64>> {
    let text = Client::plain()?
        .get(&gateway.admin_url("/metrics")?, &[])?
        .text();
    let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    let sample = lines.find(|(known, _)| *known == name);
    Ok(sample.and_then(|(_, value)| value.parse().ok()))
}

/// The requests that the log says each upstream got, by the places' own addresses.
pub(crate) fn sent(gateway: &Gateway) -> Result<BTreeMap<String, u64>> {
    let listed = records::list(gateway)?;
    let opened = listed.iter().filter(|it| it.kind() == "open");
    let opened = opened.filter_map(|it| Some((it.index()?, it.text("upstream"))));
    let opened: BTreeMap<u64, String> = opened.collect();
    let mut sent: BTreeMap<String, u64> = BTreeMap::new();
    for closed in listed.iter().filter(|it| it.kind() == "close") {
        let opening = closed.number("opening").context("no opening")?;
        let upstream = opened.get(&opening).context("not opened")?;
        let count = sent.entry(upstream.clone()).or_default();
        *count += u64::from(closed.find("sent") == Some(&json!(true)));
    }
    sent.retain(|_, count| *count > 0);
    Ok(sent)
}

pub(crate) fn wait(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + WAIT_MAX;
    while !is_so()? {
        ensure!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(POLL);
    }
    Ok(())
}

fn opening(gateway: &Gateway, reply: &Reply) -> Result<Record> {
    records::show(gateway, reply.record().context("no record")?)
}

#[test]
fn a_read_goes_elsewhere_and_each_attempt_is_on_record() -> Result<()> {
    let two = Two::new("IE", |service| service)?;
    for (mode, reason) in [
        (Mode::BreakOff, "upstream_failed"),
        (Mode::Silence, "upstream_timeout"),
        (Mode::Busy, "upstream_failed"),
    ] {
        two.first.turn(Mode::Work);
        assert_eq!(two.get("/shop/things/7")?.json()?["place"], "first");
        two.first.turn(mode);
        let reply = two.get("/shop/things/7")?;
        assert_eq!(reply.status, 200, "{mode:?} {}", reply.text());
        assert_eq!(reply.json()?["place"], "second");
        let second = opening(&two.gateway, &reply)?;
        assert_eq!(second.text("country"), "IE");
        let first = second.number("retry_of").context("not the second")?;
        assert_eq!(records::show(&two.gateway, first)?.text("country"), "DE");
        let closed = records::closing(&two.gateway, first)?;
        assert_eq!(closed.text("result"), "upstream_failed");
        assert_eq!(closed.text("reason"), reason);
        assert_eq!(closed.find("sent"), Some(&json!(true)));
    }
    let taken = two.metric(r#"tidegate_failovers_total{result="taken",service="shop"}"#)?;
    assert_eq!(taken, Some(3.0));
    two.finish()
}

#[test]
fn the_body_of_a_read_is_sent_again_and_a_write_is_not_made_twice() -> Result<()> {
    let two = Two::new("IE", |service| service)?;
    two.first.turn(Mode::BreakOff);
    let body = json!({ "colour": "green" }).to_string();
    let found = two
        .client
        .post(&two.gateway.url("/shop/found")?, &[], &body)?;
    assert_eq!(found.status, 200, "{}", found.text());
    let closed = records::closing(&two.gateway, found.record().context("no record")?)?;
    let sent = closed
        .find("request")
        .and_then(|it| it["released"].as_u64());
    assert_eq!(sent, Some(body.len() as u64));
    let asked = two.second.asked();
    let made = two
        .client
        .post(&two.gateway.url("/shop/things")?, &[], "{}")?;
    assert_eq!(made.status, 502, "{}", made.text());
    assert_eq!(two.second.asked(), asked);
    two.finish()
}

#[test]
fn a_failover_into_a_forbidden_country_is_refused() -> Result<()> {
    let two = Two::new("US", |service| service)?;
    assert_eq!(two.get("/shop/things/7")?.status, 200);
    two.first.turn(Mode::BreakOff);
    let reply = two.get("/shop/things/7")?;
    assert_eq!(reply.status, 451, "{}", reply.text());
    let problem = reply.json()?;
    assert_eq!(problem["reason"], "residency_refused");
    assert_eq!(problem["rule"], "calls-stay-in-adequate-countries");
    let record = opening(&two.gateway, &reply)?;
    assert_eq!(
        (record.kind(), record.text("country")),
        ("refuse".into(), "US".into())
    );
    // What the one that may be asked says is passed on, if it says something.
    two.first.turn(Mode::Busy);
    assert_eq!(two.get("/shop/things/7")?.status, 503);
    // However often it fails, there is no other.
    two.first.turn(Mode::BreakOff);
    for _ in 0..4 {
        assert_eq!(two.get("/shop/things/7")?.status, 451);
    }
    two.first.turn(Mode::Work);
    assert_eq!(two.get("/shop/things/7")?.status, 200);
    assert_eq!(two.second.asked(), 0);
    let listed = records::list(&two.gateway)?;
    let abroad = listed.iter().filter(|it| it.text("country") == "US");
    assert!(abroad.clone().count() > 0);
    for record in abroad {
        assert_eq!(record.kind(), "refuse");
    }
    two.finish()
}

#[test]
fn what_is_shown_is_decided_for_the_country_that_answers() -> Result<()> {
    let two = Two::new("CH", |service| service)?;
    let mail = |reply: &Reply| -> Result<Value> { Ok(reply.json()?["mail"].clone()) };
    let near = two.get("/shop/things/7")?;
    assert_eq!(mail(&near)?, "tamsel.wrenfold@example.org");
    two.first.turn(Mode::BreakOff);
    let far = two.get("/shop/things/7")?;
    assert_eq!(far.status, 200, "{}", far.text());
    ensure!(
        mail(&far)? != "tamsel.wrenfold@example.org",
        "{}",
        far.text()
    );
    two.finish()
}

#[test]
fn who_fails_is_given_no_calls_and_whoever_asks_is_told() -> Result<()> {
    let two = Two::new("IE", |service| {
        service.set("ejection", json!({ "failures": 2, "pause": "1h" }))
    })?;
    let first = two.peers[0].address();
    let fit = format!(r#"tidegate_upstream_fit{{service="shop",upstream="{first}"}}"#);
    assert_eq!(two.metric(&fit)?, Some(1.0));
    two.first.turn(Mode::BreakOff);
    for _ in 0..4 {
        assert_eq!(two.get("/shop/things/7")?.json()?["place"], "second");
    }
    assert_eq!(two.first.asked(), 2);
    assert_eq!(two.metric(&fit)?, Some(0.0));
    let failed = format!(
        r#"tidegate_upstream_calls_total{{outcome="failed",service="shop",upstream="{first}"}}"#
    );
    assert_eq!(two.metric(&failed)?, Some(2.0));
    let ready = two.admin("/readyz")?;
    assert_eq!(ready.status, 200);
    let told = &ready.json()?["parts"]["upstreams"];
    assert_eq!(told["condition"], "degraded", "{told}");
    let detail = format!("shop at {first}: calls to it failed");
    assert_eq!(told["detail"], detail.as_str());
    two.finish()
}

#[test]
fn checks_find_out_before_a_call_does() -> Result<()> {
    let two = Two::new("IE", |service| {
        let health = json!({ "path": HEALTH, "every": "50ms", "timeout": "5s", "fails": 2 });
        service.set("health", health)
    })?;
    two.first.turn(Mode::Busy);
    let first = two.peers[0].address();
    let fit = format!(r#"tidegate_upstream_fit{{service="shop",upstream="{first}"}}"#);
    wait("checks fail", || Ok(two.metric(&fit)? == Some(0.0)))?;
    assert_eq!(two.get("/shop/things/7")?.json()?["place"], "second");
    assert_eq!(two.first.asked(), 0);
    two.first.turn(Mode::Work);
    wait("checks pass", || Ok(two.metric(&fit)? == Some(1.0)))?;
    assert_eq!(two.get("/shop/things/7")?.json()?["place"], "first");
    two.finish()
}

#[test]
fn what_the_log_says_was_sent_is_what_the_upstreams_got() -> Result<()> {
    let two = Two::new("IE", |service| {
        service.set("ejection", json!({ "failures": 100 }))
    })?;
    for mode in [Mode::Work, Mode::Busy, Mode::BreakOff, Mode::Silence] {
        two.first.turn(mode);
        two.second.turn(Mode::Work);
        for path in ["/shop/things/1", "/shop/things/2"] {
            assert_eq!(two.get(path)?.status, 200, "{mode:?}");
        }
        two.client
            .post(&two.gateway.url("/shop/things")?, &[], "{}")?;
        two.second.turn(mode);
        two.get("/shop/things/3")?;
    }
    // Streams that their callers leave, and one that waits for a head.
    two.first.turn(Mode::Work);
    let url = two.gateway.url("/shop/stream/1")?;
    let began = two.first.asked();
    for _ in 0..3 {
        let (client, url) = (Client::plain()?, url.clone());
        let left = client.pieces(&url, &[], |_| Err(anyhow::anyhow!("enough")));
        assert!(left.is_err());
    }
    wait("streams began", || Ok(two.first.asked() == began + 3))?;
    wait("streams ended", || Ok(two.first.streaming() == 0))?;
    // A refusal is none of it.
    assert_eq!(two.get("/shop/nothing")?.status, 403);
    // One that listens no more hears nothing, and is not said to.
    let Two {
        mut gateway,
        client,
        first,
        second,
        mut peers,
    } = two;
    let [one, other] = [peers[0].address(), peers[1].address()].map(|it| it.to_string());
    drop(peers.remove(0));
    second.turn(Mode::Work);
    assert_eq!(
        client.get(&gateway.url("/shop/things/4")?, &[])?.status,
        200
    );
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    let got = BTreeMap::from([(one, first.asked()), (other, second.asked())]);
    assert_eq!(sent(&gateway)?, got);
    verified(&gateway)?;
    Ok(())
}

#[test]
fn a_name_that_stands_for_an_inner_address_is_not_called() -> Result<()> {
    // What resolvers take for an address, and no URL does: a name, as far as the gateway knows.
    for (networks, status) in [(json!([]), 403), (json!(["127.0.0.0/8"]), 200)] {
        let place = Place::new("inner");
        let peer = place.serve("127.0.0.1:0")?;
        let upstream = format!("http://127.1:{}", peer.address().port());
        let service = Service::new("shop", &upstream, "DE")
            .set("networks", networks)
            .operation("thing.read", "GET", "/things/{thing}");
        let here = path_selector(&env::current_exe()?.canonicalize()?);
        let setup = Setup::new()
            .agent(HERE, &[here], "optional")
            .service(service)
            .policy(POLICY);
        let mut gateway = Gateway::start(&setup)?;
        let reply = Client::plain()?.get(&gateway.url("/shop/things/7")?, &[])?;
        assert_eq!(reply.status, status, "{}", reply.text());
        if status == 403 {
            assert_eq!(reply.json()?["reason"], "address_refused");
            let closed = records::closing(&gateway, reply.record().context("no record")?)?;
            assert_eq!(closed.find("sent"), Some(&json!(false)));
        }
        assert_eq!(place.asked(), u64::from(status == 200));
        ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
        verified(&gateway)?;
        drop(peer);
    }
    Ok(())
}

#[test]
fn who_is_at_no_place_at_all_is_said_to_have_failed() -> Result<()> {
    let [one, other] = [trouble::nobody()?, trouble::nobody()?].map(|it| format!("http://{it}"));
    let none = (Place::new("first"), Place::new("second"), Vec::new());
    let two = Two::at(&one, &other, "IE", none, |service| service)?;
    let reply = two.get("/shop/things/7")?;
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert_eq!(reply.json()?["reason"], "upstream_failed");
    assert_eq!(sent(&two.gateway)?, BTreeMap::new());
    two.finish()
}
