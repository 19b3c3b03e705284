//! Keys that the gateway signs certificates and tokens with: ECDSA on P-256 with SHA-256 (FIPS 186-5),
//! each in a file of its own, sealed.

use std::{fmt, io, path::Path};

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::{
    DataKey, KeyProvider, NONCE_BYTES, VaultError,
    keyring::{malformed, private, replace_private, written},
    rewrapped, wrapped_by,
};

/// Bytes of a coordinate of a point on P-256.
const COORDINATE_BYTES: usize = 32;
/// Characters of a key's id: 96 bits, so that equal ones do not happen.
const KEY_ID_DIGITS: usize = 24;

/// An id that nobody guesses, 128 bits, hexadecimal.
pub fn random_id() -> Result<String, VaultError> {
    let mut id = [0; 16];
    aws_lc_rs::rand::fill(&mut id)?;
    Ok(hex::encode(id))
}

/// A key that signs.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl SigningKey {
    /// A fresh one.
    pub fn generate() -> Result<Self, VaultError> {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())?;
        Self::of(pkcs8.as_ref())
    }

    fn of(pkcs8: &[u8]) -> Result<Self, VaultError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8);
        Ok(Self {
            pair: pair.map_err(|_| VaultError::Unopened)?,
            pkcs8: Zeroizing::new(pkcs8.to_vec()),
        })
    }

    /// The public key, an uncompressed point (SEC 1 section 2.3.3).
    pub fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The signature of a message, in ASN.1 DER.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, VaultError> {
        let signature = self.pair.sign(&SystemRandom::new(), message)?;
        Ok(signature.as_ref().to_vec())
    }

    /// What tokens name it by.
    pub fn id(&self) -> String {
        let hash = hex::encode(digest::digest(&digest::SHA256, self.public()));
        hash.chars().take(KEY_ID_DIGITS).collect()
    }

    /// A signed token with these claims (RFC 7519, ES256).
    pub fn token(&self, claims: &impl Serialize) -> Result<String, VaultError> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.id());
        let key = EncodingKey::from_ec_der(&self.pkcs8);
        jsonwebtoken::encode(&header, claims, &key).map_err(|_| VaultError::Module)
    }

    /// The set of public keys that its tokens verify with (RFC 7517).
    pub fn key_set(&self) -> Result<String, VaultError> {
        let (_, point) = self.public().split_first().ok_or(VaultError::Module)?;
        let (x, y) = point
            .split_at_checked(COORDINATE_BYTES)
            .ok_or(VaultError::Module)?;
        let [x, y] = [x, y].map(|it| BASE64_URL_SAFE_NO_PAD.encode(it));
        let key = serde_json::json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.id(), "x": x, "y": y,
        });
        Ok(serde_json::json!({ "keys": [key] }).to_string())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[signing key {}]", self.id())
    }
}

/// A signing key as its file has it, with what the file says beside it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignerFile<T> {
    /// What is no secret.
    pub about: T,
    key: Sealed,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    #[serde(with = "hex::serde")]
    wrapped: Vec<u8>,
    #[serde(with = "hex::serde")]
    nonce: [u8; NONCE_BYTES],
    #[serde(with = "hex::serde")]
    ciphertext: Vec<u8>,
}

impl<T: Serialize + DeserializeOwned> SignerFile<T> {
    /// Seals `key`, which signs for `purpose` and nothing else.
    pub fn seal(
        about: T,
        key: &SigningKey,
        purpose: &str,
        provider: &dyn KeyProvider,
    ) -> Result<Self, VaultError> {
        let context = context(purpose);
        let (data_key, wrapped) = DataKey::generate(provider, &context)?;
        let mut ciphertext = key.pkcs8.to_vec();
        let seal = data_key.seal(&context, &mut ciphertext)?;
        ciphertext.extend_from_slice(&seal.tag);
        let nonce = seal.nonce;
        let key = Sealed {
            wrapped,
            nonce,
            ciphertext,
        };
        Ok(Self { about, key })
    }

