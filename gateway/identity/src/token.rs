//! Short-lived tokens (RFC 7519): who may use one, for what task, and until when.
//!
//! To verify costs a signature; to see the same token again costs a hash and two comparisons.
//! What is remembered is believed only while its issuer's keys are of the same generation, and
//! the times are looked at every time.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use aws_lc_rs::digest;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, Header, Validation, dangerous, errors::ErrorKind};
use moka::sync::Cache;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{
    ACTORS_MAX, Delegation, GotWith, KeySet, Mapping, PARTY_BYTES_MAX, SpiffeId,
    binding::{Binding, Confirmation},
    bounds::Bounds,
    spiffe::SCHEME as SPIFFE,
};

/// The longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The most verified tokens that are remembered.
pub const TOKENS_REMEMBERED_MAX: u64 = 16 * 1024;

/// How far an issuer's clock may run ahead of ours, in seconds. An expired token gets nothing.
pub const CLOCK_SKEW_SECONDS_MAX: i64 = 30;

/// The most entries in the scope of a task.
pub const SCOPE_ENTRIES_MAX: usize = 32;

/// The longest name or value in the scope of a task, in bytes.
pub const SCOPE_VALUE_BYTES_MAX: usize = 256;

/// Types a token's header may state (RFC 8725, 3.11): a plain JWT, an access token (RFC 9068), a
/// transaction token; a JWT-SVID may say `JOSE`. A logout or proof token of the same issuer is none of these.
const TYPES: [&str; 4] = ["jwt", "jose", "at+jwt", "txntoken+jwt"];

/// One issuer of tokens.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its name, as `iss` has it; of JWT-SVIDs, which need not say, their trust domain:
    /// `spiffe://acme.example`.
    pub name: String,
    /// What `aud` must hold.
    pub audience: String,
    /// Its keys.
    pub keys: Arc<KeySet>,
    /// The longest time from `iat` to `exp`.
    pub lifetime_max: SignedDuration,
    /// Where its tokens say what is read.
    pub mapping: Mapping,
}

impl Issuer {
    /// Whether it issues JWT-SVIDs, whose subject must be of its trust domain, and which may leave out
    /// who issued them, and when (SPIFFE's JWT-SVID, section 3).
    fn is_trust_domain(&self) -> bool {
        self.name.starts_with(SPIFFE)
    }
}

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `iss`.
    pub issuer: Arc<str>,
    /// The agent that may use it: `sub`, or who acts for that (`act.sub`).
    pub subject: SpiffeId,
    /// `jti`.
    pub token_id: Option<Arc<str>>,
    /// `sid`: what joins several tokens into one session.
    pub session: Option<Arc<str>>,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `exp`.
    pub expires_at: Timestamp,
    /// What it is for.
    pub task: Option<Task>,
    /// What narrows it, if it says so: a pass of the gateway's own does.
    pub bounds: Option<Bounds>,
    /// `aud`: what it is for.
    pub audience: Audience,
    /// `cnf`: what whoever shows it must prove to hold.
    pub binding: Option<Binding>,
    /// `sub` and `act`: on whose behalf the agent acts, if it is not its own.
    pub delegation: Option<Arc<Delegation>>,
}

/// What a token is for, of what is known here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Everything that has no URI of its own.
    pub gateway: bool,
    /// The resources that it names by theirs (RFC 8707).
    pub resources: Vec<Arc<str>>,
}

impl Audience {
    /// Whether it is for this resource, or for what has no URI of its own.
    pub fn covers(&self, resource: Option<&str>) -> bool {
        resource.map_or(self.gateway, |resource| {
            self.resources.iter().any(|known| **known == *resource)
        })
    }
}

/// What an agent is at work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: Arc<str>,
    /// Why; empty if the token does not say.
    pub purpose: Arc<str>,
    /// What it may touch: `customer` → `C-771`.
    pub scope: Arc<BTreeMap<String, String>>,
}

