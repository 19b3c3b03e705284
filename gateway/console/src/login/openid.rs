//! Logging in at a provider of `OpenID` Connect: there, back, and out.

use std::{sync::Arc, time::Instant};

use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, Html, IntoResponse as _, Redirect, Response},
};
use cookie::{SameSite, time::Duration};
use maud::{Markup, html};

use super::{About, limited, made, note};
use crate::{
    app::{App, Shared, cookie, is_elsewhere},
    fault::Fault,
    limits::LOGIN_MAX,
    openid::{Brought, Ended, Person, Provider, Refusal},
    page,
    server::Peer,
    sessions::{By, Proven},
};

/// The way in, where there is a provider.
pub(super) fn way(host: Option<&str>) -> Markup {
    html! {
        @if let Some(host) = host {
            p { a.button href="/login/openid" { "Log in at " (host) } }
        }
    }
}

fn provider(app: &App) -> Result<&Provider, Fault> {
    app.provider.as_ref().ok_or(Fault::NotFound)
}

/// There. By a link, as browsers lead no form from here to elsewhere.
pub(crate) async fn begin(
    State(app): Shared,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let provider = provider(&app)?;
    if is_elsewhere(&headers) {
        // Whoever wants to logs in from here.
        return Ok(Redirect::to("/login").into_response());
    }
    if let Err(too_soon) = app.attempts.admit(peer.address, None) {
        return limited(&app, &peer, None, too_soon).await;
    }
    let begun = provider.begin(app.source.as_ref(), Instant::now()).await;
    let departure = match begun {
        Ok(departure) => departure,
        Err(ended) => return Ok(kept_out(provider, &ended)),
    };
    // The provider sends the browser back from another site, so that a stricter cookie would stay behind.
    let mut set = made(&app, app.cookies().openid, departure.cookie);
    set.set_same_site(SameSite::Lax);
    let seconds = i64::try_from(LOGIN_MAX.as_secs()).unwrap_or_default();
    set.set_max_age(Duration::seconds(seconds));
    let set = AppendHeaders([(header::SET_COOKIE, set.to_string())]);
    Ok((set, Redirect::to(departure.to.as_str())).into_response())
}

/// And back.
pub(crate) async fn finish(
    State(app): Shared,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    brought: Result<Query<Brought>, QueryRejection>,
) -> Result<Response, Fault> {
    let provider = provider(&app)?;
    let now = Instant::now();
    let shown = cookie(&headers, app.cookies().openid);
    let Some(begun) = provider.taken(shown.as_deref(), now) else {
        // Nobody asked for this; anybody can send it, as often as they like.
        if let Err(too_soon) = app.attempts.admit(peer.address, None) {
            return limited(&app, &peer, None, too_soon).await;
        }
        let ended = Ended::Refused(Refusal::State);
        return refused(&app, &peer, provider, &ended).await;
    };
    let Query(brought) = brought.unwrap_or_default();
    let source = app.source.as_ref();
    match provider.finish(source, begun, brought, now).await {
        Ok(person) => let_in(&app, &peer, person).await,
        Err(ended) => refused(&app, &peer, provider, &ended).await,
    }
}

async fn let_in(app: &App, peer: &Peer, person: Person) -> Result<Response, Fault> {
    let about = vec![
        ("user", person.name.clone()),
        ("role", person.role.name().to_owned()),
        ("by", "openid".to_owned()),
        ("openid", person.subject),
    ];
    note(app, "console login", peer, about).await?;
    let name = person.name.clone();
    let proven = Proven {
        user: person.name,
        mark: person.mark,
        by: By::OpenId {
            role: person.role,
            hint: person.hint,
        },
    };
    let session = app.sessions.begin(proven, Instant::now());
    let session = session.ok_or(Fault::Internal)?;
    let set = made(app, app.cookies().session, session).to_string();
    let set = AppendHeaders([
        (header::SET_COOKIE, set),
        (header::SET_COOKIE, gone(app).to_string()),
    ]);
    // Whoever is led on by an answer to another site's request comes without the cookie of the session; who follows a
    // page of ours has it.
    let on = [(header::REFRESH, "0;url=/")];
    let page = page::bare(
        "Logged in",
        &html! {
            p { "You are logged in as " strong { (name) } "." }
            p { a href="/" { "To the overview" } }
        },
    );
    Ok((set, on, Html(page.into_string())).into_response())
}

/// The cookie of a login that is over.
fn gone(app: &App) -> cookie::Cookie<'static> {
    let mut gone = made(app, app.cookies().openid, String::new());
    gone.set_max_age(Duration::ZERO);
    gone
}

/// Puts on record that somebody was not let in, and says so.
async fn refused(
    app: &App,
    peer: &Peer,
    provider: &Provider,
    ended: &Ended,
) -> Result<Response, Fault> {
    let mut about: About = vec![("by", "openid".to_owned())];
    let why = match ended {
        Ended::Away => "provider_away",
        Ended::Refused(refusal) => refusal.why(),
    };
    about.push(("why", why.to_owned()));
    if let Ended::Refused(Refusal::NoRole(name)) = ended {
        about.push(("user", name.to_string()));
    }
    note(app, "console login refused", peer, about).await?;
    let set = AppendHeaders([(header::SET_COOKIE, gone(app).to_string())]);
    Ok((set, kept_out(provider, ended)).into_response())
}

fn kept_out(provider: &Provider, ended: &Ended) -> Response {
    let host = provider.host();
    let (status, why) = match ended {
        Ended::Away => (
            StatusCode::SERVICE_UNAVAILABLE,
            html! {
                "The provider of logins (" (host) ") cannot be asked at the moment; the console's own log says why. \
                 Whoever has a password or a certificate here logs in as ever."
            },
        ),
        Ended::Refused(Refusal::NoRole(name)) => (
            StatusCode::FORBIDDEN,
            html! {
                "You are " strong { (name) } " by " (host) ", and none of your groups there has a role here. Whoever keeps \
                 the configuration can give one in " code { "console.openid.roles" } "."
            },
        ),
        Ended::Refused(refusal) => (
            StatusCode::FORBIDDEN,
            html! { "You are not let in by " (host) ": " (refusal) "." },
        ),
    };
    let page = page::bare(
        "Not logged in",
        &html! {
            p.notice role="alert" { (why) }
            p { a href="/login" { "To the login" } }
        },
    );
    (status, Html(page.into_string())).into_response()
}

/// What a browser gets that logged out here: the way to log out there, too.
pub(super) fn out(app: &App, hint: Option<&Arc<str>>) -> Option<Response> {
    let provider = app.provider.as_ref()?;
    let to = provider.departure(hint.map(AsRef::as_ref))?;
    let on = AppendHeaders([(header::REFRESH, format!("0;url={to}"))]);
    let page = page::bare(
        "Logged out",
        &html! {
            p { "You are logged out of the console." }
            p { a href=(to) { "Log out at " (provider.host()) ", too" } }
            p { a href="/login" { "To the login" } }
        },
    );
    Some((on, Html(page.into_string())).into_response())
}