    /// The key, if it was sealed for this purpose.
    pub fn key(&self, purpose: &str, provider: &dyn KeyProvider) -> Result<SigningKey, VaultError> {
        let context = context(purpose);
        let data_key = DataKey::unwrap(provider, &self.key.wrapped, &context)?;
        let mut sealed = Zeroizing::new(self.key.ciphertext.clone());
        SigningKey::of(data_key.open(self.key.nonce, &context, &mut sealed)?)
    }

    /// Wraps the key as `provider` wraps now; false if it was wrapped so, or it cannot be opened.
    ///
    /// # Errors
    /// If the key provider fails.
    pub fn rewrap(
        &mut self,
        purpose: &str,
        provider: &dyn KeyProvider,
    ) -> Result<bool, VaultError> {
        let wrapped = rewrapped(provider, &self.key.wrapped, &context(purpose))?;
        let is_other = wrapped.is_some();
        self.key.wrapped = wrapped.unwrap_or_else(|| std::mem::take(&mut self.key.wrapped));
        Ok(is_other)
    }

    /// The id of the key-encryption key that wraps it.
    pub fn wrapped_by(&self) -> Option<u32> {
        wrapped_by(&self.key.wrapped)
    }

    /// Reads the file, if there is one.
    pub fn open(path: &Path) -> Result<Option<Self>, VaultError> {
        match private(path) {
            Err(VaultError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| malformed(path, error.to_string())),
        }
    }

    /// Writes the file, in place of the one before.
    pub fn save(&self, path: &Path) -> Result<(), VaultError> {
        replace_private(path, self).map_err(written(path))
    }
}

/// What a key is bound to.
fn context(purpose: &str) -> Vec<u8> {
    format!("signing key\n{purpose}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Keyring;

    #[test]
    fn a_key_comes_back_for_its_purpose_alone() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::open_or_create(&folder.path().join("keyring.json")).unwrap();
        let provider = keyring.provider();
        let key = SigningKey::generate().unwrap();
        let path = folder.path().join("signer.json");
        assert!(SignerFile::<String>::open(&path).unwrap().is_none());
        let file = SignerFile::seal("about".to_owned(), &key, "one", &provider).unwrap();
        file.save(&path).unwrap();
        file.save(&path).unwrap();
        let file = SignerFile::<String>::open(&path).unwrap().unwrap();
        assert_eq!(file.about, "about");
        let opened = file.key("one", &provider).unwrap();
        assert_eq!(opened.public(), key.public());
        assert!(file.key("two", &provider).is_err());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&hex::encode(&*key.pkcs8)));
        let mut file = file;
        let next = keyring.rotated().unwrap();
        provider.adopt(&next).unwrap();
        assert!(!file.rewrap("two", &provider).unwrap());
        assert!(file.rewrap("one", &provider).unwrap());
        assert!(!file.rewrap("one", &provider).unwrap());
        assert_eq!(file.wrapped_by(), Some(2));
        provider.adopt(&next.retired().unwrap()).unwrap();
        assert_eq!(file.key("one", &provider).unwrap().public(), key.public());
        assert_eq!(format!("{key:?}"), format!("[signing key {}]", key.id()));
    }

    #[test]
    fn a_token_verifies_with_the_public_half() {
        use jsonwebtoken::{DecodingKey, Validation, jwk::JwkSet};
        let key = SigningKey::generate().unwrap();
        let token = key.token(&serde_json::json!({ "a": 1 })).unwrap();
        let set: JwkSet = serde_json::from_str(&key.key_set().unwrap()).unwrap();
        let decoding = DecodingKey::from_jwk(set.find(&key.id()).unwrap()).unwrap();
        let mut rules = Validation::new(Algorithm::ES256);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<serde_json::Value>(&token, &decoding, &rules);
        assert_eq!(claims.unwrap().claims["a"], 1);
    }
}