/// Why a token is not believed. No sentence holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is too long.
    #[error("the token has more than {TOKEN_BYTES_MAX} bytes")]
    Length,
    /// It is not what it should be.
    #[error("the token is not a signed JWT with the claims that are needed")]
    Malformed,
    /// It is meant for something else.
    #[error("the token's type is not that of an access token")]
    Type,
    /// Its header demands what we do not know (RFC 7515, 4.1.11).
    #[error("the token demands an extension that is not known here")]
    Critical,
    /// Nobody configured who issued it.
    #[error("the token's issuer is not known here")]
    Issuer,
    /// Its key is not among the issuer's.
    #[error("the token's key is not one of its issuer's")]
    Key,
    /// Its algorithm is not its key's.
    #[error("the token's algorithm is not its key's")]
    Algorithm,
    /// It was not signed by this key, or was changed.
    #[error("the token's signature does not hold")]
    Signature,
    /// It is for somebody else.
    #[error("the token is not meant for this gateway")]
    Audience,
    /// Whom it names is no agent.
    #[error("the token's subject is not a SPIFFE id")]
    Subject,
    /// It is bound in a way that is not known here.
    #[error("the token's `cnf` names neither a key (`jkt`) nor a certificate (`x5t#S256`)")]
    Confirmation,
    /// Too many act for each other.
    #[error("more than {ACTORS_MAX} actors are nested in the token's `act`")]
    ActorsNested,
    /// Somebody who acts has no name.
    #[error(
        "an actor in the token's `act`, or its subject, has no plain name (`sub`) of 1 to \
         {PARTY_BYTES_MAX} bytes, or an `iss` beside it that is no URI"
    )]
    Actor,
    /// Its task's scope is too large.
    #[error(
        "the scope of the token's task has more than {SCOPE_ENTRIES_MAX} entries, or one of more \
         than {SCOPE_VALUE_BYTES_MAX} bytes"
    )]
    Scope,
    /// It lives longer than its issuer's tokens may.
    #[error("the token's lifetime is longer than allowed")]
    Lifetime,
    /// It says it comes from the future.
    #[error("the token is not valid yet")]
    Immature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
}

/// What is wrong with the list of issuers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifierError {
    /// One issuer, two entries.
    #[error("issuer `{0}` is configured twice; join the entries")]
    Duplicate(String),
    /// Its tokens could not be told from those for others.
    #[error("issuer `{0}` has no audience; name the one its tokens for this gateway carry")]
    Audience(String),
    /// No token of it could be valid.
    #[error("issuer `{0}` has a longest lifetime of nothing; `15m` is usual")]
    Lifetime(String),
}

/// Verifies tokens and remembers which it has verified.
#[derive(Debug)]
pub struct Verifier {
    issuers: HashMap<String, Arc<Issuer>>,
    /// What has a URI of its own.
    resources: Arc<[Arc<str>]>,
    remembered: Cache<[u8; digest::SHA256_OUTPUT_LEN], Arc<Verified>>,
}

/// A token that held, with the keys by which it did.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) claims: Arc<Claims>,
    issuer: Arc<Issuer>,
    generation: u64,
}

impl Verified {
    /// Whether its issuer still has the keys that it was verified by; with others it must prove
    /// itself again.
    fn is_current(&self) -> bool {
        self.generation == self.issuer.keys.now().generation
    }

    /// Whether it would be verified again `now`.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        self.is_current() && self.claims.hold(now).is_ok()
    }
}

impl Verifier {
    /// Checks `issuers`.
    pub fn build(issuers: Vec<Issuer>) -> Result<Self, VerifierError> {
        let mut known = HashMap::new();
        for issuer in issuers {
            let name = issuer.name.clone();
            if issuer.audience.is_empty() {
                return Err(VerifierError::Audience(name));
            }
            if !issuer.lifetime_max.is_positive() {
                return Err(VerifierError::Lifetime(name));
            }
            if known.insert(name.clone(), Arc::new(issuer)).is_some() {
                return Err(VerifierError::Duplicate(name));
            }
        }
        Ok(Self {
            issuers: known,
            resources: Arc::default(),
            remembered: Cache::new(TOKENS_REMEMBERED_MAX),
        })
    }

