//! The console by `OpenID` Connect: at a real provider with a real browser, and at one that is wrong in one way at a time.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    client::{Client, Reply},
    console::{self, Console, Visitor},
    env,
    front::Front,
    gateway::POLL,
    sdks::{Language, Server},
};

use super::{acts, criterion};
use crate::{credentials::key, world::World};

/// How long a provider may be unknown that is back.
const BACK_MAX: Duration = Duration::from_mins(1);
/// Between two attempts at it, which are counted.
const PAUSE: Duration = Duration::from_secs(2);

/// A gateway, its console, and a provider of logins.
struct Desk {
    console: Console,
    world: World,
    provider: Server,
    front: Front,
    password: String,
}

impl Desk {
    /// With this provider, and a configuration of it that is changed by `shape`.
    fn new(script: &str, shape: impl FnOnce(&mut Value)) -> Result<Self> {
        let front = Front::new()?;
        let secret = key(33);
        let variables = [("OIDC_SECRET", &*secret), ("CONSOLE_URL", &*front.url())];
        let provider = Server::node(script, &variables)?;
        let mut openid = json!({
            "issuer": provider.url(), "client_id": "console", "client_secret": "provider.secret",
            "public_url": front.url(), "scopes": ["groups", "profile"],
            "roles": { "tidegate-auditors": "auditor", "tidegate-operators": "operator" },
        });
        shape(&mut openid);
        let world = World::with(|setup| {
            let console = json!({
                "listen": "127.0.0.1:0", "users": "console-users.json", "openid": openid,
            });
            setup.set("console", console)
        })?;
        let file = world.gateway.folder().join("provider.secret");
        fs::write(&file, format!("{secret}\n"))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        let password = format!("correct horse {}", std::process::id());
        console::add_user(&world.gateway, "local", "viewer", &password)?;
        let console = Console::start(&world.gateway)?;
        front.lead_to(console.address());
        Ok(Self {
            console,
            world,
            provider,
            front,
            password,
        })
    }

    fn hostile() -> Result<Self> {
        Self::new("oidc_hostile", |_| {})
    }

    fn client(&self) -> &Client {
        &self.world.client
    }

    /// From now on the provider is wrong in this way.
    fn mode(&self, mode: &str) -> Result<()> {
        let url = format!("{}/mode/{mode}", self.provider.url());
        let reply = self.client().send("POST", &url, &[], "".into())?;
        ensure!(reply.status == 200, "{}", reply.status);
        Ok(())
    }

    /// Goes to the provider: where it is sent, and its cookie.
    fn depart(&self) -> Result<(String, String)> {
        let reply = self.client().get(&self.console.url("/login/openid"), &[])?;
        ensure!(reply.status == 303, "{} {}", reply.status, reply.text());
        let set = reply.header("set-cookie").context("no cookie")?;
        for wanted in [
            "tidegate-openid=",
            "HttpOnly",
            "SameSite=Lax",
            "Path=/",
            "Max-Age=600",
        ] {
            ensure!(set.contains(wanted), "{set}");
        }
        let cookie = console::cookie(&reply).context("no cookie")?;
        let to = reply.header("location").context("where to?")?;
        Ok((to.to_owned(), cookie))
    }

    /// Where the provider sends whoever it was asked about by `there` back to, as the console has it.
    fn answer(&self, there: &str) -> Result<String> {
        let reply = self.client().get(there, &[])?;
        let back = reply.header("location").context("it sends nobody back")?;
        let path = back.strip_prefix(&self.front.url());
        Ok(path
            .with_context(|| format!("{back} is elsewhere"))?
            .to_owned())
    }

    /// Comes back, with this cookie.
    fn back(&self, path: &str, cookie: &str) -> Result<Reply> {
        // As a browser says that another site sent it.
        let headers = [("cookie", cookie), ("sec-fetch-site", "cross-site")];
        self.client().get(&self.console.url(path), &headers)
    }

    /// A whole login, while the provider is wrong in this way.
    fn attempt(&self, mode: &str) -> Result<Reply> {
        self.mode(mode)?;
        let (there, cookie) = self.depart()?;
        self.back(&self.answer(&there)?, &cookie)
    }

    /// The same, which goes well.
    fn login(&self, mode: &str) -> Result<Visitor<'_>> {
        let reply = self.attempt(mode)?;
        ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
        // Whoever is led on by us is not led elsewhere.
        assert_eq!(reply.header("refresh"), Some("0;url=/"));
        let cookie = session(&reply).context("no session")?;
        Ok(self.console.visitor(self.client(), cookie))
    }

    /// Why logins were refused, as it is on record.
    fn refusals(&self) -> Result<Vec<String>> {
        let acts = acts(&self.world)?;
        let refused = acts
            .iter()
            .filter(|(act, _)| act == "console login refused");
        Ok(refused
            .filter_map(|(_, record)| criterion(record, "why"))
            .collect())
    }

    fn finish(self) -> Result<()> {
        drop(self.console);
        self.world.finish()
    }
}

