//! Logging in and out.

pub(crate) mod certificate;
pub(crate) mod openid;

use std::{collections::BTreeMap, time::Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::{
    Extension, Form,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, Html, IntoResponse as _, Redirect, Response},
};
use cookie::{Cookie, SameSite, time::Duration};
use maud::{Markup, html};
use serde::Deserialize;

use crate::{
    app::{App, Shared, cookie},
    attempts::TooSoon,
    fault::Fault,
    openid::Provider,
    page,
    server::Peer,
    sessions::{By, Proven, Signed, random},
    source::Act,
    users::{self, User, UsersFault},
};

#[derive(Deserialize)]
pub(crate) struct Credentials {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    csrf: String,
}

pub(crate) async fn show(
    State(app): Shared,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    if app.signed(&headers, &peer).is_some() {
        return Ok(Redirect::to("/").into_response());
    }
    form(&app, &peer, None)
}

/// The form, bound to the browser by a cookie.
fn form(app: &App, peer: &Peer, fault: Option<&str>) -> Result<Response, Fault> {
    let token = random().ok_or(Fault::Internal)?;
    let ways = Ways::of(app, peer).map_err(no_users)?;
    let page = page::bare("Log in", &ways.page(&token, fault));
    let set = set_cookie(app, app.cookies().before, token);
    let status = match fault {
        None if ways.are_some() => StatusCode::OK,
        _ => StatusCode::FORBIDDEN,
    };
    let page = Html(page.into_string());
    Ok((status, AppendHeaders([set]), page).into_response())
}

/// How whoever asks may log in.
struct Ways {
    password: bool,
    certificate: certificate::Way,
    /// Where else.
    host: Option<String>,
}

impl Ways {
    fn of(app: &App, peer: &Peer) -> Result<Self, UsersFault> {
        let users = app.users.all()?;
        // Where nothing else is asked for, the form is there before there are users.
        Ok(Self {
            password: (!app.certificates && app.provider.is_none())
                || users.iter().any(User::has_password),
            certificate: certificate::Way::of(app, peer)?,
            host: app.provider.as_ref().map(Provider::host),
        })
    }

    fn are_some(&self) -> bool {
        self.password || self.certificate.is_open() || self.host.is_some()
    }

    fn page(&self, token: &str, fault: Option<&str>) -> Markup {
        html! {
            @if let Some(fault) = fault { p.notice role="alert" { (fault) } }
            (self.certificate.page(token, self.are_some()))
            (openid::way(self.host.as_deref()))
            @if self.password { (fields(token)) }
            p.quiet { "Every login, and everything that is looked at or done here, is on record." }
        }
    }
}

fn fields(token: &str) -> Markup {
    html! {
        form.stacked method="post" action="/login" {
            input type="hidden" name="csrf" value=(token);
            label for="name" { "Name" }
            input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required;
            label for="password" { "Password" }
            input id="password" name="password" type="password" autocomplete="current-password" required;
            button type="submit" { "Log in" }
        }
    }
}

pub(crate) async fn login(
    State(app): Shared,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Form(shown): Form<Credentials>,
) -> Result<Response, Fault> {
    own_form(&app, &headers, &shown.csrf)?;
    let user = app.users.named(&shown.name).map_err(no_users)?;
    let known = user.as_ref().map(|user| user.name.as_str());
    if let Err(too_soon) = app.attempts.admit(peer.address, known) {
        return limited(&app, &peer, user.as_ref(), too_soon).await;
    }
    let Some(user) = checked(&app, user.clone(), shown.password).await? else {
        let mut about = user.as_ref().map(about).unwrap_or_default();
        about.push(("by", "password".to_owned()));
        note(&app, "console login refused", &peer, about).await?;
        let why = "This name and password do not belong together.";
        return form(&app, &peer, Some(why));
    };
    let mark = user.mark().ok_or(Fault::Internal)?;
    let mut about = about(&user);
    about.push(("by", "password".to_owned()));
    note(&app, "console login", &peer, about).await?;
    let proven = Proven {
        user: user.name,
        mark,
        by: By::Password,
    };
    begin(&app, proven)
}

