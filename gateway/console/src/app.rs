//! Who may ask what: every route has the power that it needs, and no form is taken without its token.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use audit::Archive;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::{
    Extension, Form, Router,
    body::{Body, to_bytes},
    extract::{FromRequest as _, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::{Next, from_fn_with_state},
    response::{Html, IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use cookie::Cookie;
use maud::Markup;
use serde::Deserialize;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{
    Logins, api,
    attempts::Attempts,
    fault::Fault,
    findings::Acknowledged,
    limits::{
        CHECKS_MAX, FORM_BYTES_MAX, FORM_DEADLINE, POLICY_FORM_BYTES_MAX, READERS_MAX,
        TURN_DEADLINE,
    },
    login,
    openid::{CALLBACK, Provider},
    orders::Orders,
    pages,
    role::{Power, Role},
    server::Peer,
    sessions::{By, Proven, Sessions, Signed},
    source::{Act, Source},
    users::Users,
};

/// Whatever a name in a record looks like, nothing is run, and nothing is loaded but our own.
const CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                   frame-ancestors 'none'; base-uri 'none'";

/// Where policies are tried; the one form that may be long, of whoever may do that.
const SIMULATE: &str = "/policy/simulate";

/// Everything that pages share.
pub(crate) struct App {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) users: Users,
    pub(crate) sessions: Sessions,
    pub(crate) attempts: Attempts,
    /// Whether whoever connects may show a certificate.
    pub(crate) certificates: bool,
    /// Where else people may log in.
    pub(crate) provider: Option<Provider>,
    /// Whether browsers come by TLS, so that cookies never go in the clear.
    pub(crate) secure: bool,
    pub(crate) checks: Semaphore,
    readers: Semaphore,
    pub(crate) acknowledged: Acknowledged,
    pub(crate) orders: Orders,
}

/// The names of cookies.
#[derive(Clone, Copy)]
pub(crate) struct Cookies {
    pub(crate) session: &'static str,
    /// Of who is not logged in: it binds the form to log in to the browser.
    pub(crate) before: &'static str,
    /// Of who is at a provider of logins.
    pub(crate) openid: &'static str,
}

/// What a handler gives.
pub(crate) type Answer = Result<Html<String>, Fault>;
/// What handlers have.
pub(crate) type Shared = State<Arc<App>>;

/// A page as it is sent.
pub(crate) fn html(page: Markup) -> Html<String> {
    Html(page.into_string())
}

impl App {
    pub(crate) fn new(
        source: Arc<dyn Source>,
        users: Users,
        logins: Logins,
        secure: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            source,
            users,
            certificates: logins.certificates,
            provider: logins.openid.map(Provider::new),
            secure,
            sessions: Sessions::default(),
            attempts: Attempts::default(),
            checks: Semaphore::new(CHECKS_MAX),
            readers: Semaphore::new(READERS_MAX),
            acknowledged: Acknowledged::default(),
            orders: Orders::default(),
        })
    }

    /// The log, for one page at a time of so many.
    pub(crate) async fn archive(&self) -> Result<(Archive, SemaphorePermit<'_>), Fault> {
        let turn = self.turn().await?;
        Ok((self.source.archive().await?, turn))
    }

    /// What a page needs that takes time to make.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Fault> {
        let turn = timeout(TURN_DEADLINE, self.readers.acquire()).await;
        let turn = turn.map_err(|_| Fault::Busy)?;
        turn.map_err(|_| Fault::Internal)
    }

    /// Puts on record what `signed` does; nothing is answered before.
    pub(crate) async fn record(
        &self,
        signed: &Signed,
        command: &'static str,
        criteria: BTreeMap<String, String>,
        purpose: Option<String>,
    ) -> Result<(), Fault> {
        let mut criteria = criteria;
        criteria.insert("user".to_owned(), signed.user.clone());
        criteria.insert("role".to_owned(), signed.role.name().to_owned());
        criteria.insert("address".to_owned(), signed.address.to_string());
        let act = Act {
            command,
            purpose,
            criteria,
        };
        self.source.record(act).await.map_err(Fault::Unrecorded)
    }

    /// The names of its cookies.
    pub(crate) fn cookies(&self) -> Cookies {
        // Browsers keep these from other hosts, and from what is not TLS, by their names (RFC 6265bis, 4.1.3.2).
        if self.secure {
            Cookies {
                session: "__Host-tidegate",
                before: "__Host-tidegate-login",
                openid: "__Host-tidegate-openid",
            }
        } else {
            Cookies {
                session: "tidegate",
                before: "tidegate-login",
                openid: "tidegate-openid",
            }
        }
    }

    /// Who makes a request, if they are logged in and still a user.
    pub(crate) fn signed(&self, headers: &HeaderMap, peer: &Peer) -> Option<Signed> {
        let name = cookie(headers, self.cookies().session)?;
        let seen = self.sessions.seen(&name, Instant::now())?;
        let role = self.role(&seen.proven, peer)?;
        Some(Signed {
            user: seen.proven.user,
            mark: seen.proven.mark,
            role,
            csrf: seen.csrf,
            address: peer.address,
        })
    }

    /// What somebody is who proved to be this once, if they still are.
    fn role(&self, proven: &Proven, peer: &Peer) -> Option<Role> {
        if let By::OpenId { role, .. } = &proven.by {
            return Some(*role);
        }
        let user = match self.users.named(&proven.user) {
            Ok(user) => user?,
            Err(error) => {
                tracing::error!(%error, "nobody is let in");
                return None;
            }
        };
        let mark = match &proven.by {
            By::Password => user.mark(),
            // A cookie alone is worth nothing to whoever has not the key, too.
            By::Certificate(name) if peer.shows(name) => user.certificate_mark(),
            By::Certificate(_) | By::OpenId { .. } => None,
        };
        (mark == Some(proven.mark)).then_some(user.role)
    }
}