    /// The same, for which tokens may also name these resources as what they are for (RFC 8707).
    #[must_use]
    pub fn with_resources(mut self, resources: impl IntoIterator<Item = Arc<str>>) -> Self {
        self.resources = resources.into_iter().collect();
        self
    }

    /// Whether `bearer` says that an issuer known here made it. That proves nothing; it tells a token
    /// for the gateway from a credential for the service behind it, which come in the same field.
    pub(crate) fn is_ours(&self, bearer: &str) -> bool {
        let claimed = dangerous::insecure_decode_claims::<Claimed>(bearer);
        claimed.is_ok_and(|claimed| self.issuer(&claimed).is_some())
    }

    /// Who a token says that made it: whoever it names, or else the trust domain of its subject.
    fn issuer(&self, claimed: &Claimed) -> Option<&Arc<Issuer>> {
        let named = claimed.iss.as_ref().and_then(|iss| self.issuers.get(iss));
        named.or_else(|| {
            let subject: SpiffeId = claimed.sub.as_ref()?.parse().ok()?;
            let issuer = self.issuers.get(subject.trust_domain())?;
            // One for a service is that service's, whoever it is of.
            let resources = self.resources.iter().any(|known| claimed.is_for(known));
            (claimed.is_for(&issuer.audience) || resources).then_some(issuer)
        })
    }

    /// What `token` says, if it holds `now`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Claims>, TokenError> {
        let verified = self.verified(token, now)?;
        Ok(Arc::clone(&verified.claims))
    }

    /// As [`verify`](Self::verify), with what is needed to believe it again.
    pub(crate) fn verified(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<Verified>, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Length);
        }
        let key = key_of(token);
        let remembered = self.remembered.get(&key);
        if let Some(verified) = remembered.filter(|verified| verified.is_current()) {
            verified.claims.hold(now)?;
            return Ok(verified);
        }
        let verified = Arc::new(self.prove(token)?);
        verified.claims.hold(now)?;
        self.remembered.insert(key, Arc::clone(&verified));
        Ok(verified)
    }

    /// All that does not depend on the time.
    fn prove(&self, token: &str) -> Result<Verified, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        known_kind(&header)?;
        // Unverified, and used for one thing: to choose whose keys must verify it.
        let claimed: Claimed =
            dangerous::insecure_decode_claims(token).map_err(|_| TokenError::Malformed)?;
        let issuer = self.issuer(&claimed).ok_or(TokenError::Issuer)?;
        let keys = issuer.keys.now();
        let key = keys.find(header.kid.as_deref()).ok_or_else(|| {
            issuer.keys.miss();
            TokenError::Key
        })?;
        if header.alg != key.algorithm {
            return Err(TokenError::Algorithm);
        }
        let rules = rules(issuer, &self.resources, key.algorithm);
        let claims = if issuer.mapping.is_plain() {
            let raw = jsonwebtoken::decode::<RawClaims>(token, &key.decoding, &rules);
            raw.map_err(|error| fault(error.kind()))?.claims
        } else {
            let raw = jsonwebtoken::decode::<Value>(token, &key.decoding, &rules);
            let mut claims = raw.map_err(|error| fault(error.kind()))?.claims;
            let about = claims.get("sub").and_then(Value::as_str).map(str::to_owned);
            issuer.mapping.apply(&mut claims)?;
            let mapped: RawClaims =
                serde_json::from_value(claims).map_err(|_| TokenError::Malformed)?;
            mapped.about(about)
        };
        let mut claims = claims.check(issuer)?;
        claims.audience = claimed.audience(issuer, &self.resources);
        let lifetime = claims.expires_at.duration_since(claims.issued_at);
        if !lifetime.is_positive() || lifetime > issuer.lifetime_max {
            return Err(TokenError::Lifetime);
        }
        Ok(Verified {
            claims: Arc::new(claims),
            issuer: Arc::clone(issuer),
            generation: keys.generation,
        })
    }
}

impl Claims {
    /// Whether a copy of the token is of no use to whoever took it: it is bound to a key, or to the
    /// processes that the gateway gave it to.
    pub fn is_bound(&self) -> bool {
        self.binding.is_some() || self.bounds.is_some()
    }

