//! Identifiers of Belgium, France, Ireland, the Netherlands and the United Kingdom.

use super::Row;
use crate::DataClass as D;
use crate::check;

pub(super) const ROWS: &[Row] = &[
    Row::new(D::UK_NINO, check::uk_nino).alone(88).strong(&[
        "AA 99 99 99 A",
        "AA-99-99-99-A",
        "AA 999999 A",
        "AA999999A",
    ]),
    Row::new(D::UK_DRIVING_LICENCE, check::uk_driving_licence).strong(&[
        "A****999999***AA",
        "A**** 999999 ***AA",
        "A****999999***AA99",
    ]),
    Row::new(D::UK_NHS, check::uk_nhs)
        .alone(65)
        .whole(&["999_999_9999"])
        .weak(&["9999999999", "999_999_9999"]),
    Row::form(D::UK_PASSPORT, super::any, &["999999999", "AA9999999"]),
    Row::new(D::IE_PPS, check::ie_pps).weak(&["9999999A", "9999999AA", "9999999 A", "9999999 AA"]),
    Row::new(D::FR_NIR, check::fr_nir).told(98).strong(&[
        "9 99 99 9* 999 999 99",
        "99999*999999999",
        "9999999999999 99",
    ]),
    Row::new(D::ORGANIZATION_ID, check::fr_siret).weak(&["99999999999999", "999 999 999 99999"]),
    Row::new(D::ORGANIZATION_ID, check::fr_siren).weak(&["999999999", "999 999 999"]),
    Row::new(D::NL_BSN, check::nl_bsn).weak(&[
        "999999999",
        "99999999",
        "9999.99.999",
        "999.999.999",
        "999 999 999",
        "9999 99 999",
    ]),
    Row::new(D::BE_NRN, check::be_nrn)
        .alone(97)
        .told(97)
        .strong(&[
            "99.99.99-999.99",
            "99.99.99-999-99",
            "99 99 99 999 99",
            "999999-999-99",
            "99 99 99-999 99",
        ])
        .weak(&["99999999999", "999999 999 99"]),
];
