//! Identifiers of southern and eastern Europe and the eastern Mediterranean.

use super::Row;
use crate::DataClass as D;
use crate::check;

pub(super) const ROWS: &[Row] = &[
    Row::new(D::IT_FISCAL_CODE, check::it_fiscal_code)
        .alone(97)
        .told(98)
        .strong(&["AAAAAA**A**A***A", "AAA AAA **A** A***A"]),
    Row::new(D::ES_NIF, check::es_nif)
        .strong(&["99999999A", "99999999-A", "99.999.999-A", "99999999 A"])
        .whole(&["9999999-A"])
        .weak(&["9999999A", "9999999-A", "A9999999A", "99.999.999A"]),
    Row::new(D::ES_NIE, check::es_nie).strong(&[
        "A9999999A",
        "A-9999999-A",
        "A9999999-A",
        "A 9999999 A",
    ]),
    Row::new(D::ES_NIF, check::es_cif).weak(&[
        "A9999999*",
        "A-9999999*",
        "A9999999-*",
        "A-9999999-*",
    ]),
    Row::form(D::ES_PASSPORT, super::any, &["AAA999999"]),
    Row::new(D::IT_VAT, |id| {
        id.strip_prefix(b"IT").is_some_and(check::it_vat)
    })
    .strong(&["AA99999999999", "AA 99999999999"]),
    Row::new(D::IT_VAT, check::it_vat).weak(&["99999999999"]),
    Row::form(
        D::IT_ID_CARD,
        super::any,
        &["AA99999AA", "AA9999999", "9999999AA"],
    ),
    Row::form(D::IT_PASSPORT, super::any, &["AA9999999"]),
    Row::form(
        D::IT_DRIVER_LICENSE,
        super::any,
        &["AA9999999A", "A*A999999A"],
    ),
    Row::new(D::PT_NIF, |nif| {
        check::pt_nif(nif.strip_prefix(b"PT").unwrap_or(nif))
    })
    .weak(&["999999999", "999 999 999", "AA999999999"]),
    Row::new(D::HR_OIB, |oib| {
        check::hr_oib(oib.strip_prefix(b"HR").unwrap_or(oib))
    })
    .weak(&["99999999999", "AA99999999999"]),
    Row::new(D::GR_AMKA, check::gr_amka).weak(&["99999999999", "999999 99999"]),
    Row::new(D::TR_TCKN, check::tr_tckn).weak(&["99999999999", "999 999 999 99"]),
    Row::new(D::IL_ID, check::il_id).weak(&[
        "999999999",
        "99999999",
        "99999999-9",
        "9-9999999-9",
        "9 9999999 9",
    ]),
    Row::new(D::CZ_RC, check::cz_rc)
        .strong(&["999999/9999"])
        .weak(&["9999999999", "999999/999", "999999999"]),
    Row::new(D::PL_PESEL, check::pl_pesel).weak(&["99999999999"]),
    Row::new(D::NATIONAL_ID, check::pl_nip).weak(&[
        "9999999999",
        "999-999-99-99",
        "999-99-99-999",
        "AA9999999999",
    ]),
    Row::new(D::RO_CNP, check::ro_cnp).weak(&["9999999999999"]),
    Row::new(D::BG_EGN, check::bg_egn).weak(&["9999999999"]),
];
