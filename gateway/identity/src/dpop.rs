//! Proofs that whoever shows a token holds the key it is bound to (RFC 9449, DPoP): a small JWT for
//! each request, which names it and can be used once.

use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::Uri;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{
    Algorithm, DecodingKey, Header, Validation,
    jwk::{AlgorithmParameters, Jwk, ThumbprintHash},
};
use serde::Deserialize;

use crate::{
    Again, CLOCK_SKEW_SECONDS_MAX, Once,
    binding::{Thumbprint, thumbprint},
    jwks::{PRIVATE_MEMBERS, algorithm},
    possession::Request,
};

/// The longest proof, in bytes.
pub const PROOF_BYTES_MAX: usize = 4 * 1024;

/// How old a proof may be, in seconds.
pub const PROOF_AGE_SECONDS_MAX: i64 = 60;

/// The most proofs that are remembered as used, twice: beyond them none is taken until the oldest are
/// too old anyway.
pub const PROOFS_REMEMBERED_MAX: usize = 128 * 1024;

/// The longest `jti`, in bytes.
const ID_BYTES_MAX: usize = 256;

/// Why a proof is not believed. No sentence holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It is not what RFC 9449, 4.2 asks for.
    #[error(
        "the proof is not a signed JWT of type `dpop+jwt` with `jwk`, `jti`, `htm`, `htu`, `iat`"
    )]
    Malformed,
    /// It shows a private key, or one of a kind that proves nothing here.
    #[error("the proof's key is no public ES256, EdDSA, RS256 or PS256 key")]
    Key,
    /// Its signature is another key's.
    #[error("the proof's signature does not hold")]
    Signature,
    /// It is for another method or address.
    #[error("the proof is for another request")]
    Request,
    /// It is for another token.
    #[error("the proof is for another token")]
    Token,
    /// It is too old, or from the future.
    #[error("the proof was not made within the last {PROOF_AGE_SECONDS_MAX} seconds")]
    Stale,
    /// It was shown before.
    #[error("the proof was used before")]
    Replayed,
    /// Too many were shown to know whether this one was.
    #[error("too many proofs were shown within {PROOF_AGE_SECONDS_MAX} seconds")]
    TooMany,
    /// The token is bound to another key.
    #[error("the proof's key is not the one that the token is bound to")]
    OtherKey,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    ath: Option<String>,
}

/// Whether `proof` was made for this request and `token`, by the key with this thumbprint, and for
/// the first time.
pub(crate) fn verify(
    proof: &str,
    token: &str,
    key: &Thumbprint,
    request: &Request<'_>,
    used: &Used,
    now: Timestamp,
) -> Result<(), ProofError> {
    if proof.len() > PROOF_BYTES_MAX {
        return Err(ProofError::Malformed);
    }
    let header = jsonwebtoken::decode_header(proof).map_err(|_| ProofError::Malformed)?;
    let jwk = own_key(proof, &header)?;
    let claims = signed(proof, &header, jwk)?;
    if jwk
        .thumbprint(ThumbprintHash::SHA256)
        .ok()
        .as_deref()
        .and_then(thumbprint)
        != Some(*key)
    {
        return Err(ProofError::OtherKey);
    }
    if claims.htm != request.method || !is_for(&claims.htu, request) {
        return Err(ProofError::Request);
    }
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    if claims.ath != Some(BASE64_URL_SAFE_NO_PAD.encode(hash)) {
        return Err(ProofError::Token);
    }
    let made = Timestamp::from_second(claims.iat).map_err(|_| ProofError::Malformed)?;
    let age = now.duration_since(made);
    let ages = SignedDuration::from_secs(-CLOCK_SKEW_SECONDS_MAX)
        ..=SignedDuration::from_secs(PROOF_AGE_SECONDS_MAX);
    if !ages.contains(&age) {
        return Err(ProofError::Stale);
    }
    used.once(key, &claims.jti, now)
}

/// The public key that the proof brings along.
fn own_key<'a>(proof: &str, header: &'a Header) -> Result<&'a Jwk, ProofError> {
    let kind = header.typ.as_deref().unwrap_or_default();
    if !kind.eq_ignore_ascii_case("dpop+jwt") || header.crit.is_some() {
        return Err(ProofError::Malformed);
    }
    let jwk = header.jwk.as_ref().ok_or(ProofError::Malformed)?;
    // What the library makes of the key leaves out what must not be there.
    let raw = proof.split('.').next().unwrap_or_default();
    let raw = BASE64_URL_SAFE_NO_PAD.decode(raw).unwrap_or_default();
    let raw: serde_json::Value = serde_json::from_slice(&raw).map_err(|_| ProofError::Malformed)?;
    let shows = |member: &&str| raw.pointer(&format!("/jwk/{member}")).is_some();
    if PRIVATE_MEMBERS.iter().any(shows) {
        return Err(ProofError::Key);
    }
    Ok(jwk)
}

/// What the proof says, if its own key signed it.
fn signed(proof: &str, header: &Header, jwk: &Jwk) -> Result<Claims, ProofError> {
    let usual = algorithm(jwk).ok_or(ProofError::Key)?;
    let rsa = matches!(jwk.algorithm, AlgorithmParameters::RSA(_));
    if header.alg != usual && !(rsa && header.alg == Algorithm::PS256) {
        return Err(ProofError::Key);
    }
    let decoding = DecodingKey::from_jwk(jwk).map_err(|_| ProofError::Key)?;
    let mut rules = Validation::new(header.alg);
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_aud = false;
    let decoded = jsonwebtoken::decode::<Claims>(proof, &decoding, &rules);
    let claims = decoded.map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::InvalidSignature => ProofError::Signature,
        _ => ProofError::Malformed,
    })?;
    let claims = claims.claims;
    if claims.jti.is_empty() || claims.jti.len() > ID_BYTES_MAX {
        return Err(ProofError::Malformed);
    }
    Ok(claims)
}

/// Whether an address is this request's, without query and fragment (RFC 9449, 4.3).
fn is_for(address: &str, request: &Request<'_>) -> bool {
    let Ok(named) = address.parse::<Uri>() else {
        return false;
    };
    let Ok(own) = request.authority.parse::<http::uri::Authority>() else {
        return false;
    };
    let usual = if request.scheme == "https" { 443 } else { 80 };
    let path = |path: &str| if path.is_empty() { "/" } else { path }.to_owned();
    named.scheme_str() == Some(request.scheme)
        && named
            .host()
            .is_some_and(|host| host.eq_ignore_ascii_case(own.host()))
        && named.port_u16().unwrap_or(usual) == own.port_u16().unwrap_or(usual)
        && path(named.path()) == path(request.path)
}

/// The proofs that were used, for as long as they could be used again.
#[derive(Debug)]
pub(crate) struct Used(Once);

impl Default for Used {
    fn default() -> Self {
        let window = SignedDuration::from_secs(PROOF_AGE_SECONDS_MAX + CLOCK_SKEW_SECONDS_MAX);
        Self(Once::new(window, PROOFS_REMEMBERED_MAX))
    }
}

impl Used {
    /// Notes a proof, unless it is known.
    fn once(&self, key: &Thumbprint, id: &str, now: Timestamp) -> Result<(), ProofError> {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(key);
        hash.update(id.as_bytes());
        let name = hash.finish().as_ref().try_into();
        let name: Thumbprint = name.map_err(|_| ProofError::Malformed)?;
        self.0.note(name, now).map_err(|again| match again {
            Again::Shown => ProofError::Replayed,
            Again::TooMany => ProofError::TooMany,
        })
    }
}
