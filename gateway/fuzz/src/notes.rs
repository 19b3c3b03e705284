//! What is signed of a log, and what anybody reads of a record.

use std::sync::OnceLock;

use ed25519_dalek::Signer as _;
use proof::{
    Header,
    checkpoint::Authority,
    leaf::{HEADER_BYTES, parts, statement, stating},
    manifest, succession,
    tree::{DIGEST_BYTES, Digest, is_consistent, is_included, leaf_hash},
    witness::{Request, WitnessKey, Witnesses, attach, message, stamped},
};

use crate::{
    edits::edited,
    keys,
    record::{Log, ORIGIN, leaf as record},
};

/// When the witness signed.
const SIGNED_AT: u64 = 70;
/// How many records a backup has.
const RECORDS: u64 = 7;
/// What is in it.
const JSON: &str = "{\"files\":[]}";

/// Everything that is signed, by whom.
struct Signed {
    key: String,
    after: String,
    checkpoint: String,
    root: Digest,
    manifest: String,
    succession: String,
    witness: WitnessKey,
    cosignature: String,
}

impl Signed {
    fn all() -> &'static Self {
        static ALL: OnceLock<Signed> = OnceLock::new();
        ALL.get_or_init(|| {
            let log = Log::of(RECORDS);
            let ((old, key), (new, after)) = (keys::signer(ORIGIN, 1), keys::signer(ORIGIN, 2));
            let (signing, witness) = keys::witness("witness.example/1", 3);
            let note = signed_note::Note::from_bytes(log.head.as_bytes()).expect("a note");
            let signature = signing.sign(&message(SIGNED_AT, note.text())).to_bytes();
            let (name, id) = (
                witness.key().split('+').next(),
                witness.key().split('+').nth(1),
            );
            let id = u32::from_str_radix(id.expect("an id"), 16).expect("a number");
            let line = signed_note::Signature::new(
                name.expect("a name").to_owned(),
                id,
                stamped(SIGNED_AT, &signature),
            );
            let line = line.expect("a signature").to_bytes();
            let cosignature = String::from_utf8(line).expect("text");
            Self {
                manifest: manifest::sign(RECORDS, JSON, &old).expect("a manifest"),
                succession: succession::sign(RECORDS, (&key, &old), (&after, &new))
                    .expect("a statement"),
                checkpoint: attach(&log.head, &cosignature, &witness).expect("a cosignature"),
                root: log.tree.root(),
                key,
                after,
                witness,
                cosignature,
            }
        })
    }

    fn authority(&self) -> Authority {
        let witnesses = Witnesses::new(vec![self.witness.clone()], 1).expect("a quorum");
        let authority = Authority::parse(&self.key).expect("a key");
        authority.with_witnesses(witnesses)
    }
}

/// Signed notes of every kind: any, and what was signed with edits.
pub fn note(data: &[u8]) {
    let signed = Signed::all();
    let authority = signed.authority();
    for note in [data, &edited(signed.checkpoint.as_bytes(), data)] {
        if let Ok(examined) = authority.examine(note) {
            let checkpoint = examined.checkpoint;
            assert_eq!((checkpoint.size, checkpoint.root), (RECORDS, signed.root));
            assert!(examined.cosigned.is_none_or(|it| it.at == SIGNED_AT));
        }
    }
    for note in [data, &edited(signed.manifest.as_bytes(), data)] {
        if let Ok(read) = manifest::read(note, &authority) {
            assert_eq!(read, (RECORDS, JSON.to_owned()));
        }
    }
    for note in [data, &edited(signed.succession.as_bytes(), data)] {
        if let Ok(read) = succession::read(note, ORIGIN, RECORDS) {
            assert_eq!((&read.before, &read.after), (&signed.key, &signed.after));
        }
    }
    let lines = edited(signed.cosignature.as_bytes(), data);
    if let Some(made) = attach(
        &signed.checkpoint,
        &String::from_utf8_lossy(&lines),
        &signed.witness,
    ) {
        let examined = authority
            .examine(made.as_bytes())
            .expect("the log's signature stays");
        assert_eq!(examined.cosigned.map(|it| it.at), Some(SIGNED_AT));
    }
}

/// A request to a witness, and the keys of witnesses and logs.
pub fn witness(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(request) = Request::parse(text) {
        assert_eq!(request.body(), text);
    }
    if let Ok(key) = WitnessKey::parse(text) {
        assert_eq!(key.key(), text.trim());
    }
    if let Ok(authority) = Authority::parse(text) {
        assert!(text.starts_with(authority.origin()));
    }
}

/// A sealed record, and proofs about a tree that has it not.
pub fn leaf(data: &[u8]) {
    if let Some(header) = Header::parse(data) {
        let (clear, nonce, sealed) = parts(data).expect("a record has parts");
        assert_eq!([clear, &nonce, sealed].concat(), data);
        if let Some(log) = header.log {
            let bytes = header.bytes(log);
            assert_eq!(bytes[..], data[..HEADER_BYTES]);
            if let Some(statement) = statement(data) {
                assert_eq!(stating(&bytes, statement).as_deref(), Some(clear));
            }
        }
    }
    let Some(([index, old], hashes)) = data.split_first_chunk() else {
        return;
    };
    let signed = Signed::all();
    let hashes: Vec<Digest> = hashes.as_chunks::<DIGEST_BYTES>().0.to_vec();
    let own = (RECORDS, signed.root);
    let foreign = leaf_hash(&record(RECORDS));
    assert!(!is_included(
        &hashes,
        own.0,
        own.1,
        (*index).into(),
        foreign
    ));
    assert!(!is_consistent(
        &hashes,
        own,
        ((*old).max(1).into(), foreign)
    ));
}
