//! Forms: every pair is a member of one object.

use super::desk::{Desk, Raw};
use super::units::{Cut, Judge, Out, Seen};
use super::{Notation, Sink, Unreadable};
use crate::media::coding::Coding;
use crate::media::form::{self, Pair};
use crate::{Context, DISCRIMINATOR_BYTES_MAX, ValueKind};

/// A form on its way.
pub(crate) struct Form {
    object: Context,
}

impl Form {
    pub(crate) fn new() -> Self {
        Self {
            object: Context::ROOT,
        }
    }
}

impl Judge for Form {
    fn cut(&self, bytes: &[u8], seen: Seen) -> Cut {
        let rest = bytes.get(seen.bytes..).unwrap_or_default();
        memchr::memchr(b'&', rest)
            .map_or(Cut::later(bytes.len()), |at| Cut::At(seen.bytes + at + 1))
    }

    fn unit(&mut self, unit: &[u8], start: u64, out: Out<'_>) -> Result<(), Unreadable> {
        let unit = unit.trim_ascii_end();
        for found in form::pairs(unit) {
            pair(out.desk, unit, &found, start, &mut self.object, out.sink);
        }
        Ok(())
    }
}

/// Judges one pair of `text`, which begins at byte `base`, as a member of `object`.
pub(super) fn pair(
    desk: &mut Desk,
    text: &[u8],
    pair: &Pair,
    base: u64,
    object: &mut Context,
    sink: &mut dyn Sink,
) {
    let raw_name = text.get(pair.name.clone()).unwrap_or_default();
    let raw_value = text.get(pair.value.clone()).unwrap_or_default();
    let (name, value) = (form::decode(raw_name), form::decode(raw_value));
    let member = object.member(&name, &mut desk.keys);
    let place = |at: usize| base + at as u64;
    desk.path.enter();
    desk.path.name(&name);
    desk.notation = Notation::Form;
    if !member.is_name_clean() || desk.seek.is_some() {
        let raw = Raw::Coded(place(pair.name.start), raw_name, Coding::Form);
        desk.name(&name, raw, sink);
    }
    let raw = Raw::Coded(place(pair.value.start), raw_value, Coding::Form);
    desk.value(&member, ValueKind::Text, &value, raw, sink);
    desk.path.leave();
    if member.is_discriminator() && value.len() <= DISCRIMINATOR_BYTES_MAX {
        object.observe(&member, &value, &mut desk.keys);
    }
}
