//! Cards, accounts and wallets.

use bech32::primitives::decode::SegwitHrpstring;
use sha3::{Digest, Keccak256};

use super::algorithm::{digits, luhn};

/// Length of an IBAN per country, from the SWIFT IBAN registry (ISO 13616), release 99.
static IBAN_LENGTHS: phf::Map<&'static str, u8> = phf::phf_map! {
    "AD" => 24, "AE" => 23, "AL" => 28, "AT" => 20, "AZ" => 28, "BA" => 20, "BE" => 16,
    "BG" => 22, "BH" => 22, "BI" => 27, "BR" => 29, "BY" => 28, "CH" => 21, "CR" => 22,
    "CY" => 28, "CZ" => 24, "DE" => 22, "DJ" => 27, "DK" => 18, "DO" => 28, "EE" => 20,
    "EG" => 29, "ES" => 24, "FI" => 18, "FK" => 18, "FO" => 18, "FR" => 27, "GB" => 22,
    "GE" => 22, "GI" => 23, "GL" => 18, "GR" => 27, "GT" => 28, "HN" => 28, "HR" => 21,
    "HU" => 28, "IE" => 22, "IL" => 23, "IQ" => 23, "IS" => 26, "IT" => 27, "JO" => 30,
    "KW" => 30, "KZ" => 20, "LB" => 28, "LC" => 32, "LI" => 21, "LT" => 20, "LU" => 20,
    "LV" => 21, "LY" => 25, "MC" => 27, "MD" => 24, "ME" => 22, "MK" => 19, "MN" => 20,
    "MR" => 27, "MT" => 31, "MU" => 30, "NI" => 28, "NL" => 18, "NO" => 15, "OM" => 23,
    "PK" => 24, "PL" => 28, "PS" => 29, "PT" => 25, "QA" => 29, "RO" => 24, "RS" => 22,
    "RU" => 33, "SA" => 24, "SC" => 31, "SD" => 18, "SE" => 24, "SI" => 19, "SK" => 24,
    "SM" => 27, "SO" => 23, "ST" => 25, "SV" => 28, "TL" => 23, "TN" => 24, "TR" => 26,
    "UA" => 29, "VA" => 22, "VG" => 24, "XK" => 20, "YE" => 30,
};

/// How many characters an IBAN of this country has; none where the country issues none.
pub fn iban_length(country: [u8; 2]) -> Option<usize> {
    let country = std::str::from_utf8(&country).ok()?;
    IBAN_LENGTHS.get(country).copied().map(usize::from)
}

/// A number that two more digits still leave in 64 bits.
const REST_MAX: u64 = u64::MAX / 1000;

/// ISO 7064 MOD 97-10 as ISO 13616 uses it: the first four characters go last, letters count 10 to
/// 35, and the number leaves 1. `iban` holds no spaces.
pub fn iban_mod97(iban: &[u8]) -> bool {
    let Some((head, body)) = iban.split_at_checked(4) else {
        return false;
    };
    let remainder = body.iter().chain(head).try_fold(0u64, |rest, byte| {
        // Division is dear: it is put off while the number fits.
        let rest = if rest < REST_MAX { rest } else { rest % 97 };
        match byte {
            b'0'..=b'9' => Some(rest * 10 + u64::from(byte - b'0')),
            b'A'..=b'Z' => Some(rest * 100 + u64::from(byte - b'A') + 10),
            _ => None,
        }
    });
    remainder.is_some_and(|rest| rest % 97 == 1)
}

/// An IBAN: the country's length, and the remainder.
pub fn iban(iban: &[u8]) -> bool {
    let length = iban
        .first_chunk::<2>()
        .and_then(|country| iban_length(*country));
    length == Some(iban.len()) && iban_mod97(iban)
}

