//! What goes wrong, as the browser is told.

use audit::ArchiveError;
use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use crate::{attempts::TooSoon, page, source::Unavailable};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("this needs another role than yours")]
    Forbidden,
    #[error(
        "this form is not of your session, or your session is over: go back, load the page again and send it anew"
    )]
    Csrf,
    #[error(
        "a token is needed, as `Authorization: Bearer TOKEN`, that is taken; `tidegate console user add --token` makes one"
    )]
    Token,
    #[error("another site asked for this page; open it from here")]
    Elsewhere,
    #[error("there is no such page")]
    NotFound,
    #[error("there is no such record")]
    NoRecord,
    #[error("{0}")]
    Input(String),
    #[error("too many attempts; try again in {} seconds", .0.seconds)]
    TooSoon(TooSoon),
    #[error("too much is asked for at once; try again in a moment")]
    Busy,
    #[error("the log cannot be read; the console's own log says why")]
    Log(#[from] ArchiveError),
    #[error("this cannot be put on record, and so is not answered; the console's own log says why")]
    Unrecorded(#[source] Unavailable),
    #[error("this cannot be had; the console's own log says why")]
    Unavailable(#[from] Unavailable),
    #[error("something is wrong with the console itself")]
    Internal,
}

impl Fault {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Forbidden | Self::Csrf | Self::Elsewhere => StatusCode::FORBIDDEN,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::NotFound | Self::NoRecord => StatusCode::NOT_FOUND,
            Self::Input(_) => StatusCode::BAD_REQUEST,
            Self::TooSoon(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Log(_) | Self::Unrecorded(_) | Self::Unavailable(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Says in the console's own log what the browser is not told.
    pub(crate) fn tell(&self) {
        match self {
            Self::Log(error) => tracing::error!(?error, "the log cannot be read"),
            Self::Unrecorded(error) => tracing::error!(%error, "an act cannot be put on record"),
            Self::Unavailable(error) => tracing::error!(%error, "a page cannot be made"),
            Self::Internal => tracing::error!("a page cannot be made"),
            _ => {}
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        self.tell();
        let status = self.status();
        let page = Html(page::fault(status, &self.to_string()).into_string());
        let mut response = (status, page).into_response();
        if let Self::TooSoon(TooSoon { seconds, .. }) = self {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
