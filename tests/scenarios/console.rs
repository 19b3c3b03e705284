//! The console: who is let in, what each may, what is on record of it, and that records harm nobody who looks at them.

mod api;
mod browser;
mod certificates;
mod openid;
mod policies;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    client::Client,
    console::{self, Console, Visitor},
    gateway::{POLL, START_MAX},
    records::Record,
    setup::Setup,
};

use crate::{
    canary::contains,
    evidence::search,
    world::{HERE, SUPPORT, World},
};

/// Each role's user has its name.
const ROLES: [&str; 4] = ["viewer", "auditor", "compliance", "operator"];

/// A gateway, its console, and a password of all users, which is made anew for each.
struct Place {
    console: Console,
    world: World,
    password: String,
}

impl Place {
    fn new() -> Result<Self> {
        Self::with(|setup| setup)
    }

    fn with(shape: impl FnOnce(Setup) -> Setup) -> Result<Self> {
        let world = World::with(|setup| {
            let listen = json!({ "listen": "127.0.0.1:0", "users": "console-users.json" });
            shape(setup.set("console", listen))
        })?;
        let password = format!("correct horse {}", std::process::id());
        for role in ROLES {
            console::add_user(&world.gateway, role, role, &password)?;
        }
        let console = Console::start(&world.gateway)?;
        Ok(Self {
            console,
            world,
            password,
        })
    }

    fn login(&self, role: &str) -> Result<Visitor<'_>> {
        self.console.login(&self.world.client, role, &self.password)
    }

    /// Who may read customer `scope` asks for customer `asked`; the record.
    fn call(&self, scope: &str, asked: &str) -> Result<u64> {
        let token = self.world.token(SUPPORT, |claims| {
            claims.scope("customer", scope).task("T-4891", "support")
        })?;
        let url = self.world.gateway.url(&format!("/crm/customers/{asked}"))?;
        let answer = Agent::curl()?.ask(&Ask::get(url).token(&token))?;
        answer.record().context("no record")
    }

    /// A token of one agent in the hands of another: a finding; its record.
    fn stolen(&self) -> Result<u64> {
        let token = self.world.token(SUPPORT, |claims| claims)?;
        let url = self.world.gateway.url("/crm/customers/C-771")?;
        let reply = self.world.client.get(&url, &[("tidegate-token", &token)])?;
        ensure!(
            reply.status == 401 || reply.status == 403,
            "{}",
            reply.text()
        );
        reply.record().context("no record")
    }

    /// One session, that of this process, asks again and again for what its task is not about.
    fn denied(&self) -> Result<()> {
        let token = self
            .world
            .token(HERE, |claims| claims.scope("customer", "C-771"))?;
        let url = self.world.gateway.url("/crm/customers/C-332")?;
        for _ in 0..6 {
            let reply = self.world.client.get(&url, &[("tidegate-token", &token)])?;
            ensure!(
                reply.status == 403 || reply.status == 429,
                "{}",
                reply.text()
            );
        }
        Ok(())
    }

    fn acts(&self) -> Result<Vec<(String, Record)>> {
        acts(&self.world)
    }

    fn finish(self) -> Result<()> {
        drop(self.console);
        self.world.finish()
    }
}

/// What is on record of the console, oldest first: the act, and its record.
fn acts(world: &World) -> Result<Vec<(String, Record)>> {
    let sought = ["--kind", "query", "--limit", "1000000"];
    let all = search(&world.gateway, &sought)?.into_iter().map(Record);
    let named = all.map(|record| (record.text("command"), record));
    Ok(named
        .filter(|(command, _)| command.starts_with("console "))
        .collect())
}

/// The value of a criterion of an act.
fn criterion(record: &Record, name: &str) -> Option<String> {
    let criteria = record.find("criteria")?;
    Some(criteria.get(name)?.as_str()?.to_owned())
}

