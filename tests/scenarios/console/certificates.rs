//! The console by certificates: whose is taken, for how long, and what is on record of it.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use rcgen::{ExtendedKeyUsagePurpose, SanType, date_time_ymd};
use rustls::version::{TLS12, TLS13};
use serde_json::json;
use tests::{
    certificate::Clients,
    client::Client,
    console::{self, Console},
    gateway::POLL,
};

use super::{acts, criterion};
use crate::world::World;

/// How long it takes at most until a record is there.
const RECORD_MAX: Duration = Duration::from_secs(20);

/// A gateway, and its console, which takes certificates of one authority.
struct Doors {
    console: Console,
    world: World,
    clients: Clients,
}

fn email(name: &str) -> Result<SanType> {
    Ok(SanType::Rfc822Name(name.try_into()?))
}

fn uri(name: &str) -> Result<SanType> {
    Ok(SanType::URI(name.try_into()?))
}

fn dns(name: &str) -> Result<SanType> {
    Ok(SanType::DnsName(name.try_into()?))
}

impl Doors {
    fn new(crl: bool) -> Result<Self> {
        let world = World::with(|setup| {
            let crl = crl.then_some("revoked.pem");
            let people = json!({ "ca": "people.pem", "crl": crl });
            setup.set(
                "console",
                json!({
                    "listen": "127.0.0.1:0", "users": "console-users.json", "certificates": people,
                    "tls": { "certificate": "server.pem", "key": "server.key" },
                }),
            )
        })?;
        let clients = Clients::new()?;
        fs::write(world.gateway.folder().join("people.pem"), clients.root())?;
        let revoked = world.gateway.folder().join("revoked.pem");
        fs::write(revoked, clients.revoked(&[], 2099)?)?;
        for (name, role, shown) in [
            ("eva", "auditor", "email:eva@acme.example"),
            ("adam", "operator", "uri:spiffe://acme.example/adam"),
            ("ute", "viewer", "dns:Ute.Acme.Example"),
        ] {
            console::add_certified(&world.gateway, name, role, shown)?;
        }
        Ok(Self {
            console: Console::start(&world.gateway)?.by_tls(),
            world,
            clients,
        })
    }

    /// Whoever shows this certificate.
    fn client(&self, certificate: &(String, String)) -> Result<Client> {
        Client::certified(&self.world.certificate.authority, &TLS13, certificate)
    }

    /// Whoever shows none.
    fn nobody(&self) -> Result<Client> {
        Client::tls(&self.world.certificate.authority, &TLS13, false)
    }

    /// A certificate that is not taken: the handshake fails.
    fn refused(&self, certificate: &(String, String)) -> Result<()> {
        let client = self.client(certificate)?;
        let got = client.get(&self.console.url("/login"), &[]);
        ensure!(got.is_err(), "it was taken: {got:?}");
        Ok(())
    }

    /// Why logins by certificates were refused, as it is on record, once there are so many.
    fn told(&self, count: usize) -> Result<Vec<String>> {
        let deadline = Instant::now() + RECORD_MAX;
        loop {
            let acts = acts(&self.world)?;
            let refused = acts
                .iter()
                .filter(|(act, _)| act == "console login refused");
            let told: Vec<String> = refused
                .filter_map(|(_, record)| criterion(record, "why"))
                .collect();
            if told.len() >= count {
                return Ok(told);
            }
            ensure!(Instant::now() < deadline, "{told:?}");
            thread::sleep(POLL);
        }
    }

    fn finish(self) -> Result<()> {
        drop(self.console);
        self.world.finish()
    }
}

