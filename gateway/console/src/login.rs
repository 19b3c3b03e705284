//! Logging in and out.

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
    page,
    server::Peer,
    sessions::{Signed, random},
    source::Act,
    users::{self, User},
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
) -> Response {
    if app.signed(&headers, peer).is_some() {
        return Redirect::to("/").into_response();
    }
    form(&app, None)
}

/// The form, bound to the browser by a cookie.
fn form(app: &App, fault: Option<&str>) -> Response {
    let Some(token) = random() else {
        return Fault::Internal.into_response();
    };
    let page = page::bare("Log in", &fields(&token, fault));
    let set = set_cookie(app, app.cookies().before, token);
    let status = match fault {
        Some(_) => StatusCode::FORBIDDEN,
        None => StatusCode::OK,
    };
    (status, AppendHeaders([set]), Html(page.into_string())).into_response()
}

fn fields(token: &str, fault: Option<&str>) -> Markup {
    html! {
        @if let Some(fault) = fault { p.notice role="alert" { (fault) } }
        form.stacked method="post" action="/login" {
            input type="hidden" name="csrf" value=(token);
            label for="name" { "Name" }
            input id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required;
            label for="password" { "Password" }
            input id="password" name="password" type="password" autocomplete="current-password" required;
            button type="submit" { "Log in" }
        }
        p.quiet { "Every login, and everything that is looked at or done here, is on record." }
    }
}

pub(crate) async fn login(
    State(app): Shared,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Form(shown): Form<Credentials>,
) -> Result<Response, Fault> {
    let before = cookie(&headers, app.cookies().before).ok_or(Fault::Csrf)?;
    let same = verify_slices_are_equal(before.as_bytes(), shown.csrf.as_bytes());
    if before.is_empty() || same.is_err() {
        return Err(Fault::Csrf);
    }
    let user = app.users.named(&shown.name).map_err(|error| {
        tracing::error!(%error, "nobody is let in");
        Fault::Internal
    })?;
    let known = user.as_ref().map(|user| user.name.as_str());
    if let Err(too_soon) = app.attempts.admit(peer.0, known) {
        return limited(&app, peer, user.as_ref(), too_soon).await;
    }
    let Some(user) = checked(&app, user.clone(), shown.password).await? else {
        note(&app, "console login refused", peer, user.as_ref()).await?;
        return Ok(form(
            &app,
            Some("This name and password do not belong together."),
        ));
    };
    note(&app, "console login", peer, Some(&user)).await?;
    let mark = user.mark().ok_or(Fault::Internal)?;
    let session = app.sessions.begin(&user.name, mark, Instant::now());
    let session = session.ok_or(Fault::Internal)?;
    let set = set_cookie(&app, app.cookies().session, session);
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
    peer: Peer,
    user: Option<&User>,
    too_soon: TooSoon,
) -> Result<Response, Fault> {
    if too_soon.first {
        note(app, "console login limited", peer, user).await?;
    }
    Err(Fault::TooSoon(too_soon))
}

/// Puts on record what became of a login. A name that is no user's may be a password in the wrong field.
async fn note(
    app: &App,
    command: &'static str,
    Peer(address): Peer,
    user: Option<&User>,
) -> Result<(), Fault> {
    let mut criteria = BTreeMap::from([("address".to_owned(), address.to_string())]);
    if let Some(user) = user {
        criteria.insert("user".to_owned(), user.name.clone());
        criteria.insert("role".to_owned(), user.role.name().to_owned());
    }
    let act = Act {
        command,
        purpose: None,
        criteria,
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
    app.sessions.end(&name.unwrap_or_default());
    app.record(&signed, "console logout", BTreeMap::new(), None)
        .await?;
    let mut gone = made(&app, app.cookies().session, String::new());
    gone.set_max_age(Duration::ZERO);
    let set = (header::SET_COOKIE, gone.to_string());
    Ok((AppendHeaders([set]), Redirect::to("/login")).into_response())
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
