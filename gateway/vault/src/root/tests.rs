use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::*;
use crate::{KEYRING_FILE, KeyProvider as _, Keyring, Source, Stored};

const LOG: &str = "tidegate/0123456789abcdef";

fn private(path: &Path, text: &[u8]) -> PathBuf {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    path.to_owned()
}

fn places(folder: &Path) -> [Place; 2] {
    let phrase = private(&folder.join("phrase"), b"correct horse battery\n");
    let key = private(&folder.join("key"), &[7; 32]);
    [
        Place::Passphrase {
            secret: Source::File(phrase),
        },
        Place::Credential {
            secret: Source::File(key),
        },
    ]
}

#[test]
fn what_a_provider_wrapped_opens_by_it_for_the_same_log_alone() {
    let folder = tempfile::tempdir().unwrap();
    for place in places(folder.path()) {
        let provider = LocalProvider::new(&place).unwrap().unwrap();
        let root = Root::generate().unwrap();
        let wrapped = provider.wrap(&root, LOG).unwrap();
        assert_eq!(
            provider.unwrap(&wrapped, LOG).unwrap().expose(),
            root.expose()
        );
        assert!(provider.unwrap(&wrapped, "tidegate/other").is_err());
        for end in [0, 1, 20, wrapped.len() - 1] {
            assert!(provider.unwrap(&wrapped[..end], LOG).is_err());
        }
        // Each byte counts but the salt of a key that is given whole.
        for at in [0, 17, 30, wrapped.len() - 1] {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(provider.unwrap(&changed, LOG).is_err(), "{place}: {at}");
        }
        // Another secret opens nothing; the same one again does.
        let path = place.secret().path().unwrap();
        let before = fs::read(&path).unwrap();
        private(&path, &[8; 32]);
        assert!(provider.unwrap(&wrapped, LOG).is_err());
        fs::remove_file(&path).unwrap();
        assert!(matches!(
            provider.unwrap(&wrapped, LOG),
            Err(VaultError::File { .. })
        ));
        private(&path, &before);
        provider.unwrap(&wrapped, LOG).unwrap();
    }
}

#[test]
fn a_sealed_keyring_holds_no_key_in_clear_and_opens_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(KEYRING_FILE);
    let keyring = Keyring::open_or_create(&path).unwrap();
    let clear: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let data = KeyMaterial::generate().unwrap();
    let under = keyring.provider().wrap(&data, b"here").unwrap();
    let [place, other] = places(folder.path());
    let provider = LocalProvider::new(&place).unwrap().unwrap();
    let root = Root::generate().unwrap();
    let wrapped = provider.wrap(&root, keyring.log()).unwrap();
    keyring.seal(&path, place.clone(), &root, &wrapped).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    for secret in [
        &clear["pseudonym"],
        &clear["signing"],
        &clear["wrapping"][0]["key"],
    ] {
        assert!(!text.contains(secret.as_str().unwrap()));
    }
    assert!(Keyring::open_or_create(&path).is_err());
    let Stored::Sealed(sealed) = Keyring::stored(&path).unwrap() else {
        panic!("it is not sealed");
    };
    assert_eq!(sealed.place(), &place);
    let root = provider
        .unwrap(&sealed.wrapped_root().unwrap(), sealed.log())
        .unwrap();
    let opened = sealed.open(&root).unwrap();
    assert_eq!(
        opened.signer().unwrap().verifier_key(),
        sealed.public_keys().current
    );
    let again = opened.provider().unwrap(&under, b"here").unwrap();
    assert_eq!(again.expose(), data.expose());
    assert!(sealed.open(&Root::generate().unwrap()).is_err());
    // Whoever changes what stands beside the secrets is found out.
    let change = |member: &str, value: serde_json::Value| {
        let mut changed: serde_json::Value = serde_json::from_str(&text).unwrap();
        changed[member] = value;
        private(&path, changed.to_string().as_bytes());
        match Keyring::stored(&path) {
            Ok(Stored::Sealed(changed)) => changed.open(&root).is_err(),
            Ok(Stored::Clear(_)) => false,
            Err(_) => true,
        }
    };
    assert!(change("provider", serde_json::to_value(&other).unwrap()));
    assert!(change("verifier", "tidegate/other+00000000+AQ==".into()));
    assert!(change("log", LOG.into()));
    assert!(change("version", 3.into()));
    assert!(!change("version", 2.into()), "the same is the same");
    // And back in clear.
    opened.unseal(&path).unwrap();
    assert_eq!(Keyring::open_or_create(&path).unwrap().log(), keyring.log());
}

#[test]
fn a_passphrase_is_long_enough_and_nobody_elses_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let [place, _] = places(folder.path());
    let path = place.secret().path().unwrap();
    let provider = LocalProvider::new(&place).unwrap().unwrap();
    let root = Root::generate().unwrap();
    for bad in [&b"too short"[..], b"", b"of two lines\nwhich it is not"] {
        private(&path, bad);
        assert!(provider.wrap(&root, LOG).is_err());
    }
    private(&path, b"long enough, this is");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(
        provider.wrap(&root, LOG),
        Err(VaultError::Exposed { .. })
    ));
}