/// The cookie of a session, if an answer begins one.
fn session(reply: &Reply) -> Option<String> {
    let all = reply.headers.get_all("set-cookie").into_iter();
    let mut set = all.filter_map(|it| it.to_str().ok()?.split(';').next());
    let session = set.find(|it| it.starts_with("tidegate=") && *it != "tidegate=")?;
    Some(session.to_owned())
}

/// Each of these ends without a session, for this reason.
fn refused(desk: &Desk, modes: &[(&str, u16, &str)]) -> Result<()> {
    for (mode, status, _) in modes {
        let reply = desk.attempt(mode)?;
        assert_eq!(reply.status, *status, "{mode}: {}", reply.text());
        ensure!(session(&reply).is_none(), "{mode} begins a session");
    }
    let expected: Vec<&str> = modes.iter().map(|(_, _, why)| *why).collect();
    assert_eq!(desk.refusals()?, expected);
    Ok(())
}

#[test]
fn what_a_provider_says_of_somebody_is_what_they_may() -> Result<()> {
    let desk = Desk::new("oidc_hostile", |openid| {
        openid["name_claim"] = json!("preferred_username");
    })?;
    let page = desk.client().get(&desk.console.url("/login"), &[])?.text();
    ensure!(
        page.contains("Log in at 127.0.0.1") && page.contains("Password"),
        "{page}"
    );
    let (there, _) = desk.depart()?;
    for wanted in [
        "response_type=code",
        "code_challenge_method=S256",
        "code_challenge=",
        "state=",
        "nonce=",
        "scope=openid+groups+profile",
    ] {
        ensure!(there.contains(wanted), "no {wanted} in {there}");
    }
    let one = desk.login("good")?;
    assert_eq!(one.get("/exchanges")?.status, 200);
    assert_eq!(one.get("/revocations")?.status, 403);
    ensure!(one.get("/")?.text().contains("openid:eva"), "who?");
    // Of two roles the one that may more, whatever order they are told in.
    assert_eq!(desk.login("two_roles")?.get("/revocations")?.status, 200);
    // What the ID token lacks is asked for, of the same subject.
    assert_eq!(desk.login("asked")?.get("/revocations")?.status, 200);
    // Somebody else has the same name there now, and nothing of whoever had it before.
    let other = desk.login("another")?;
    let report = [("kind", "agents"), ("form", "json")];
    assert_eq!(other.post("/reports", &report)?.status, 303);
    let deadline = Instant::now() + BACK_MAX;
    while !other.get("/reports")?.text().contains("/reports/1") {
        ensure!(Instant::now() < deadline, "no report");
        thread::sleep(POLL);
    }
    let again = desk.login("two_roles")?;
    ensure!(
        !again.get("/reports")?.text().contains("/reports/1"),
        "their order"
    );

    let acts = acts(&desk.world)?;
    let logins = acts.iter().filter(|(act, _)| act == "console login");
    let told = logins.map(|(_, record)| {
        ["user", "role", "by", "openid"].map(|name| criterion(record, name).unwrap_or_default())
    });
    let told: Vec<_> = told.map(|it| it.join(" ")).collect();
    let expected = [
        "openid:eva auditor openid u-1",
        "openid:eva operator openid u-1",
        "openid:eva operator openid u-1",
        "openid:eva operator openid u-2",
        "openid:eva operator openid u-1",
    ];
    assert_eq!(told, expected);
    let refused = acts.iter().find(|(act, _)| act == "console refused");
    let (_, refused) = refused.context("nobody was refused anything")?;
    assert_eq!(criterion(refused, "user").as_deref(), Some("openid:eva"));

    // Whoever logs out has no session, and no way out there where the provider has none.
    let out = one.post("/logout", &[])?;
    assert_eq!(
        (out.status.as_u16(), out.header("location")),
        (303, Some("/login"))
    );
    assert_eq!(one.get("/")?.status, 303);
    desk.finish()
}

