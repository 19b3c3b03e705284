//! An issuer's public keys (RFC 7517), which may change while we run.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde_json::Value;

/// The longest key set, in bytes.
pub const JWKS_BYTES_MAX: usize = 256 * 1024;

/// The most keys in a set.
pub const KEYS_MAX: usize = 64;

/// Members of a JWK that only its owner may have (RFC 7518, 6.2.2 and 6.3.2).
pub(crate) const PRIVATE_MEMBERS: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

/// Why a text is not a usable key set. None of them shows a key.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// It is too long.
    #[error("the key set has more than {JWKS_BYTES_MAX} bytes")]
    Length,
    /// It is no JSON, or not of the shape of a key set.
    #[error("the key set is not JSON of the form `{{\"keys\": [...]}}`")]
    Shape(#[source] Option<serde_json::Error>),
    /// It has too many keys.
    #[error("the key set has more than {KEYS_MAX} keys")]
    TooMany,
    /// It gives away what makes tokens.
    #[error("key `{0}` is private; publish the public part only, and replace the key")]
    Private(String),
    /// Two keys have one id.
    #[error("two keys are called `{0}`")]
    Duplicate(String),
    /// Nothing in it can verify a token.
    #[error("no key of the set is an ES256, EdDSA, RS256 or PS256 key with a `kid`")]
    Unusable,
}

/// The keys of one issuer. Readers see one generation at a time; [`KeySet::replace`] makes the
/// next. Whoever fetches keys calls it; nothing here fetches.
pub struct KeySet {
    keys: ArcSwap<Keys>,
    /// Whether a token named a key that is not here.
    missed: AtomicBool,
}

/// One generation of keys.
pub(crate) struct Keys {
    pub(crate) generation: u64,
    by_id: Arc<HashMap<String, Key>>,
}

/// A key, and the one algorithm it may be used with (RFC 8725, 3.1).
pub(crate) struct Key {
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
}

impl KeySet {
    /// The keys of a JWKS.
    pub fn parse(json: &str) -> Result<Self, KeySetError> {
        let keys = Keys {
            generation: 0,
            by_id: Arc::new(parse(json)?),
        };
        Ok(Self {
            keys: ArcSwap::from_pointee(keys),
            missed: AtomicBool::new(false),
        })
    }

    /// No keys yet: no token verifies until [`KeySet::replace`] brings some.
    pub fn empty() -> Self {
        let keys = Keys {
            generation: 0,
            by_id: Arc::default(),
        };
        Self {
            keys: ArcSwap::from_pointee(keys),
            missed: AtomicBool::new(false),
        }
    }

    /// Puts the keys of another JWKS in their place; on an error the old ones stay. Tokens that
    /// were verified with the old keys are verified again.
    pub fn replace(&self, json: &str) -> Result<(), KeySetError> {
        let fresh = Arc::new(parse(json)?);
        self.keys.rcu(|old| Keys {
            generation: old.generation.wrapping_add(1),
            by_id: Arc::clone(&fresh),
        });
        Ok(())
    }

    /// Believes nobody any more, until there are keys again.
    pub fn clear(&self) {
        self.keys.rcu(|old| Keys {
            generation: old.generation.wrapping_add(1),
            by_id: Arc::default(),
        });
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.load().by_id.len()
    }

    /// Never: a set without a usable key is an error.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Notes that a token names a key that is not here: its issuer may have a new one.
    pub(crate) fn miss(&self) {
        self.missed.store(true, Ordering::Relaxed);
    }

    /// Whether a token named a key that was not here, since this was asked last. Whoever fetches keys
    /// may want to fetch them anew, though not for every such token: anyone can make one.
    pub fn was_missed(&self) -> bool {
        self.missed.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> arc_swap::Guard<Arc<Keys>> {
        self.keys.load()
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.load();
        f.debug_struct("KeySet")
            .field("generation", &keys.generation)
            .field("keys", &keys.by_id.len())
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// The key with this id; without an id the only key there is.
    pub(crate) fn find(&self, id: Option<&str>) -> Option<&Key> {
        match id {
            Some(id) => self.by_id.get(id),
            None if self.by_id.len() == 1 => self.by_id.values().next(),
            None => None,
        }
    }
}

fn parse(json: &str) -> Result<HashMap<String, Key>, KeySetError> {
    if json.len() > JWKS_BYTES_MAX {
        return Err(KeySetError::Length);
    }
    let set: Value = serde_json::from_str(json).map_err(|e| KeySetError::Shape(Some(e)))?;
    let keys = set.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or(KeySetError::Shape(None))?;
    if keys.len() > KEYS_MAX {
        return Err(KeySetError::TooMany);
    }
    let mut by_id = HashMap::new();
    for value in keys {
        let name = value
            .get("kid")
            .and_then(Value::as_str)
            .unwrap_or("without kid");
        if PRIVATE_MEMBERS
            .iter()
            .any(|member| value.get(member).is_some())
        {
            return Err(KeySetError::Private(name.escape_debug().to_string()));
        }
        // RFC 7517, 5: keys of kinds that we do not understand are left aside.
        let Some((id, key)) = usable(value) else {
            continue;
        };
        if by_id.insert(id, key).is_some() {
            return Err(KeySetError::Duplicate(name.escape_debug().to_string()));
        }
    }
    if by_id.is_empty() {
        return Err(KeySetError::Unusable);
    }
    Ok(by_id)
}

fn usable(value: &Value) -> Option<(String, Key)> {
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    let id = jwk.common.key_id.clone()?;
    let signs =
        !matches!(&jwk.common.public_key_use, Some(usage) if *usage != PublicKeyUse::Signature);
    let operations = jwk.common.key_operations.as_deref();
    let verifies = operations.is_none_or(|all| all.contains(&KeyOperations::Verify));
    if !signs || !verifies {
        return None;
    }
    let key = Key {
        algorithm: algorithm(&jwk)?,
        decoding: DecodingKey::from_jwk(&jwk).ok()?,
    };
    Some((id, key))
}

/// The one algorithm of a key: what it says, if that fits its kind, or its kind's usual one.
/// What is not here (HMAC, `none`, SHA-1, other curves) verifies nothing.
pub(crate) fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let said = jwk.common.key_algorithm;
    match (&jwk.algorithm, said) {
        (AlgorithmParameters::EllipticCurve(key), None | Some(KeyAlgorithm::ES256)) => {
            (key.curve == EllipticCurve::P256).then_some(Algorithm::ES256)
        }
        (AlgorithmParameters::OctetKeyPair(key), None | Some(KeyAlgorithm::EdDSA)) => {
            (key.curve == EllipticCurve::Ed25519).then_some(Algorithm::EdDSA)
        }
        (AlgorithmParameters::RSA(_), None | Some(KeyAlgorithm::RS256)) => Some(Algorithm::RS256),
        (AlgorithmParameters::RSA(_), Some(KeyAlgorithm::PS256)) => Some(Algorithm::PS256),
        _ => None,
    }
}
