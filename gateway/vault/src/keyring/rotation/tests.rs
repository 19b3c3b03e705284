use std::path::PathBuf;

use crate::{
    DataKey, FileProvider, KeyProvider as _, Keyring, KeyringHold, VaultError, wrapped_by,
};

fn keyring(home: &tempfile::TempDir) -> (PathBuf, Keyring) {
    let path = home.path().join("keyring.json");
    let keyring = Keyring::open_or_create(&path).unwrap();
    (path, keyring)
}

fn wrapped(provider: &FileProvider) -> Vec<u8> {
    DataKey::generate(provider, b"here").unwrap().1
}

#[test]
fn what_is_learnt_opens_and_what_is_adopted_wraps_for_all_clones() {
    let home = tempfile::tempdir().unwrap();
    let (path, first) = keyring(&home);
    let (provider, clone) = (first.provider(), first.provider());
    let old = wrapped(&provider);
    let next = first.rotated().unwrap();
    assert_eq!(next.wrapping_ids(), [1, 2]);
    assert_eq!(next.log(), first.log());
    let new = wrapped(&next.provider());
    assert_eq!((wrapped_by(&old), wrapped_by(&new)), (Some(1), Some(2)));
    assert!(matches!(
        clone.unwrap(&new, b"here"),
        Err(VaultError::UnknownKey { id: 2 })
    ));

    provider.learn(&next).unwrap();
    assert!(clone.unwrap(&new, b"here").is_ok());
    assert_eq!(wrapped_by(&wrapped(&clone)), Some(1), "it is in no file");
    next.unseal(&path).unwrap();
    provider.adopt(&next).unwrap();
    assert_eq!(wrapped_by(&wrapped(&clone)), Some(2));
    assert!(clone.unwrap(&old, b"here").is_ok());

    let last = Keyring::open(&path).unwrap().retired().unwrap();
    last.unseal(&path).unwrap();
    provider.adopt(&last).unwrap();
    assert_eq!(clone.ids(), [2]);
    assert!(clone.unwrap(&old, b"here").is_err());
    let read = Keyring::open(&path).unwrap();
    assert!(read.provider().unwrap(&new, b"here").is_ok());
    assert_eq!(read.rotated().unwrap().wrapping_ids(), [2, 3]);
}

#[test]
fn a_key_is_the_same_under_another_and_only_where_it_was() {
    let home = tempfile::tempdir().unwrap();
    let (_, first) = keyring(&home);
    let provider = first.provider();
    let (key, old) = DataKey::generate(&provider, b"here").unwrap();
    assert!(provider.rewrap(&old, b"here").unwrap().is_none());
    let next = first.rotated().unwrap();
    provider.adopt(&next).unwrap();
    assert!(provider.rewrap(&old, b"there").is_err());
    let new = provider.rewrap(&old, b"here").unwrap().unwrap();
    assert_eq!(wrapped_by(&new), Some(2));
    provider.adopt(&next.retired().unwrap()).unwrap();
    let mut bytes = b"event".to_vec();
    let seal = key.seal(b"", &mut bytes).unwrap();
    bytes.extend(seal.tag);
    let same = DataKey::unwrap(&provider, &new, b"here").unwrap();
    assert_eq!(same.open(seal.nonce, b"", &mut bytes).unwrap(), b"event");
}

#[test]
fn what_a_crash_left_of_a_keyring_goes() {
    let home = tempfile::tempdir().unwrap();
    let (path, first) = keyring(&home);
    let left = home.path().join("keyring.new");
    first.unseal(&left).unwrap();
    assert!(left.exists());
    let hold = KeyringHold::wait(home.path()).unwrap();
    assert!(!left.exists() && path.exists());
    drop(hold);
    KeyringHold::wait(home.path()).unwrap();
}

#[test]
fn what_is_no_wrapped_key_names_no_other() {
    for odd in [&[][..], &[1], &[1, 0, 0, 0], &[2, 0, 0, 0, 1]] {
        assert_eq!(wrapped_by(odd), None);
    }
    assert_eq!(wrapped_by(&[1, 0, 0, 1, 2]), Some(258));
}
