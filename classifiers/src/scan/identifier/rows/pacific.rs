//! Identifiers of Australia, New Zealand and Africa.

use super::Row;
use crate::DataClass as D;
use crate::check;

pub(super) const ROWS: &[Row] = &[
    Row::new(D::AU_ABN, check::au_abn)
        .strong(&["99 999 999 999"])
        .weak(&["99999999999"]),
    Row::new(D::AU_TFN, check::au_tfn)
        .alone(65)
        .whole(&["999 999 999"])
        .weak(&["999999999", "99999999", "999_999_999"]),
    Row::new(D::AU_ACN, check::au_acn).weak(&["999999999", "999 999 999"]),
    Row::new(D::AU_MEDICARE, check::au_medicare)
        .alone(75)
        .whole(&["9999 99999 9"])
        .weak(&[
            "9999999999",
            "9999_99999_9",
            "9999_99999_9_9",
            "9999 99999 99",
            "99999999999",
        ]),
    Row::new(D::NATIONAL_ID, check::nz_ird).weak(&[
        "999999999",
        "99999999",
        "99-999-999",
        "999-999-999",
    ]),
    Row::new(D::ZA_ID, check::za_id)
        .alone(88)
        .strong(&["999999 9999 999", "999999 9999 99 9"])
        .weak(&["9999999999999"]),
    // Not one of a birth in 2010 to 2019, which could be an instant in milliseconds.
    Row::new(D::ZA_ID, |id| !id.starts_with(b"1") && check::za_id(id))
        .alone(70)
        .whole(&["9999999999999"]),
    Row::form(D::NG_NIN, super::any, &["99999999999"]),
];