#[test]
fn nobody_sees_anything_without_a_session() -> Result<()> {
    let place = Place::new()?;
    let client = &place.world.client;
    for path in [
        "/",
        "/exchanges",
        "/exchanges/0",
        "/sessions",
        "/budgets",
        "/flows",
        "/map",
        "/classes",
        "/findings",
        "/reports",
        "/policy",
        "/revocations",
    ] {
        for cookie in [
            "",
            "tidegate=",
            "tidegate=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let reply = client.get(&place.console.url(path), &[("cookie", cookie)])?;
            assert_eq!(reply.status, 303, "{path}: {}", reply.text());
            assert_eq!(reply.header("location"), Some("/login"));
            assert!(reply.body.is_empty());
        }
    }
    let page = client.get(&place.console.url("/login"), &[])?;
    assert_eq!(page.status, 200);
    let is = |name: &str| page.header(name).unwrap_or_default().to_owned();
    assert_eq!(
        is("content-security-policy"),
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; \
         base-uri 'none'"
    );
    assert_eq!(is("x-content-type-options"), "nosniff");
    assert_eq!(is("referrer-policy"), "no-referrer");
    assert_eq!(is("cache-control"), "no-store");
    let cookie = is("set-cookie");
    for wanted in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(wanted), "{cookie}");
    }
    assert!(place.acts()?.is_empty());
    place.finish()
}

#[test]
fn each_role_gets_its_pages_and_a_refusal_is_on_record() -> Result<()> {
    let place = Place::new()?;
    let record = place.call("C-771", "C-771")?;
    let record = format!("/exchanges/{record}");
    let pages: [(&str, usize); 13] = [
        ("/", 0),
        ("/classes?period=week", 0),
        ("/exchanges", 1),
        (&record, 1),
        ("/sessions", 1),
        ("/budgets", 1),
        ("/flows", 1),
        ("/map", 1),
        ("/findings", 1),
        ("/policy", 1),
        ("/reports", 2),
        ("/revocations", 3),
        ("/exchanges?agent=x&decision=refused&from=2026-01-01", 1),
    ];
    for (rank, role) in ROLES.into_iter().enumerate() {
        let visitor = place.login(role)?;
        for (path, least) in pages {
            let reply = visitor.get(path)?;
            let expected = if rank >= least { 200 } else { 403 };
            assert_eq!(reply.status, expected, "{role} {path}: {}", reply.text());
        }
    }
    // A viewer learns nobody's name.
    let viewer = place.login("viewer")?;
    for path in ["/", "/classes"] {
        let text = viewer.get(path)?.text();
        assert!(
            !text.contains("spiffe://") && !text.contains("customer"),
            "{text}"
        );
    }
    let refused = viewer.post("/findings/0/acknowledge", &[])?;
    assert_eq!(refused.status, 403);
    let acts = place.acts()?;
    let refused = acts.iter().filter(|(act, _)| act == "console refused");
    let of = |role: &str| {
        let refused = refused.clone();
        let users = refused.filter_map(|(_, record)| criterion(record, "user"));
        users.filter(|user| user == role).count()
    };
    assert_eq!(
        [
            of("viewer"),
            of("auditor"),
            of("compliance"),
            of("operator")
        ],
        [12, 2, 1, 0]
    );
    place.finish()
}

#[test]
fn nobody_waits_for_forms_that_do_not_come() -> Result<()> {
    let place = Place::new()?;
    let at = place.console.url("/login");
    let at = at
        .strip_prefix("http://")
        .and_then(|it| it.split('/').next());
    let at = at.context("no address")?.to_owned();
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: {at}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ncsrf="
    );
    let mut half = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(&at)?;
        stream.set_read_timeout(Some(Duration::from_mins(2)))?;
        stream.write_all(head.as_bytes())?;
        half.push(stream);
    }
    place.login("viewer")?;
    for mut stream in half {
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        ensure!(said.starts_with("HTTP/1.1 503"), "{said}");
    }
    let long = "x".repeat(20_000);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let url = place.console.url("/login");
    let reply = place
        .world
        .client
        .send("POST", &url, &headers, long.into())?;
    assert_eq!(reply.status, 400);
    place.finish()
}

