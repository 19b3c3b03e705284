//! Arithmetic of byte ranges.

use std::collections::HashMap;

use crate::corpus::Span;

/// A range of bytes.
pub(crate) type Bytes = (u64, u64);

/// One labelled value: its label and its parts.
pub(crate) type Unit<'a> = (&'a str, Vec<Bytes>);

/// The values of a document: spans of one group are one.
pub(crate) fn units(spans: &[Span]) -> Vec<Unit<'_>> {
    let mut single = Vec::new();
    let mut grouped: Vec<Unit<'_>> = Vec::new();
    let mut places: HashMap<(&str, u64), usize> = HashMap::new();
    for span in spans {
        let part = (span.start, span.end);
        let Some(group) = span.group else {
            single.push((span.label.as_str(), vec![part]));
            continue;
        };
        let place = *places
            .entry((&span.label, group))
            .or_insert_with(|| grouped.len());
        match grouped.get_mut(place) {
            Some((_, parts)) => parts.push(part),
            None => grouped.push((&span.label, vec![part])),
        }
    }
    single.append(&mut grouped);
    single
}

/// The bytes that any of the parts covers, in order.
pub(crate) fn merged(parts: impl IntoIterator<Item = Bytes>) -> Vec<Bytes> {
    let mut sorted: Vec<Bytes> = parts.into_iter().collect();
    sorted.sort_unstable();
    let mut out: Vec<Bytes> = Vec::new();
    for (start, end) in sorted {
        match out.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => out.push((start, end)),
        }
    }
    out
}

/// How many bytes both cover; both merged.
pub(crate) fn common(left: &[Bytes], right: &[Bytes]) -> u64 {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    let mut total = 0;
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        total += a.1.min(b.1).saturating_sub(a.0.max(b.0));
        if a.1 < b.1 {
            left.next();
        } else {
            right.next();
        }
    }
    total
}

/// How many bytes the parts of both share, part by part.
pub(crate) fn overlap(left: &[Bytes], right: &[Bytes]) -> u64 {
    let share = |a: &Bytes, b: &Bytes| a.1.min(b.1).saturating_sub(a.0.max(b.0));
    left.iter()
        .map(|a| right.iter().map(|b| share(a, b)).sum::<u64>())
        .sum()
}

/// How many bytes the parts have.
pub(crate) fn length(parts: &[Bytes]) -> u64 {
    parts.iter().map(|(start, end)| end - start).sum()
}
