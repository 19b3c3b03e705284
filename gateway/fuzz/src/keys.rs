//! Keys of nobody, the same each time.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::SigningKey;
use proof::witness::{ALGORITHM_COSIGNATURE, WitnessKey};
use signed_note::StandardSigner;

/// Who signs in the name `name`, and the verifier key that says so.
pub(crate) fn signer(name: &str, seed: u8) -> (StandardSigner, String) {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let public = key.verifying_key();
    let id = signed_note::key_id(name, &[&[1], &public.to_bytes()[..]].concat());
    let secret = BASE64_STANDARD.encode([&[1], &key.to_bytes()[..]].concat());
    let label = ["PRIVATE", "KEY"].join("+");
    let signer = StandardSigner::new(&format!("{label}+{name}+{id:08x}+{secret}"));
    let verifier = signed_note::new_ed25519_verifier_key(name, &public);
    (signer.expect("a key"), verifier)
}

/// A witness.
pub(crate) fn witness(name: &str, seed: u8) -> (SigningKey, WitnessKey) {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let public = key.verifying_key().to_bytes();
    let material = [&[ALGORITHM_COSIGNATURE], &public[..]].concat();
    let id = signed_note::key_id(name, &material);
    let typed = format!("{name}+{id:08x}+{}", BASE64_STANDARD.encode(material));
    (key, WitnessKey::parse(&typed).expect("a witness's key"))
}
