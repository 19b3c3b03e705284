use std::fs;

use super::*;

fn transforms(tenant: &str, keys: &[(u8, u8)]) -> Transforms {
    let keys: Vec<_> = keys
        .iter()
        .map(|(id, byte)| (*id, KeyMaterial::new(&[*byte; 32]).unwrap()))
        .collect();
    Transforms::new(tenant, keys.iter().map(|(id, key)| (*id, key))).unwrap()
}

#[test]
fn a_sealed_value_is_stable_and_opens_for_its_tenant_class_and_key_only() {
    let ours = transforms("acme", &[(1, 7)]);
    let sealed = ours.seal("pii.email", b"ann@example.com").unwrap();
    assert_eq!(sealed.len(), 15 + SEALED_OVERHEAD_BYTES);
    let again = transforms("acme", &[(1, 7)]);
    assert_eq!(again.seal("pii.email", b"ann@example.com").unwrap(), sealed);
    assert_eq!(
        **again.open("pii.email", &sealed).unwrap(),
        *b"ann@example.com"
    );
    assert!(again.open("pii.phone", &sealed).is_none());
    for stranger in [
        transforms("other", &[(1, 7)]),
        transforms("acme", &[(1, 8)]),
        transforms("acme", &[(2, 7)]),
    ] {
        assert!(
            stranger.open("pii.email", &sealed).is_none(),
            "{stranger:?}"
        );
    }
}

#[test]
fn every_altered_bit_keeps_it_shut() {
    let ours = transforms("acme", &[(1, 7), (2, 9)]);
    let sealed = ours.seal("pii.email", b"ann@example.com").unwrap();
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut altered = sealed.clone();
            altered[at] ^= 1 << bit;
            assert!(
                ours.open("pii.email", &altered).is_none(),
                "byte {at} bit {bit}"
            );
        }
    }
    for length in 0..sealed.len() {
        assert!(ours.open("pii.email", &sealed[..length]).is_none());
    }
}

#[test]
fn the_newest_key_seals_and_older_ones_still_open() {
    let old = transforms("acme", &[(1, 7)]);
    let both = transforms("acme", &[(1, 7), (2, 8)]);
    let sealed = old.seal("pii.email", b"a").unwrap();
    assert_eq!(**both.open("pii.email", &sealed).unwrap(), *b"a");
    let newer = both.seal("pii.email", b"a").unwrap();
    assert_eq!((sealed[0], newer[0]), (1, 2));
    assert!(old.open("pii.email", &newer).is_none());
}

#[test]
fn enciphered_digits_keep_their_count_and_small_domains_are_refused() {
    let ours = transforms("acme", &[(1, 7)]);
    let mut numerals = [4, 1, 1, 1, 2, 2, 2];
    let plain = numerals;
    assert!(ours.encipher("pci.pan", 10, &mut numerals));
    assert!(numerals != plain && numerals.iter().all(|numeral| *numeral < 10));
    let mut again = plain;
    assert!(transforms("acme", &[(1, 7)]).encipher("pci.pan", 10, &mut again));
    assert_eq!(again, numerals);
    let mut other = plain;
    assert!(ours.encipher("pii.phone", 10, &mut other));
    assert_ne!(other, numerals);
    let mut few = [1, 2, 3, 4, 5];
    assert!(!ours.encipher("pci.pan", 10, &mut few));
    assert_eq!(few, [1, 2, 3, 4, 5]);
}

#[test]
fn a_stream_depends_on_all_that_is_given() {
    let ours = transforms("acme", &[(1, 7)]);
    let of = |transforms: &Transforms, usage, class, value: &[u8]| {
        let mut out = [0; 80];
        assert!(transforms.fill(usage, class, value, &mut out));
        out
    };
    let base = of(&ours, "synthetic", "pii.email", b"a");
    assert_eq!(base, of(&ours, "synthetic", "pii.email", b"a"));
    assert_ne!(base[..32], base[32..64]);
    for other in [
        of(&ours, "shift", "pii.email", b"a"),
        of(&ours, "synthetic", "pii.phone", b"a"),
        of(&ours, "synthetic", "pii.email", b"b"),
        of(&transforms("b", &[(1, 7)]), "synthetic", "pii.email", b"a"),
        of(
            &transforms("acme", &[(1, 8)]),
            "synthetic",
            "pii.email",
            b"a",
        ),
    ] {
        assert_ne!(base, other);
    }
}

#[test]
fn a_key_file_is_private_made_once_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("transforms.json");
    TransformKeys::create(&path).unwrap();
    assert!(matches!(
        TransformKeys::create(&path),
        Err(VaultError::File { .. })
    ));
    let one = TransformKeys::open(&path)
        .unwrap()
        .transforms("acme")
        .unwrap();
    let two = TransformKeys::open(&path)
        .unwrap()
        .transforms("acme")
        .unwrap();
    let sealed = one.seal("pii.email", b"a").unwrap();
    assert_eq!(**two.open("pii.email", &sealed).unwrap(), *b"a");

    let text = fs::read_to_string(&path).unwrap();
    for broken in [
        text.replace("\"id\": 1", "\"id\": 32"),
        text.replace("\"version\": 1", "\"version\": 2"),
        text.replace("\"keys\"", "\"key\""),
    ] {
        fs::write(&path, &broken).unwrap();
        assert!(
            matches!(
                TransformKeys::open(&path),
                Err(VaultError::Malformed { .. })
            ),
            "{broken}"
        );
    }
    fs::write(&path, &text).unwrap();
    let exposed = std::os::unix::fs::PermissionsExt::from_mode(0o640);
    fs::set_permissions(&path, exposed).unwrap();
    assert!(matches!(
        TransformKeys::open(&path),
        Err(VaultError::Exposed { .. })
    ));
}
