//! Login at somebody else's: `OpenID` Connect, by the authorization code and nothing else.
//!
//! Whoever begins gets a cookie, and what their answer is held against stays here under its digest, to be taken once.
//! The code is worth nothing without the verifier (PKCE) and the client's secret, the ID token nothing without the nonce,
//! the issuer, the audience and a signature of the provider's. Whoever somebody is there, a role comes of a group that the
//! configuration names, or none.

mod begun;
mod claims;
mod metadata;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::Instant,
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use chrono::{DateTime, Utc};
use openidconnect::{
    AccessToken, AsyncHttpClient, AuthType, AuthenticationFlow, AuthorizationCode, ClientId,
    ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IdToken, IdTokenFields, IdTokenVerifier, LogoutRequest, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PostLogoutRedirectUrl, RedirectUrl,
    RequestTokenError, Scope, StandardErrorResponse, StandardTokenResponse, UserInfoClaims,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType,
        CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
        CoreTokenType,
    },
    url::Url,
};
use serde::Deserialize;

pub(crate) use self::claims::Person;
use self::{
    begun::{Begun, Pending},
    claims::{Claims, Told},
    metadata::{Known, Metadata},
};
use crate::{
    Role,
    limits::{ID_TOKEN_HINT_BYTES_MAX, SECRET_BYTES_MAX},
    sessions::random,
    source::{Source, Unavailable},
};

/// Where the provider sends browsers back to.
pub(crate) const CALLBACK: &str = "/login/openid/callback";

/// What ID tokens are signed by. None of them is made of something that both sides know, and `none` is none.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// A provider of logins, and what this console is to it.
#[derive(Clone, Debug)]
pub struct OpenId {
    /// Who it is, as its ID tokens say.
    pub issuer: String,
    /// What it knows the console by.
    pub client: String,
    /// The file of the client's secret, read at each login.
    pub secret: PathBuf,
    /// Whether the secret is shown in the body, and not as the password of a pair.
    pub in_body: bool,
    /// How browsers reach the console: scheme, host and port.
    pub public: String,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that has somebody's groups: a name, or a JSON Pointer.
    pub groups: String,
    /// What a group may do.
    pub roles: BTreeMap<String, Role>,
    /// What people are called on record.
    pub name: NameClaim,
}

/// The claim that people are called by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameClaim {
    /// What the provider never gives to anybody else.
    #[default]
    Sub,
    /// Their address, if the provider verified it.
    Email,
    /// What they call themselves there.
    PreferredUsername,
}

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("this login was begun in another browser, too long ago, or is over already")]
    State,
    #[error("the answer says that it is of another provider")]
    Issuer,
    #[error("the provider let nobody in: `{0}`")]
    Provider(String),
    #[error("the provider does not take the code that it gave, or not from this console")]
    Code,
    #[error("what the provider vouches for is not for this login ({0})")]
    Token(&'static str),
    #[error("the provider tells no name that can go on record")]
    Name,
    #[error("none of your groups there has a role here")]
    NoRole(Box<str>),
}

impl Refusal {
    /// As it is on record.
    pub(crate) fn why(&self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Issuer => "issuer",
            Self::Provider(_) => "provider",
            Self::Code => "code",
            Self::Token(why) => why,
            Self::Name => "name",
            Self::NoRole(_) => "no_role",
        }
    }
}

/// Why a login came to nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Nobody knows who it is: the provider is away, or the console's own part is not in order.
    Away,
    Refused(Refusal),
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What a browser brings back.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Brought {
    code: Option<String>,
    state: Option<String>,
    /// Of whom the answer is (RFC 9207).
    iss: Option<String>,
    error: Option<String>,
}

/// A login that has begun: where the browser goes, and the cookie that it comes back with.
pub(crate) struct Departure {
    pub(crate) to: Url,
    pub(crate) cookie: String,
}

/// The provider, as far as it is known.
#[derive(Debug)]
pub(crate) struct Provider {
    typed: OpenId,
    known: Known,
    pending: Pending,
}

type Token =
    IdToken<Claims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Fields = IdTokenFields<
    Claims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Granted = StandardTokenResponse<Fields, CoreTokenType>;