/// The form of a BIC (ISO 9362:2022): four letters or digits of the party, the country, two of the
/// suffix, and three of the branch or none.
pub fn bic(bic: &[u8]) -> bool {
    let Some([party @ .., c1, c2, s1, s2]) = bic.get(..8) else {
        return false;
    };
    let code = [*c1, *c2];
    let country = iban_length(code).is_some()
        || matches!(
            &code,
            b"US"
                | b"CA"
                | b"AU"
                | b"NZ"
                | b"JP"
                | b"CN"
                | b"HK"
                | b"SG"
                | b"IN"
                | b"KR"
                | b"ZA"
                | b"MX"
                | b"TW"
                | b"TH"
                | b"ID"
                | b"MY"
                | b"PH"
                | b"VN"
                | b"AR"
                | b"CL"
                | b"CO"
                | b"PE"
                | b"NG"
                | b"KE"
        );
    let branch = bic.get(8..).unwrap_or_default();
    matches!(bic.len(), 8 | 11)
        && party.iter().all(u8::is_ascii_uppercase)
        && country
        && [s1, s2]
            .into_iter()
            .chain(branch)
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// A payment card: an issuer's range, its length, and Luhn (ISO/IEC 7812-1).
pub fn pan(digits: &[u8]) -> bool {
    card_issuer(digits) && luhn(digits)
}

/// Whether the first digits belong to a card network (ISO/IEC 7812 issuer identification numbers)
/// that issues cards of this length.
pub fn card_issuer(digits: &[u8]) -> bool {
    let Some(prefix) = digits.first_chunk::<4>() else {
        return false;
    };
    let prefix = prefix.iter().fold(0u32, |sum, digit| {
        sum * 10 + u32::from(digit.wrapping_sub(b'0'))
    });
    CARD_ISSUERS.iter().any(|(low, high, lengths)| {
        (*low..=*high).contains(&prefix) && lengths.contains(&digits.len())
    })
}

/// Four-digit prefix range and lengths: Visa, Mastercard, American Express, Discover, Diners Club,
/// JCB, `UnionPay`, Maestro, Mir, `RuPay`, as the networks publish them to acquirers.
static CARD_ISSUERS: &[(u32, u32, &[usize])] = &[
    (4000, 4999, &[13, 16, 19]),
    (5100, 5599, &[16]),
    (2221, 2720, &[16]),
    (3400, 3499, &[15]),
    (3700, 3799, &[15]),
    (6011, 6011, &[16, 19]),
    (6440, 6599, &[16, 19]),
    (3000, 3059, &[14, 16, 19]),
    (3600, 3699, &[14, 16, 19]),
    (3800, 3999, &[14, 16, 19]),
    (3528, 3589, &[16, 19]),
    (6200, 6299, &[16, 17, 18, 19]),
    (8100, 8199, &[16, 17, 18, 19]),
    (5000, 5099, &[12, 13, 14, 15, 16, 17, 18, 19]),
    (5600, 5899, &[12, 13, 14, 15, 16, 17, 18, 19]),
    (6000, 6099, &[16]),
    (6300, 6399, &[12, 13, 14, 15, 16, 17, 18, 19]),
    (6700, 6799, &[12, 13, 14, 15, 16, 17, 18, 19]),
    (2200, 2204, &[16, 17, 18, 19]),
];

/// Track 1 (`%B`, card, `^`, name, `^`, expiry) or track 2 (`;`, card, `=`, expiry) of a magnetic
/// stripe, start sentinel and all; the end sentinel may be cut off (ISO/IEC 7813).
pub fn track_data(track: &[u8]) -> bool {
    let (body, separator) = match track {
        [b'%', b'B' | b'b', body @ ..] => (body, b'^'),
        [b';', body @ ..] => (body, b'='),
        _ => (track, b'='),
    };
    let Some(end) = body.iter().position(|byte| *byte == separator) else {
        return false;
    };
    let (card, mut rest) = body.split_at(end);
    if separator == b'^' {
        let Some(name) = rest.iter().skip(1).position(|byte| *byte == b'^') else {
            return false;
        };
        rest = rest.get(name + 1..).unwrap_or_default();
    }
    let expiry = rest.get(1..5).and_then(digits::<4>);
    (12..=19).contains(&card.len())
        && luhn(card)
        && expiry.is_some_and(|[_, _, m1, m2]| (1..=12).contains(&(m1 * 10 + m2)))
}

/// Most characters of an address of twenty-five bytes in base 58.
const BASE58_BYTES_MAX: usize = 35;

/// A wallet's address: base58check with the version of a public chain (Bitcoin Wiki, "`Base58Check`
/// encoding"), Bech32 of a witness program (BIP 173, BIP 350), or Ethereum's with the mixed case of
/// EIP-55.
pub fn crypto_wallet(address: &[u8]) -> bool {
    base58check(address) || segwit(address) || eip_55(address)
}

fn base58check(address: &[u8]) -> bool {
    let mut bytes = [0; 25];
    let decoded = (25..=BASE58_BYTES_MAX).contains(&address.len())
        && bs58::decode(address).with_check(None).onto(&mut bytes) == Ok(21);
    // Bitcoin, Litecoin, Dogecoin, Dash and Tron: to keys and to scripts.
    decoded
        && matches!(
            bytes,
            [
                0x00 | 0x05 | 0x30 | 0x32 | 0x1E | 0x16 | 0x4C | 0x10 | 0x41,
                ..
            ]
        )
}

fn segwit(address: &[u8]) -> bool {
    let known = address
        .first_chunk::<3>()
        .map(|head| matches!(&head.map(|byte| byte.to_ascii_lowercase()), b"bc1" | b"tb1"));
    let litecoin = address
        .get(..4)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"ltc1"));
    let Ok(text) = std::str::from_utf8(address) else {
        return false;
    };
    (known == Some(true) || litecoin) && address.len() <= 90 && SegwitHrpstring::new(text).is_ok()
}

/// Whether it is `0x` and forty hexadecimal digits whose capitals are those that Keccak-256 gives
/// (EIP-55). One case throughout carries no check.
fn eip_55(address: &[u8]) -> bool {
    let Some(hex) = eth_form(address) else {
        return false;
    };
    let mixed = hex.iter().any(u8::is_ascii_lowercase) && hex.iter().any(u8::is_ascii_uppercase);
    let hash = Keccak256::digest(hex.to_ascii_lowercase());
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    mixed
        && hex.iter().zip(nibbles).all(|(digit, nibble)| {
            digit.is_ascii_digit() || digit.is_ascii_uppercase() == (nibble > 7)
        })
}

/// The digits of something that is written as an Ethereum address.
fn eth_form(address: &[u8]) -> Option<&[u8]> {
    address
        .strip_prefix(b"0x")
        .filter(|hex| hex.len() == 40 && hex.iter().all(u8::is_ascii_hexdigit))
}

/// Whether it is written as a wallet's address, checked or not.
pub fn crypto_wallet_form(address: &[u8]) -> bool {
    eth_form(address).is_some() || crypto_wallet(address)
}