/// Whether the form is one that this browser was given: no other site knows what is in its cookie.
fn own_form(app: &App, headers: &HeaderMap, shown: &str) -> Result<(), Fault> {
    let before = cookie(headers, app.cookies().before).ok_or(Fault::Csrf)?;
    let same = verify_slices_are_equal(before.as_bytes(), shown.as_bytes());
    if before.is_empty() || same.is_err() {
        return Err(Fault::Csrf);
    }
    Ok(())
}

fn no_users(error: UsersFault) -> Fault {
    tracing::error!(%error, "nobody is let in");
    Fault::Internal
}

/// Begins a session, which is on record already.
fn begin(app: &App, proven: Proven) -> Result<Response, Fault> {
    let session = app.sessions.begin(proven, Instant::now());
    let session = session.ok_or(Fault::Internal)?;
    let set = set_cookie(app, app.cookies().session, session);
    Ok((AppendHeaders([set]), Redirect::to("/")).into_response())
}

/// The user, if the password is theirs. So many at a time: a digest takes time and memory.
async fn checked(app: &App, user: Option<User>, password: String) -> Result<Option<User>, Fault> {
    let _turn = app.checks.acquire().await.map_err(|_| Fault::Internal)?;
    let check = move || users::is_password(user.as_ref(), &password).then_some(user);
    let checked = tokio::task::spawn_blocking(check).await;
    Ok(checked.map_err(|_| Fault::Internal)?.flatten())
}

/// Who tries too often is told so, and the first time it is on record.
async fn limited(
    app: &App,
    peer: &Peer,
    user: Option<&User>,
    too_soon: TooSoon,
) -> Result<Response, Fault> {
    if too_soon.first {
        let about = user.map(about).unwrap_or_default();
        note(app, "console login limited", peer, about).await?;
    }
    Err(Fault::TooSoon(too_soon))
}

/// What is on record of a login. A name that is no user's may be a password in the wrong field.
type About = Vec<(&'static str, String)>;

fn about(user: &User) -> About {
    let role = user.role.name().to_owned();
    vec![("user", user.name.clone()), ("role", role)]
}

/// Puts on record what became of a login.
async fn note(
    app: &App,
    command: &'static str,
    peer: &Peer,
    mut about: About,
) -> Result<(), Fault> {
    about.push(("address", peer.address.to_string()));
    let about = about.into_iter();
    let act = Act {
        command,
        purpose: None,
        criteria: about
            .map(|(name, it)| (name.to_owned(), it))
            .collect::<BTreeMap<_, _>>(),
    };
    app.source.record(act).await.map_err(Fault::Unrecorded)
}

pub(crate) async fn logout(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let name = cookie(&headers, app.cookies().session);
    // It ends whether or not that can be put on record.
    let ended = app.sessions.end(&name.unwrap_or_default());
    app.record(&signed, "console logout", BTreeMap::new(), None)
        .await?;
    let mut gone = made(&app, app.cookies().session, String::new());
    gone.set_max_age(Duration::ZERO);
    let set = AppendHeaders([(header::SET_COOKIE, gone.to_string())]);
    let there = match ended.map(|it| it.proven.by) {
        Some(By::OpenId { hint, .. }) => openid::out(&app, hint.as_ref()),
        _ => None,
    };
    let page = there.unwrap_or_else(|| Redirect::to("/login").into_response());
    Ok((set, page).into_response())
}

fn set_cookie(app: &App, name: &'static str, value: String) -> (header::HeaderName, String) {
    (header::SET_COOKIE, made(app, name, value).to_string())
}

/// A cookie that no script reads and no other site has sent.
fn made(app: &App, name: &'static str, value: String) -> Cookie<'static> {
    Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(app.secure)
        .build()
}
