use super::*;

#[test]
fn a_line_is_a_field_a_comment_or_nothing() {
    for (text, expected) in [
        ("", Line::Empty),
        (":", Line::Comment(1..1)),
        (": note", Line::Comment(2..6)),
        ("data", Line::Field(0..4, 4..4)),
        ("data:", Line::Field(0..4, 5..5)),
        ("data:x", Line::Field(0..4, 5..6)),
        ("data:  x", Line::Field(0..4, 6..8)),
        ("data: a: b", Line::Field(0..4, 6..10)),
    ] {
        assert_eq!(line(text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn a_line_ends_behind_either_byte() {
    assert_eq!(line_end(b"ab\ncd", 0), Some(3));
    assert_eq!(line_end(b"ab\r\n", 0), Some(3));
    assert_eq!(line_end(b"ab\r", 2), Some(3));
    assert_eq!(line_end(b"ab", 0), None);
}
