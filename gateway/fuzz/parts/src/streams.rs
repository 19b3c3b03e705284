//! What a bucket has, and events as they come.

use crate::{events::Events, xml};

/// Any bytes as what S3 answers.
pub fn listing(data: &[u8]) {
    if let Some(code) = xml::code(data) {
        assert!(code.len() <= data.len());
    }
    if let Some(page) = xml::page(data) {
        assert!(page.versions.len() <= data.len());
        let markers = page.versions.iter().filter(|it| it.is_marker).count();
        assert!(markers == 0 || data.windows(12).any(|it| it == b"DeleteMarker"));
        for version in page.versions {
            assert!(!version.name.contains('/'));
            assert!(version.name.len() + version.id.len() <= data.len());
            assert_eq!(
                version.modified.to_string().parse().ok(),
                Some(version.modified)
            );
        }
        if let Some(next) = page.next {
            let after = next.version.unwrap_or_default();
            assert!(next.key.len() + after.len() <= data.len());
        }
    }
}

/// Any bytes as a stream of events, whole and in pieces: the first byte says how long those are.
pub fn stream(data: &[u8]) {
    let Some((piece, stream)) = data.split_first() else {
        return;
    };
    let whole = Events::default().push(stream);
    let mut events = Events::default();
    let pieces = stream.chunks(usize::from(piece % 17) + 1);
    let cut: Result<Vec<_>, _> = pieces.map(|some| events.push(some)).collect();
    assert_eq!(whole, cut.map(|ended| ended.concat()));
    let bytes: usize = whole.into_iter().flatten().map(|data| data.len()).sum();
    assert!(bytes <= stream.len());
}
