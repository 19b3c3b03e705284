//! An issuer of short-lived tokens, with a key made at run time.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, anyhow};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock;

/// The issuer's name in every token.
pub const ISSUER: &str = "https://issuer.example";
/// The audience of every token.
pub const AUDIENCE: &str = "tidegate";

/// Signs tokens with one ES256 key.
pub struct Issuer {
    key: EncodingKey,
    jwks: Value,
    id: String,
}

/// What a token says, beside who issued it.
#[derive(Clone, Debug)]
pub struct Claims {
    subject: String,
    task: String,
    purpose: String,
    scope: BTreeMap<String, String>,
    lifetime: i64,
    issuer: String,
    audience: String,
    about: Option<String>,
    before: Vec<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    task: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Value>,
}

/// A token's claims for the agent `subject`: five minutes, a task without scope.
pub fn claims(subject: &str) -> Claims {
    Claims {
        subject: subject.to_owned(),
        task: "T-4891".to_owned(),
        purpose: "support".to_owned(),
        scope: BTreeMap::new(),
        lifetime: 300,
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        about: None,
        before: Vec::new(),
    }
}

impl Claims {
    /// For the task with this id.
    #[must_use]
    pub fn task(mut self, id: &str, purpose: &str) -> Self {
        id.clone_into(&mut self.task);
        purpose.clone_into(&mut self.purpose);
        self
    }

    /// Only for this resource.
    #[must_use]
    pub fn scope(mut self, name: &str, value: &str) -> Self {
        self.scope.insert(name.to_owned(), value.to_owned());
        self
    }

    /// On behalf of `about`; those who acted before the agent follow, the latest first (RFC 8693, `act`).
    #[must_use]
    pub fn acting_for(mut self, about: &str, before: &[&str]) -> Self {
        self.about = Some(about.to_owned());
        self.before = before.iter().map(|it| (*it).to_owned()).collect();
        self
    }

    /// Who acts, one for the next.
    fn act(&self) -> Option<Value> {
        self.about.as_ref()?;
        let all = self.before.iter().rev().chain([&self.subject]);
        all.fold(None, |within, actor| {
            Some(match within {
                None => json!({ "sub": actor }),
                Some(within) => json!({ "sub": actor, "act": within }),
            })
        })
    }

    /// Valid for so many seconds; a negative number makes an expired token.
    #[must_use]
    pub fn lifetime(mut self, seconds: i64) -> Self {
        self.lifetime = seconds;
        self
    }

    /// Issued under another name.
    #[must_use]
    pub fn issued_by(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.issuer);
        self
    }

    /// Meant for someone else.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        audience.clone_into(&mut self.audience);
        self
    }
}

impl Issuer {
    /// An issuer with a new key.
    pub fn new() -> Result<Self> {
        Self::named("first")
    }

    /// An issuer with a new key of this name.
    pub fn named(id: &str) -> Result<Self> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        // SEC 1: an uncompressed point is 04, x, y.
        let point = pair.der_bytes();
        let (x, y) = point
            .get(1..)
            .and_then(|point| point.split_at_checked(32))
            .ok_or_else(|| anyhow!("the key's public point is not 65 bytes"))?;
        let jwks = json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }] });
        let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes())
            .context("the key just made cannot be read")?;
        let id = id.to_owned();
        Ok(Self { key, jwks, id })
    }

    /// The key set that the gateway trusts.
    pub fn jwks(&self) -> String {
        self.jwks.to_string()
    }

    /// A signed token.
    pub fn mint(&self, claims: &Claims) -> Result<String> {
        let now = i64::try_from(clock::unix_seconds())?;
        let issued = now.min(now + claims.lifetime - 1);
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.id.clone());
        let body = Body {
            iss: &claims.issuer,
            sub: claims.about.as_ref().unwrap_or(&claims.subject),
            aud: &claims.audience,
            iat: issued,
            exp: now + claims.lifetime,
            jti: identifier()?,
            task: json!({
                "id": claims.task, "purpose": claims.purpose, "scope": claims.scope,
            }),
            act: claims.act(),
        };
        Ok(jsonwebtoken::encode(&header, &body, &self.key)?)
    }
}

impl Issuer {
    /// A JWT-SVID, which says no more than it must (SPIFFE's JWT-SVID, section 3).
    pub fn svid(&self, subject: &str, audience: &[String], lifetime: Duration) -> Result<String> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.id.clone());
        let body = json!({
            "sub": subject, "aud": audience, "exp": clock::unix_seconds() + lifetime.as_secs(),
        });
        Ok(jsonwebtoken::encode(&header, &body, &self.key)?)
    }
}

/// Sixteen random bytes from the kernel, hexadecimal.
fn identifier() -> Result<String> {
    let mut bytes = [0u8; 16];
    rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())?;
    Ok(hex::encode(bytes))
}
