//! What may happen to a classified value before it is released.

use std::{cmp::Ordering, fmt};

/// The days that a date is moved by at most where the obligation says no number.
pub const SHIFT_DAYS: u16 = 365;
/// The days that an obligation may ask for at most: ten years.
pub const SHIFT_DAYS_MAX: u16 = 3650;
/// The decimals of degrees that a place keeps where the obligation says no number: about 1 km.
pub const DECIMALS: u8 = 2;
/// The decimals that an obligation may leave at most: about 1 m.
pub const DECIMALS_MAX: u8 = 5;
/// The characters that an obligation may leave at most.
pub const KEPT_MAX: u8 = 16;

/// What to do with a value of one data class, weakest first: of two, the greater wins.
///
/// The order: what can be turned back is weaker than what cannot; then what keeps persons apart, in
/// the order of how much of the value it still tells; then what covers, takes out and refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Release the value as it is.
    Show,
    /// Put a token in its place that the gateway can turn back for whom policy allows.
    Tokenize,
    /// Encipher its digits and letters in place (FF1, NIST SP 800-38G): the shape holds.
    Encipher,
    /// Put a stable keyed pseudonym (HMAC) in its place: equal values stay equal.
    Pseudonymize,
    /// Put an invented value of the same shape in its place, the same for equal values.
    Synthesize,
    /// Move a date by up to so many days, every date of one data subject by the same.
    DateShift(u16),
    /// Cut an address of the Internet to /24 or /48, a place to so many decimals of a degree.
    Truncate(u8),
    /// Keep what 45 CFR 164.514(b)(2)(i) lets stay: the year, three digits of a ZIP code, `90+`.
    Generalize,
    /// Cover it, leaving what its class may keep (the last four digits of a card).
    Mask,
    /// Cover it, leaving the last so many characters.
    MaskKeeping(u8),
    /// Put a typed placeholder in its place: `[pii.email]`.
    Replace,
    /// Take the value out: `null` stands in its place, so that the shape holds.
    Drop,
    /// Refuse the whole message.
    Block,
}

/// The obligations as policies write them; some take a number in parentheses, none must.
pub const OBLIGATIONS: &[&str] = &[
    "tokenize",
    "encipher",
    "pseudonymize",
    "synthesize",
    "date_shift",
    "truncate",
    "generalize",
    "mask",
    "replace",
    "drop",
    "block",
];

/// Why a text is no obligation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAction {
    /// Nothing is called that.
    Unknown,
    /// It takes a number, and this is none that it takes; what it takes.
    Number(String),
}

impl Action {
    /// The action that an `@obligation` annotation asks for: `mask`, `mask(4)`, `date_shift(30)`.
    pub fn parse(text: &str) -> Result<Self, NoAction> {
        let (name, number) = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
            Some((name, number)) => (name, Some(number)),
            None => (text, None),
        };
        let within = |least: u16, most: u16| match number {
            None => Ok(None),
            Some(typed) => typed
                .parse::<u16>()
                .ok()
                .filter(|number| (least..=most).contains(number))
                .map(Some)
                .ok_or_else(|| {
                    NoAction::Number(format!("{name} takes a number from {least} to {most}"))
                }),
        };
        let small = |number: u16| u8::try_from(number).unwrap_or(u8::MAX);
        let plain = match name {
            "mask" => {
                let kept = within(0, u16::from(KEPT_MAX))?;
                return Ok(kept.map_or(Self::Mask, |kept| Self::MaskKeeping(small(kept))));
            }
            "date_shift" => {
                let days = within(1, SHIFT_DAYS_MAX)?;
                return Ok(Self::DateShift(days.unwrap_or(SHIFT_DAYS)));
            }
            "truncate" => {
                let decimals = within(0, u16::from(DECIMALS_MAX))?;
                return Ok(Self::Truncate(decimals.map_or(DECIMALS, small)));
            }
            "tokenize" => Self::Tokenize,
            "encipher" => Self::Encipher,
            "pseudonymize" => Self::Pseudonymize,
            "synthesize" => Self::Synthesize,
            "generalize" => Self::Generalize,
            "replace" => Self::Replace,
            "drop" => Self::Drop,
            "block" => Self::Block,
            _ => return Err(NoAction::Unknown),
        };
        match number {
            None => Ok(plain),
            Some(_) => Err(NoAction::Number(format!("{name} takes no number"))),
        }
    }

    /// Its name in records and telemetry, without its number.
    pub fn name(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Tokenize => "tokenize",
            Self::Encipher => "encipher",
            Self::Pseudonymize => "pseudonymize",
            Self::Synthesize => "synthesize",
            Self::DateShift(_) => "date_shift",
            Self::Truncate(_) => "truncate",
            Self::Generalize => "generalize",
            Self::Mask | Self::MaskKeeping(_) => "mask",
            Self::Replace => "replace",
            Self::Drop => "drop",
            Self::Block => "block",
        }
    }

    /// Its rank, and within it what makes one stronger than another.
    fn strength(self) -> (u8, u16) {
        match self {
            Self::Show => (0, 0),
            Self::Tokenize => (1, 0),
            Self::Encipher => (2, 0),
            Self::Pseudonymize => (3, 0),
            Self::Synthesize => (4, 0),
            // Moved further is hidden better; fewer decimals and characters tell less.
            Self::DateShift(days) => (5, days),
            Self::Truncate(decimals) => (6, u16::from(u8::MAX - decimals)),
            Self::Generalize => (7, 0),
            Self::Mask => (8, 0),
            Self::MaskKeeping(kept) => (9, u16::from(u8::MAX - kept)),
            Self::Replace => (10, 0),
            Self::Drop => (11, 0),
            Self::Block => (12, 0),
        }
    }
}

impl Ord for Action {
    fn cmp(&self, other: &Self) -> Ordering {
        self.strength().cmp(&other.strength())
    }
}

impl PartialOrd for Action {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::DateShift(number) => write!(f, "{name}({number})"),
            Self::Truncate(number) | Self::MaskKeeping(number) => write!(f, "{name}({number})"),
            _ => f.write_str(name),
        }
    }
}
