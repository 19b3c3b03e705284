//! The client credentials grant (RFC 6749 section 4.4): the service gets access tokens, for which the
//! credential is shown to its authorization server alone.
//!
//! A token is kept until shortly before it expires, and one call at a time asks for the next, while the
//! others go on with the one that they have. If there is none to be had, the call is refused.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use flows::Network;
use http::{HeaderMap, Response, Uri};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse,
    RequestTokenError, Scope, TokenResponse as _, TokenUrl,
    basic::{BasicClient, BasicErrorResponse, BasicErrorResponseType, BasicTokenType},
};
use tokio::time::Instant;
use vault::{Credential, is_credential};
use zeroize::Zeroizing;

use crate::{post::PostFault, refusal::Interruption, upstream::Upstream};

/// How long a token is taken to be good if nobody says.
const LIFETIME: Duration = Duration::from_mins(5);
/// So long before its end the next one is asked for, or in the last quarter of a shorter life.
const AHEAD: Duration = Duration::from_mins(1);
/// From one question that failed, or one token that the service did not take, to the next question.
const PAUSE: Duration = Duration::from_secs(5);

/// How the secret is shown (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownAs {
    /// As the password of a pair.
    Basic,
    /// In the body.
    Body,
}

/// What an authorization server knows the gateway by, and is asked for.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The token endpoint.
    pub endpoint: Uri,
    /// Addresses that are not public, and that its name may stand for all the same.
    pub networks: Vec<Network>,
    /// The client's id.
    pub client: String,
    /// How the secret is shown.
    pub shown: ShownAs,
    /// What is asked for; nothing is whatever the server gives.
    pub scopes: Vec<String>,
    /// More parameters of the question, such as `resource` (RFC 8707) or `audience`.
    pub more: Vec<(String, String)>,
}

/// Access tokens, for as long as they are good.
pub struct Grant {
    registration: Registration,
    kept: Mutex<Kept>,
    /// Whose turn it is to ask.
    asking: tokio::sync::Mutex<()>,
}

/// What is kept of one version of the secret.
#[derive(Default)]
struct Kept {
    of: Weak<Credential>,
    access: Option<Arc<Access>>,
    /// When the last question failed.
    failed: Option<(Instant, Fault)>,
}

/// One access token.
pub(crate) struct Access {
    token: Zeroizing<String>,
    given: Instant,
    renewed: Instant,
    expires: Instant,
}

impl Access {
    pub(super) fn expose(&self) -> &[u8] {
        self.token.as_bytes()
    }
}

/// Why there is no token. No variant holds what a server said.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("it could not be reached")]
    Unreachable,
    #[error("it did not answer in time")]
    Late,
    #[error("it does not take the client's id and secret")]
    Client,
    #[error("it does not give this client what it asks for")]
    Refused,
    #[error("its answer is no access token")]
    Unreadable,
}

