//! Keys and leaves for this crate's own tests.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::SigningKey;
use signed_note::StandardSigner;

use crate::checkpoint::Authority;

/// A log's key, and who believes it.
pub(crate) fn signer(seed: u8) -> (StandardSigner, Authority) {
    let (name, seed) = ("log.example/1", [seed; 32]);
    let public = SigningKey::from_bytes(&seed).verifying_key();
    let key = signed_note::new_ed25519_verifier_key(name, &public);
    let id = signed_note::key_id(name, &[&[1], &public.to_bytes()[..]].concat());
    let secret = BASE64_STANDARD.encode([&[1], &seed[..]].concat());
    let secret = format!("PRIVATE+KEY+{name}+{id:08x}+{secret}");
    let signer = StandardSigner::new(&secret).unwrap();
    (signer, Authority::parse(&key).unwrap())
}

/// A sealed refusal, as far as its header tells.
pub(crate) fn leaf(index: u64) -> Vec<u8> {
    let mut leaf = vec![1, 5];
    leaf.extend(1_u32.to_be_bytes());
    leaf.extend(index.to_be_bytes());
    leaf.extend(7_i64.to_be_bytes());
    leaf.extend(u64::MAX.to_be_bytes());
    leaf.extend([0; 28]);
    leaf
}
