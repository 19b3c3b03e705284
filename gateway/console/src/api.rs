//! The same for programs: records and reports as JSON, for whoever has a token.

use std::{net::IpAddr, sync::Arc};

use audit::{Anchor, Inclusion, Matter, Shown};
use axum::{
    Extension, Json, Router,
    extract::{
        Path, Query, Request, State,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    app::{App, Shared, told},
    fault::Fault,
    orders::{Job, Standing},
    pages::{
        exchanges::{self, Sought},
        reports::{self, Wanted},
    },
    role::Power,
    server::Peer,
    sessions::Signed,
    source::Act,
};

const RECORDS: &str = "/api/v1/records";
const REPORTS: &str = "/api/v1/reports";

/// A fault as programs are told of one (RFC 9457).
struct Problem(Fault);

type Answer<T> = Result<Json<T>, Problem>;

pub(crate) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let guarded = |power, router: Router<Arc<App>>| {
        router.route_layer(from_fn_with_state((Arc::clone(app), power), admit))
    };
    let read = Router::new()
        .route(RECORDS, get(search))
        .route("/api/v1/records/{record}", get(show))
        .route("/api/v1/records/{record}/proof", get(proof));
    let report = Router::new()
        .route(REPORTS, get(ordered).post(order))
        .route("/api/v1/reports/{id}", get(standing))
        .route("/api/v1/reports/{id}/file", get(file));
    guarded(Power::Read, read)
        .merge(guarded(Power::Report, report))
        .route("/api/{*rest}", get(async || Problem(Fault::NotFound)))
}

/// Lets nobody by but a program whose token is taken, and that may do this. Cookies are nothing here, so no other site can
/// have a browser ask.
async fn admit(
    State((app, power)): State<(Arc<App>, Power)>,
    Extension(Peer { address, .. }): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let known = bearer(request.headers()).map(|token| app.users.by_token(token, app.source.now()));
    let user = match known.transpose() {
        Ok(user) => user.flatten(),
        Err(error) => {
            tracing::error!(%error, "nobody is let in");
            return Problem(Fault::Internal).into_response();
        }
    };
    let known = user.and_then(|user| Some((user.token_mark()?, user)));
    let Some((mark, user)) = known else {
        if let Err(fault) = refused(&app, address).await {
            return Problem(fault).into_response();
        }
        return Problem(Fault::Token).into_response();
    };
    let signed = Signed {
        user: user.name,
        mark,
        role: user.role,
        // There are no forms.
        csrf: String::new(),
        address,
    };
    if !signed.may(power) {
        let what = [("path".to_owned(), told(request.uri().path()))];
        let recorded = app.record(&signed, "api refused", what.into(), None);
        let fault = recorded.await.err().unwrap_or(Fault::Forbidden);
        return Problem(fault).into_response();
    }
    let mut request = request;
    request.extensions_mut().insert(signed);
    next.run(request).await
}

/// The token that a request shows (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let shown = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = shown.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// Puts on record that an address shows no token that is taken, once a minute: more would fill the log.
async fn refused(app: &App, address: IpAddr) -> Result<(), Fault> {
    if !app.attempts.is_told(address) {
        return Ok(());
    }
    let act = Act {
        command: "api token refused",
        purpose: None,
        criteria: [("address".to_owned(), address.to_string())].into(),
    };
    app.source.record(act).await.map_err(Fault::Unrecorded)
}

/// What a search found.
#[derive(Serialize)]
struct Page {
    /// The checkpoint that holds it.
    anchor: Anchor,
    /// Newest first.
    matters: Vec<Matter>,
    /// Where the search goes on; none if everything was looked at.
    next: Option<String>,
}

async fn search(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    sought: Result<Query<Sought>, QueryRejection>,
) -> Answer<Page> {
    let Query(sought) = sought?;
    let criteria = sought.criteria()?;
    let span = sought.span(&criteria)?;
    let stated = exchanges::stated(&criteria, &span, sought.before);
    app.record(&signed, "api search", stated, None).await?;
    let found = exchanges::find(&app, &criteria, span, sought.before).await?;
    Ok(Json(Page {
        next: found.more.then(|| sought.older(RECORDS, found.at)),
        anchor: found.anchor,
        matters: found.matters,
    }))
}

