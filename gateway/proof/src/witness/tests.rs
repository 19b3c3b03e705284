use ed25519_dalek::{Signer as _, SigningKey};

use super::*;

/// C2SP's own example (tlog-cosignature).
const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\n\
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
    — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

fn pair(name: &str, seed: u8) -> (SigningKey, WitnessKey) {
    let signing = SigningKey::from_bytes(&[seed; 32]);
    let material = [
        &[ALGORITHM_COSIGNATURE],
        &signing.verifying_key().to_bytes()[..],
    ]
    .concat();
    let id = signed_note::key_id(name, &material);
    let key = format!("{name}+{id:08x}+{}", BASE64_STANDARD.encode(material));
    (signing, WitnessKey::parse(&key).unwrap())
}

fn line((signing, key): &(SigningKey, WitnessKey), note: &str, time: u64) -> String {
    let note = Note::from_bytes(note.as_bytes()).unwrap();
    let signature = signing.sign(&message(time, note.text())).to_bytes();
    let stamped = stamped(time, &signature);
    let line = signed_note::Signature::new(key.name.clone(), key.id, stamped).unwrap();
    String::from_utf8(line.to_bytes()).unwrap()
}

#[test]
fn a_quorum_is_of_different_witnesses() {
    let (one, two, other) = (pair("w.example/1", 1), pair("w.example/2", 2), pair("x", 3));
    let trusted = |quorum| {
        let keys = vec![one.1.clone(), two.1.clone()];
        Witnesses::new(keys, quorum).unwrap()
    };
    let judged = |note: &str, quorum| {
        let note = Note::from_bytes(note.as_bytes()).unwrap();
        trusted(quorum).judge(&note)
    };
    assert_eq!(judged(EXAMPLE, 1), None);
    let first = attach(EXAMPLE, &line(&one, EXAMPLE, 70), &one.1).unwrap();
    assert_eq!(
        judged(&first, 1),
        Some(Cosigned {
            witnesses: 1,
            at: 70
        })
    );
    assert_eq!(judged(&first, 2), None);
    // The same one again takes the place of its first; a stranger's line is not taken.
    let again = attach(&first, &line(&one, EXAMPLE, 75), &one.1).unwrap();
    assert_eq!(
        judged(&again, 1),
        Some(Cosigned {
            witnesses: 1,
            at: 75
        })
    );
    assert_eq!(again.lines().count(), first.lines().count());
    assert_eq!(attach(&first, &line(&other, EXAMPLE, 76), &two.1), None);
    let both = attach(&again, &line(&two, EXAMPLE, 80), &two.1).unwrap();
    assert_eq!(
        judged(&both, 2),
        Some(Cosigned {
            witnesses: 2,
            at: 80
        })
    );
    assert_eq!(
        judged(&both, 1),
        Some(Cosigned {
            witnesses: 2,
            at: 75
        })
    );
    // What was signed cannot be moved in time, nor to another checkpoint.
    let moved = both.replacen("\n20852163\n", "\n20852164\n", 1);
    assert_eq!(judged(&moved, 1), None);
}

#[test]
fn a_false_cosignature_is_not_attached() {
    let one = pair("w.example/1", 1);
    let false_line = line(&one, &EXAMPLE.replacen("20852163", "20852164", 1), 70);
    assert_eq!(attach(EXAMPLE, &false_line, &one.1), None);
    assert_eq!(attach(EXAMPLE, "", &one.1), None);
}

#[test]
fn witnesses_that_make_no_sense_are_refused() {
    let (one, two) = (pair("w.example/1", 1).1, pair("w.example/2", 1).1);
    assert!(Witnesses::new(vec![one.clone()], 2).is_err());
    assert!(Witnesses::new(vec![one.clone()], 0).is_err());
    assert!(Witnesses::new(vec![], 1).is_err());
    assert!(
        Witnesses::new(vec![one.clone(), two], 1).is_err(),
        "one key, two names"
    );
    assert!(Witnesses::new(vec![one.clone(); WITNESSES_MAX + 1], 1).is_err());
    for key in [
        "",
        "a+b",
        "a+00000000+AAAA",
        &one.key().replacen("/1", "/2", 1),
    ] {
        assert!(WitnessKey::parse(key).is_err(), "{key}");
    }
}
