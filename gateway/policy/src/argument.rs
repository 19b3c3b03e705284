//! Arguments of a call that rules compare with bounds, each of a type that the configuration states.
//!
//! One text has one reading, or none: `05000`, `5e3` and `+5000` are a number to some services and
//! none to others, so they are not a number here.

use std::{collections::BTreeMap, fmt};

use cedar_policy::RestrictedExpression;

/// Parts of one in a decimal of Cedar's, which has four digits behind its point.
const DECIMAL_PARTS: i64 = 10_000;

/// The digits of a decimal behind its point, at most.
const DECIMAL_DIGITS: usize = 4;

/// Letters of a currency's code (ISO 4217).
const CURRENCY_LETTERS: usize = 3;

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ArgumentKind {
    /// A whole number of 64 bits: `context.argument.limit <= 100`.
    Integer,
    /// A number with at most four digits behind its point:
    /// `context.argument.rate.lessThanOrEqual(decimal("0.25"))`.
    Decimal,
    /// A text: `context.argument.to like "+49*"`.
    Text,
    /// `true` or `false`.
    Boolean,
    /// An amount in the minor unit of a currency (cents of EUR), with its code:
    /// `context.argument.amount.currency == "EUR" && context.argument.amount.minor <= 5000`.
    Money,
}

impl ArgumentKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Integer,
        Self::Decimal,
        Self::Text,
        Self::Boolean,
        Self::Money,
    ];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Text => "string",
            Self::Boolean => "boolean",
            Self::Money => "money",
        }
    }

    /// What one is written like, for whoever wrote another thing.
    pub fn wants(self) -> &'static str {
        match self {
            Self::Integer => "a whole number in plain digits",
            Self::Decimal => "a number in plain digits, at most four behind its point",
            Self::Text => "a text",
            Self::Boolean => "`true` or `false`",
            Self::Money => "a whole number of minor units (cents) and a currency of three letters",
        }
    }

    /// Its type in the schema.
    fn cedar(self) -> &'static str {
        match self {
            Self::Integer => "Long",
            Self::Decimal => "decimal",
            Self::Text => "String",
            Self::Boolean => "Bool",
            Self::Money => "{ currency: String, minor: Long }",
        }
    }
}

/// The arguments of each operation (`stripe/refund.create`) by their names. One name has one type.
pub type Arguments = BTreeMap<String, BTreeMap<String, ArgumentKind>>;

/// One argument of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Argument {
    /// A whole number.
    Integer(i64),
    /// A number, in ten-thousandths.
    Decimal(i64),
    /// A text.
    Text(String),
    /// A truth.
    Boolean(bool),
    /// An amount.
    Money {
        /// In the currency's minor unit.
        minor: i64,
        /// ISO 4217, upper case.
        currency: String,
    },
}

impl Argument {
    /// The argument that `text` reads, if it is of this kind; money reads `5000 EUR`.
    pub fn parse(kind: ArgumentKind, text: &str) -> Option<Self> {
        match kind {
            ArgumentKind::Integer => integer(text).map(Self::Integer),
            ArgumentKind::Decimal => decimal(text).map(Self::Decimal),
            ArgumentKind::Text => Some(Self::Text(text.to_owned())),
            ArgumentKind::Boolean => text.parse().ok().map(Self::Boolean),
            ArgumentKind::Money => {
                let (minor, currency) = text.split_once(' ')?;
                Self::money(minor, currency)
            }
        }
    }

    /// An amount in minor units of the currency with this code.
    pub fn money(minor: &str, currency: &str) -> Option<Self> {
        let is_code = currency.len() == CURRENCY_LETTERS
            && currency.bytes().all(|byte| byte.is_ascii_alphabetic());
        Some(Self::Money {
            minor: integer(minor)?,
            currency: is_code.then(|| currency.to_ascii_uppercase())?,
        })
    }

    /// What it is.
    pub fn kind(&self) -> ArgumentKind {
        match self {
            Self::Integer(_) => ArgumentKind::Integer,
            Self::Decimal(_) => ArgumentKind::Decimal,
            Self::Text(_) => ArgumentKind::Text,
            Self::Boolean(_) => ArgumentKind::Boolean,
            Self::Money { .. } => ArgumentKind::Money,
        }
    }

    pub(crate) fn expression(&self) -> Option<RestrictedExpression> {
        Some(match self {
            Self::Integer(number) => RestrictedExpression::new_long(*number),
            Self::Decimal(_) => RestrictedExpression::new_decimal(self.to_string()),
            Self::Text(text) => RestrictedExpression::new_string(text.clone()),
            Self::Boolean(truth) => RestrictedExpression::new_bool(*truth),
            Self::Money { minor, currency } => {
                let fields = [
                    (
                        "currency",
                        RestrictedExpression::new_string(currency.clone()),
                    ),
                    ("minor", RestrictedExpression::new_long(*minor)),
                ];
                let fields = fields.map(|(name, value)| (name.to_owned(), value));
                RestrictedExpression::new_record(fields).ok()?
            }
        })
    }
}