async fn show(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    record: Result<Path<u64>, PathRejection>,
) -> Answer<Shown> {
    let Path(record) = record?;
    let which = [("record".to_owned(), record.to_string())];
    app.record(&signed, "api show", which.into(), None).await?;
    let (mut archive, _turn) = app.archive().await?;
    let shown = archive.show(record).await.map_err(Fault::from)?;
    Ok(Json(shown.ok_or(Fault::NoRecord)?))
}

async fn proof(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    record: Result<Path<u64>, PathRejection>,
) -> Answer<Inclusion> {
    let Path(record) = record?;
    let which = [("record".to_owned(), record.to_string())];
    app.record(&signed, "api proof", which.into(), None).await?;
    let (mut archive, _turn) = app.archive().await?;
    let inclusion = archive.inclusion(record).await.map_err(Fault::from)?;
    Ok(Json(inclusion.ok_or(Fault::NoRecord)?))
}

/// An order, as a program writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Order {
    report: String,
    form: String,
    from: String,
    to: String,
    subject: String,
    purpose: String,
}

/// A report, made or in the making.
#[derive(Serialize)]
struct Ordered {
    id: u64,
    report: &'static str,
    form: &'static str,
    at: Timestamp,
    /// `waiting`, `making`, `done`, `failed`.
    state: &'static str,
    /// Records that were read, of how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<[u64; 2]>,
    /// Where it is when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl From<&Job> for Ordered {
    fn from(job: &Job) -> Self {
        let (state, read, file, why) = match job.standing() {
            Standing::Made { of: 0, .. } => ("waiting", None, None, None),
            Standing::Made { read, of } => ("making", Some([read, of]), None, None),
            Standing::Done(_) => (
                "done",
                None,
                Some(format!("{REPORTS}/{}/file", job.id)),
                None,
            ),
            Standing::Failed(why) => ("failed", None, None, Some(why)),
        };
        Self {
            id: job.id,
            report: job.order.kind.name(),
            form: job.order.form.name(),
            at: job.at,
            state,
            read,
            file,
            why,
        }
    }
}

async fn order(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    order: Result<Json<Order>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(order) = order?;
    let form = if order.form.is_empty() {
        "json".to_owned()
    } else {
        order.form
    };
    let wanted = Wanted {
        kind: order.report,
        form,
        from: order.from,
        to: order.to,
        subject: order.subject,
        purpose: order.purpose,
    };
    let job = reports::begin(&app, &signed, "api report", &wanted).await?;
    let place = [(header::LOCATION, format!("{REPORTS}/{}", job.id))];
    Ok((StatusCode::ACCEPTED, place, Json(Ordered::from(&*job))).into_response())
}

async fn ordered(State(app): Shared, Extension(signed): Extension<Signed>) -> Json<Vec<Ordered>> {
    let jobs = app.orders.of(&signed);
    Json(jobs.iter().map(|job| Ordered::from(&**job)).collect())
}

async fn standing(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    id: Result<Path<u64>, PathRejection>,
) -> Answer<Ordered> {
    let Path(id) = id?;
    let job = app.orders.one(&signed, id).ok_or(Fault::NotFound)?;
    Ok(Json(Ordered::from(&*job)))
}

async fn file(
    State(app): Shared,
    Extension(signed): Extension<Signed>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(id) = id?;
    Ok(reports::hand_over(&app, &signed, "api download", id).await?)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Told {
            title: String,
            status: u16,
        }
        let Self(fault) = self;
        fault.tell();
        let status = fault.status();
        let told = Told {
            title: fault.to_string(),
            status: status.as_u16(),
        };
        let mut response = (status, Json(told)).into_response();
        let headers = response.headers_mut();
        let kind = header::HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self(Fault::Input(rejection.body_text()))
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self(Fault::Input(rejection.body_text()))
    }
}

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Self(Fault::NotFound)
    }
}
