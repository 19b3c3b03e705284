//! National numbering plans: which numbers there can be behind which country's code.
//!
//! `plan.tsv` is an extract of the metadata of libphonenumber (Apache-2.0) as the crate
//! `phonenumber` has it: for each country calling code of ITU-T E.164 the union of the patterns of
//! its kinds of numbers. The crate itself only makes the extract, in the test below: asked at run
//! time it takes a lock and compiles a regular expression for most numbers, as often as a stranger
//! likes. Here each plan is compiled once, when first asked.

use std::sync::{LazyLock, OnceLock};

use regex::bytes::Regex;

/// Digits of the longest country calling code.
const CODE_DIGITS_MAX: usize = 3;
/// Countries' codes lie below this.
const CODES: usize = 1000;

struct Plan {
    pattern: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

static PLANS: LazyLock<Vec<Option<Plan>>> = LazyLock::new(|| {
    let mut plans: Vec<Option<Plan>> = (0..CODES).map(|_| None).collect();
    for line in include_str!("plan.tsv").lines() {
        if let Some((code, pattern)) = line.split_once('\t')
            && let Some(plan) = code
                .parse()
                .ok()
                .and_then(|code: usize| plans.get_mut(code))
        {
            *plan = Some(Plan {
                pattern,
                compiled: OnceLock::new(),
            });
        }
    }
    plans
});

/// The country calling code that these digits begin with, and how many digits it has. No code
/// begins with another.
pub(super) fn country(digits: &[u8]) -> Option<(u16, usize)> {
    let mut code = 0;
    for (place, digit) in digits.iter().enumerate().take(CODE_DIGITS_MAX) {
        code = code * 10 + u16::from(digit.checked_sub(b'0')?);
        if code == 0 {
            return None;
        }
        if plan(code).is_some() {
            return Some((code, place + 1));
        }
    }
    None
}

/// Whether the country has a number of these digits, without code and trunk prefix.
pub(super) fn is_valid(code: u16, national: &[u8]) -> bool {
    plan(code)
        .and_then(|plan| {
            let compile = || Regex::new(&format!("^(?-u:{})$", plan.pattern)).ok();
            plan.compiled.get_or_init(compile).as_ref()
        })
        .is_some_and(|plan| plan.is_match(national))
}

/// Countries whose plans are asked for a number without a code.
static ASKED: &[u16] = &[
    1, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 52, 54, 55, 61, 63, 64,
    65, 81, 82, 86, 90, 91, 351, 353, 358, 420, 886,
];

/// All of their plans as one: asked one by one, they would take microseconds.
static NATIONAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let patterns = ASKED.iter().filter_map(|code| plan(*code));
    let patterns: Vec<&str> = patterns.map(|plan| plan.pattern).collect();
    Regex::new(&format!("^0?(?-u:{})$", patterns.join("|"))).ok()
});

/// Whether some country has a number of these digits, with or without its trunk prefix.
pub(super) fn is_national(digits: &[u8]) -> bool {
    NATIONAL
        .as_ref()
        .is_some_and(|plans| plans.is_match(digits))
}

fn plan(code: u16) -> Option<&'static Plan> {
    PLANS.get(usize::from(code))?.as_ref()
}

#[cfg(test)]
mod tests {
    use phonenumber::Type;
    use phonenumber::metadata::DATABASE;

    use super::*;

    /// What `plan.tsv` must hold.
    fn extract() -> String {
        let kinds = [
            Type::FixedLine,
            Type::Mobile,
            Type::TollFree,
            Type::PremiumRate,
            Type::SharedCost,
            Type::PersonalNumber,
            Type::Voip,
            Type::Pager,
            Type::Uan,
            Type::Voicemail,
        ];
        let mut text = String::new();
        for code in 1..u16::try_from(CODES).unwrap() {
            let mut patterns: Vec<String> = DATABASE
                .by_code(&code)
                .into_iter()
                .flatten()
                .flat_map(|country| kinds.iter().map(|kind| country.descriptors().get(*kind)))
                .flatten()
                .map(|numbers| {
                    numbers
                        .national_number()
                        .as_str()
                        .split_whitespace()
                        .collect()
                })
                .filter(|pattern: &String| !pattern.is_empty())
                .collect();
            patterns.sort();
            patterns.dedup();
            if !patterns.is_empty() {
                text.extend([&code.to_string(), "\t", &patterns.join("|"), "\n"]);
            }
        }
        text
    }

    #[test]
    fn the_plans_are_those_of_the_library() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/scan/phone/plan.tsv");
        if std::env::var_os("UPDATE_PLANS").is_some() {
            std::fs::write(path, extract()).unwrap();
        }
        assert!(
            std::fs::read_to_string(path).unwrap() == extract(),
            "run this test with UPDATE_PLANS=1"
        );
    }

    #[test]
    fn every_plan_compiles_and_has_the_librarys_example() {
        for country in DATABASE.iter() {
            let kinds = [Type::FixedLine, Type::Mobile];
            for kind in kinds {
                let numbers = country.descriptors().get(kind);
                if let Some(example) = numbers.and_then(|numbers| numbers.example()) {
                    let code = country.country_code();
                    assert!(is_valid(code, example.as_bytes()), "+{code} {example}");
                }
            }
        }
    }

    #[test]
    fn a_national_number_needs_no_code() {
        assert!(is_national(b"030901820") && is_national(b"2025550143"));
        assert!(!is_national(b"000000000") && !is_national(b"12"));
    }

    #[test]
    fn a_number_tells_its_country() {
        assert_eq!(country(b"4930901820"), Some((49, 2)));
        assert_eq!(country(b"12025550143"), Some((1, 1)));
        assert_eq!(country(b"351912345678"), Some((351, 3)));
        assert_eq!(country(b"0123"), None);
        assert_eq!(country(b"999123"), None);
    }
}
