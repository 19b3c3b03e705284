use proof::{
    checkpoint::sign,
    tree::{Prover, Tree, leaf_hash},
    witness::{WitnessKey, Witnesses},
};
use tempfile::TempDir;
use vault::{COSIGNER_FILE, Keyring, LogSigner};

use super::*;

/// A log of which every node is known.
struct Log {
    /// Of its keys the one that signs.
    signer: LogSigner,
    keyring: Keyring,
    tree: Tree,
    stored: Vec<Vec<u8>>,
}

impl Log {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let keyring = Keyring::open_or_create(&home.path().join("keyring.json")).unwrap();
        Self {
            signer: keyring.signer().unwrap(),
            keyring,
            tree: Tree::default(),
            stored: Vec::new(),
        }
    }

    fn grow(&mut self, leaves: u64, what: &str) {
        for leaf in 0..leaves {
            let leaf = leaf_hash(format!("{what} {leaf}").as_bytes());
            self.stored.push(self.tree.append(leaf));
        }
    }

    fn authority(&self) -> Authority {
        Authority::parse(&self.signer.verifier_key()).unwrap()
    }

    fn request(&self, old: u64) -> Request {
        let mut prover = Prover::default();
        let size = self.tree.size();
        for place in prover
            .prove_consistency(size, old)
            .err()
            .unwrap_or_default()
        {
            let nodes = &self.stored[usize::try_from(place.record).unwrap()];
            let node = nodes.as_chunks().0[place.level];
            prover.learn(place, node);
        }
        Request {
            old,
            proof: prover.prove_consistency(size, old).unwrap(),
            note: sign(&self.tree, &self.signer).unwrap(),
        }
    }
}

fn open(home: &TempDir, log: &Log) -> Witness {
    let key = Cosigner::open_or_create(&home.path().join(COSIGNER_FILE), None).unwrap();
    Witness::open(home.path(), key, vec![log.authority()]).unwrap()
}

fn ask(witness: &Witness, request: &Request) -> Answer {
    witness.add_checkpoint(request.body().as_bytes(), 1_700_000_000)
}

