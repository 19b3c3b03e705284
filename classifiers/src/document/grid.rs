//! Tables drawn in text, as GitHub Flavored Markdown (section 4.10) and database shells have them: a
//! line of names, a line of dashes, lines of cells.

use std::ops::Range;

use super::desk::Raw;
use super::units::Out;
use crate::{Context, DISCRIMINATOR_BYTES_MAX, ValueKind};

/// Columns beyond these have no name.
const COLUMNS_MAX: usize = 64;

/// The table that begins with the first of these lines: how many of them it takes.
pub(super) fn height(text: &[u8], lines: &[Range<usize>]) -> Option<usize> {
    let line = |at: usize| text.get(lines.get(at)?.clone());
    if !line(0)?.contains(&b'|') || !is_rule(line(1)?) {
        return None;
    }
    let rows = (2..lines.len()).take_while(|at| line(*at).is_some_and(|line| line.contains(&b'|')));
    Some(2 + rows.count())
}

/// Whether a line only draws: dashes, bars, plus signs and colons.
fn is_rule(line: &[u8]) -> bool {
    line.contains(&b'|') | line.contains(&b'+')
        && memchr::memmem::find(line, b"--").is_some()
        && line.iter().all(|byte| b"-|+:= \t\r".contains(byte))
}

/// Judges a table, row by row.
pub(super) fn judge(text: &[u8], lines: &[Range<usize>], raw: Raw<'_>, mut out: Out<'_>) {
    let [head, _, rows @ ..] = lines else {
        return;
    };
    let names: Vec<&[u8]> = cells(text, head)
        .take(COLUMNS_MAX)
        .filter_map(|cell| text.get(cell))
        .collect();
    // Not every table has names there.
    for cell in cells(text, head) {
        let start = cell.start;
        let Out { desk, sink } = out.again();
        let cell = text.get(cell).unwrap_or_default();
        desk.value(&Context::ROOT, ValueKind::Text, cell, raw.skip(start), sink);
    }
    for row in rows {
        record(text, row, &names, raw, out.again());
    }
}

fn record(text: &[u8], row: &Range<usize>, names: &[&[u8]], raw: Raw<'_>, out: Out<'_>) {
    let Out { desk, sink } = out;
    let mut object = Context::ROOT;
    desk.path.enter();
    for (at, cell) in cells(text, row).enumerate() {
        let start = cell.start;
        let value = text.get(cell).unwrap_or_default();
        let name = names.get(at).copied().unwrap_or_default();
        let member = object.member(name, &mut desk.keys);
        desk.path.name(name);
        desk.value(&member, ValueKind::Text, value, raw.skip(start), sink);
        if member.is_discriminator() && value.len() <= DISCRIMINATOR_BYTES_MAX {
            object.observe(&member, value, &mut desk.keys);
        }
    }
    desk.path.leave();
}

/// The cells of a line, without the spaces around them.
fn cells<'a>(text: &'a [u8], line: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<'a> {
    let bytes = text.get(line.clone()).unwrap_or_default();
    let space = bytes.len() - bytes.trim_ascii_start().len();
    let outer = usize::from(bytes.get(space) == Some(&b'|'));
    let mut at = line.start + space + outer;
    let end = line.start + bytes.trim_ascii_end().len();
    std::iter::from_fn(move || {
        let rest = text.get(at..end).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'|', rest).unwrap_or(rest.len());
        let cell = rest.get(..length)?;
        let start = at + (cell.len() - cell.trim_ascii_start().len());
        at += length + 1;
        Some(start..start + cell.trim_ascii().len())
    })
}
