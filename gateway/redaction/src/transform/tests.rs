use super::*;

fn check(
    edits: &[(usize, usize, DataClass, Action)],
    expected: &[(usize, usize, DataClass, Action)],
) {
    let mut joined: Vec<Edit> = edits
        .iter()
        .map(|&(start, end, class, action)| Edit {
            start,
            end,
            class,
            action,
        })
        .collect();
    disjoin(&mut joined);
    let joined: Vec<_> = joined
        .iter()
        .map(|edit| (edit.start, edit.end, edit.class, edit.action))
        .collect();
    assert_eq!(joined, expected, "{edits:?}");
}

#[test]
fn overlapping_findings_are_one_under_the_strongest_obligation() {
    use Action::{Mask, Replace, Tokenize};
    use DataClass as C;
    let (name, mail, phone) = (C::PERSON, C::EMAIL, C::PHONE);
    check(
        &[(0, 20, name, Tokenize), (5, 15, mail, Replace)],
        &[(0, 20, mail, Replace)],
    );
    check(
        &[(5, 15, mail, Tokenize), (10, 20, name, Mask)],
        &[(5, 20, name, Mask)],
    );
    // Of equally strong ones the first counts, and of two that begin together the longer.
    check(
        &[(5, 15, mail, Mask), (0, 10, name, Mask)],
        &[(0, 15, name, Mask)],
    );
    check(
        &[(0, 5, name, Mask), (0, 15, mail, Mask)],
        &[(0, 15, mail, Mask)],
    );
    // A chain is one, and what only touches is apart.
    check(
        &[
            (0, 6, name, Mask),
            (5, 12, mail, Tokenize),
            (11, 20, phone, Replace),
        ],
        &[(0, 20, phone, Replace)],
    );
    check(
        &[(0, 5, name, Mask), (5, 9, mail, Replace)],
        &[(0, 5, name, Mask), (5, 9, mail, Replace)],
    );
}

#[test]
fn obligations_are_ordered_by_what_they_leave() {
    let order = [
        Action::Show,
        Action::Tokenize,
        Action::Encipher,
        Action::Pseudonymize,
        Action::Synthesize,
        Action::DateShift(30),
        Action::DateShift(365),
        Action::Truncate(5),
        Action::Truncate(0),
        Action::Generalize,
        Action::Mask,
        Action::MaskKeeping(4),
        Action::MaskKeeping(0),
        Action::Replace,
        Action::Drop,
        Action::Block,
    ];
    for pair in order.windows(2) {
        assert!(pair[0] < pair[1], "{pair:?}");
    }
    for action in &order[1..] {
        assert_eq!(Action::parse(&action.to_string()), Ok(*action));
    }
}

#[test]
fn every_class_has_a_name_that_a_token_can_carry() {
    for class in DataClass::all() {
        let fits =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte);
        assert!(
            class.name().len() <= 40 && class.name().bytes().all(fits),
            "{class}"
        );
    }
}
