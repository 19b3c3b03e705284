//! How what is found is written, so that whoever puts something in its place writes it alike.

/// What the bytes of a value are to those who read the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notation {
    /// They stand for themselves. A line feed would end the line they stand in.
    #[default]
    Plain,
    /// The body of a JSON string (RFC 8259 section 7).
    Json,
    /// A name or a value of a form (WHATWG URL section 5).
    Form,
    /// A CSV field in quotes, those inside doubled (RFC 4180).
    Quoted,
    /// A CSV field without quotes: no delimiter, quote or line end may stand in it.
    Bare,
    /// Text or an attribute's value, with entities (XML 1.0 section 2.4, HTML section 13.5).
    Entities,
    /// A CDATA section, a comment or a script: nothing is escaped, and what would end it may not
    /// stand in it.
    Verbatim,
    /// The name of an element or an attribute.
    Name,
}
