//! A root under a passphrase, or under a key that is given whole. AES-256-GCM either way.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{Root, bound};
use crate::{
    DataKey, KeyMaterial, NONCE_BYTES, Place, TAG_BYTES, VaultError, keyring::malformed,
    material::KEY_BYTES,
};

/// The layout: this byte, salt, nonce, ciphertext, tag. A key that is given whole has a salt, too, that nothing hangs
/// on.
const LAYOUT: u8 = 1;

/// Bytes of salt (RFC 9106 section 3.1: 16 are enough for passwords).
const SALT_BYTES: usize = 16;

/// The second recommended choice of RFC 9106 section 4: 64 MiB, three passes. One lane: a gateway has few cores.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;

/// The shortest passphrase, in bytes; what it is made of is up to its owner.
const PASSPHRASE_BYTES_MIN: usize = 12;

pub(super) fn wrap(place: &Place, root: &Root, log: &str) -> Result<Vec<u8>, VaultError> {
    let mut salt = [0; SALT_BYTES];
    rand::fill(&mut salt)?;
    let mut bytes = Zeroizing::new(root.expose().to_vec());
    let seal = wrapping(place, &salt)?.seal(&bound(log), &mut bytes)?;
    Ok([&[LAYOUT][..], &salt, &seal.nonce, &bytes, &seal.tag].concat())
}

pub(super) fn unwrap(place: &Place, wrapped: &[u8], log: &str) -> Result<Root, VaultError> {
    let (&[layout], rest) = wrapped.split_first_chunk().ok_or(VaultError::Unopened)?;
    let (salt, rest) = rest
        .split_first_chunk::<SALT_BYTES>()
        .ok_or(VaultError::Unopened)?;
    let (nonce, sealed) = rest
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or(VaultError::Unopened)?;
    if layout != LAYOUT || sealed.len() != KEY_BYTES + TAG_BYTES {
        return Err(VaultError::Unopened);
    }
    let mut bytes = Zeroizing::new(sealed.to_vec());
    let opened = wrapping(place, salt)?.open(*nonce, &bound(log), &mut bytes)?;
    Root::new(opened).ok_or(VaultError::Unopened)
}

fn wrapping(place: &Place, salt: &[u8; SALT_BYTES]) -> Result<DataKey, VaultError> {
    let key = match place {
        Place::Passphrase { .. } => stretched(place, salt)?,
        _ => whole(place)?,
    };
    DataKey::new(&key)
}

fn stretched(place: &Place, salt: &[u8]) -> Result<KeyMaterial, VaultError> {
    let passphrase = place.secret().line()?;
    if passphrase.len() < PASSPHRASE_BYTES_MIN {
        let path = place.secret().path().unwrap_or_default();
        let why = format!("a passphrase has at least {PASSPHRASE_BYTES_MIN} bytes");
        return Err(malformed(&path, why));
    }
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(KEY_BYTES));
    let argon2 = Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        params.map_err(|_| VaultError::Module)?,
    );
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    argon2
        .hash_password_into(&passphrase, salt, &mut *key)
        .map_err(|_| VaultError::Module)?;
    KeyMaterial::new(&*key).ok_or(VaultError::Module)
}

/// 32 bytes as they are, or in base64 or hexadecimal on one line.
fn whole(place: &Place) -> Result<KeyMaterial, VaultError> {
    let bytes = place.secret().bytes()?;
    if let Some(key) = KeyMaterial::new(&bytes) {
        return Ok(key);
    }
    let text = bytes.trim_ascii();
    let decoded = hex::decode(text).or_else(|_| BASE64_STANDARD.decode(text));
    let decoded = Zeroizing::new(decoded.unwrap_or_default());
    KeyMaterial::new(&decoded).ok_or_else(|| {
        let path = place.secret().path().unwrap_or_default();
        let why = "a key is 32 bytes, as they are, in base64 or hexadecimal";
        malformed(&path, why.to_owned())
    })
}
