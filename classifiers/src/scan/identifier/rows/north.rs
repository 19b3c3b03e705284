//! Identifiers of the Nordic and Baltic countries.

use super::Row;
use crate::DataClass as D;
use crate::check;

pub(super) const ROWS: &[Row] = &[
    Row::new(D::FI_HETU, check::fi_hetu)
        .alone(93)
        .strong(&["999999-999*", "999999A999*"]),
    Row::new(D::SE_PERSONNUMMER, check::se_personnummer)
        .alone(88)
        .strong(&["99999999-9999", "999999-9999", "999999999999"])
        .weak(&["9999999999", "999999 9999", "99999999 9999"]),
    Row::new(D::SE_ORGNR, check::se_orgnr)
        .alone(70)
        .whole(&["999999-9999"])
        .weak(&["9999999999", "999999-9999"]),
    Row::new(D::NO_FNR, check::no_fnr)
        .alone(88)
        .strong(&["999999 99999"])
        .weak(&["99999999999"]),
    Row::new(D::DK_CPR, check::dk_cpr)
        .alone(75)
        .told(90)
        .strong(&["999999-9999"])
        .weak(&["9999999999", "999999 9999"]),
    Row::new(D::EE_IK, check::ee_ik).weak(&["99999999999"]),
];
