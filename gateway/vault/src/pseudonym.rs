//! Stands a keyed pseudonym in for a value: equal values stay equal, and nobody without the key
//! can try out the few million possible ones.

use std::fmt;

use aws_lc_rs::hmac;

use crate::KeyMaterial;

/// The length of a pseudonym: 128 of HMAC-SHA-256's 256 bits (RFC 2104 §5).
pub const PSEUDONYM_BYTES: usize = 16;

/// Makes pseudonyms by HMAC-SHA-256. Cheap to clone.
#[derive(Clone)]
pub struct Pseudonymizer(hmac::Key);

impl Pseudonymizer {
    pub(crate) fn new(material: &KeyMaterial) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, material.expose()))
    }

    /// The pseudonym of `value` as one of `class`; the same value of another class has another.
    pub fn pseudonym(&self, class: &str, value: &[u8]) -> [u8; PSEUDONYM_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        // The length keeps (`ab`, `c`) and (`a`, `bc`) apart.
        context.update(&(class.len() as u64).to_be_bytes());
        context.update(class.as_bytes());
        context.update(value);
        let mut pseudonym = [0; PSEUDONYM_BYTES];
        for (to, from) in pseudonym.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        pseudonym
    }
}

impl fmt::Debug for Pseudonymizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[pseudonym key]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_depends_on_key_class_and_value() {
        let key = KeyMaterial::new(&[7; 32]).unwrap();
        let other = KeyMaterial::new(&[8; 32]).unwrap();
        let of = |key, class, value| Pseudonymizer::new(key).pseudonym(class, value);
        let base = of(&key, "pii.email", b"a@b.example");
        assert_eq!(base, of(&key, "pii.email", b"a@b.example"));
        assert_ne!(base, of(&other, "pii.email", b"a@b.example"));
        assert_ne!(base, of(&key, "pii.phone", b"a@b.example"));
        assert_ne!(base, of(&key, "pii.email", b"a@c.example"));
        assert_ne!(of(&key, "ab", b"c"), of(&key, "a", b"bc"));
    }
}
