//! Keys and upstreams change while agents stream: no call fails, none has a key that was revoked before it
//! began, and none goes where policy does not let it.

use std::{
    collections::BTreeMap,
    env,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::{
    client::{Begun, Client},
    env::{STREAMS, number},
    gateway::Gateway,
    peers::{
        Peer,
        place::{Mode, Place},
    },
    records,
    setup::{Service, Setup},
};

use crate::{
    credentials::{bearer_of, key, set, write},
    upstreams::{metric, sent, wait},
    world::{HERE, path_selector, verified},
};

/// Streams if nothing is said: few, for every day.
const FEW: u64 = 64;

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("calls-stay-in-the-union")
@category("residency")
forbid (principal, action == Action::"call", resource)
unless { context.country in Region::"EU" };

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

/// Three places, of which one is where no call may go, and a gateway that has the key.
struct Shop {
    gateway: Gateway,
    places: [Place; 3],
    peers: Vec<Peer>,
}

impl Shop {
    fn new() -> Result<Self> {
        let places = ["DE", "IE", "US"].map(Place::new);
        let peers = places.iter().map(|place| place.serve("127.0.0.1:0"));
        let peers: Vec<Peer> = peers.collect::<Result<_>>()?;
        let upstreams = peers.iter().zip(["DE", "IE", "US"]);
        let upstreams =
            upstreams.map(|(peer, country)| json!({ "url": peer.url(), "country": country }));
        let service = Service::at("shop", upstreams.collect())
            .operation("stream", "GET", "/stream/{stream}")
            .set("credential", json!({ "name": "shop", "as": "bearer" }))
            .set("timeout", json!("10s"))
            .set("idle_timeout", json!("10m"))
            .set("ejection", json!({ "failures": 3, "pause": "1s" }));
        let here = path_selector(&env::current_exe()?.canonicalize()?);
        let setup = Setup::new()
            .agent(HERE, &[here], "optional")
            .service(service)
            .policy(POLICY);
        let folder = tempfile::tempdir()?;
        set(&folder.path().join("data"), "shop", &key(11))?;
        Ok(Self {
            gateway: Gateway::start_in(folder, &setup)?,
            places,
            peers,
        })
    }

    /// Begins streams until `stop`, at least `count`.
    fn begin(&self, what: &str, count: u64, stop: &AtomicBool) -> Result<Streams> {
        let client = Client::plain()?;
        let mut begun = Vec::new();
        let mut number = 0;
        while number < count || !stop.load(Ordering::SeqCst) {
            let url = self.gateway.url(&format!("/shop/stream/{what}-{number}"))?;
            let stream = client.begin(&url, &[])?;
            assert_eq!(stream.status, 200);
            begun.push(stream);
            number += 1;
        }
        Ok((client, begun))
    }
}

/// Streams under way.
type Streams = (Client, Vec<Begun>);

/// Ends them all, and counts them.
fn end((client, begun): Streams) -> Result<u64> {
    let count = begun.len() as u64;
    for stream in begun {
        let text = client.end(stream).context("a stream broke off")?;
        ensure!(text.contains("begins") && text.contains("ends"), "{text}");
    }
    Ok(count)
}

#[test]
fn keys_and_upstreams_change_under_streams_and_no_call_fails() -> Result<()> {
    let streams = number(STREAMS, FEW);
    let mut shop = Shop::new()?;
    let [near, other, abroad] = &shop.places;
    let data = shop.gateway.data();
    let (before, after) = (bearer_of(&key(11)), bearer_of(&key(12)));
    let now = AtomicBool::new(true);

    let old = shop.begin("old", streams / 2, &now)?;
    let changed = AtomicBool::new(false);
    let meanwhile = || -> Result<_> {
        near.turn(Mode::BreakOff);
        write(&data, &["rotate", "shop", "--retire-after", "1h"], &key(12))?;
        let rotated = shop.begin("rotated", streams / 8, &now)?;
        near.turn(Mode::Busy);
        let revoke = [
            "credentials",
            "revoke",
            "shop",
            "--version",
            "1",
            "--data",
            "data",
        ];
        ensure!(shop.gateway.cli(&revoke)?.status.success());
        let revoked = shop.begin("revoked", streams / 8, &now)?;
        near.turn(Mode::Work);
        other.turn(Mode::BreakOff);
        Ok([rotated, revoked, shop.begin("back", streams / 8, &now)?])
    };
    let (during, new) = thread::scope(|scope| -> Result<_> {
        // Calls begin all the while.
        let during = scope.spawn(|| shop.begin("during", streams / 4, &changed));
        let new = meanwhile();
        changed.store(true, Ordering::SeqCst);
        let during = during.join();
        let during = during.map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        Ok((during?, new?))
    })?;
    // The streams that began with it still keep the old key from coming back.
    let versions = || metric(&shop.gateway, "tidegate_credential_versions");
    assert_eq!(versions()?, Some(2.0));
    shop.places.iter().for_each(Place::let_go);
    let mut ended = end(old)? + end(during)?;
    for streams in new {
        ended += end(streams)?;
    }
    ensure!(ended >= streams, "only {ended} streams");
    wait("the old key is wiped", || Ok(versions()? == Some(1.0)))?;

    for (path, came) in shop.places.iter().flat_map(Place::keys) {
        let begun = path.trim_start_matches("/stream/").split('-').next();
        match begun.unwrap_or_default() {
            "old" => assert_eq!(came, before),
            "during" => assert!(came == before || came == after),
            _ => assert_eq!(came, after, "{path} has a key of before"),
        }
    }
    assert_eq!(abroad.asked(), 0);
    ensure!(shop.gateway.stop()?.success(), "{}", shop.gateway.stderr());
    recorded(&shop, ended)?;
    verified(&shop.gateway)?;
    Ok(())
}

/// Holds the record to what the places got: each attempt where it was, in the country where that is, and
/// each call once to its end.
fn recorded(shop: &Shop, ended: u64) -> Result<()> {
    let countries = shop.peers.iter().map(|peer| peer.address().to_string());
    let countries: BTreeMap<String, &str> = countries.zip(["DE", "IE", "US"]).collect();
    let got = shop.peers.iter().zip(&shop.places);
    let got = got.map(|(peer, place)| (peer.address().to_string(), place.asked()));
    let got: BTreeMap<String, u64> = got.filter(|(_, asked)| *asked > 0).collect();
    assert_eq!(sent(&shop.gateway)?, got);
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    for record in records::list(&shop.gateway)? {
        match record.kind().as_str() {
            "open" => {
                let country = countries.get(&record.text("upstream"));
                assert_eq!(country, Some(&&*record.text("country")));
                assert_ne!(record.text("country"), "US");
            }
            "close" => *ends.entry(record.text("result")).or_default() += 1,
            kind => ensure!(kind != "refuse", "a call was refused"),
        }
    }
    let failed = ends.remove("upstream_failed").unwrap_or_default();
    ensure!(failed > 0, "nothing failed over");
    assert_eq!(ends, BTreeMap::from([("released".to_owned(), ended)]));
    eprintln!("{ended} streams, {failed} failovers, {got:?}");
    Ok(())
}
