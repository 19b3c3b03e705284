//! Logging in by a certificate. The handshake proved whose it is; a form says that its owner wants to.

use std::net::IpAddr;

use axum::{Extension, Form, extract::State, http::HeaderMap, response::Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::{About, about, begin, form, limited, no_users, note, own_form};
use crate::{
    CertificateName,
    app::{App, Shared},
    fault::Fault,
    server::Peer,
    sessions::{By, Proven},
    users::{User, UsersFault},
};

/// Names of a certificate that are told.
const TOLD_MAX: usize = 4;

/// What a certificate is worth to whoever asks.
pub(super) enum Way {
    /// None is asked for.
    Closed,
    /// None was shown.
    Unshown,
    /// Nobody is known by it, or several are.
    Nobody(Vec<CertificateName>),
    /// It is this user's.
    Of(Box<User>),
}

impl Way {
    pub(super) fn of(app: &App, peer: &Peer) -> Result<Self, UsersFault> {
        if !app.certificates {
            return Ok(Self::Closed);
        }
        let Some(shown) = &peer.shown else {
            return Ok(Self::Unshown);
        };
        let mut users = app.users.by_certificate(shown)?;
        Ok(match (users.pop(), users.is_empty()) {
            (Some(user), true) => Self::Of(Box::new(user)),
            _ => Self::Nobody(shown.iter().take(TOLD_MAX).cloned().collect()),
        })
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Of(_))
    }

    /// What the page has of it. Without `others` there is no other way in, and whoever is kept out is told why.
    pub(super) fn page(&self, token: &str, others: bool) -> Markup {
        match self {
            Self::Closed => html! {},
            Self::Unshown if others => html! {
                p.quiet { "Your browser showed no certificate; with one of this house you need no password." }
            },
            Self::Unshown => html! {
                p.notice role="alert" {
                    "Here one logs in by a certificate of this house, and your browser showed none. Install yours in the \
                     browser, start that anew, and choose the certificate when it asks."
                }
            },
            Self::Nobody(names) => html! {
                p.notice role="alert" {
                    "The certificate that your browser showed is no user's here, or several users'. It says: "
                    @if names.is_empty() { "no name" }
                    @for (at, name) in names.iter().enumerate() { @if at > 0 { ", " } code { (name) } }
                    ". Whoever keeps the users can add one of these names: "
                    code { "tidegate console user add --certificate" } "."
                }
            },
            Self::Of(user) => html! {
                form.stacked method="post" action="/login/certificate" {
                    input type="hidden" name="csrf" value=(token);
                    button type="submit" { "Log in as " (user.name) " by certificate" }
                }
            },
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    csrf: String,
}

pub(crate) async fn login(
    State(app): Shared,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Fault> {
    own_form(&app, &headers, &wanted.csrf)?;
    // Nobody guesses here, so that nobody is kept out by others who try their name.
    if let Err(too_soon) = app.attempts.admit(peer.address, None) {
        return limited(&app, &peer, None, too_soon).await;
    }
    let user = match Way::of(&app, &peer).map_err(no_users)? {
        Way::Closed => return Err(Fault::NotFound),
        Way::Unshown => return form(&app, &peer, Some("Your browser showed no certificate.")),
        Way::Nobody(names) => {
            note(&app, "console login refused", &peer, strangers(&names)).await?;
            return form(&app, &peer, Some("You are no user by this certificate."));
        }
        Way::Of(user) => *user,
    };
    let known = user.certificate_mark().zip(user.certificate().cloned());
    let (mark, name) = known.ok_or(Fault::Internal)?;
    let mut about = about(&user);
    about.extend([
        ("by", "certificate".to_owned()),
        ("certificate", name.to_string()),
    ]);
    note(&app, "console login", &peer, about).await?;
    let by = By::Certificate(name);
    let user = user.name;
    begin(&app, Proven { user, mark, by })
}

/// What is told of somebody whom an authority vouches for, and who is no user.
fn strangers(names: &[CertificateName]) -> About {
    let names: Vec<&str> = names.iter().map(CertificateName::as_str).collect();
    vec![
        ("by", "certificate".to_owned()),
        ("certificate", names.join(" ")),
        ("why", "no_user".to_owned()),
    ]
}

/// Puts on record that a certificate was not taken, as often as that of an address is told. The handshake failed, so
/// nobody waits for an answer.
pub(crate) async fn not_taken(app: &App, address: IpAddr, why: &'static str) {
    if !app.attempts.is_told(address) {
        return;
    }
    let peer = Peer {
        address,
        shown: None,
    };
    let about = vec![("by", "certificate".to_owned()), ("why", why.to_owned())];
    if let Err(fault) = note(app, "console login refused", &peer, about).await {
        fault.tell();
    }
}
