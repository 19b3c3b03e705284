use signed_note::Note;
use tlog_tiles::{Checkpoint as Text, Hash};
use vault::{Keyring, LogSigner};

use super::*;
use crate::tree::{Tree, leaf_hash};

fn signer() -> LogSigner {
    let home = tempfile::tempdir().unwrap();
    let keyring = Keyring::open_or_create(&home.path().join("keyring.json")).unwrap();
    keyring.signer().unwrap()
}

fn tree() -> Tree {
    let mut tree = Tree::default();
    tree.append(leaf_hash(b"leaf"));
    tree
}

#[test]
fn its_own_key_accepts_a_checkpoint() {
    let signer = signer();
    let authority = Authority::parse(&signer.verifier_key()).unwrap();
    let note = sign(&tree(), &signer).unwrap();
    let root = tree().root();
    assert_eq!(
        authority.check(note.as_bytes()),
        Ok(Checkpoint { size: 1, root })
    );
    assert!(note.starts_with(&format!("{}\n1\n", authority.origin())));
}

#[test]
fn every_change_of_a_checkpoint_is_noticed() {
    let signer = signer();
    let authority = Authority::parse(&signer.verifier_key()).unwrap();
    let note = sign(&tree(), &signer).unwrap().into_bytes();
    for at in 0..note.len() {
        let mut changed = note.clone();
        changed[at] ^= 1;
        assert!(authority.check(&changed).is_err(), "byte {at}");
        assert!(authority.check(&note[..at]).is_err());
    }
}

#[test]
fn forgeries_are_told_apart() {
    let (ours, theirs) = (signer(), signer());
    let authority = Authority::parse(&ours.verifier_key()).unwrap();
    let note = sign(&tree(), &ours).unwrap();
    let other = sign(&tree(), &theirs).unwrap();
    assert_eq!(authority.check(other.as_bytes()), Err(Forgery::UnknownKey));
    let resized = note.replacen("\n1\n", "\n2\n", 1);
    assert_eq!(
        authority.check(resized.as_bytes()),
        Err(Forgery::BadSignature)
    );
    assert_eq!(authority.check(b"1\n"), Err(Forgery::Malformed));
    let long = [note.as_bytes(), &[b'\n'; NOTE_BYTES_MAX]].concat();
    assert_eq!(authority.check(&long), Err(Forgery::Malformed));

    let text = Text::new("tidegate/other", 1, Hash(tree().root()), "").unwrap();
    let mut foreign = Note::new(&text.to_bytes(), &[]).unwrap();
    foreign.add_sigs(&[&ours]).unwrap();
    assert_eq!(
        authority.check(&foreign.to_bytes()),
        Err(Forgery::WrongOrigin)
    );
}

#[test]
fn what_is_no_verifier_key_is_refused() {
    let whole = signer().verifier_key();
    let cut = whole.replacen('A', "", 1);
    for key in ["", "a+b", "tidegate/1+00000000+", &cut] {
        assert!(Authority::parse(key).is_err(), "{key}");
    }
}
