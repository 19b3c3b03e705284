use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::write::GzEncoder;
use jiff::Timestamp;
use proptest::prelude::*;
use signed_note::StandardSigner;

use super::*;
use crate::Rollout;

fn signer(seed: u8, name: &str) -> (StandardSigner, String) {
    let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let public = key.verifying_key();
    let id = signed_note::key_id(name, &[&[1], &public.to_bytes()[..]].concat());
    let encoded = BASE64_STANDARD.encode([&[1], &key.to_bytes()[..]].concat());
    let secret = format!("{}+{name}+{id:08x}+{encoded}", ["PRIVATE", "KEY"].join("+"));
    let verifier = signed_note::new_ed25519_verifier_key(name, &public);
    (StandardSigner::new(&secret).unwrap(), verifier)
}

fn manifest(revision: u64) -> Manifest {
    Manifest {
        revision,
        made: Timestamp::from_second(1_700_000_000).unwrap(),
        expires: None,
        files: BTreeMap::new(),
        rollout: Rollout::default(),
    }
}

fn files() -> BTreeMap<String, String> {
    let file = |(path, text): (&str, &str)| (path.to_owned(), text.to_owned());
    let both = [
        (
            "policies/base.cedar",
            "permit (principal, action, resource);\n",
        ),
        ("classifiers/own.yaml", "classifiers: []\n"),
    ];
    both.map(file).into()
}

fn keys(key: &str) -> Keys {
    Keys::read([key]).unwrap()
}

/// An archive of these entries, as somebody else might make it.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in entries {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // `append_data` refuses what climbs out: strangers do not.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn what_was_packed_is_what_comes_out_and_the_same_each_time() {
    let (signer, key) = signer(1, "rules.example");
    let packed = pack(&manifest(7), &files(), &signer).unwrap();
    assert_eq!(packed, pack(&manifest(7), &files(), &signer).unwrap());
    let bundle = open(&packed, &keys(&key)).unwrap();
    assert_eq!(
        (bundle.name.as_str(), bundle.manifest.revision),
        ("rules.example", 7)
    );
    assert_eq!(bundle.files, files());
    let policies: Vec<_> = bundle.within(POLICIES).map(|(name, _)| name).collect();
    assert_eq!(policies, ["base.cedar"]);
    let other = pack(&manifest(8), &files(), &signer).unwrap();
    assert_ne!(open(&other, &keys(&key)).unwrap().digest, bundle.digest);
}

#[test]
fn only_a_key_that_is_trusted_signs_and_in_its_own_name() {
    let (ours, key) = signer(1, "rules.example");
    let (theirs, other) = signer(2, "rules.example");
    let packed = pack(&manifest(7), &files(), &theirs).unwrap();
    assert_eq!(open(&packed, &keys(&key)), Err(Fault::Unsigned));
    let both = Keys::read([key.as_str(), &other]).unwrap();
    assert!(open(&packed, &both).is_ok());
    // A key of another name that is trusted, too, signs what says that it is ours.
    let (lent, third) = signer(3, "lent.example");
    let json = serde_json::to_string(&manifest(7)).unwrap();
    let text = format!("tidegate bundle v1\nrules.example\n{json}\n");
    let mut note = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
    note.add_sigs(&[&lent]).unwrap();
    let packed = archive(&[("manifest", &note.to_bytes())]);
    let both = Keys::read([key.as_str(), &third]).unwrap();
    assert_eq!(open(&packed, &both), Err(Fault::Unsigned));
    assert!(Keys::read(["rules.example+0+x"]).is_err());
    drop(ours);
}

