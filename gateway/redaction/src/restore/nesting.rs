//! How deep in strings of JSON a byte stands: JSON in a string of JSON, and so on.
//!
//! Each level reads what the level around it means, escapes undone. It judges nothing: whether a
//! document is valid is for those who read it; here a wrong guess costs an escape too many or too few
//! of a value that holds quotes.

use crate::token;

/// JSON within JSON is followed to this depth; what lies deeper is text.
const LEVELS_MAX: usize = 4;

/// What a level's text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// Nothing but space came so far.
    #[default]
    Unknown,
    /// It began with a bracket.
    Json,
    /// It did not.
    Prose,
}

/// Where a level of JSON stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Between strings.
    #[default]
    Outside,
    /// In a string.
    Inside,
    /// Behind a backslash.
    Escape,
    /// In `\u....`: how many digits came, and what they say.
    Unit(u8, u32),
}

#[derive(Clone, Copy, Debug, Default)]
struct Level {
    kind: Kind,
    place: Place,
}

/// The levels around a byte, outermost first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nesting {
    levels: [Level; LEVELS_MAX],
    /// The last character at the innermost level.
    last: u8,
}

impl Nesting {
    /// The outermost text is JSON.
    pub(super) fn json() -> Self {
        let mut nesting = Self::text();
        if let Some(first) = nesting.levels.first_mut() {
            first.kind = Kind::Json;
        }
        nesting
    }

    /// The outermost text is JSON if it begins so.
    pub(super) fn text() -> Self {
        Self {
            levels: [Level::default(); LEVELS_MAX],
            last: b' ',
        }
    }

    /// Takes the next byte.
    pub(super) fn feed(&mut self, byte: u8) {
        let mut byte = byte;
        let mut rest: &mut [Level] = &mut self.levels;
        while let Some((level, inner)) = rest.split_first_mut() {
            match level.meaning(byte) {
                Meaning::Inner(meant) => {
                    (byte, rest) = (meant, inner);
                    continue;
                }
                Meaning::Opened => {
                    inner.fill(Level::default());
                    self.last = b'"';
                }
                Meaning::Own => self.last = byte,
                Meaning::Nothing => {}
            }
            return;
        }
        self.last = byte;
    }

    /// How many strings of JSON are around the next byte.
    pub(super) fn depth(&self) -> usize {
        let inside = |level: &&Level| level.kind == Kind::Json && level.place == Place::Inside;
        self.levels.iter().take_while(inside).count()
    }

    /// Whether a word may begin with the next byte: it is behind no other word, and no part of an
    /// escape.
    pub(super) fn begins_word(&self) -> bool {
        // What is not in a string of a level that looks like JSON may be prose in brackets.
        let here = self.levels.get(self.depth()).copied().unwrap_or_default();
        here.place == Place::Outside && !token::is_word(self.last)
    }
}

/// What a byte is to a level.
enum Meaning {
    /// A character of a string, which the level within reads.
    Inner(u8),
    /// The beginning of a string.
    Opened,
    /// A character of its own.
    Own,
    /// Part of an escape that goes on.
    Nothing,
}

impl Level {
    fn meaning(&mut self, byte: u8) -> Meaning {
        if self.kind == Kind::Unknown {
            self.kind = match byte {
                b' ' | b'\t' | b'\r' | b'\n' => Kind::Unknown,
                b'{' | b'[' => Kind::Json,
                _ => Kind::Prose,
            };
        }
        if self.kind != Kind::Json {
            return Meaning::Own;
        }
        let (place, meaning) = match (self.place, byte) {
            (Place::Outside, b'"') => (Place::Inside, Meaning::Opened),
            (Place::Outside, _) | (Place::Inside, b'"') => (Place::Outside, Meaning::Own),
            (Place::Inside, b'\\') => (Place::Escape, Meaning::Nothing),
            (Place::Inside, byte) => (Place::Inside, Meaning::Inner(byte)),
            (Place::Escape, b'u') => (Place::Unit(0, 0), Meaning::Nothing),
            (Place::Escape, byte) => (Place::Inside, Meaning::Inner(control(byte))),
            (Place::Unit(digits, unit), byte) => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                let unit = unit << 4 | digit;
                if digits < 3 {
                    (Place::Unit(digits + 1, unit), Meaning::Nothing)
                } else {
                    // Beyond ASCII every character is alike to what is looked for here.
                    let ascii = u8::try_from(unit).ok().filter(u8::is_ascii);
                    (Place::Inside, Meaning::Inner(ascii.unwrap_or(0x80)))
                }
            }
        };
        self.place = place;
        meaning
    }
}

/// The character that a letter behind a backslash means.
fn control(letter: u8) -> u8 {
    match letter {
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => other,
    }
}
