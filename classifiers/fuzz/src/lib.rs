//! What must hold for any bytes: nothing panics, the same is found however a document is cut, and
//! every finding stands within the document and cuts no character.

use std::ops::Range;

use classifiers::document::{Classifier, Found, Media, Unreadable};
use classifiers::{Context, Finding, KeyCache, ValueKind, classify_key, classify_value};

/// What was found, and how the document ended.
type Outcome = (Vec<(String, String, Vec<Range<u64>>)>, Option<Unreadable>);

/// Holds a document in any cut against the same in one piece. The first byte sets the cuts.
pub fn document(media: Media, data: &[u8]) {
    let Some((seed, document)) = data.split_first() else {
        return;
    };
    let whole = classify(media, document, usize::MAX);
    let piece = usize::from(*seed % 17) + 1;
    assert_eq!(
        whole,
        classify(media, document, piece),
        "cut every {piece} bytes"
    );
    let text = std::str::from_utf8(document);
    for range in whole.0.iter().flat_map(|(_, _, ranges)| ranges) {
        assert!(range.start < range.end && range.end <= document.len() as u64);
        if let Ok(text) = text {
            assert!(text.is_char_boundary(range.start as usize));
            assert!(text.is_char_boundary(range.end as usize));
        }
    }
}

fn classify(media: Media, document: &[u8], piece: usize) -> Outcome {
    let mut found = Vec::new();
    let mut sink = |one: &Found<'_>| {
        found.push((
            one.finding.class.name().to_owned(),
            [one.path, one.inner].concat(),
            one.ranges.to_vec(),
        ));
    };
    let mut classifier = Classifier::new(media);
    let mut failed = None;
    for chunk in document.chunks(piece.min(document.len().max(1))) {
        failed = failed.or(classifier.push(chunk, &mut sink).err());
    }
    failed = failed.or(classifier.finish(&mut sink).err());
    (found, failed)
}

/// Any bytes as a name and, behind the first line feed, as a value.
pub fn scanner(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let name = parts.next().unwrap_or_default();
    let value = parts.next().unwrap_or_default();
    let context = Context::root().member(name, &mut KeyCache::new());
    for kind in [ValueKind::Text, ValueKind::Number, ValueKind::Bool] {
        let mut findings = Vec::new();
        classify_value(&context, kind, value, &mut findings);
        check(value, &findings);
    }
    let mut findings = Vec::new();
    classify_key(name, &mut findings);
    check(name, &findings);
}

fn check(value: &[u8], findings: &[Finding]) {
    let text = std::str::from_utf8(value);
    let mut last = 0;
    for finding in findings {
        let (start, end) = (finding.start as usize, finding.end as usize);
        assert!(last <= start && start < end && end <= value.len());
        assert!(finding.confidence <= 100);
        last = end;
        if let Ok(text) = text {
            assert!(text.is_char_boundary(start) && text.is_char_boundary(end));
        }
    }
}
