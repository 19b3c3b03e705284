//! The log for people in browsers: pages made on the server, without scripts.
//!
//! A process of its own, which reads the log as the command line does: what a browser sends never meets the process
//! that agents' calls go through. Every page needs a session (`login`), every route states what a role must be able to
//! do (`app`), every form repeats its session's token, and what somebody looks at or does is on record before it is
//! answered ([`Source::record`]). Texts from records are escaped by the template, and the policy of the page lets
//! browsers run and load nothing but its own style.

mod agent_sessions;
mod api;
mod app;
mod attempts;
mod certificate;
mod fault;
mod figures;
mod findings;
mod limits;
mod login;
mod openid;
mod orders;
mod page;
mod pages;
mod role;
mod server;
mod sessions;
mod source;
mod token;
mod users;

use std::{future::Future, io, net, sync::Arc};

use rustls::ServerConfig;

pub use async_trait::async_trait;
pub use certificate::{CertificateName, NoCertificateName};
pub use openid::{NameClaim, OpenId};
pub use openidconnect::{HttpRequest, HttpResponse};
pub use role::Role;
pub use source::{
    Act, AtRisk, Budgets, Condition, Flow, Flows, Other, Part, Place, Policies, Revoked, Risks,
    Source, Unavailable, Used, What,
};
pub use users::{User, Users, UsersFault};

/// How people may log in, beside by a password.
#[derive(Debug, Default)]
pub struct Logins {
    /// Whether whoever connects may show a certificate.
    pub certificates: bool,
    /// Where else people may log in.
    pub openid: Option<OpenId>,
}

/// Serves at `listener` until `stop`; in the clear without `tls`, which is for addresses of this host alone.
///
/// # Errors
/// The listener cannot be used.
pub async fn serve(
    listener: net::TcpListener,
    tls: Option<Arc<ServerConfig>>,
    users: Users,
    logins: Logins,
    source: Arc<dyn Source>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let app = app::App::new(source, users, logins, tls.is_some());
    let known = Arc::clone(&app);
    tokio::spawn(async move {
        if let Some(provider) = &known.provider {
            provider.warm(known.source.as_ref()).await;
        }
    });
    server::serve(listener, tls, &app, stop).await
}
