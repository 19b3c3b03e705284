use proptest::prelude::*;

use super::*;

fn key() -> DataKey {
    DataKey::new(&KeyMaterial::generate().unwrap()).unwrap()
}

fn sealed(key: &DataKey, aad: &[u8], plaintext: &[u8]) -> ([u8; NONCE_BYTES], Vec<u8>) {
    let mut bytes = plaintext.to_vec();
    let seal = key.seal(aad, &mut bytes).unwrap();
    bytes.extend(seal.tag);
    (seal.nonce, bytes)
}

proptest! {
    #[test]
    fn what_is_sealed_opens(aad: Vec<u8>, plaintext: Vec<u8>) {
        let key = key();
        let (nonce, mut bytes) = sealed(&key, &aad, &plaintext);
        prop_assert_eq!(key.open(nonce, &aad, &mut bytes).unwrap(), &plaintext);
    }

    #[test]
    fn one_flipped_bit_anywhere_does_not_open(
        aad in prop::collection::vec(any::<u8>(), 1..40),
        plaintext in prop::collection::vec(any::<u8>(), 0..80),
        place: prop::sample::Index,
        bit in 0..8_u32,
    ) {
        let key = key();
        let (mut nonce, mut bytes) = sealed(&key, &aad, &plaintext);
        let mut aad = aad;
        let at = place.index(aad.len() + nonce.len() + bytes.len());
        let byte = aad
            .iter_mut()
            .chain(nonce.iter_mut())
            .chain(bytes.iter_mut())
            .nth(at)
            .unwrap();
        *byte ^= 1 << bit;
        prop_assert!(matches!(key.open(nonce, &aad, &mut bytes), Err(VaultError::Unopened)));
    }
}

#[test]
fn another_key_does_not_open() {
    let (nonce, mut bytes) = sealed(&key(), b"header", b"event");
    assert!(key().open(nonce, b"header", &mut bytes).is_err());
}

#[test]
fn equal_plaintexts_seal_differently() {
    let key = key();
    assert_ne!(sealed(&key, b"", b"event"), sealed(&key, b"", b"event"));
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{:?}", key()), "[data key]");
    assert_eq!(format!("{:?}", KeyMaterial::generate().unwrap()), "[key]");
}