type Client = openidconnect::Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Granted,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl Provider {
    pub(crate) fn new(typed: OpenId) -> Self {
        Self {
            typed,
            known: Known::default(),
            pending: Pending::default(),
        }
    }

    /// By which people know it.
    pub(crate) fn host(&self) -> String {
        let issuer = Url::parse(&self.typed.issuer).ok();
        let host = issuer.and_then(|it| it.host_str().map(str::to_owned));
        host.unwrap_or_else(|| self.typed.issuer.clone())
    }

    /// Asks what it publishes of itself, so that the first login need not.
    pub(crate) async fn warm(&self, source: &dyn Source) {
        // It says in the log if there is nothing to be had.
        drop(self.metadata(source, Instant::now()).await);
    }

    async fn metadata(&self, source: &dyn Source, now: Instant) -> Result<Arc<Metadata>, Ended> {
        let issuer = &self.typed.issuer;
        let known = self.known.now(&Carried(source), issuer, now).await;
        known.ok_or(Ended::Away)
    }

    /// Begins a login.
    pub(crate) async fn begin(
        &self,
        source: &dyn Source,
        now: Instant,
    ) -> Result<Departure, Ended> {
        let metadata = self.metadata(source, now).await?;
        let client = self.client(&metadata, None)?;
        let (Some(state), Some(nonce), Some(cookie)) = (random(), random(), random()) else {
            return Err(Ended::Away);
        };
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = self.typed.scopes.iter().cloned().map(Scope::new);
        let asked = client.authorize_url(
            AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            || CsrfToken::new(state),
            || Nonce::new(nonce),
        );
        let asked = asked.add_scopes(scopes).set_pkce_challenge(challenge);
        let (to, state, nonce) = asked.url();
        let begun = Begun {
            state,
            nonce,
            verifier,
            at: now,
        };
        self.pending.keep(&cookie, begun);
        Ok(Departure { to, cookie })
    }

    /// The login that this cookie is of, which then is over, whatever comes of it. None if this browser began none.
    pub(crate) fn taken(&self, cookie: Option<&str>, now: Instant) -> Option<Begun> {
        self.pending.take(cookie?, now)
    }

    /// Who it is that comes back, by what the provider says of them.
    pub(crate) async fn finish(
        &self,
        source: &dyn Source,
        begun: Begun,
        brought: Brought,
        now: Instant,
    ) -> Result<Person, Ended> {
        let shown = brought.state.unwrap_or_default();
        let same = verify_slices_are_equal(shown.as_bytes(), begun.state.secret().as_bytes());
        same.map_err(|_| Refusal::State)?;
        let metadata = self.metadata(source, now).await?;
        self.is_its_answer(&metadata, brought.iss.as_deref())?;
        if let Some(error) = brought.error {
            return Err(Refusal::Provider(crate::app::told(&error)).into());
        }
        let code = AuthorizationCode::new(brought.code.ok_or(Refusal::Code)?);
        let client = self.client(&metadata, Some(self.secret()?))?;
        let asked = client.exchange_code(code).map_err(|_| Ended::Away)?;
        let asked = asked.set_pkce_verifier(begun.verifier);
        let granted = asked.request_async(&Carried(source)).await;
        let granted = granted.map_err(|error| refused(&error))?;
        let token = granted.extra_fields().id_token();
        let token = token.ok_or(Refusal::Token("id_token_missing"))?;
        let time = chrono_of(source).ok_or(Ended::Away)?;
        let told = match self.told(&metadata, token, &begun.nonce, time) {
            Err(Refusal::Token(metadata::UNKNOWN_KEY)) => {
                // It may have another key since it was asked.
                let known = &self.known;
                let issuer = &self.typed.issuer;
                let metadata = known.anew(&Carried(source), issuer, now).await;
                let metadata = metadata.ok_or(Ended::Away)?;
                self.told(&metadata, token, &begun.nonce, time)?
            }
            told => told?,
        };
        let told = if told.has(&self.typed) {
            told
        } else {
            let access = granted.access_token();
            self.asked_for(source, &client, access, told).await?
        };
        let mut person = told.person(&self.typed)?;
        let hint = token.to_string();
        person.hint = (hint.len() <= ID_TOKEN_HINT_BYTES_MAX).then(|| hint.into());
        Ok(person)
    }

    /// RFC 9207: an answer of another provider than the one that was asked is not taken to this one.
    fn is_its_answer(&self, metadata: &Metadata, said: Option<&str>) -> Result<(), Refusal> {
        let more = &metadata.additional_metadata().additional_metadata;
        match said {
            Some(said) if said == self.typed.issuer => Ok(()),
            None if !more.authorization_response_iss_parameter_supported => Ok(()),
            _ => Err(Refusal::Issuer),
        }
    }

    /// What an ID token says, if it is for this login.
    fn told(
        &self,
        metadata: &Metadata,
        token: &Token,
        nonce: &Nonce,
        now: DateTime<Utc>,
    ) -> Result<Told, Refusal> {
        let client = ClientId::new(self.typed.client.clone());
        let (issuer, keys) = (metadata.issuer().clone(), metadata.jwks().clone());
        let verifier = IdTokenVerifier::new_public_client(client.clone(), issuer, keys)
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || now);
        let claims = token.claims(&verifier, nonce);
        let claims = claims.map_err(|error| Refusal::Token(metadata::fault(&error)))?;
        // OpenID Connect Core 1.0, section 3.1.3.7, step 5; the library leaves that to us.
        if claims.authorized_party().is_some_and(|it| *it != client) {
            return Err(Refusal::Token("id_token_audience"));
        }
        Ok(Told::of_token(claims))
    }

    /// What the provider says where it is asked with the access token (section 5.3 there), for what the ID token lacks.
    async fn asked_for(
        &self,
        source: &dyn Source,
        client: &Client,
        access: &AccessToken,
        told: Told,
    ) -> Result<Told, Ended> {
        // The library writes it into a field of a head, which must take it.
        let is_token = access.secret().bytes().all(|byte| byte.is_ascii_graphic());
        let subject = told.subject();
        let Ok(asked) = client.user_info(access.clone(), Some(subject)) else {
            return Ok(told);
        };
        if !is_token {
            return Err(Refusal::Code.into());
        }
        let carried = Carried(source);
        let asked = asked.request_async(&carried).await;
        let more: UserInfoClaims<Claims, CoreGenderClaim> = asked.map_err(|error| {
            tracing::warn!(error = %without_payload(&error), "a provider of logins tells nothing of somebody");
            Ended::from(Refusal::Token("userinfo"))
        })?;
        Ok(told.with(&more))
    }

    fn client(&self, metadata: &Metadata, secret: Option<ClientSecret>) -> Result<Client, Ended> {
        let back = RedirectUrl::new(format!("{}{CALLBACK}", self.typed.public));
        let client = ClientId::new(self.typed.client.clone());
        let auth = if self.typed.in_body {
            AuthType::RequestBody
        } else {
            AuthType::BasicAuth
        };
        let client = Client::from_provider_metadata(metadata.clone(), client, secret);
        let back = back.map_err(|_| Ended::Away)?;
        Ok(client.set_auth_type(auth).set_redirect_uri(back))
    }

    /// As its file has it now.
    fn secret(&self) -> Result<ClientSecret, Ended> {
        let path = &self.typed.secret;
        let read = || -> io::Result<String> {
            let file = fs::File::open(path)?;
            if file.metadata()?.permissions().mode() & 0o077 != 0 {
                let why = "others than its owner can read it: `chmod 600` it";
                return Err(io::Error::other(why));
            }
            let mut text = String::new();
            file.take(SECRET_BYTES_MAX).read_to_string(&mut text)?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        };
        read().map(ClientSecret::new).map_err(|error| {
            let path = path.display();
            tracing::error!(%path, %error, "nobody can log in at the provider: no client's secret");
            Ended::Away
        })
    }

    /// Where a browser goes that logged out here, to log out there (`OpenID` Connect RP-Initiated Logout 1.0); none if the
    /// provider has no such place.
    pub(crate) fn departure(&self, hint: Option<&str>) -> Option<Url> {
        let metadata = self.known.last()?;
        let end = metadata.additional_metadata().end_session_endpoint.clone();
        let back = PostLogoutRedirectUrl::new(format!("{}/login", self.typed.public)).ok()?;
        let asked = LogoutRequest::from(end?)
            .set_client_id(ClientId::new(self.typed.client.clone()))
            .set_post_logout_redirect_uri(back);
        let hint = hint.and_then(|hint| hint.parse::<Token>().ok());
        let asked = match &hint {
            Some(hint) => asked.set_id_token_hint(hint),
            None => asked,
        };
        Some(asked.http_get_url())
    }
}