    /// What it proves: of one that is given to a process, what that was given it for.
    pub fn got_with(&self) -> GotWith {
        match (&self.bounds, self.binding) {
            (_, Some(_)) => GotWith::Bound,
            (Some(bounds), None) => bounds.got_with,
            (None, None) => GotWith::Token,
        }
    }

    fn hold(&self, now: Timestamp) -> Result<(), TokenError> {
        let ahead = SignedDuration::from_secs(CLOCK_SKEW_SECONDS_MAX);
        let latest = now.saturating_add(ahead).unwrap_or(now);
        if self.expires_at <= now {
            return Err(TokenError::Expired);
        }
        let begins = self.not_before.unwrap_or(self.issued_at);
        if self.issued_at > latest || begins > latest {
            return Err(TokenError::Immature);
        }
        Ok(())
    }
}

fn key_of(token: &str) -> [u8; digest::SHA256_OUTPUT_LEN] {
    let mut key = [0; digest::SHA256_OUTPUT_LEN];
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    key.copy_from_slice(hash.as_ref());
    key
}

fn known_kind(header: &Header) -> Result<(), TokenError> {
    if header.crit.is_some() {
        return Err(TokenError::Critical);
    }
    let Some(kind) = &header.typ else {
        return Ok(());
    };
    // RFC 7515, 4.1.9: `application/` may be left out, and case does not matter.
    let kind = kind.to_ascii_lowercase();
    let kind = kind.strip_prefix("application/").unwrap_or(&kind);
    let known = TYPES.contains(&kind);
    known.then_some(()).ok_or(TokenError::Type)
}

/// What the library checks. It would read the clock for the times; [`Claims::hold`] does not.
fn rules(issuer: &Issuer, resources: &[Arc<str>], algorithm: Algorithm) -> Validation {
    let mut rules = Validation::new(algorithm);
    rules.validate_exp = false;
    rules.validate_nbf = false;
    let resources = resources.iter().map(|resource| &**resource);
    let audiences: Vec<&str> = resources.chain([issuer.audience.as_str()]).collect();
    rules.set_audience(&audiences);
    if issuer.is_trust_domain() {
        rules.set_required_spec_claims(&["sub", "aud", "exp"]);
    } else {
        rules.set_issuer(&[&issuer.name]);
        rules.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    }
    rules
}

fn fault(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAlgorithm | ErrorKind::MissingAlgorithm => TokenError::Algorithm,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => TokenError::Audience,
        ErrorKind::InvalidToken
        | ErrorKind::MissingRequiredClaim(_)
        | ErrorKind::InvalidClaimFormat(_)
        | ErrorKind::Base64(_)
        | ErrorKind::Json(_)
        | ErrorKind::Utf8(_) => TokenError::Malformed,
        _ => TokenError::Signature,
    }
}

/// What a token says of who made it, which proves nothing.
#[derive(Deserialize)]
struct Claimed {
    iss: Option<String>,
    sub: Option<String>,
    #[serde(default)]
    aud: Value,
}

impl Claimed {
    /// What it is for; proven once its signature is.
    fn audience(&self, issuer: &Issuer, resources: &[Arc<str>]) -> Audience {
        let named = resources.iter().filter(|resource| self.is_for(resource));
        Audience {
            gateway: self.is_for(&issuer.audience),
            resources: named.cloned().collect(),
        }
    }

    fn is_for(&self, audience: &str) -> bool {
        let is_it = |one: &Value| one.as_str() == Some(audience);
        is_it(&self.aud) || self.aud.as_array().is_some_and(|all| all.iter().any(is_it))
    }
}

#[derive(Deserialize)]
struct RawClaims {
    sub: String,
    jti: Option<Arc<str>>,
    sid: Option<Arc<str>>,
    #[serde(default, deserialize_with = "instant_if_any")]
    iat: Option<Timestamp>,
    #[serde(default, deserialize_with = "instant_if_any")]
    nbf: Option<Timestamp>,
    #[serde(deserialize_with = "instant")]
    exp: Timestamp,
    task: Option<RawTask>,
    #[serde(rename = "tidegate")]
    bounds: Option<Bounds>,
    cnf: Option<Confirmation>,
    act: Option<Value>,
    #[serde(skip)]
    about: About,
}