impl Grant {
    /// Tokens for a client of this registration; none is asked for yet.
    pub fn new(registration: Registration) -> Self {
        Self {
            registration,
            kept: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    /// A token that is good now.
    pub(super) async fn access(
        &self,
        client: &Upstream,
        credential: &Arc<Credential>,
    ) -> Result<Arc<Access>, Interruption> {
        if let Some(access) = self.fresh(credential) {
            return Ok(access);
        }
        let _turn = match (self.asking.try_lock(), self.good(credential)) {
            (Ok(turn), _) => turn,
            // Somebody asks already. Who has a good one does not wait.
            (Err(_), Some(access)) => return Ok(access),
            (Err(_), None) => self.asking.lock().await,
        };
        self.renew(client, credential).await
    }

    /// Asks for the next token, unless somebody just did; with the turn to do so.
    async fn renew(
        &self,
        client: &Upstream,
        credential: &Arc<Credential>,
    ) -> Result<Arc<Access>, Interruption> {
        if let Some(access) = self.fresh(credential) {
            return Ok(access);
        }
        let failed = self.kept(credential).failed;
        let recent = failed.filter(|(at, _)| at.elapsed() < PAUSE);
        let fault = match recent {
            Some((_, fault)) => fault,
            None => match self.ask(client, credential).await {
                Ok(access) => {
                    let access = Arc::new(access);
                    let mut kept = self.kept(credential);
                    kept.access = Some(Arc::clone(&access));
                    kept.failed = None;
                    return Ok(access);
                }
                Err(fault) => {
                    let endpoint = self.registration.endpoint.host().unwrap_or_default();
                    tracing::warn!(endpoint, %fault, "an authorization server gives no token");
                    self.kept(credential).failed = Some((Instant::now(), fault));
                    fault
                }
            },
        };
        let good = self.good(credential);
        good.ok_or_else(|| Interruption::no_access_token(fault))
    }

    /// The token that is kept, if the next need not be asked for yet.
    fn fresh(&self, credential: &Arc<Credential>) -> Option<Arc<Access>> {
        self.usable(credential, |access, now| now < access.renewed)
    }

    /// The token that is kept, if it has not expired.
    fn good(&self, credential: &Arc<Credential>) -> Option<Arc<Access>> {
        self.usable(credential, |access, now| now < access.expires)
    }

    /// The token that is kept, if it was given for this secret and `is` so.
    fn usable(
        &self,
        credential: &Arc<Credential>,
        is: impl Fn(&Access, Instant) -> bool,
    ) -> Option<Arc<Access>> {
        let access = self.kept(credential).access.clone();
        access.filter(|access| is(access, Instant::now()))
    }

    /// The service did not take this token: the next call has another, unless there is one already, or this one
    /// was just given.
    pub(super) fn was_refused(&self, access: &Arc<Access>) {
        let mut kept = self.lock();
        let is_it = |kept: &Arc<Access>| Arc::ptr_eq(kept, access);
        if kept.access.as_ref().is_some_and(is_it) && access.given.elapsed() >= PAUSE {
            kept.access = None;
        }
    }

    async fn ask(&self, client: &Upstream, credential: &Arc<Credential>) -> Result<Access, Fault> {
        let Registration {
            endpoint,
            client: id,
            shown,
            scopes,
            more,
            ..
        } = &self.registration;
        let secret = String::from_utf8_lossy(credential.expose()).into_owned();
        let endpoint = TokenUrl::new(endpoint.to_string()).map_err(|_| Fault::Unreachable)?;
        let shown = match shown {
            ShownAs::Basic => AuthType::BasicAuth,
            ShownAs::Body => AuthType::RequestBody,
        };
        let own = BasicClient::new(ClientId::new(id.clone()))
            .set_client_secret(ClientSecret::new(secret))
            .set_token_uri(endpoint)
            .set_auth_type(shown);
        let mut question = own.exchange_client_credentials();
        for scope in scopes {
            question = question.add_scope(Scope::new(scope.clone()));
        }
        for (name, value) in more {
            question = question.add_extra_param(name, value);
        }
        let given = Instant::now();
        let http = Http(client);
        let answer = question.request_async(&http).await.map_err(fault)?;
        let token = Zeroizing::new(answer.access_token().secret().clone());
        let is_bearer = *answer.token_type() == BasicTokenType::Bearer;
        if !is_bearer || !is_credential(token.as_bytes()) {
            return Err(Fault::Unreadable);
        }
        let lifetime = answer.expires_in().unwrap_or(LIFETIME);
        if lifetime.is_zero() {
            // Nobody could use it, and every call would ask.
            return Err(Fault::Unreadable);
        }
        let expires = given.checked_add(lifetime).unwrap_or(given + LIFETIME);
        Ok(Access {
            token,
            given,
            renewed: expires - AHEAD.min(lifetime / 4),
            expires,
        })
    }

    /// What is kept of this secret. Once it is another one, whoever revoked that means its tokens, too.
    fn kept(&self, credential: &Arc<Credential>) -> MutexGuard<'_, Kept> {
        let of = Arc::downgrade(credential);
        let mut kept = self.lock();
        if !kept.of.ptr_eq(&of) {
            *kept = Kept {
                of,
                ..Kept::default()
            };
        }
        kept
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.registration.fmt(f)
    }
}

/// Our one client, which follows no redirect, as the library asks for one.
struct Http<'u>(&'u Upstream);

impl<'c> AsyncHttpClient<'c> for Http<'_> {
    type Error = PostFault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, PostFault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(send(self.0, request))
    }
}

async fn send(client: &Upstream, request: HttpRequest) -> Result<HttpResponse, PostFault> {
    let (parts, body) = request.into_parts();
    let fields: HeaderMap = parts.headers;
    let (status, body) = client.ask(parts.uri, fields, body.into()).await?;
    let mut response = Response::new(body.to_vec());
    *response.status_mut() = status;
    // A body that says nothing of its kind is taken for JSON, which it then must be.
    Ok(response)
}

fn fault(error: RequestTokenError<PostFault, BasicErrorResponse>) -> Fault {
    match error {
        RequestTokenError::Request(PostFault::Deadline) => Fault::Late,
        RequestTokenError::Request(_) => Fault::Unreachable,
        RequestTokenError::ServerResponse(said) => match said.error() {
            BasicErrorResponseType::InvalidClient => Fault::Client,
            _ => Fault::Refused,
        },
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => Fault::Unreadable,
    }
}