/// The value of a cookie.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let fields = headers.get_all(header::COOKIE).into_iter();
    let texts = fields.filter_map(|field| field.to_str().ok());
    let mut cookies = texts.flat_map(Cookie::split_parse).flatten();
    let found = cookies.find(|cookie| cookie.name() == name)?;
    Some(found.value().to_owned())
}

pub(crate) fn router(app: &Arc<App>) -> Router {
    let guarded = |power, router: Router<Arc<App>>| {
        router.route_layer(from_fn_with_state((Arc::clone(app), power), admit))
    };
    let figures = Router::new()
        .route("/", get(pages::overview::show))
        .route("/classes", get(pages::classes::show))
        .route("/logout", post(login::logout));
    let read = Router::new()
        .route("/exchanges", get(pages::exchanges::search))
        .route("/exchanges/{record}", get(pages::exchange::show))
        .route("/exchanges/{record}/proof", get(pages::exchange::proof))
        .route("/sessions", get(pages::sessions::show))
        .route("/budgets", get(pages::budgets::show))
        .route("/flows", get(pages::flows::show))
        .route("/map", get(pages::map::show))
        .route("/findings", get(pages::findings::show))
        .route("/policy", get(pages::policy::show));
    let acknowledge = Router::new().route(
        "/findings/{record}/acknowledge",
        post(pages::findings::acknowledge),
    );
    let report = Router::new()
        .route(
            "/reports",
            get(pages::reports::show).post(pages::reports::order),
        )
        .route("/reports/{id}", get(pages::reports::download));
    let revoke = Router::new().route(
        "/revocations",
        get(pages::revocations::show).post(pages::revocations::change),
    );
    let simulate = Router::new().route(SIMULATE, post(pages::policy::simulate));
    let open = Router::new()
        .route("/login", get(login::show).post(login::login))
        .route("/login/certificate", post(login::certificate::login))
        .route("/login/openid", get(login::openid::begin))
        .route(CALLBACK, get(login::openid::finish))
        .route("/style.css", get(style))
        .route("/icon.svg", get(icon));
    guarded(Power::Figures, figures)
        .merge(guarded(Power::Read, read))
        .merge(guarded(Power::Acknowledge, acknowledge))
        .merge(guarded(Power::Report, report))
        .merge(guarded(Power::Simulate, simulate))
        .merge(guarded(Power::Revoke, revoke))
        .merge(open)
        .merge(api::router(app))
        .fallback(async || Fault::NotFound)
        .layer(from_fn_with_state(Arc::clone(app), own_forms_only))
        .layer(from_fn_with_state(Arc::clone(app), harden))
        .with_state(Arc::clone(app))
}

