//! Texts of which every match of a pattern holds one.

use regex_syntax::hir::{Hir, HirKind};

use super::LITERAL_BYTES_MIN;

/// Most texts that are looked for in place of one pattern.
const LITERALS_MAX: usize = 64;

/// Texts of which every match holds one; none if there are no such texts that are long enough.
pub(super) fn required(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Literal(literal) => long_enough(vec![literal.0.to_vec()]),
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        // The part whose shortest text is the longest: it is the rarest.
        HirKind::Concat(parts) => parts
            .iter()
            .filter_map(required)
            .max_by_key(|texts| texts.iter().map(Vec::len).min()),
        HirKind::Alternation(parts) => {
            let parts: Option<Vec<_>> = parts.iter().map(required).collect();
            long_enough(parts?.concat())
        }
        _ => None,
    }
}

fn long_enough(texts: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
    let long = texts.iter().all(|text| text.len() >= LITERAL_BYTES_MIN);
    (long && texts.len() <= LITERALS_MAX).then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarest_text_of_a_pattern_is_found() {
        let texts = |pattern: &str| {
            let hir = regex_syntax::Parser::new().parse(pattern).unwrap();
            required(&hir).map(|texts| {
                let texts = texts.into_iter().map(String::from_utf8);
                texts.map(Result::unwrap).collect::<Vec<_>>()
            })
        };
        assert_eq!(texts(r"\bEMP-\d{6}\b"), Some(vec!["EMP-".to_owned()]));
        assert_eq!(
            texts(r"(abc)+\d|wxyz"),
            Some(vec!["abc".to_owned(), "wxyz".to_owned()])
        );
        assert_eq!(texts(r"(?:abc)?\d+"), None);
        assert_eq!(texts(r"[A-Z]{2}\d{6}"), None);
        assert_eq!(texts(r"ab\d"), None);
        assert_eq!(texts(r"(?i)emp-\d{6}"), None);
    }
}