#[test]
fn a_certificate_logs_its_user_in_and_each_connection_of_theirs_shows_it() -> Result<()> {
    let doors = Doors::new(false)?;
    let eva = doors.clients.issue_to(1, &[email("eva@ACME.example")?])?;
    let adam = doors
        .clients
        .issue_to(2, &[uri("urn:x")?, uri("spiffe://acme.example/adam")?])?;
    let ute = doors.clients.issue_to(3, &[dns("ute.acme.example")?])?;
    let client = doors.client(&eva)?;
    let page = client.get(&doors.console.url("/login"), &[])?;
    assert_eq!(page.status, 200);
    let text = page.text();
    // Nobody has a password, so that nobody is asked for one.
    ensure!(
        text.contains("Log in as eva by certificate") && !text.contains("Password"),
        "{text}"
    );
    let visitor = doors.console.certificate(&client)?;
    assert_eq!(visitor.get("/exchanges")?.status, 200);
    assert_eq!(visitor.get("/reports")?.status, 403);

    // Whoever has the cookie alone, or another certificate, has nothing.
    let (adams, nobody) = (doors.client(&adam)?, doors.nobody()?);
    for other in [&adams, &nobody] {
        let thief = doors.console.visitor(other, visitor.cookie().to_owned());
        assert_eq!(thief.get("/exchanges")?.status, 303);
    }
    assert_eq!(visitor.get("/exchanges")?.status, 200);
    assert_eq!(
        doors
            .console
            .certificate(&adams)?
            .get("/revocations")?
            .status,
        200
    );
    let authority = &doors.world.certificate.authority;
    let utes = Client::certified(authority, &TLS12, &ute)?;
    assert_eq!(
        doors.console.certificate(&utes)?.get("/exchanges")?.status,
        403
    );

    // A form from elsewhere logs nobody in.
    let url = doors.console.url("/login/certificate");
    for cookie in ["", "__Host-tidegate-login=y"] {
        let headers = [
            ("cookie", cookie),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let reply = client.send("POST", &url, &headers, "csrf=x".into())?;
        assert_eq!(reply.status, 403, "{}", reply.text());
        ensure!(console::cookie(&reply).is_none_or(|it| !it.starts_with("__Host-tidegate=")));
    }

    let acts = acts(&doors.world)?;
    let logins = acts.iter().filter(|(act, _)| act == "console login");
    let told: Vec<_> = logins
        .map(|(_, record)| ["user", "role", "certificate"].map(|it| criterion(record, it)))
        .collect();
    let expected = [
        ["eva", "auditor", "email:eva@acme.example"],
        ["adam", "operator", "uri:spiffe://acme.example/adam"],
        ["ute", "viewer", "dns:ute.acme.example"],
    ];
    assert_eq!(told, expected.map(|row| row.map(|it| Some(it.to_owned()))));

    let config = console::config(&doors.world.gateway);
    let removed = ["console", "user", "remove", "eva", "--config", &config];
    let output = doors.world.gateway.cli(&removed)?;
    ensure!(output.status.success(), "{output:?}");
    assert_eq!(visitor.get("/exchanges")?.status, 303);
    doors.finish()
}

#[test]
fn who_shows_no_certificate_of_a_user_is_told_so_and_is_on_record() -> Result<()> {
    let doors = Doors::new(false)?;
    let nobody = doors.nobody()?;
    let page = nobody.get(&doors.console.url("/login"), &[])?;
    assert_eq!(page.status, 403);
    ensure!(
        page.text().contains("your browser showed none"),
        "{}",
        page.text()
    );
    assert_eq!(doors.console.try_certificate(&nobody)?.status, 403);

    // The authority vouches for them, and they are nobody's; or it is not clear whose.
    let strangers = [
        vec![email("eve@acme.example")?],
        vec![email("EVA@acme.example")?],
        vec![email("eva@acme.example.evil.example")?],
        vec![uri("email:eva@acme.example")?],
        vec![dns("*.acme.example")?],
        vec![
            email("eva@acme.example")?,
            uri("spiffe://acme.example/adam")?,
        ],
        vec![],
    ];
    for (serial, names) in (10..).zip(&strangers) {
        let shown = doors.clients.issue_to(serial, names)?;
        let client = doors.client(&shown)?;
        let page = client.get(&doors.console.url("/login"), &[])?;
        assert_eq!(page.status, 403, "{names:?}");
        ensure!(page.text().contains("is no user's here"), "{}", page.text());
        let reply = doors.console.try_certificate(&client)?;
        assert_eq!(reply.status, 403, "{names:?}");
        ensure!(console::cookie(&reply).is_none_or(|it| !it.starts_with("__Host-tidegate=")));
    }
    assert_eq!(doors.told(strangers.len())?, ["no_user"; 7]);
    let acts = acts(&doors.world)?;
    let (_, first) = acts.first().context("no act")?;
    assert_eq!(
        criterion(first, "certificate").as_deref(),
        Some("email:eve@acme.example")
    );

    // With somebody who has a password, it is asked for as ever.
    let password = format!("correct horse {}", std::process::id());
    console::add_user(&doors.world.gateway, "paul", "viewer", &password)?;
    let page = nobody.get(&doors.console.url("/login"), &[])?;
    ensure!(
        page.status == 200 && page.text().contains("Password"),
        "{}",
        page.text()
    );
    let paul = doors.console.login(&nobody, "paul", &password)?;
    assert_eq!(paul.get("/")?.status, 200);
    // A name without a password has none.
    assert_eq!(doors.console.try_login(&nobody, "eva", "")?.status, 403);
    doors.finish()
}

#[test]
fn a_certificate_that_is_forged_over_or_for_something_else_is_not_taken() -> Result<()> {
    let doors = Doors::new(false)?;
    let name = email("eva@acme.example")?;
    let forged = Clients::new()?.issue_to(1, std::slice::from_ref(&name))?;
    doors.refused(&forged)?;
    // Its issuer has the right name, and another key. Once a minute for each address, so that nobody fills the log.
    assert_eq!(doors.told(1)?, ["signature"]);
    doors.refused(&doors.clients.issue_as(|leaf| {
        leaf.subject_alt_names = vec![name.clone()];
        leaf.not_before = date_time_ymd(2020, 1, 1);
        leaf.not_after = date_time_ymd(2021, 1, 1);
        Ok(())
    })?)?;
    doors.refused(&doors.clients.issue_as(|leaf| {
        leaf.subject_alt_names = vec![name.clone()];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Ok(())
    })?)?;
    let good = doors.clients.issue_to(2, &[name])?;
    doors.console.certificate(&doors.client(&good)?)?;
    assert_eq!(doors.told(1)?, ["signature"]);
    doors.finish()
}

#[test]
fn a_revoked_certificate_is_not_taken_from_then_on() -> Result<()> {
    let doors = Doors::new(true)?;
    let revoked = doors.world.gateway.folder().join("revoked.pem");
    let eva = doors.clients.issue_to(1, &[email("eva@acme.example")?])?;
    let adam = doors
        .clients
        .issue_to(2, &[uri("spiffe://acme.example/adam")?])?;
    let cookie = {
        let client = doors.client(&eva)?;
        doors.console.certificate(&client)?.cookie().to_owned()
    };
    let write = |text: &str| -> Result<()> {
        let file = doors.world.gateway.folder().join("revoked.new");
        fs::write(&file, text)?;
        fs::rename(&file, &revoked).context("it cannot be put there")
    };
    write(&doors.clients.revoked(&[1], 2099)?)?;
    doors.refused(&eva)?;
    assert_eq!(doors.told(1)?, ["revoked"]);
    // Her session is worth nothing without it.
    let nobody = doors.nobody()?;
    let thief = doors.console.visitor(&nobody, cookie);
    assert_eq!(thief.get("/exchanges")?.status, 303);
    doors.console.certificate(&doors.client(&adam)?)?;

    // Where it is not known what is revoked, nobody is let in by a certificate: by a list that is out of date, by one of
    // somebody else's, by none.
    let stranger = Clients::new()?.revoked(&[], 2099)?;
    for unknown in [&doors.clients.revoked(&[], 2021)?, &stranger, "", "nothing"] {
        write(unknown)?;
        doors.refused(&adam)?;
    }
    fs::remove_file(&revoked)?;
    doors.refused(&adam)?;
    assert_eq!(nobody.get(&doors.console.url("/login"), &[])?.status, 403);
    write(&doors.clients.revoked(&[], 2099)?)?;
    doors.console.certificate(&doors.client(&adam)?)?;
    doors.finish()
}
