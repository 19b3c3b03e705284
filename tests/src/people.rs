//! Made-up people, the same ones for the same seed.
//!
//! No name here belongs to anyone we know of: they are put together from invented parts. Phone
//! numbers come from ranges kept for fiction, addresses from the documentation networks, card and
//! bank numbers carry right check digits on top of invented accounts.

/// `SplitMix64`: small, and the same on every machine.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall the same way for the same `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.roll() % (high - low + 1)
    }

    /// One of `choices`; empty if there are none.
    pub fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let count = u64::try_from(choices.len()).unwrap_or(1).max(1);
        let index = usize::try_from(self.roll() % count).unwrap_or(0);
        choices.get(index).copied().unwrap_or_default()
    }

    /// `count` decimal digits.
    pub fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b'0' + u8::try_from(self.roll() % 10).unwrap_or(0)))
            .collect()
    }
}

/// Where a person lives, as far as our records are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// The United States: Social Security number, ZIP code.
    Us,
    /// Germany: IBAN, Postleitzahl.
    De,
}

impl Home {
    /// The ISO 3166-1 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Us => "US",
            Self::De => "DE",
        }
    }
}

/// One made-up person.
#[derive(Clone, Debug)]
pub struct Person {
    /// Where they live.
    pub home: Home,
    /// Given name.
    pub given: &'static str,
    /// Family name.
    pub family: &'static str,
    /// `administrative-gender` of FHIR.
    pub gender: &'static str,
    /// E-mail address.
    pub email: String,
    /// Phone number, international form.
    pub phone: String,
    /// Street and number.
    pub street: String,
    /// City.
    pub city: &'static str,
    /// Postal code.
    pub postal_code: String,
    /// Date of birth, ISO 8601.
    pub born: String,
    /// US Social Security number; empty outside the US.
    pub ssn: String,
    /// International bank account number; empty in the US.
    pub iban: String,
    /// Payment card number.
    pub card: String,
    /// The address they last called from.
    pub ip: String,
}

const GIVEN: &[(&str, &str)] = &[
    ("Ilvane", "female"),
    ("Torbick", "male"),
    ("Mareth", "female"),
    ("Jorun", "male"),
    ("Selwyna", "female"),
    ("Odrin", "male"),
    ("Kassira", "female"),
    ("Brannoc", "male"),
    ("Nuriel", "other"),
    ("Tamsel", "female"),
    ("Levrin", "male"),
    ("Yolanthe", "female"),
];
const FAMILY: &[&str] = &[
    "Tannebrook",
    "Ostervald",
    "Quillfeather",
    "Marrowdene",
    "Hesselbrandt",
    "Vintermoor",
    "Calloway-Rusk",
    "Eschenried",
    "Dunmarrick",
    "Fjellgard",
    "Sommerquist",
    "Abendroth-Lind",
    "Pellorin",
    "Wrenfold",
    "Kestermann",
    "Larkhollow",
];
const STREETS_US: &[&str] = &[
    "Juniper Hollow Rd",
    "Old Ferry Lane",
    "Cobbler Street",
    "Millrace Ave",
];
const STREETS_DE: &[&str] = &[
    "Lindenwinkel",
    "Am Alten Speicher",
    "Kornblumenweg",
    "Schleusengasse",
];
const CITIES_US: &[&str] = &["Port Amber", "Elkwater", "Cedar Notch"];
const CITIES_DE: &[&str] = &["Neuhavel", "Bad Erlstein", "Oberwiek"];

