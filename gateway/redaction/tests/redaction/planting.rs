//! Values of every class, in every format, protocol and notation: none leaves, whatever the cuts, and
//! what leaves is still what it was to parsers of others'.

mod carriers;
mod makers;
mod message;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use carriers::{CARRIERS, Carrier};
use makers::{DECLARED, GROUPS, MAKERS, Maker};
use proptest::prelude::*;

use super::properties::hiding;
use super::*;

/// What is wrong with how a value leaves, if anything is.
fn fault(
    (maker, carrier): (&Maker, Carrier),
    value: &str,
    document: &[u8],
    action: Action,
) -> Option<String> {
    let whole = match carrier.redact(maker, document, &[], action) {
        Ok(whole) => whole,
        Err(interrupted) => return Some(format!("refused: {interrupted:?}")),
    };
    let every: Vec<_> = (1..document.len()).collect();
    if carrier.redact(maker, document, &every, action).as_ref() != Ok(&whole) {
        return Some("cut at every byte, something else leaves".to_owned());
    }
    let survives = carrier
        .texts(&whole.0)
        .iter()
        .any(|text| stands_in(text, value));
    survives.then(|| format!("survives in {}", String::from_utf8_lossy(&whole.0)))
}

/// Whether a value stands in a text as itself: two digits may be part of what took its place.
fn stands_in(text: &str, value: &str) -> bool {
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    text.match_indices(value).any(|(at, _)| {
        let (before, behind) = text.split_at(at);
        let behind = behind.strip_prefix(value).unwrap_or_default();
        !is_word(before.chars().next_back()) && !is_word(behind.chars().next())
    })
}

#[test]
fn every_class_has_a_maker() {
    let made: BTreeSet<_> = MAKERS.iter().map(|maker| maker.class).collect();
    for class in DataClass::all() {
        assert!(
            made.contains(&class) != (GROUPS.contains(&class) || DECLARED.contains(&class)),
            "{class}: a maker, or a reason to have none"
        );
    }
}

/// Where a cut changes what leaves, if there is such a place.
fn cut(maker: &Maker, carrier: Carrier, document: &[u8]) -> Option<String> {
    let read = |cuts: &[usize]| carrier.redact(maker, document, cuts, Action::Replace);
    let whole = read(&[]);
    (1..document.len())
        .find(|at| read(&[*at]) != whole)
        .map(|at| format!("cut at byte {at}, something else leaves"))
}

#[test]
fn no_value_of_any_class_leaves_in_any_carrier() {
    let every = std::env::var_os("TIDEGATE_EVERY_CUT").is_some();
    let mut faults = String::new();
    for maker in MAKERS {
        for (at, carrier) in CARRIERS.iter().enumerate() {
            let seed = at as u64 * 7;
            let value = maker.value(seed);
            if !carrier.takes(maker, &value) {
                continue;
            }
            let mut whims = (0u8..=255)
                .map(|n| n.wrapping_mul(91).wrapping_add(u8::try_from(at).unwrap()))
                .cycle();
            let document = carrier.document(maker, &value, &mut whims);
            let fault = fault((maker, *carrier), &value, &document, Action::Replace);
            // Each cut alone, of as many as are quick enough; of all by `cargo xtask long properties`.
            let cut = || {
                (every || at % 16 == maker.class.index() % 16)
                    .then(|| cut(maker, *carrier, &document))
                    .flatten()
            };
            if let Some(fault) = fault.or_else(cut) {
                let document = String::from_utf8_lossy(&document);
                writeln!(
                    faults,
                    "{} in {carrier:?}: {fault}\n    of {document}",
                    maker.class
                )
                .unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]
    #[test]
    fn any_value_of_any_class_is_hidden_however_it_is_written_and_cut(
        maker in prop::sample::select(MAKERS),
        carrier in prop::sample::select(CARRIERS),
        seed in any::<u64>(),
        whims in prop::collection::vec(any::<u8>(), 1..64),
        cut in any::<prop::sample::Index>(),
        action in hiding(),
    ) {
        let value = maker.value(seed);
        prop_assume!(carrier.takes(&maker, &value));
        let document = carrier.document(&maker, &value, &mut whims.into_iter().cycle());
        let fault = fault((&maker, carrier), &value, &document, action);
        prop_assert!(fault.is_none(), "{} in {carrier:?}: {fault:?}", maker.class);
        let cut = cut.index(document.len());
        prop_assert_eq!(
            carrier.redact(&maker, &document, &[cut], action),
            carrier.redact(&maker, &document, &[], action)
        );
        let shown = carrier.redact(&maker, &document, &[], Action::Show);
        prop_assert_eq!(shown.unwrap().0, document);
    }
}
