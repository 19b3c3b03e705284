use std::thread;

use super::*;

fn keyring(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join("keyring.json")
}

#[test]
fn the_first_use_makes_a_private_file_and_the_next_reads_it() {
    let home = tempfile::tempdir().unwrap();
    let path = keyring(&home);
    let first = Keyring::open_or_create(&path).unwrap();
    let again = Keyring::open_or_create(&path).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(first.log(), again.log());
    assert_eq!(
        first.signer().unwrap().verifier_key(),
        again.signer().unwrap().verifier_key()
    );
    assert_eq!(
        first.pseudonymizer().pseudonym("pii.name", b"x"),
        again.pseudonymizer().pseudonym("pii.name", b"x")
    );
    let files = fs::read_dir(home.path()).unwrap().count();
    assert_eq!(files, 1, "no draft is left behind");
}

#[test]
fn many_first_users_agree_on_one_keyring() {
    let home = tempfile::tempdir().unwrap();
    let path = keyring(&home);
    let logs: Vec<_> = thread::scope(|scope| {
        let opened = || Keyring::open_or_create(&path).map(|it| it.log().to_owned());
        let users: Vec<_> = (0..8).map(|_| scope.spawn(opened)).collect();
        users.into_iter().map(|user| user.join().unwrap()).collect()
    });
    let log = Keyring::open(&path).unwrap().log().to_owned();
    assert!(logs.into_iter().all(|it| it.unwrap() == log));
}

#[test]
fn a_keyring_that_others_can_read_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = keyring(&home);
    Keyring::open_or_create(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = Keyring::open_or_create(&path).unwrap_err();
    assert!(matches!(refused, VaultError::Exposed { mode: 0o640, .. }));
}

#[test]
fn a_broken_keyring_is_refused_without_repeating_it() {
    let home = tempfile::tempdir().unwrap();
    let path = keyring(&home);
    Keyring::open_or_create(&path).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    let cut = whole.replacen("\"pseudonym\": \"", "\"pseudonym\": \"planted", 1);
    for text in [
        cut,
        whole.replacen("\"version\": 1", "\"version\": 9", 1),
        "{".into(),
    ] {
        fs::write(&path, text).unwrap();
        let refused = Keyring::open_or_create(&path).unwrap_err();
        assert!(matches!(refused, VaultError::Malformed { .. }));
        assert!(!refused.to_string().contains("planted"));
    }
}

#[test]
fn a_wrapped_key_opens_only_in_its_context_and_keyring() {
    let home = tempfile::tempdir().unwrap();
    let ours = Keyring::open_or_create(&keyring(&home)).unwrap();
    let provider = ours.provider();
    let (key, wrapped) = DataKey::generate(&provider, b"log 1 key 1").unwrap();

    let mut bytes = b"event".to_vec();
    let seal = key.seal(b"", &mut bytes).unwrap();
    bytes.extend(seal.tag);
    let same = DataKey::unwrap(&provider, &wrapped, b"log 1 key 1").unwrap();
    assert_eq!(same.open(seal.nonce, b"", &mut bytes).unwrap(), b"event");

    assert!(DataKey::unwrap(&provider, &wrapped, b"log 1 key 2").is_err());
    for at in 0..wrapped.len() {
        let mut broken = wrapped.clone();
        broken[at] ^= 1;
        assert!(DataKey::unwrap(&provider, &broken, b"log 1 key 1").is_err());
        assert!(DataKey::unwrap(&provider, &wrapped[..at], b"log 1 key 1").is_err());
    }
    let theirs = Keyring::of(Contents::generate().unwrap())
        .unwrap()
        .provider();
    assert!(DataKey::unwrap(&theirs, &wrapped, b"log 1 key 1").is_err());
}