/// Whom `sub` names.
#[derive(Default)]
enum About {
    /// Whom the token is about.
    #[default]
    Plain,
    /// The agent, since the issuer says that elsewhere; whom the token is about was read before.
    Mapped(Option<String>),
}

#[derive(Deserialize)]
struct RawTask {
    id: Arc<str>,
    #[serde(default)]
    purpose: Arc<str>,
    #[serde(default)]
    scope: BTreeMap<String, String>,
}

impl RawClaims {
    fn about(mut self, sub: Option<String>) -> Self {
        self.about = About::Mapped(sub);
        self
    }

    /// On whose behalf the agent acts, if the token says so.
    fn delegation(&mut self, issuer: &Issuer) -> Result<Option<Delegation>, TokenError> {
        let handed_on = self.bounds.as_mut().and_then(|it| it.delegation.take());
        let Some(act) = &self.act else {
            let handed_on = handed_on.map(Arc::unwrap_or_clone);
            return handed_on.map(Delegation::check).transpose();
        };
        let sub = match &self.about {
            About::Plain => self.sub.as_str(),
            About::Mapped(about) => about.as_deref().ok_or(TokenError::Actor)?,
        };
        Delegation::read(sub, act, &issuer.name).map(Some)
    }

    fn check(mut self, issuer: &Issuer) -> Result<Claims, TokenError> {
        let delegation = self.delegation(issuer)?;
        let acts = delegation.as_ref().filter(|_| self.act.is_some());
        let agent = match acts.and_then(|it| it.actors.first()) {
            // RFC 8693, 4.1: who acts uses the token, not whom it is about.
            Some(actor) if matches!(self.about, About::Plain) => actor,
            _ => self.sub.as_str(),
        };
        let subject: SpiffeId = agent.parse().map_err(|_| TokenError::Subject)?;
        if issuer.is_trust_domain() && subject.trust_domain() != issuer.name {
            return Err(TokenError::Subject);
        }
        // One that does not say when it was issued is taken for as old as it may be: then its end is not
        // farther away than that.
        let oldest = || self.exp.checked_sub(issuer.lifetime_max).ok();
        let issued_at = self
            .iat
            .or_else(|| oldest().filter(|_| issuer.is_trust_domain()));
        let fits = |text: &String| text.len() <= SCOPE_VALUE_BYTES_MAX;
        let task = self.task.map(|task| {
            let entries_fit = task.scope.len() <= SCOPE_ENTRIES_MAX;
            let values_fit = task.scope.iter().all(|(k, v)| fits(k) && fits(v));
            (entries_fit && values_fit)
                .then(|| Task {
                    id: task.id,
                    purpose: task.purpose,
                    scope: Arc::new(task.scope),
                })
                .ok_or(TokenError::Scope)
        });
        Ok(Claims {
            issuer: issuer.name.as_str().into(),
            subject,
            token_id: self.jti,
            session: self.sid,
            issued_at: issued_at.ok_or(TokenError::Malformed)?,
            not_before: self.nbf,
            expires_at: self.exp,
            task: task.transpose()?,
            bounds: self.bounds.map(Bounds::check).transpose()?,
            audience: Audience::default(),
            binding: self.cnf.map(|cnf| cnf.check()).transpose()?,
            delegation: delegation.map(Arc::new),
        })
    }
}

/// A `NumericDate` (RFC 7519, 2): seconds, perhaps with a fraction, which does not matter here.
fn instant<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let number = serde_json::Number::deserialize(from)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, and is then out of range"
    )]
    let fraction = || number.as_f64().map(|seconds| seconds.floor() as i64);
    let seconds = number.as_i64().or_else(fraction);
    let instant = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    instant.ok_or_else(|| serde::de::Error::custom("not a time"))
}

fn instant_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    instant(from).map(Some)
}
