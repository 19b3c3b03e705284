//! Documents in bytes that are not what they should be: marks, other encodings, no encoding at all; and
//! documents that are more than they seem.

use super::{ADDRESS, Document};

/// The mark that may stand before UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// What is odd about a document, and whether it can be read all the same.
pub const ODD: &[(&str, bool)] = &[
    // RFC 8259 section 8.1 lets a reader refuse it, and not all readers agree.
    ("mark-json", false),
    ("mark-csv", true),
    ("mark-plain", true),
    ("mark-events", true),
    ("twice-lines", true),
    ("invalid-json", false),
    ("invalid-lines", false),
    ("invalid-csv", false),
    ("invalid-xml", false),
    ("invalid-plain", false),
    ("invalid-events", false),
    ("wide-json", false),
    ("wide-xml", false),
    ("wide-plain", false),
    ("wide-mark", false),
    ("deep-json", false),
    ("bomb-json", false),
    ("bomb-lines", false),
];

/// Arrays within arrays.
const DEPTH: usize = 10_000;
/// Bytes that a few of coded ones unfold to.
const BOMB_BYTES: usize = 16 << 20;

/// The odd document that `verb` names.
pub(super) fn document(verb: &str) -> Option<Document> {
    let (what, kind) = verb.split_once('-')?;
    let (media, text) = match kind {
        "json" => ("application/json", format!("{{\"email\":\"{ADDRESS}\"}}")),
        // The same name twice: whoever takes the first and whoever takes the last read an address.
        "lines" => (
            "application/x-ndjson",
            format!("{{\"email\":\"{ADDRESS}\",\"n\":1,\"email\":\"b{ADDRESS}\"}}\n{{\"n\":2}}\n"),
        ),
        "csv" => ("text/csv", format!("email,id\n{ADDRESS},1\n")),
        "xml" => (
            "application/xml",
            format!("<r><email>{ADDRESS}</email></r>"),
        ),
        "events" => (
            "text/event-stream",
            format!("data: {{\"email\":\"{ADDRESS}\"}}\n\n"),
        ),
        "plain" | "mark" => ("text/plain", format!("Mail {ADDRESS}, please.\n")),
        _ => return None,
    };
    let wide = || text.encode_utf16().flat_map(u16::to_le_bytes);
    let bytes = match what {
        "mark" => [MARK, text.as_bytes()].concat(),
        "twice" => text.into_bytes(),
        // A byte that no UTF-8 has, in the midst of the address.
        "invalid" => {
            let at = text.find('@').unwrap_or(0);
            let (before, behind) = text.split_at(at);
            [before.as_bytes(), b"\xff", behind.as_bytes()].concat()
        }
        "wide" if kind == "mark" => [0xff, 0xfe].into_iter().chain(wide()).collect(),
        "wide" => wide().collect(),
        "deep" => "[".repeat(DEPTH).into_bytes(),
        "bomb" => {
            let spaces = vec![b' '; BOMB_BYTES];
            let coded = super::gzip(&[&spaces, text.as_bytes()].concat()).ok()?;
            return Some((media, "gzip", coded));
        }
        _ => return None,
    };
    Some((media, "", bytes))
}
