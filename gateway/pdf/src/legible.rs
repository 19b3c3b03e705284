//! Texts as paper can show them: an archive's PDF may hold no character that no font has, and none that has no meaning of
//! its own.

use std::fmt::Write as _;

use serde_json::Value;
use typst::text::Font;

/// Writes every character of `value` that cannot be shown as what it is, `⟨U+6F22⟩`.
pub(crate) fn make(value: &mut Value, fonts: &[Font]) {
    match value {
        Value::String(text) if !text.chars().all(|it| is_shown(it, fonts)) => {
            *text = spelt(text, fonts);
        }
        Value::Array(values) => values.iter_mut().for_each(|it| make(it, fonts)),
        Value::Object(members) => members.values_mut().for_each(|it| make(it, fonts)),
        _ => {}
    }
}

fn spelt(text: &str, fonts: &[Font]) -> String {
    let mut spelt = String::with_capacity(text.len());
    for it in text.chars() {
        if is_shown(it, fonts) {
            spelt.push(it);
        } else {
            // Nothing fails that is written to a text.
            write!(spelt, "\u{27e8}U+{:04X}\u{27e9}", u32::from(it)).ok();
        }
    }
    spelt
}

fn is_shown(it: char, fonts: &[Font]) -> bool {
    if it.is_ascii() {
        return !it.is_ascii_control() || it == '\n';
    }
    // What reorders a line, or is there in part of the files only.
    let is_unclear = matches!(it,
        '\u{80}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffc}'
        | '\u{e0000}'..='\u{10ffff}');
    let is_nothing = u32::from(it) & 0xfffe == 0xfffe;
    let mut fonts = fonts.iter();
    !is_unclear && !is_nothing && fonts.any(|font| font.info().coverage.contains(it.into()))
}
