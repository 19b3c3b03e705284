//! Identifiers of Germany, Austria and Switzerland.

use super::Row;
use crate::DataClass as D;
use crate::check;

pub(super) const ROWS: &[Row] = &[
    Row::new(D::DE_TAX_ID, check::de_tax_id)
        .alone(80)
        .whole(&["99 999 999 999"])
        .weak(&["99999999999", "99 999 999 999", "999 999 999 99"]),
    Row::new(D::DE_TAX_NUMBER, check::de_tax_number)
        .alone(75)
        .told(88)
        .strong(&[
            "99/999/99999",
            "999/999/99999",
            "999/9999/9999",
            "99/9999/9999",
        ])
        .weak(&[
            "9999999999999",
            "99999999999",
            "9999999999",
            "999 999 99999",
            "99 999 99999",
            "999 9999 9999",
            "99/999/9999",
        ]),
    Row::new(D::DE_SOCIAL_SECURITY, check::de_social_security)
        .alone(93)
        .strong(&["99 999999 A 999", "99 999999 A 99 9", "99999999A999"]),
    Row::new(D::DE_KVNR, check::de_kvnr).weak(&["A999999999"]),
    Row::new(D::DE_LANR, check::de_lanr).weak(&["999999999", "9999999 99"]),
    Row::new(D::DE_BSNR, check::de_bsnr)
        .told(85)
        .weak(&["999999999"]),
    Row::new(D::DE_ID_CARD, check::de_id_card)
        .told(88)
        .weak(&["A********", "A*********"]),
    Row::new(D::DE_PASSPORT, check::de_passport)
        .told(88)
        .weak(&["A********", "A*********"]),
    Row::new(D::DE_DRIVER_LICENSE, check::de_driver_license).weak(&["A**********"]),
    Row::form(
        D::DE_DRIVER_LICENSE,
        check::de_driver_license_form,
        &["A**********"],
    ),
    Row::new(D::DE_VAT_ID, |id| {
        id.starts_with(b"DE") && check::de_vat_id(id)
    })
    .strong(&["AA999999999", "AA 999999999", "AA 999 999 999"]),
    Row::new(D::DE_VAT_ID, check::de_vat_id).weak(&["999999999", "999 999 999"]),
    Row::form(D::DE_VAT_ID, |id| id.starts_with(b"DE"), &[])
        .alone(70)
        .strong(&["AA999999999", "AA 999999999", "AA 999 999 999"]),
    // Abteilung A or B of the Handelsregister (Handelsregisterverordnung § 3).
    Row::new(D::DE_HANDELSREGISTER, |id| {
        id.starts_with(b"HRA") || id.starts_with(b"HRB")
    })
    .strong(&[
        "AAA 9999",
        "AAA 99999",
        "AAA 999999",
        "AAA9999",
        "AAA99999",
        "AAA999999",
    ]),
    Row::new(D::CH_AHV, check::ch_ahv)
        .alone(93)
        .told(98)
        .strong(&["999.9999.9999.99", "9999999999999", "999 9999 9999 99"]),
    Row::new(D::AT_SVNR, check::at_svnr)
        .alone(75)
        .whole(&["9999 999999"])
        .weak(&[
            "9999999999",
            "9999 999999",
            "9999-999999",
            "9999/999999",
            "9999 99 99 99",
        ]),
];