#[test]
fn nothing_comes_in_that_was_not_signed_and_nothing_is_left_out() {
    let (signer, key) = signer(1, "rules.example");
    let mut manifest = manifest(7);
    manifest.files = files()
        .iter()
        .map(|(path, text)| (path.clone(), digest(text.as_bytes())))
        .collect();
    manifest
        .files
        .insert("../out.cedar".to_owned(), digest(b"x"));
    let note = note::sign(&manifest, &signer).unwrap();
    let base = (
        "policies/base.cedar",
        &b"permit (principal, action, resource);\n"[..],
    );
    let own = ("classifiers/own.yaml", &b"classifiers: []\n"[..]);
    let told = |entries: &[(&str, &[u8])]| {
        let all = [&[("manifest", &note[..])], entries].concat();
        match open(&archive(&all), &keys(&key)) {
            Err(Fault::File(path, _)) => path,
            other => format!("{other:?}"),
        }
    };
    assert_eq!(told(&[base]), "../out.cedar");
    assert_eq!(
        told(&[base, own, ("policies/more.cedar", b"x")]),
        "policies/more.cedar"
    );
    assert_eq!(
        told(&[("policies/base.cedar", b"permit")]),
        "policies/base.cedar"
    );
    assert_eq!(told(&[base, base]), "policies/base.cedar");
    assert_eq!(told(&[("../out.cedar", b"x")]), "../out.cedar");
    let late = archive(&[base, ("manifest", &note)]);
    assert_eq!(open(&late, &keys(&key)), Err(Fault::Note));
}

#[test]
fn what_would_grow_without_end_is_not_unpacked() {
    let (signer, key) = signer(1, "rules.example");
    let long = vec![b' '; FILE_BYTES_MAX + 1];
    let mut named = manifest(7);
    named
        .files
        .insert("policies/a.cedar".to_owned(), digest(&long));
    let note = note::sign(&named, &signer).unwrap();
    let packed = archive(&[("manifest", &note), ("policies/a.cedar", &long)]);
    assert!(packed.len() < 64 << 10);
    assert!(matches!(
        open(&packed, &keys(&key)),
        Err(Fault::File(_, "is longer than a file in a bundle may be"))
    ));
    let huge = vec![0; BUNDLE_BYTES_MAX + 1];
    assert_eq!(open(&huge, &keys(&key)), Err(Fault::Long(BUNDLE_BYTES_MAX)));
    assert!(open(b"", &keys(&key)).is_err());
}

#[test]
fn odd_files_are_not_packed() {
    let (signer, _) = signer(1, "rules.example");
    let with = |path: &str, text: &str| {
        let mut files = files();
        files.insert(path.to_owned(), text.to_owned());
        pack(&manifest(1), &files, &signer).map(drop)
    };
    for path in [
        "policies/a b.cedar",
        "policies/../x.cedar",
        "policies/.cedar",
        "policies/x.txt",
        "other/x.cedar",
        "classifiers/x.cedar",
    ] {
        assert!(matches!(with(path, ""), Err(Unpacked::File(..))), "{path}");
    }
    assert!(with("policies/x.cedar", &" ".repeat(FILE_BYTES_MAX + 1)).is_err());
    assert_eq!(
        pack(&manifest(1), &BTreeMap::new(), &signer),
        Err(Unpacked::Empty)
    );
}

proptest! {
    #[test]
    fn a_byte_changed_or_cut_never_brings_other_files(place: prop::sample::Index, to: u8, cut: bool) {
        let (signer, key) = signer(1, "rules.example");
        let packed = pack(&manifest(7), &files(), &signer).unwrap();
        let whole = open(&packed, &keys(&key)).unwrap();
        let mut changed = packed.clone();
        let at = place.index(changed.len());
        if cut { changed.truncate(at) } else { changed[at] = to }
        // What is around the content may be changed; never the content.
        if let Ok(bundle) = open(&changed, &keys(&key)) {
            prop_assert_eq!(bundle, whole);
        }
    }

    #[test]
    fn no_bytes_at_all_are_a_bundle(bytes: Vec<u8>) {
        let (_, key) = signer(1, "rules.example");
        prop_assert!(open(&bytes, &keys(&key)).is_err());
    }
}
