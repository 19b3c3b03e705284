//! Stands a keyed pseudonym in for a value: equal values stay equal, and nobody without the key
//! can try out the few million possible ones.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::KeyMaterial;

/// The length of a pseudonym: 128 of HMAC-SHA-256's 256 bits (RFC 2104 §5).
pub const PSEUDONYM_BYTES: usize = 16;

/// A block of SHA-256.
const BLOCK_BYTES: usize = 64;

/// Makes pseudonyms by HMAC-SHA-256. Cheap to clone.
#[derive(Clone)]
pub struct Pseudonymizer(Hmac<Sha256>);

impl Pseudonymizer {
    pub(crate) fn new(material: &KeyMaterial) -> Self {
        // A key shorter than a block is filled up with zeros (RFC 2104 section 2).
        let mut block = Zeroizing::new([0; BLOCK_BYTES]);
        for (to, from) in block.iter_mut().zip(material.expose()) {
            *to = *from;
        }
        Self(Hmac::new((&*block).into()))
    }

    /// The pseudonym of `value` as one of `class`; the same value of another class has another.
    pub fn pseudonym(&self, class: &str, value: &[u8]) -> [u8; PSEUDONYM_BYTES] {
        let mut context = self.0.clone();
        // The length keeps (`ab`, `c`) and (`a`, `bc`) apart.
        context.update(&(class.len() as u64).to_be_bytes());
        context.update(class.as_bytes());
        context.update(value);
        let mut pseudonym = [0; PSEUDONYM_BYTES];
        for (to, from) in pseudonym.iter_mut().zip(context.finalize().into_bytes()) {
            *to = from;
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

    #[test]
    fn a_pseudonym_is_half_of_the_mac_that_another_library_makes() {
        let key = KeyMaterial::new(&[7; 32]).unwrap();
        let class = "pii.email";
        for length in [0, 1, 39, 40, 63, 64, 65, 300] {
            let value = vec![b'x'; length];
            let framed = [&9_u64.to_be_bytes()[..], class.as_bytes(), &value].concat();
            let other = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[7; 32]);
            let mac = aws_lc_rs::hmac::sign(&other, &framed);
            let ours = Pseudonymizer::new(&key).pseudonym(class, &value);
            assert_eq!(ours[..], mac.as_ref()[..PSEUDONYM_BYTES], "{length} bytes");
        }
    }
}
