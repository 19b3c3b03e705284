//! Cards, and what vehicles and devices are called by.

use super::Row;
use crate::DataClass as D;
use crate::check;

pub(super) const ROWS: &[Row] = &[
    // Nearly all cards have sixteen digits; of the others only these networks' are common enough to
    // count without a word, since a tenth of all numbers pass Luhn.
    Row::new(D::PAN, |pan| {
        check::pan(pan) && (pan.len() == 16 || pan.starts_with(b"3"))
    })
    .alone(95)
    .told(98)
    .strong(&[
        "9999_9999_9999_9999",
        "9999_999999_99999",
        "9999_999999_9999",
        "9999999999999999",
        "999999999999999",
        "99999999999999",
    ]),
    Row::new(D::PAN, check::pan)
        .alone(95)
        .told(98)
        .strong(&["9999_9999_9999_9999_999"])
        .weak(&[
            "9999999999999999999",
            "999999999999999999",
            "99999999999999999",
            "9999999999999",
            "999999999999999",
            "99999999999999",
            "999999999999",
        ]),
    Row::new(D::VIN, |vin| check::vin(vin) && check::vin_form(vin))
        .alone(88)
        .strong(&["*****************"]),
    Row::form(D::VIN, check::vin_form, &["*****************"]).told(88),
    Row::new(D::IMEI, check::imei)
        .strong(&["99-999999-999999-9"])
        .weak(&[
            "999999999999999",
            "99 999999 999999 9",
            "999999 99 999999 9",
        ]),
    Row::form(D::IMEI, super::any, &["9999999999999999"]),
];