#[test]
fn no_form_is_taken_from_elsewhere() -> Result<()> {
    let place = Place::new()?;
    let finding = place.stolen()?;
    let path = format!("/findings/{finding}/acknowledge");
    let (one, other) = (place.login("compliance")?, place.login("operator")?);
    let foreign = other.csrf()?;
    for fields in [&[][..], &[("csrf", "")], &[("csrf", &*foreign)]] {
        let reply = one.post_as_is(&path, fields)?;
        assert_eq!(reply.status, 403, "{}", reply.text());
    }
    // A browser says where a form comes from.
    let own = one.csrf()?;
    for site in ["cross-site", "same-site", "none"] {
        let headers = [
            ("cookie", one.cookie()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", site),
        ];
        let body = format!("csrf={own}&note=x");
        let url = place.console.url(&path);
        let reply = place
            .world
            .client
            .send("POST", &url, &headers, body.into())?;
        assert_eq!(reply.status, 403, "{site}");
        assert!(reply.header("content-security-policy").is_some());
    }
    // Nor does anybody log somebody in from elsewhere.
    let client = &place.world.client;
    let body = format!(
        "name=operator&password={}&csrf=x",
        place.password.replace(' ', "+")
    );
    for cookie in ["", "tidegate-login=y"] {
        let headers = [
            ("cookie", cookie),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let url = place.console.url("/login");
        let reply = client.send("POST", &url, &headers, body.clone().into())?;
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert!(console::cookie(&reply).is_none());
    }
    let acts = place.acts()?;
    assert!(acts.iter().all(|(act, _)| act != "console acknowledge"));
    let long = one.post(&path, &[("note", &"x".repeat(20_000))])?;
    assert_eq!(long.status, 400);
    let taken = one.post(&path, &[("note", "seen")])?;
    assert_eq!(taken.status, 303, "{}", taken.text());
    place.finish()
}

#[test]
fn nobody_looks_in_somebody_elses_name() -> Result<()> {
    let place = Place::new()?;
    let record = place.call("C-771", "C-771")?;
    let visitor = place.login("auditor")?;
    let got = |path: &str, site: &str| -> Result<u16> {
        let headers = [("cookie", visitor.cookie()), ("sec-fetch-site", site)];
        Ok(place
            .world
            .client
            .get(&place.console.url(path), &headers)?
            .status
            .as_u16())
    };
    let one = format!("/exchanges/{record}");
    for path in ["/exchanges", &one, "/findings", "/policy", "/flows"] {
        for (site, expected) in [
            ("same-site", 403),
            ("cross-site", 403),
            ("same-origin", 200),
            ("none", 200),
        ] {
            assert_eq!(got(path, site)?, expected, "{path} {site}");
        }
    }
    // Whoever follows a link comes in.
    assert_eq!(got("/", "cross-site")?, 200);
    let acts = place.acts()?;
    let shown = acts.iter().filter(|(act, _)| act == "console show");
    assert_eq!(shown.count(), 2);
    place.finish()
}

#[test]
fn what_lifts_a_revocation_revokes_nobody() -> Result<()> {
    let place = Place::new()?;
    let visitor = place.login("operator")?;
    let revoked = || -> Result<String> {
        let file = place.world.gateway.data().join("revoked.json");
        Ok(fs::read_to_string(file).unwrap_or_default())
    };
    let fields = [
        ("what", "agent"),
        ("id", SUPPORT),
        ("reason", "a false alarm"),
    ];
    let reply = visitor.post("/revocations", &[&fields[..], &[("lift", "yes")]].concat())?;
    assert_eq!(reply.status, 400, "{}", reply.text());
    ensure!(!revoked()?.contains(SUPPORT), "{}", revoked()?);
    assert_eq!(visitor.post("/revocations", &fields)?.status, 303);
    ensure!(revoked()?.contains(SUPPORT), "{}", revoked()?);
    let reply = visitor.post("/revocations", &[&fields[..], &[("lift", "yes")]].concat())?;
    assert_eq!(reply.status, 303, "{}", reply.text());
    ensure!(!revoked()?.contains(SUPPORT), "{}", revoked()?);
    place.finish()
}

#[test]
fn what_records_say_is_shown_as_text() -> Result<()> {
    let budget = json!([{ "id": "a-task", "per": "task", "calls": 8, "every": "24h" }]);
    let place = Place::with(|setup| setup.set("budgets", budget))?;
    let hostile = "\"><script>alert(1)</script><img src=x onerror=alert(2)>";
    let token = place.world.token(HERE, |claims| {
        claims.task(hostile, hostile).scope("customer", hostile)
    })?;
    let encoded = "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let url = place.world.gateway.url(&format!("/crm/items/{encoded}"))?;
    let headers = [("tidegate-token", &*token), ("user-agent", hostile)];
    let reply = place.world.client.get(&url, &headers)?;
    let record = reply.record().context("no record")?;
    let plain = place.world.gateway.url("/crm/items/7")?;
    assert_eq!(place.world.client.get(&plain, &headers)?.status, 200);
    let visitor = place.login("operator")?;
    let mut seen = 0;
    let sought = "/exchanges?agent=%22%3E%3Cscript%3E&task=%3Cimg%20src=x%3E";
    for path in [
        &*format!("/exchanges/{record}"),
        "/exchanges",
        sought,
        "/map",
        "/sessions",
        "/findings?show=all",
        "/policy?record=%3Cscript%3E",
        &format!("/policy?record={record}"),
    ] {
        let text = visitor.get(path)?.text();
        assert!(
            !text.contains("<script") && !text.contains("<img"),
            "{path}: {text}"
        );
        assert!(!text.contains("onerror=alert(2)>"), "{path}: {text}");
        seen += usize::from(text.contains("&lt;script&gt;"));
    }
    assert!(seen >= 3, "it was to be seen, as text");
    let text = visitor.get("/budgets")?.text();
    let task = "task &quot;&gt;&lt;script&gt;alert(1)";
    ensure!(text.contains(task) && text.contains("12 %"), "{text}");
    ensure!(
        !text.contains("<script") && !text.contains("<img"),
        "{text}"
    );
    // What is not to be said is not said again.
    let reply = visitor.get("/exchanges?subject=%3Cscript%3E")?;
    assert_eq!(reply.status, 400);
    assert!(!reply.text().contains("script"), "{}", reply.text());
    place.finish()
}

#[test]
fn who_is_at_risk_is_seen_while_it_is() -> Result<()> {
    let behaviour = json!({ "detectors": { "denials": "throttle" } });
    let place = Place::with(|setup| setup.set("behaviour", behaviour))?;
    let visitor = place.login("auditor")?;
    let nobody = visitor.get("/sessions")?.text();
    ensure!(nobody.contains("No session is at risk now."), "{nobody}");
    place.denied()?;
    let text = visitor.get("/sessions")?.text();
    ensure!(
        text.contains("denials") && text.contains("calls each,"),
        "{text}"
    );
    ensure!(text.contains("<meter min=\"0\" max=\"100\""), "{text}");
    place.finish()
}

#[test]
fn passwords_cannot_be_tried_without_end_and_are_nowhere() -> Result<()> {
    let place = Place::new()?;
    let client = &place.world.client;
    let guess = "another horse entirely";
    for _ in 0..5 {
        let reply = place.console.try_login(client, "auditor", guess)?;
        assert_eq!(reply.status, 403);
        assert!(!reply.text().contains(guess));
    }
    // Now even the right one is not looked at, and others are not held up by that.
    for _ in 0..2 {
        let reply = place
            .console
            .try_login(client, "auditor", &place.password)?;
        assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
        let seconds: u64 = reply.header("retry-after").context("when?")?.parse()?;
        assert!((1..=31).contains(&seconds), "{seconds}");
    }
    let unknown = place.console.try_login(client, "nobody", &place.password)?;
    assert_eq!(unknown.status, 403);
    place.login("viewer")?;

    let acts = place.acts()?;
    let count = |act: &str| acts.iter().filter(|(is, _)| is == act).count();
    assert_eq!(count("console login refused"), 6);
    assert_eq!(count("console login limited"), 1);
    assert_eq!(count("console login"), 1);
    // A name that is no user's may be a password in the wrong field.
    assert!(!format!("{acts:?}").contains("nobody"));
    for file in fs::read_dir(place.world.gateway.folder())? {
        let path = file?.path();
        let text = fs::read(&path).unwrap_or_default();
        for secret in [guess, &place.password] {
            assert!(
                !contains(&text, secret),
                "a password is in {}",
                path.display()
            );
        }
    }
    place.finish()
}

#[test]
fn a_session_ends_with_its_user_and_at_the_logout() -> Result<()> {
    let place = Place::new()?;
    let visitor = place.login("auditor")?;
    assert_eq!(visitor.get("/exchanges")?.status, 200);
    let config = console::config(&place.world.gateway);
    let removed = ["console", "user", "remove", "auditor", "--config", &config];
    let output = place.world.gateway.cli(&removed)?;
    ensure!(output.status.success(), "{output:?}");
    assert_eq!(visitor.get("/exchanges")?.status, 303);
    // Another user of that name is somebody else.
    console::add_user(&place.world.gateway, "auditor", "operator", &place.password)?;
    assert_eq!(visitor.get("/exchanges")?.status, 303);

    let visitor = place.login("operator")?;
    assert_eq!(visitor.post("/logout", &[])?.status, 303);
    assert_eq!(visitor.get("/")?.status, 303);
    place.finish()
}

#[test]
fn by_tls_cookies_are_for_this_host_alone() -> Result<()> {
    let place = Place::with(|setup| {
        // The gateway's own certificate: `World` writes it beside the configuration.
        let tls = json!({ "certificate": "server.pem", "key": "server.key" });
        let listen = json!({ "listen": "127.0.0.1:0", "users": "console-users.json", "tls": tls });
        setup.set("console", listen)
    })?;
    let authority = &place.world.certificate.authority;
    let client = Client::tls(authority, &rustls::version::TLS13, false)?;
    let Place {
        console,
        world,
        password,
    } = place;
    let console = console.by_tls();
    let reply = console.try_login(&client, "viewer", &password)?;
    let cookie = reply.header("set-cookie").context("no cookie")?.to_owned();
    assert!(
        cookie.starts_with("__Host-tidegate=") && cookie.contains("Secure"),
        "{cookie}"
    );
    assert_eq!(
        reply.header("strict-transport-security"),
        Some("max-age=31536000")
    );
    let visitor = console.login(&client, "viewer", &password)?;
    assert_eq!(visitor.get("/")?.status, 200);
    drop(console);
    world.finish()
}

/// What the visitor of the next test does, in order.
const ACTS: [&str; 10] = [
    "console login",
    "console search",
    "console show",
    "console proof",
    "console explain",
    "console acknowledge",
    "console findings",
    "console findings",
    "console revoke",
    "console revocations",
];

#[test]
fn every_look_and_act_is_on_record_before_it_is_answered() -> Result<()> {
    let place = Place::new()?;
    let (shown, finding) = (place.call("C-771", "C-771")?, place.stolen()?);
    let visitor = place.login("operator")?;
    let get = |path: &str| -> Result<String> {
        let reply = visitor.get(path)?;
        ensure!(
            reply.status == 200,
            "{path}: {} {}",
            reply.status,
            reply.text()
        );
        Ok(reply.text())
    };
    get("/exchanges?subject=customer%3DC-771&decision=released")?;
    let page = get(&format!("/exchanges/{shown}"))?;
    for told in [
        "T-4891",
        "customer.read",
        "pii.email",
        "customer = C-771",
        "proven",
    ] {
        assert!(page.contains(told), "no {told} in {page}");
    }
    let proof: Value = serde_json::from_str(&get(&format!("/exchanges/{shown}/proof"))?)?;
    assert_eq!(proof["index"], shown);
    assert!(get(&format!("/policy?record={shown}"))?.contains("the call was allowed"));
    let note = visitor.post(
        &format!("/findings/{finding}/acknowledge"),
        &[("note", "seen it")],
    )?;
    assert_eq!(note.status, 303, "{}", note.text());
    let all = get("/findings?show=all")?;
    assert!(
        all.contains("seen it") && all.contains("by operator"),
        "{all}"
    );
    let open = get("/findings")?;
    assert!(
        !open.contains(&format!("/findings/{finding}/acknowledge")),
        "{open}"
    );
    let why = [("what", "session"), ("id", "s-9"), ("reason", "ended")];
    assert_eq!(visitor.post("/revocations", &why)?.status, 303);
    assert!(get("/revocations")?.contains("s-9"));

    let acts = place.acts()?;
    let names: Vec<&str> = acts.iter().map(|(act, _)| &**act).collect();
    assert_eq!(names, ACTS);
    for (act, record) in &acts {
        let told = ["user", "role", "address"].map(|name| criterion(record, name));
        let expected = ["operator", "operator", "127.0.0.1"].map(|it| Some(it.to_owned()));
        assert_eq!(told, expected, "{act}");
    }
    let (_, search) = acts.get(1).context("no search")?;
    assert_eq!(criterion(search, "subject").as_deref(), Some("customer"));
    let (_, acknowledged) = acts.get(5).context("no acknowledgement")?;
    assert_eq!(acknowledged.text("purpose"), "seen it");
    place.finish()
}

#[test]
fn without_a_gateway_the_console_reads_and_records_by_itself() -> Result<()> {
    let place = Place::new()?;
    let shown = place.call("C-771", "C-771")?;
    let visitor = place.login("operator")?;
    place.world.gateway.signal(Signal::TERM)?;
    let deadline = Instant::now() + START_MAX;
    let path = format!("/exchanges/{shown}");
    while !visitor.get("/")?.text().contains("does not answer") || visitor.get(&path)?.status != 200
    {
        ensure!(Instant::now() < deadline, "the gateway does not stop");
        thread::sleep(POLL);
    }
    assert_eq!(place.acts()?.last().context("no act")?.0, "console show");
    place.finish()
}