async fn style() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("style.css")).into_response()
}

async fn icon() -> Response {
    let kind = [(header::CONTENT_TYPE, "image/svg+xml")];
    (kind, include_str!("icon.svg")).into_response()
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    csrf: String,
}

/// Lets nobody by who is not logged in or may not do this, and no form without its session's token.
async fn admit(
    State((app, power)): State<(Arc<App>, Power)>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let Some(signed) = app.signed(request.headers(), &peer) else {
        return Redirect::to("/login").into_response();
    };
    if power != Power::Figures && request.method() == Method::GET && is_elsewhere(request.headers())
    {
        // What somebody looks at is on record as looked at by them.
        return Fault::Elsewhere.into_response();
    }
    if !signed.may(power) {
        let what = [("path".to_owned(), told(request.uri().path()))];
        let recorded = app.record(&signed, "console refused", what.into(), None);
        return match recorded.await {
            Ok(()) => Fault::Forbidden.into_response(),
            Err(fault) => fault.into_response(),
        };
    }
    let request = if request.method() == Method::POST {
        match with_token(request, &signed.csrf).await {
            Ok(request) => request,
            Err(fault) => return fault.into_response(),
        }
    } else {
        request
    };
    let mut request = request;
    request.extensions_mut().insert(signed);
    next.run(request).await
}

/// The beginning of what a browser sent, fit for the record.
pub(crate) fn told(text: &str) -> String {
    text.chars()
        // As long in bytes as in characters: what is on record has a limit.
        .filter(char::is_ascii_graphic)
        .take(80)
        .collect()
}

/// The request again, if its form has the token.
async fn with_token(request: Request, csrf: &str) -> Result<Request, Fault> {
    let (parts, body) = request.into_parts();
    // It was read already, as far as it may be long.
    let body = to_bytes(body, POLICY_FORM_BYTES_MAX).await;
    let body = body.map_err(|_| Fault::Input("the form is too long".to_owned()))?;
    let probe = Request::from_parts(parts.clone(), Body::from(body.clone()));
    let form = Form::<Token>::from_request(probe, &()).await;
    let Form(Token { csrf: shown }) = form.map_err(|_| Fault::Csrf)?;
    verify_slices_are_equal(shown.as_bytes(), csrf.as_bytes()).map_err(|_| Fault::Csrf)?;
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Whether a browser says that another site asks, one on another port or a neighbouring name too. What is typed, or a bookmark,
/// is nobody's.
pub(crate) fn is_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| site != "same-origin" && site != "none")
}

/// What browsers say of a form from elsewhere (Fetch Metadata): it is not looked at. Of any other, as much as a form may hold
/// is read, in the time that it may take: also of who is not logged in.
async fn own_forms_only(
    State(app): Shared,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let site = request.headers().get("sec-fetch-site");
    let foreign = site.is_some_and(|site| site != "same-origin");
    if foreign && request.method() != Method::GET {
        return Fault::Csrf.into_response();
    }
    let (parts, body) = request.into_parts();
    let is_long = parts.uri.path() == SIMULATE
        && app
            .signed(&parts.headers, &peer)
            .is_some_and(|signed| signed.may(Power::Simulate));
    let bytes_max = if is_long {
        POLICY_FORM_BYTES_MAX
    } else {
        FORM_BYTES_MAX
    };
    let body = match timeout(FORM_DEADLINE, to_bytes(body, bytes_max)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return Fault::Input("the form is too long".to_owned()).into_response(),
        Err(_) => return Fault::Busy.into_response(),
    };
    next.run(Request::from_parts(parts, Body::from(body))).await
}

/// What browsers are to hold to.
async fn harden(State(app): Shared, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if app.secure {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}
