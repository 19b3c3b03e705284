use super::*;
use crate::DataClass as D;

#[track_caller]
fn check(name: &str, expected: KeyClass) {
    assert_eq!(key_class(name.as_bytes()), expected, "{name}");
}

#[test]
fn one_noun_in_every_spelling() {
    for name in [
        "firstName",
        "first_name",
        "FIRST_NAME",
        "first-name",
        "First Name",
        "firstname",
    ] {
        check(name, KeyClass::Leaf(D::PERSON));
    }
}
