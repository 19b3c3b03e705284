//! Licence plates. They have no check digit, and much looks like one: without a word they count only
//! as a whole value in the print of a country whose codes are known, and India's also in a text.

use super::Row;
use crate::DataClass as D;

/// How sure a plate's print makes that is a whole value.
const PRINTED: u8 = 65;

pub(super) const ROWS: &[Row] = &[
    // Central Motor Vehicles Rules 1989, rule 50: state, office, series, number.
    Row::new(D::VEHICLE_PLATE, india)
        .alone(80)
        .told(90)
        .strong(&["AA99AA9999", "AA 99 AA 9999", "AA-99-AA-9999"])
        .weak(&["AA99A9999", "AA 99 A 9999", "AA9AA9999"]),
    // Karayolları Trafik Yönetmeliği, annex 2: province, letters, number.
    Row::new(D::VEHICLE_PLATE, turkey)
        .alone(PRINTED)
        .told(90)
        .whole(&[
            "99 A 99",
            "99 A 999",
            "99 A 9999",
            "99 AA 99",
            "99 AA 999",
            "99 AA 9999",
            "99 AAA 99",
            "99 AAA 999",
        ])
        .weak(&["99A9999", "99AA999", "99AA9999", "99AAA99", "99AAA999"]),
    // Fahrzeug-Zulassungsverordnung § 9: district, letters, number without leading zero, E or H.
    Row::new(D::VEHICLE_PLATE, germany)
        .alone(PRINTED)
        .told(90)
        .whole(&[
            "A AA 99",
            "A AA 999",
            "A AA 9999",
            "AA A 99",
            "AA A 999",
            "AA A 9999",
            "AA AA 99",
            "AA AA 999",
            "AA AA 9999",
            "AAA A 99",
            "AAA A 999",
            "AAA A 9999",
            "AAA AA 99",
            "AAA AA 999",
            "AAA AA 9999",
            "A AA 99A",
            "A AA 999A",
            "AA AA 99A",
            "AA AA 999A",
            "AAA AA 999A",
            "AAA AA 9999A",
            "A-AA 99",
            "A-AA 999",
            "A-AA 9999",
            "AA-A 99",
            "AA-A 999",
            "AA-A 9999",
            "AA-AA 99",
            "AA-AA 999",
            "AA-AA 9999",
            "AAA-A 999",
            "AAA-AA 99",
            "AAA-AA 999",
            "AAA-AA 9999",
            "A-AA-999",
            "A-AA-9999",
            "AA-A-999",
            "AA-A-9999",
            "AA-AA-999",
            "AA-AA-9999",
            "AAA-AA-999",
        ]),
    // DVLA INF104: memory tag, age identifier, three letters.
    Row::new(D::VEHICLE_PLATE, britain)
        .alone(PRINTED)
        .told(90)
        .whole(&["AA99 AAA", "AA99-AAA"])
        .weak(&["AA99AAA"]),
    // Federal Road Safety Commission, Nigeria: local government, number, series.
    Row::new(D::VEHICLE_PLATE, super::any)
        .alone(PRINTED)
        .told(88)
        .whole(&["AAA-999AA", "AAA 999AA"])
        .weak(&["AAA999AA"]),
    Row::form(
        D::VEHICLE_PLATE,
        super::any,
        &[
            "AAA 999",
            "AAA-999",
            "AAA 9999",
            "AAA-9999",
            "AAA9999",
            "AAA999",
            "9AAA999",
            "AA-999-AA",
            "AA 999 AA",
            "AA999AA",
            "9999 AAA",
            "9999AAA",
            "A 999 AA",
            "AA 99999",
            "999 AAA",
            "999-AAA",
            "99-AA-99",
            "AA-99-AA",
            "99-AAA-9",
            "9-AAA-99",
            "A-999-AA",
            "AA-99-99",
            "AAA9A99",
            "AA 999999",
            "9-AAA-999",
        ],
    ),
];

static INDIAN_STATES: &[&[u8; 2]] = &[
    b"AN", b"AP", b"AR", b"AS", b"BR", b"CG", b"CH", b"DD", b"DL", b"DN", b"GA", b"GJ", b"HP",
    b"HR", b"JH", b"JK", b"KA", b"KL", b"LA", b"LD", b"MH", b"ML", b"MN", b"MP", b"MZ", b"NL",
    b"OD", b"OR", b"PB", b"PY", b"RJ", b"SK", b"TN", b"TR", b"TS", b"TG", b"UA", b"UK", b"UP",
    b"WB",
];

fn india(plate: &[u8]) -> bool {
    plate
        .first_chunk::<2>()
        .is_some_and(|state| INDIAN_STATES.contains(&state))
}

fn turkey(plate: &[u8]) -> bool {
    let time: [&[u8]; 14] = [
        b"AM", b"PM", b"JAN", b"FEB", b"MAR", b"APR", b"MAY", b"JUN", b"JUL", b"AUG", b"SEP",
        b"OCT", b"NOV", b"DEC",
    ];
    let letters = plate
        .iter()
        .skip(2)
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    let province = two(plate, 0);
    (1..=81).contains(&province)
        && plate
            .get(2..2 + letters)
            .is_some_and(|letters| !time.contains(&letters))
}

fn germany(plate: &[u8]) -> bool {
    let letters = plate
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    plate.get(letters).is_some_and(|first| *first != b'0')
        && !matches!(plate.last(), Some(last) if last.is_ascii_uppercase() && !matches!(last, b'E' | b'H'))
}

fn britain(plate: &[u8]) -> bool {
    let tag = |byte: &u8| !matches!(byte, b'I' | b'Q' | b'Z');
    matches!(two(plate, 2), 2..=29 | 51..=79)
        && plate.first().is_some_and(tag)
        && plate.get(1).is_some_and(tag)
        && plate
            .iter()
            .skip(4)
            .all(|byte| !matches!(byte, b'I' | b'Q'))
}

/// The number that two digits write.
fn two(plate: &[u8], at: usize) -> u32 {
    plate.iter().skip(at).take(2).fold(0, |number, digit| {
        number * 10 + u32::from(digit.wrapping_sub(b'0'))
    })
}
