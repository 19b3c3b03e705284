//! Paths, queries and forms of requests.

use crate::canonical::{form_field, is_like, query_pairs, segments};

/// The most segments that a path may have.
const SEGMENTS_MAX: usize = 64;

/// Text as it may stand in a path or a query, whatever is in it.
fn written(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Any text as a path, as a query and as a form.
pub fn route(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(read) = segments(text) {
        let odd =
            |it: &str| matches!(it, "" | "." | "..") || it.contains(['/', '\\', ';', '\0', '\n']);
        assert!(
            read.len() <= SEGMENTS_MAX && !read.iter().any(|it| odd(it)),
            "{read:?}"
        );
        let again: String = read.iter().map(|it| format!("/{}", written(it))).collect();
        if !read.is_empty() {
            assert_eq!(segments(&again).as_ref(), Ok(&read));
        }
    }
    let Ok(pairs) = query_pairs(text) else {
        return;
    };
    let others = form_urlencoded::parse(data).into_owned();
    assert_eq!(
        pairs,
        others.collect::<Vec<_>>(),
        "two readings of one query"
    );
    let each = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", written(name), written(value)));
    let again = each.collect::<Vec<_>>().join("&");
    assert_eq!(query_pairs(&again).as_ref(), Ok(&pairs));
    for (name, value) in &pairs {
        assert!(is_like(name, name));
        if let Ok(field) = form_field(text, name) {
            assert_eq!(
                field.as_ref(),
                Some(value),
                "another field may be taken for `{name}`"
            );
        }
    }
}