impl Person {
    /// The person that these dice make.
    pub fn made_by(dice: &mut Dice, home: Home) -> Self {
        let (given, gender) = GIVEN
            .get(usize::try_from(dice.roll() % 12).unwrap_or(0))
            .copied()
            .unwrap_or(("Ilvane", "female"));
        let family = dice.one_of(FAMILY);
        let number = dice.between(1, 199);
        let mailbox = format!("{}.{}{}", given, family, dice.between(10, 99)).to_lowercase();
        let us = home == Home::Us;
        Self {
            home,
            given,
            family,
            gender,
            email: format!("{mailbox}@example.{}", if us { "com" } else { "org" }),
            phone: if us {
                format!(
                    "+1 {}-555-01{}",
                    dice.one_of(&["206", "415", "617"]),
                    dice.digits(2)
                )
            } else {
                format!("+49 30 23125 {}", dice.digits(3))
            },
            street: if us {
                format!("{number} {}", dice.one_of(STREETS_US))
            } else {
                format!("{} {number}", dice.one_of(STREETS_DE))
            },
            city: dice.one_of(if us { CITIES_US } else { CITIES_DE }),
            postal_code: format!("{}{}", dice.between(1, 8), dice.digits(4)),
            born: format!(
                "{}-{:02}-{:02}",
                dice.between(1938, 2006),
                dice.between(1, 12),
                dice.between(1, 28)
            ),
            ssn: if us {
                social_security(dice)
            } else {
                String::new()
            },
            iban: if us { String::new() } else { german_iban(dice) },
            card: card_number(dice),
            ip: format!("203.0.113.{}", dice.between(1, 254)),
        }
    }

    /// Every value that must not reach an agent without a rule that says so.
    pub fn secrets(&self) -> Vec<String> {
        [
            &self.email,
            &self.phone,
            &self.street,
            &self.born,
            &self.ssn,
            &self.iban,
            &self.card,
        ]
        .into_iter()
        .filter(|value| !value.is_empty())
        .cloned()
        .collect()
    }
}

/// A number of the right shape in an area that was handed out last.
fn social_security(dice: &mut Dice) -> String {
    format!(
        "{}-{:02}-{:04}",
        dice.between(850, 899),
        dice.between(1, 99),
        dice.between(1, 9999)
    )
}

/// ISO 13616: check digits are 98 minus the remainder of the rearranged number by 97.
fn german_iban(dice: &mut Dice) -> String {
    let account = dice.digits(18);
    let rearranged = format!("{account}131400");
    let remainder = rearranged.bytes().fold(0u32, |rest, digit| {
        (rest * 10 + u32::from(digit - b'0')) % 97
    });
    format!("DE{:02}{account}", 98 - remainder)
}

/// Sixteen digits under an issuer prefix that is used for tests, with their Luhn digit.
fn card_number(dice: &mut Dice) -> String {
    with_luhn_digit(&format!("400000{}", dice.digits(9)))
}

/// A US National Provider Identifier: Luhn over the prefix 80840.
pub fn provider_number(dice: &mut Dice) -> String {
    let body = format!("1{}", dice.digits(8));
    let whole = with_luhn_digit(&format!("80840{body}"));
    whole.strip_prefix("80840").unwrap_or_default().to_owned()
}

/// `digits` with the digit that makes the Luhn sum come out.
pub fn with_luhn_digit(digits: &str) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            if place % 2 == 0 {
                (digit * 2) / 10 + (digit * 2) % 10
            } else {
                digit
            }
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// A value of the shape of a cloud access key, of base32 digits, put together at run time.
pub fn cloud_key(dice: &mut Dice) -> String {
    let digits: Vec<String> = ('A'..='Z').chain('2'..='7').map(String::from).collect();
    let digits: Vec<&str> = digits.iter().map(String::as_str).collect();
    let body: String = (0..16).map(|_| dice.one_of(&digits)).collect();
    format!("{}{}{body}", "AK", "IA")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_person() {
        let person = |seed| Person::made_by(&mut Dice::new(seed), Home::De).email;
        assert_eq!(person(7), person(7));
        assert_ne!(person(7), person(8));
    }

    #[test]
    fn check_digits_come_out() {
        assert_eq!(with_luhn_digit("7992739871"), "79927398713");
        let iban = german_iban(&mut Dice::new(1));
        let (check, account) = iban.trim_start_matches("DE").split_at(2);
        let digits = format!("{account}1314{check}");
        let rest = digits.bytes().fold(0u32, |rest, digit| {
            (rest * 10 + u32::from(digit - b'0')) % 97
        });
        assert_eq!(rest, 1);
    }
}
