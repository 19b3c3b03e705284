//! Parameters of media types that decide whether a document can be read.

/// Whether a `content-type` leaves UTF-8 as the charset: it names none, or that, or its part ASCII.
pub fn is_utf8(media_type: &str) -> bool {
    media_type.split(';').skip(1).all(|parameter| {
        let Some((name, value)) = parameter.split_once('=') else {
            return true;
        };
        let value = value.trim().trim_matches('"');
        // `charset*` is another way to write it (RFC 2231), which not everybody reads.
        let name = name.trim().split('*').next().unwrap_or_default();
        !name.eq_ignore_ascii_case("charset")
            || value.eq_ignore_ascii_case("utf-8")
            || value.eq_ignore_ascii_case("utf8")
            || value.eq_ignore_ascii_case("us-ascii")
    })
}