#[test]
fn it_signs_what_continues_and_nothing_else_over_restarts() {
    let (home, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(3, "a");
    let witness = open(&home, &log);
    let first = log.request(0);
    let Answer::Signed(line) = ask(&witness, &first) else {
        panic!("not signed");
    };
    let trusted = WitnessKey::parse(&witness.key.verifier_key()).unwrap();
    let note = proof::witness::attach(&first.note, &line, &trusted).unwrap();
    let authority = log.authority();
    let authority = authority.with_witnesses(Witnesses::new(vec![trusted], 1).unwrap());
    let examined = authority.examine(note.as_bytes()).unwrap();
    assert_eq!(examined.cosigned.unwrap().at, 1_700_000_000);
    // The same again is signed again; who does not know where it stands is told.
    assert!(matches!(ask(&witness, &log.request(3)), Answer::Signed(_)));
    assert_eq!(ask(&witness, &first), Answer::Conflict(3));
    assert_eq!(witness.seen()[0].note.as_ref().unwrap().lines().count(), 6);
    drop(witness);

    log.grow(5, "b");
    let witness = open(&home, &log);
    assert_eq!(ask(&witness, &log.request(0)), Answer::Conflict(3));
    let mut untrue = log.request(3);
    untrue.proof[0][0] ^= 1;
    assert_eq!(ask(&witness, &untrue), Answer::Unproven);
    assert!(matches!(ask(&witness, &log.request(3)), Answer::Signed(_)));

    // The same key, another history: shorter, as long, longer.
    let Log {
        signer, keyring, ..
    } = log;
    let mut fork = Log {
        signer,
        keyring,
        tree: Tree::default(),
        stored: vec![],
    };
    fork.grow(5, "c");
    assert_eq!(ask(&witness, &fork.request(5)), Answer::Conflict(8));
    fork.grow(3, "d");
    assert_eq!(ask(&witness, &fork.request(8)), Answer::Fork(8));
    fork.grow(9, "e");
    assert_eq!(ask(&witness, &fork.request(8)), Answer::Unproven);
    let mut cut = fork.request(8);
    cut.old = 18;
    assert!(matches!(ask(&witness, &cut), Answer::Malformed(_)));
}

#[test]
fn strangers_are_told_apart() {
    let (home, mut log, mut other) = (tempfile::tempdir().unwrap(), Log::new(), Log::new());
    log.grow(1, "a");
    other.grow(1, "a");
    let witness = open(&home, &log);
    assert_eq!(ask(&witness, &other.request(0)), Answer::Unknown);
    let mut forged = log.request(0);
    forged.note = forged.note.replacen("\n1\n", "\n2\n", 1);
    assert_eq!(ask(&witness, &forged), Answer::Unsigned);
    for body in [&b""[..], b"old 0\n\nno note\n", b"\xff"] {
        assert!(matches!(
            witness.add_checkpoint(body, 0),
            Answer::Malformed(_)
        ));
    }
    let key = Cosigner::open(&home.path().join(COSIGNER_FILE)).unwrap();
    let again = Witness::open(home.path(), key, vec![log.authority()]);
    assert!(matches!(again, Err(BookError::Locked { .. })));
}

#[test]
fn what_cannot_be_written_down_is_not_signed_and_what_was_is_not_forgotten() {
    let (home, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    log.grow(2, "a");
    let witness = open(&home, &log);
    assert!(matches!(ask(&witness, &log.request(0)), Answer::Signed(_)));
    let pages = std::fs::read_dir(home.path())
        .unwrap()
        .map(|it| it.unwrap().path());
    let page = pages
        .into_iter()
        .find(|it| it.extension().is_some_and(|it| it == "note"));
    let page = page.unwrap();
    log.grow(2, "b");
    // A folder in its place: no file can be put there.
    std::fs::create_dir(page.with_extension("new")).unwrap();
    assert_eq!(ask(&witness, &log.request(2)), Answer::Failed);
    std::fs::remove_dir(page.with_extension("new")).unwrap();
    assert!(matches!(ask(&witness, &log.request(2)), Answer::Signed(_)));
    drop(witness);
    std::fs::write(&page, "nonsense").unwrap();
    let key = Cosigner::open(&home.path().join(COSIGNER_FILE)).unwrap();
    let damaged = Witness::open(home.path(), key, vec![log.authority()]);
    assert!(matches!(damaged, Err(BookError::Damaged { .. })));
}

#[test]
fn of_keys_that_succeed_each_other_none_signs_after_a_later_one() {
    let (home, mut log) = (tempfile::tempdir().unwrap(), Log::new());
    let next = log.keyring.succeeding().unwrap();
    let next = next.next_signer().unwrap().unwrap();
    let newer = Authority::parse(&next.verifier_key()).unwrap();
    let open = |keys: &[&Authority]| {
        let key = Cosigner::open_or_create(&home.path().join(COSIGNER_FILE), None).unwrap();
        let keys = keys.iter().map(|it| (*it).clone()).collect();
        Witness::open(home.path(), key, keys)
    };
    let older = log.authority();
    log.grow(2, "a");
    let witness = open(&[&older]).unwrap();
    assert!(matches!(ask(&witness, &log.request(0)), Answer::Signed(_)));
    // By the newer key alone it is nobody's whom it knows; by both it is.
    log.grow(2, "b");
    let old = std::mem::replace(&mut log.signer, next);
    assert_eq!(ask(&witness, &log.request(2)), Answer::Unsigned);
    drop(witness);
    assert!(matches!(open(&[&older, &older]), Err(BookError::Twice(_))));
    let witness = open(&[&older, &newer]).unwrap();
    let mut both = log.request(2);
    both.note = checkpoint::sign_by(&log.tree, &[&old, &log.signer]).unwrap();
    assert!(matches!(ask(&witness, &both), Answer::Signed(_)));
    // The older one has no say any more, after a restart neither, and the newer one goes on.
    log.grow(2, "c");
    let mut stolen = log.request(4);
    stolen.note = sign(&log.tree, &old).unwrap();
    assert_eq!(ask(&witness, &stolen), Answer::Unsigned);
    drop(witness);
    let witness = open(&[&older, &newer]).unwrap();
    assert_eq!(ask(&witness, &stolen), Answer::Unsigned);
    assert!(matches!(ask(&witness, &log.request(4)), Answer::Signed(_)));
    drop(witness);
    // Who was given the newer one alone goes on from what both signed.
    assert!(open(&[&newer]).is_ok());
}