/// As [`Argument::parse`] reads it again.
impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Decimal(parts) => {
                let sign = if *parts < 0 { "-" } else { "" };
                let parts = parts.unsigned_abs();
                let one = DECIMAL_PARTS.unsigned_abs();
                write!(f, "{sign}{}.{:04}", parts / one, parts % one)
            }
            Self::Text(text) => f.write_str(text),
            Self::Boolean(truth) => truth.fmt(f),
            Self::Money { minor, currency } => write!(f, "{minor} {currency}"),
        }
    }
}

/// Whether the schema and policies can call an argument so: a name of Cedar's that is no word of it.
pub fn is_argument_name(name: &str) -> bool {
    const WORDS: [&str; 9] = [
        "true", "false", "if", "then", "else", "in", "is", "like", "has",
    ];
    let mut bytes = name.bytes();
    let begins = bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    let goes_on = bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    begins && goes_on && !WORDS.contains(&name) && !name.starts_with("__")
}

/// The schema's type of all arguments: each may be there.
pub(crate) fn schema_type(arguments: &Arguments) -> String {
    let all: BTreeMap<&String, ArgumentKind> = arguments
        .values()
        .flatten()
        .map(|(name, kind)| (name, *kind))
        .collect();
    let each = all
        .iter()
        .map(|(name, kind)| format!("  {name}?: {},\n", kind.cedar()));
    format!("type Arguments = {{\n{}}};", each.collect::<String>())
}

/// A whole number in the one way to write it.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let one_way = digits == "0" || !digits.starts_with('0');
    (plain && one_way && text != "-0")
        .then(|| text.parse().ok())
        .flatten()
}

/// A number in ten-thousandths.
fn decimal(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let fits = (1..=DECIMAL_DIGITS).contains(&part.len());
    if !fits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A minus before a zero is on the part alone.
    let negative = whole.starts_with('-');
    let whole = integer(whole.strip_prefix('-').unwrap_or(whole)).filter(|whole| *whole >= 0)?;
    let part: i64 = format!("{part:0<DECIMAL_DIGITS$}").parse().ok()?;
    let sign = if negative { -1 } else { 1 };
    let parts = whole
        .checked_mul(DECIMAL_PARTS)?
        .checked_add(part)?
        .checked_mul(sign)?;
    (parts != 0 || !negative).then_some(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(kind: ArgumentKind, text: &str) -> Option<String> {
        Argument::parse(kind, text).map(|argument| argument.to_string())
    }

    #[test]
    fn a_text_has_one_reading_or_none() {
        let integer = |text| read(ArgumentKind::Integer, text);
        for same in ["0", "5000", "-7", "9223372036854775807"] {
            assert_eq!(integer(same).as_deref(), Some(same));
        }
        for odd in [
            "",
            "-",
            "-0",
            "05",
            "+5",
            " 5",
            "5 ",
            "5.0",
            "5e3",
            "0x10",
            "5_000",
            "5,000",
            "９",
            "9223372036854775808",
            "NaN",
        ] {
            assert_eq!(integer(odd), None, "{odd:?}");
        }
        let decimal = |text| read(ArgumentKind::Decimal, text);
        assert_eq!(decimal("12.5").as_deref(), Some("12.5000"));
        assert_eq!(decimal("-0.25").as_deref(), Some("-0.2500"));
        assert_eq!(decimal("50").as_deref(), Some("50.0000"));
        for odd in [
            "", ".5", "5.", "1.23456", "1e3", "-0", "-0.0", "--1", "1.-5", "inf", "0012.5", "1.2.3",
        ] {
            assert_eq!(decimal(odd), None, "{odd:?}");
        }
        // The greatest is 922337203685477.5807.
        assert!(decimal("922337203685477").is_some());
        assert_eq!(decimal("922337203685478"), None);
        assert_eq!(read(ArgumentKind::Boolean, "true").as_deref(), Some("true"));
        assert_eq!(read(ArgumentKind::Boolean, "True"), None);
        let money = |text| read(ArgumentKind::Money, text);
        assert_eq!(money("5000 eur").as_deref(), Some("5000 EUR"));
        for odd in [
            "5000",
            "5000 EU",
            "5000 EURO",
            "50.00 EUR",
            "5000  EUR",
            "EUR 5000",
        ] {
            assert_eq!(money(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn a_name_is_one_of_cedars() {
        for name in ["amount", "_a", "To", "page_size2"] {
            assert!(is_argument_name(name), "{name}");
        }
        for name in ["", "2a", "a-b", "a.b", "has", "like", "__cedar", "ü"] {
            assert!(!is_argument_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_as_it_reads(number: i64, text: String) {
            let decimal = Argument::Decimal(number).to_string();
            let again = Argument::parse(ArgumentKind::Decimal, &decimal);
            prop_assert_eq!(again, Some(Argument::Decimal(number)).filter(|_| number != i64::MIN));
            for kind in ArgumentKind::ALL {
                if let Some(read) = Argument::parse(kind, &text) {
                    prop_assert_eq!(Argument::parse(kind, &read.to_string()), Some(read));
                }
            }
        }
    }
}