/// The time, as the library tells it.
fn chrono_of(source: &dyn Source) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(source.now().as_second(), 0)
}

/// Why a code came to nothing. What the server said of it, which may be anything, is not told.
fn refused(
    error: &RequestTokenError<Unavailable, StandardErrorResponse<CoreErrorResponseType>>,
) -> Ended {
    match error {
        RequestTokenError::Request(error) => {
            tracing::warn!(%error, "a provider of logins cannot be asked");
            Ended::Away
        }
        RequestTokenError::ServerResponse(said) => {
            let error = crate::app::told(said.error().as_ref());
            tracing::warn!(%error, "a provider of logins does not take a code");
            Refusal::Code.into()
        }
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            tracing::warn!("a provider of logins answers what is no answer");
            Refusal::Token("id_token_unreadable").into()
        }
    }
}

/// Which kind of error it was; what it says may be what a provider sent.
fn without_payload<E>(error: &openidconnect::UserInfoError<E>) -> &'static str
where
    E: std::error::Error + 'static,
{
    use openidconnect::UserInfoError::{ClaimsVerification, Parse, Request, Response};
    match error {
        ClaimsVerification(_) => "it is of somebody else",
        Parse(_) => "it cannot be read",
        Request(_) => "it cannot be asked",
        Response(..) => "it refuses",
        _ => "it failed",
    }
}

/// The one client of HTTP, as the library asks for one.
struct Carried<'s>(&'s dyn Source);

impl<'c> AsyncHttpClient<'c> for Carried<'_> {
    type Error = Unavailable;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Unavailable>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        self.0.ask(request)
    }
}
