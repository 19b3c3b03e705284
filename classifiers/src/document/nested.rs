//! Strings that are documents themselves. JSON, base64 and data URLs are entered to the depth that
//! [`crate::embedded`] states, a form or the query of a URL where it stands in no other string.

use super::desk::{Desk, Raw};
use super::json::{Levels, Reader};
use super::map::Map;
use super::{Notation, Sink};
use crate::embedded::{self, EMBEDDED_DEPTH_MAX, Held};
use crate::media::form;
use crate::media::json::Walker;
use crate::{Context, ValueKind};

/// A longer string is no form.
const FORM_BYTES_MAX: usize = 64 * 1024;
/// The shortest that holds anything: `{"a":""}`.
const NESTED_BYTES_MIN: usize = 8;

/// Whether a string is worth a closer look. Most are not.
#[inline]
pub(super) fn may_be(value: &[u8]) -> bool {
    value.len() >= NESTED_BYTES_MIN
        && (matches!(
            value.first(),
            Some(b'{' | b'[' | b'"' | b' ' | b'\n' | b'\t' | b'\r')
        ) || memchr::memchr(b'=', value).is_some())
}

/// Judges a string that is a document. Returns whether it was one.
pub(super) fn document(
    desk: &mut Desk,
    context: &Context,
    value: &[u8],
    raw: Raw<'_>,
    sink: &mut dyn Sink,
) -> bool {
    let json = embedded::is_json(value);
    if json && desk.depth == EMBEDDED_DEPTH_MAX {
        return desk.offer(context, value, raw, sink);
    }
    let is_form = || {
        let stands_alone = desk.depth == 0 && value.len() <= FORM_BYTES_MAX;
        stands_alone && (form::is_form(value) || has_query(value))
    };
    if !json && !is_form() {
        return false;
    }
    within(desk, raw.to_map(value.len()), |desk| {
        if json {
            let mut levels = Levels::new(*context);
            let mut walker = Walker::new();
            let mut reader = Reader::new(desk, &mut levels, sink);
            // It was read once before.
            let _known = walker
                .push(value, &mut reader)
                .and_then(|()| walker.finish(&mut reader));
        } else {
            pairs(desk, context, value, sink);
        }
    });
    true
}

/// Judges a text that is base64 or a data URL. Returns whether it was one, and not told of as it is.
#[cold]
pub(super) fn wrapped(
    desk: &mut Desk,
    context: &Context,
    value: &[u8],
    raw: Raw<'_>,
    sink: &mut dyn Sink,
) -> bool {
    let Some(held) = embedded::unwrap(value).filter(|_| !desk.is_covered(value)) else {
        return false;
    };
    if desk.offer(context, value, raw, sink) {
        return true;
    }
    let Held::Text(held) = held else {
        return false;
    };
    if desk.depth == EMBEDDED_DEPTH_MAX {
        return false;
    }
    let text = held.text();
    // Three bytes are four letters, so that no finding has letters of its own.
    let mut map = Map::default();
    map.escaped(0, value.len(), text.len());
    let map = map.through(&raw.to_map(value.len()));
    within(desk, map, |desk| {
        desk.value(context, ValueKind::Text, text, Raw::At(0), sink)
    })
}

/// Judges what a string holds whose bytes stand where the map says.
fn within<T>(desk: &mut Desk, map: Map, judge: impl FnOnce(&mut Desk) -> T) -> T {
    desk.layers.push(map);
    let nested = desk.nested;
    desk.nested = nested.or(Some(desk.path.depth()));
    desk.depth += 1;
    let (notation, token) = (desk.notation, desk.token.take());
    desk.around.push(notation);
    desk.notation = Notation::Plain;
    let judged = judge(desk);
    desk.around.pop();
    desk.layers.pop();
    (desk.notation, desk.token) = (notation, token);
    desk.depth -= 1;
    desk.nested = nested;
    judged
}

pub(super) fn is_json(value: &[u8]) -> bool {
    let closes = match value.first() {
        Some(b'{') => b'}',
        Some(b'[') => b']',
        _ => return false,
    };
    value.trim_ascii_end().last() == Some(&closes) && embedded::is_document(value)
}

/// Where the query of a URL begins.
fn query(value: &[u8]) -> Option<usize> {
    let mark = memchr::memchr(b'?', value)?;
    let before = value.get(..mark)?;
    let url = memchr::memmem::find(before, b"://").is_some() || before.starts_with(b"/");
    (url && !value.iter().any(u8::is_ascii_whitespace)).then_some(mark + 1)
}

fn has_query(value: &[u8]) -> bool {
    query(value).is_some_and(|start| {
        let query = value.get(start..).unwrap_or_default();
        memchr::memchr(b'=', query).is_some()
    })
}

/// Judges the pairs of a form or a query, and what stands around a query.
fn pairs(desk: &mut Desk, context: &Context, value: &[u8], sink: &mut dyn Sink) {
    let query = query(value);
    let told = context.key().data_class().is_some();
    if query.is_some() && told && desk.value(context, ValueKind::Text, value, Raw::At(0), sink) {
        return;
    }
    let (before, rest) = value
        .split_at_checked(query.unwrap_or(0))
        .unwrap_or_default();
    desk.value(&Context::ROOT, ValueKind::Text, before, Raw::At(0), sink);
    let end = match query {
        Some(_) => memchr::memchr(b'#', rest).unwrap_or(rest.len()),
        None => rest.len(),
    };
    let (pairs, behind) = rest.split_at_checked(end).unwrap_or_default();
    let mut object = *context;
    let base = before.len() as u64;
    for pair in form::pairs(pairs) {
        super::form::pair(desk, pairs, &pair, base, &mut object, sink);
    }
    desk.notation = Notation::Plain;
    let raw = Raw::At(base + end as u64);
    desk.value(&Context::ROOT, ValueKind::Text, behind, raw, sink);
}