#[test]
fn nobody_is_let_in_by_a_token_that_is_not_for_this_login() -> Result<()> {
    let desk = Desk::hostile()?;
    refused(
        &desk,
        &[
            ("none", 403, "id_token_algorithm"),
            ("secret", 403, "id_token_algorithm"),
            ("public_key", 403, "id_token_algorithm"),
            ("stranger", 403, "id_token_signature"),
            ("unknown_key", 403, "id_token_key"),
            ("tampered", 403, "id_token_signature"),
            ("audience", 403, "id_token_audience"),
            ("audiences", 403, "id_token_audience"),
            ("party", 403, "id_token_audience"),
            ("issuer", 403, "id_token_issuer"),
            ("nonce", 403, "id_token_nonce"),
            ("no_nonce", 403, "id_token_nonce"),
            ("expired", 403, "id_token_expired"),
        ],
    )?;
    // It was none of them for another reason.
    assert_eq!(desk.login("good")?.get("/exchanges")?.status, 200);
    desk.finish()
}

#[test]
fn nobody_is_let_in_by_an_answer_that_is_too_long_or_of_another_provider() -> Result<()> {
    let desk = Desk::new("oidc_hostile", |openid| {
        openid["name_claim"] = json!("preferred_username");
    })?;
    refused(
        &desk,
        &[
            ("denied", 403, "provider"),
            ("markup", 403, "provider"),
            ("other_iss", 403, "issuer"),
            ("no_iss", 403, "issuer"),
            ("no_token", 403, "id_token_missing"),
            ("garbage", 403, "id_token_unreadable"),
            ("elsewhere", 403, "id_token_unreadable"),
            ("huge", 503, "provider_away"),
            ("away_later", 503, "provider_away"),
            ("asked_of_another", 403, "userinfo"),
            ("unnamed", 403, "name"),
            ("no_role", 403, "no_role"),
        ],
    )?;
    let reply = desk.attempt("markup")?;
    ensure!(!reply.text().contains("<script"), "{}", reply.text());
    let reply = desk.attempt("no_role")?.text();
    ensure!(
        reply.contains("none of your groups there has a role here"),
        "{reply}"
    );
    let acts = acts(&desk.world)?;
    let (_, last) = acts.last().context("no act")?;
    assert_eq!(criterion(last, "user").as_deref(), Some("openid:eva"));
    // Nobody was followed elsewhere.
    let mode = desk
        .client()
        .get(&format!("{}/mode", desk.provider.url()), &[])?;
    assert_eq!(mode.text(), "no_role");
    desk.finish()
}

#[test]
fn an_answer_is_good_once_and_in_the_browser_that_asked() -> Result<()> {
    let desk = Desk::hostile()?;
    let refused = |reply: &Reply| -> Result<()> {
        ensure!(
            reply.status == 403 && session(reply).is_none(),
            "{}",
            reply.text()
        );
        Ok(())
    };
    let (there, cookie) = desk.depart()?;
    let answer = desk.answer(&there)?;
    // Somebody has a browser bring an answer of their own (login CSRF): it did not ask, or it asked for another.
    refused(&desk.back(&answer, "")?)?;
    refused(&desk.back(&answer, "tidegate-openid=")?)?;
    let (other_there, other_cookie) = desk.depart()?;
    refused(&desk.back(&answer, &other_cookie)?)?;
    // That browser's own login is over then, too.
    refused(&desk.back(&desk.answer(&other_there)?, &other_cookie)?)?;

    // A session that somebody planted is not the one that begins.
    let planted = "tidegate=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let good = desk.back(&answer, &format!("{planted}; {cookie}"))?;
    assert_eq!(good.status, 200, "{}", good.text());
    let begun = session(&good).context("no session")?;
    assert_ne!(begun, planted);
    let get = |cookie: &str| {
        desk.console
            .visitor(desk.client(), cookie.to_owned())
            .get("/")
    };
    assert_eq!(get(planted)?.status, 303);
    assert_eq!(get(&begun)?.status, 200);
    // It cannot be brought again, nor can its code with another state.
    refused(&desk.back(&answer, &cookie)?)?;
    let code = answer.split(['?', '&']).find(|it| it.starts_with("code="));
    let code = code.context("no code")?;
    let (there, cookie) = desk.depart()?;
    let own = desk.answer(&there)?;
    let (path, query) = own.split_once('?').context("no query")?;
    let fields = query
        .split('&')
        .map(|it| if it.starts_with("code=") { code } else { it });
    let replayed = format!("{path}?{}", fields.collect::<Vec<_>>().join("&"));
    refused(&desk.back(&replayed, &cookie)?)?;
    for nothing in ["", "?", "?state=", "?code=x&code=y&state=z&state=z"] {
        let (_, cookie) = desk.depart()?;
        refused(&desk.back(&format!("/login/openid/callback{nothing}"), &cookie)?)?;
    }
    let why = ["state"; 5].into_iter().chain(["code"]).chain(["state"; 4]);
    assert_eq!(desk.refusals()?, why.collect::<Vec<_>>());

    // Another site sends nobody there, and nobody is sent elsewhere from here.
    let url = desk
        .console
        .url("/login/openid?next=https://evil.example&redirect_uri=https://evil.example");
    let reply = desk
        .client()
        .get(&url, &[("sec-fetch-site", "cross-site")])?;
    assert_eq!(
        (reply.header("location"), console::cookie(&reply)),
        (Some("/login"), None)
    );
    let reply = desk.client().get(&url, &[])?;
    let to = reply.header("location").context("where to?")?;
    ensure!(
        to.starts_with(&desk.provider.url()) && !to.contains("evil"),
        "{to}"
    );
    desk.finish()
}

