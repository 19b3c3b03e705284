//! The keys behind stand-ins for values: tokens that can be turned back, enciphered digits, and the
//! streams that dates and synthetic values are drawn from.
//!
//! Everything is deterministic per tenant and data class, so hosts that hold one [`TransformKeys`]
//! file stand in alike; a gateway alone derives the same from its keyring.

mod file;

use std::{collections::BTreeMap, fmt};

use aes::Aes256;
use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf, hmac,
};
use fpe::ff1::{FF1, FlexibleNumeralString};
use zeroize::Zeroizing;

use crate::{KeyMaterial, VaultError};

pub use file::TransformKeys;

/// What a sealed value is longer than the value: the generation of its key and the tag.
pub const SEALED_OVERHEAD_BYTES: usize = 1 + 16;

/// The smallest domain that FF1 may encipher (NIST SP 800-38G revision 1, section 5.1).
pub const DOMAIN_MIN: u64 = 1_000_000;

/// One tenant's transforms, under every generation of the keys: the newest stands in, all turn back.
pub struct Transforms {
    tenant: Box<str>,
    generations: BTreeMap<u8, Generation>,
}

/// Keys that are derived from one secret, each for one use (RFC 5869).
struct Generation {
    seal: LessSafeKey,
    nonce: hmac::Key,
    stream: hmac::Key,
    encipher: Zeroizing<[u8; 32]>,
}

impl Transforms {
    pub(crate) fn new<'a>(
        tenant: &str,
        keys: impl Iterator<Item = (u8, &'a KeyMaterial)>,
    ) -> Result<Self, VaultError> {
        let generations = keys
            .map(|(id, key)| Ok((id, Generation::derive(key)?)))
            .collect::<Result<_, VaultError>>()?;
        Ok(Self {
            tenant: tenant.into(),
            generations,
        })
    }

    /// Seals a value of `class`, the same value always alike: generation, ciphertext, tag. None if
    /// the module refuses.
    ///
    /// AES-256-GCM-SIV (RFC 8452) under one nonce for each tenant and class: what repeating it gives
    /// away is that two values are equal (section 9), which is what stable tokens are for.
    pub fn seal(&self, class: &str, value: &[u8]) -> Option<Vec<u8>> {
        let (id, generation) = self.generations.last_key_value()?;
        let aad = self.bound_to(*id, class);
        let mut sealed = Vec::with_capacity(value.len() + SEALED_OVERHEAD_BYTES);
        sealed.extend_from_slice(value);
        generation
            .seal
            .seal_in_place_append_tag(generation.nonce(&aad), Aad::from(&aad), &mut sealed)
            .ok()?;
        sealed.insert(0, *id);
        Some(sealed)
    }

    /// The value that was sealed for this tenant and `class`; none if it was forged or altered.
    pub fn open(&self, class: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (id, sealed) = sealed.split_first()?;
        let generation = self.generations.get(id)?;
        let aad = self.bound_to(*id, class);
        let mut opened = Zeroizing::new(sealed.to_vec());
        let length = generation
            .seal
            .open_in_place(generation.nonce(&aad), Aad::from(&aad), &mut opened)
            .ok()?
            .len();
        opened.truncate(length);
        Some(opened)
    }

    /// Enciphers numerals of `radix` in place, keeping their count (FF1, NIST SP 800-38G). Returns
    /// whether it did: a domain below [`DOMAIN_MIN`] has no secrets and is left to others.
    pub fn encipher(&self, class: &str, radix: u16, numerals: &mut [u16]) -> bool {
        let length = u32::try_from(numerals.len()).unwrap_or(u32::MAX);
        let domain = u64::from(radix).checked_pow(length);
        if domain.is_some_and(|domain| domain < DOMAIN_MIN) {
            return false;
        }
        let Some((id, generation)) = self.generations.last_key_value() else {
            return false;
        };
        let tweak = self.bound_to(*id, class);
        let Ok(cipher) = FF1::<Aes256>::new(&*generation.encipher, u32::from(radix)) else {
            return false;
        };
        let plain = FlexibleNumeralString::from(numerals.to_vec());
        let Ok(enciphered) = cipher.encrypt(&tweak, &plain) else {
            return false;
        };
        numerals.copy_from_slice(&Vec::from(enciphered));
        true
    }

    /// Fills `out` with bytes that depend on tenant, use, class and value, and on nothing else
    /// (HMAC-SHA-256 in counter mode, NIST SP 800-108).
    pub fn fill(&self, usage: &str, class: &str, value: &[u8], out: &mut [u8]) -> bool {
        let Some((id, generation)) = self.generations.last_key_value() else {
            return false;
        };
        let bound = self.bound_to(*id, class);
        for (counter, block) in (0u32..).zip(out.chunks_mut(32)) {
            let mut context = hmac::Context::with_key(&generation.stream);
            context.update(&counter.to_be_bytes());
            for part in [usage.as_bytes(), &bound, value] {
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part);
            }
            let tag = context.sign();
            block
                .iter_mut()
                .zip(tag.as_ref())
                .for_each(|(to, from)| *to = *from);
        }
        true
    }

    /// What everything about a class is bound to; the length keeps tenant and class apart.
    fn bound_to(&self, generation: u8, class: &str) -> Vec<u8> {
        let mut bound = vec![generation];
        bound.extend((self.tenant.len() as u64).to_be_bytes());
        bound.extend(self.tenant.as_bytes());
        bound.extend(class.as_bytes());
        bound
    }
}

impl Generation {
    fn derive(key: &KeyMaterial) -> Result<Self, VaultError> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tidegate transforms v1");
        let secret = salt.extract(key.expose());
        let expand = |usage: &str| {
            let mut key = Zeroizing::new([0; 32]);
            let info = [usage.as_bytes()];
            let okm = secret.expand(&info, hkdf::HKDF_SHA256)?;
            okm.fill(&mut *key)?;
            Ok::<_, VaultError>(key)
        };
        Ok(Self {
            seal: LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, &*expand("seal")?)?),
            nonce: hmac::Key::new(hmac::HMAC_SHA256, &*expand("nonce")?),
            stream: hmac::Key::new(hmac::HMAC_SHA256, &*expand("stream")?),
            encipher: expand("encipher")?,
        })
    }

    fn nonce(&self, bound: &[u8]) -> Nonce {
        let tag = hmac::sign(&self.nonce, bound);
        let mut nonce = [0; NONCE_LEN];
        nonce
            .iter_mut()
            .zip(tag.as_ref())
            .for_each(|(to, from)| *to = *from);
        Nonce::assume_unique_for_key(nonce)
    }
}

impl fmt::Debug for Transforms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transforms")
            .field("tenant", &self.tenant)
            .field("generations", &self.generations.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
