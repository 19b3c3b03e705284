//! Tokens turned back, fields listed, obligations with numbers.

use super::*;
use crate::Towards;

fn may(engine: &Arc<Engine>, towards: Towards, class: &str) -> bool {
    let mut restorations = engine.restorations(context("DE", "DE", "support"), towards);
    let class = DataClass::named(class).unwrap();
    let first = restorations.may(class);
    assert_eq!(restorations.may(class), first);
    first
}

#[test]
fn nothing_is_turned_back_unless_a_permit_says_so() {
    assert!(!may(&engine(BASELINE), Towards::Agent, "pii.email"));
    let engine = engine(
        r#"@id("a") permit (principal, action == Action::"restore", resource in DataClass::"pii.contact")
           when { context.towards == "agent" && context.purpose == "support" };
           @id("b") forbid (principal, action == Action::"restore", resource == DataClass::"pii.phone");"#,
    );
    assert!(may(&engine, Towards::Agent, "pii.email"));
    assert!(!may(&engine, Towards::Service, "pii.email"));
    assert!(!may(&engine, Towards::Agent, "pii.phone"));
    assert!(!may(&engine, Towards::Agent, "pci.pan"));
}

#[test]
fn a_permit_lists_fields_and_each_narrows_the_others() {
    let engine = engine(
        r#"@id("all") permit (principal, action == Action::"call", resource);
           @id("few") @fields("/id /name") permit (principal, action == Action::"call", resource)
           when { context.purpose == "support" };
           @id("none") @fields("/id") permit (principal, action == Action::"call", resource)
           when { context.purpose == "billing" };"#,
    );
    let decision = read(&engine, &[], &[]);
    assert_eq!(decision.fields.len(), 1);
    assert_eq!(
        *decision.fields[0],
        crate::Fields::parse("/id /name").unwrap()
    );
}

#[test]
fn obligations_may_have_a_number() {
    for (text, expected) in [
        ("mask", Action::Mask),
        ("mask(4)", Action::MaskKeeping(4)),
        ("date_shift", Action::DateShift(365)),
        ("date_shift(30)", Action::DateShift(30)),
        ("truncate(0)", Action::Truncate(0)),
        ("tokenize", Action::Tokenize),
    ] {
        let engine = engine(&format!(
            "@id(\"it\") @obligation(\"{text}\") forbid (principal, action == Action::\"disclose\", resource);"
        ));
        check_disclosure(
            &engine,
            ["DE", "DE", "support"],
            "pii.email",
            (expected, "it"),
        );
    }
}

#[test]
fn what_is_wrong_with_numbers_and_fields_is_told_with_place_and_mend() {
    let text = r#"@id("a") @obligation("mask(17)")
forbid (principal, action == Action::"disclose", resource);
@id("b") @obligation("date_shift(0)")
forbid (principal, action == Action::"disclose", resource);
@id("c") @obligation("drop(1)")
forbid (principal, action == Action::"disclose", resource);
@id("d") @obligation("tokenise")
forbid (principal, action == Action::"disclose", resource);
@id("e") @fields("id")
permit (principal, action == Action::"call", resource);
@id("f") @fields("/id")
forbid (principal, action == Action::"call", resource);
"#;
    insta::assert_snapshot!(errors(text));
}