#[test]
fn a_provider_that_is_away_or_lies_keeps_nobody_from_logging_in_here() -> Result<()> {
    let mut desk = Desk::hostile()?;
    for (mode, told) in [
        ("other_issuer", "it says that it is another issuer"),
        ("token_elsewhere", "neither of https nor its own"),
        ("keys_here", "cannot be reached"),
        ("keys_elsewhere", "cannot be reached"),
        ("script", "neither of https nor its own"),
        ("no_token_endpoint", "no token endpoint"),
        ("huge_metadata", "answers too much"),
        ("away", "cannot be reached"),
    ] {
        desk.mode(mode)?;
        desk.console = Console::start(&desk.world.gateway)?;
        desk.front.lead_to(desk.console.address());
        let reply = desk.client().get(&desk.console.url("/login/openid"), &[])?;
        assert_eq!(reply.status, 503, "{mode}: {}", reply.text());
        ensure!(
            reply.text().contains("cannot be asked at the moment"),
            "{}",
            reply.text()
        );
        let log = fs::read_to_string(desk.world.gateway.folder().join("console.log"))?;
        ensure!(log.contains(told), "{mode}: {log}");
        let local = desk.console.login(desk.client(), "local", &desk.password)?;
        assert_eq!(local.get("/")?.status, 200);
    }
    // It is asked again, and then has another key.
    let deadline = Instant::now() + BACK_MAX;
    desk.mode("good")?;
    while desk.depart().is_err() {
        ensure!(Instant::now() < deadline, "it stays unknown");
        thread::sleep(PAUSE);
    }
    desk.login("good")?;
    while desk.attempt("rotated")?.status != 200 {
        ensure!(Instant::now() < deadline, "its key stays unknown");
        thread::sleep(PAUSE);
    }
    // Others can read the secret: nobody is sent with it.
    let file = desk.world.gateway.folder().join("provider.secret");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    assert_eq!(desk.attempt("good")?.status, 503);
    assert_eq!(
        desk.refusals()?.last().map(String::as_str),
        Some("provider_away")
    );
    desk.finish()
}

#[test]
fn a_browser_logs_in_at_a_real_provider_and_out_of_both() -> Result<()> {
    let desk = Desk::new("oidc_people", |openid| {
        openid["name_claim"] = json!("preferred_username");
    })?;
    let browser = env::program("chromium").context("no Chromium: run `cargo xtask setup`")?;
    let home = tempfile::tempdir()?;
    let output = Language::Node
        .command("console_openid")?
        .env("CONSOLE_URL", desk.front.url())
        .env("CONSOLE_BROWSER", browser)
        .env("HOME", home.path())
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{errors}");
    let seen: Value = serde_json::from_slice(&output.stdout)?;
    let text = |name: &str| seen[name].as_str().unwrap_or_default();
    assert_eq!(text("who"), "openid:eva (auditor)");
    assert_eq!(
        seen["statuses"],
        json!({ "/exchanges": 200, "/reports": 403 })
    );
    // What it went to the provider with is gone, and the rest is sent by no other site.
    let strict = |name: &str| json!({ "name": name, "httpOnly": true, "sameSite": "Strict" });
    let cookies = [strict("tidegate"), strict("tidegate-login")];
    assert_eq!(seen["cookies"], json!(cookies));
    for at in ["out", "after"] {
        assert_eq!(text(at), format!("{}/login", desk.front.url()), "{at}");
    }
    ensure!(text("refused").contains("You are openid:paul"), "{seen:#}");
    assert_eq!([text("injected"), text("foreign")], ["Not logged in"; 2]);
    assert_eq!(seen["lost"], 403);
    assert_eq!(seen["violations"], json!([]));
    // The provider does not take a code with the verifier of another login (PKCE).
    assert_eq!(desk.refusals()?, ["no_role", "code", "state", "state"]);
    desk.finish()
}
