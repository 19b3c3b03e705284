//! Identifiers of Asia.

use super::Row;
use crate::DataClass as D;
use crate::check;

pub(super) const ROWS: &[Row] = &[
    Row::new(D::CN_RIC, check::cn_ric)
        .alone(97)
        .told(98)
        .strong(&["99999999999999999*"]),
    Row::new(D::KR_RRN, check::kr_rrn)
        .alone(93)
        .strong(&["999999-9999999"])
        .whole(&["9999999999999"])
        .weak(&["9999999999999", "999999 9999999"]),
    Row::new(D::KR_FRN, check::kr_frn)
        .alone(93)
        .strong(&["999999-9999999"])
        .whole(&["9999999999999"])
        .weak(&["9999999999999", "999999 9999999"]),
    Row::form(
        D::KR_RRN,
        check::kr_rrn_form,
        &["999999-9999999", "9999999999999"],
    ),
    Row::form(D::KR_FRN, check::kr_frn_form, &["9999999999999"])
        .alone(70)
        .strong(&["999999-9999999"]),
    Row::new(D::KR_BRN, check::kr_brn)
        .alone(70)
        .whole(&["999-99-99999"])
        .weak(&["999-99-99999", "9999999999"]),
    Row::new(D::KR_DRIVER_LICENSE, check::kr_driver_license)
        .alone(80)
        .told(88)
        .strong(&["99-99-999999-99", "99 99 999999 99"])
        .weak(&["999999999999"]),
    Row::form(
        D::KR_PASSPORT,
        |id| b"MSRODG".iter().any(|kind| id.first() == Some(kind)),
        &["A99999999", "A999A9999"],
    ),
    Row::new(D::JP_MYNUMBER, check::jp_mynumber).weak(&["999999999999", "9999_9999_9999"]),
    Row::new(D::TW_ID, check::tw_id)
        .alone(80)
        .strong(&["A999999999"]),
    Row::new(D::TH_TNIN, check::th_tnin)
        .alone(93)
        .strong(&["9-9999-99999-99-9", "9 9999 99999 99 9"])
        .weak(&["9999999999999"]),
    Row::form(
        D::PH_TIN,
        super::any,
        &[
            "999-999-999",
            "999-999-999-999",
            "999-999-999-99999",
            "999 999 999 999",
            "999999999",
            "999999999999",
        ],
    ),
    Row::new(D::IN_AADHAAR, check::in_aadhaar)
        .alone(75)
        .whole(&["9999_9999_9999"])
        .weak(&["999999999999", "9999_9999_9999"]),
    Row::new(D::IN_GSTIN, check::in_gstin)
        .alone(96)
        .strong(&["99AAAAA9999A*A*"]),
    Row::new(D::IN_GSTIN, check::in_gstin_form)
        .alone(80)
        .told(85)
        .strong(&["99AAAAA9999A*A*"]),
    Row::new(D::IN_PAN, check::in_pan)
        .alone(82)
        .strong(&["AAAAA9999A"]),
    Row::form(D::IN_VOTER, super::any, &["AAA9999999"]),
    Row::form(D::IN_PASSPORT, super::any, &["A9999999", "A99 99999"]),
    Row::new(D::SG_NRIC, check::sg_nric)
        .alone(88)
        .strong(&["A9999999A"]),
    // A local company's begins with the year of its registration.
    Row::new(D::SG_UEN, |uen| {
        (uen.starts_with(b"19") || uen.starts_with(b"20")) && check::sg_uen(uen)
    })
    .alone(75)
    .strong(&["999999999A"]),
    Row::new(D::SG_UEN, check::sg_uen)
        .alone(80)
        .strong(&["A99AA9999A", "A99A99999A"])
        .whole(&["999999999A", "99999999A"])
        .weak(&["999999999A", "99999999A"]),
];
