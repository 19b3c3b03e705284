//! Identifiers of the Americas.

use super::Row;
use crate::DataClass as D;
use crate::check;

pub(super) const ROWS: &[Row] = &[
    Row::new(D::US_SSN, check::us_ssn)
        .alone(85)
        .strong(&["999-99-9999"])
        .weak(&["999 99 9999", "999.99.9999", "999999999"]),
    Row::new(D::US_ITIN, check::us_itin)
        .strong(&["999-99-9999"])
        .weak(&["999 99 9999", "999999999"]),
    // Test data uses areas that were never issued.
    Row::form(
        D::US_SSN,
        |ssn| ssn.starts_with(b"9"),
        &["999-99-9999", "999 99 9999", "999.99.9999", "999999999"],
    ),
    Row::new(D::US_MBI, check::us_mbi).alone(88).strong(&[
        "9A*9-A*9-AA99",
        "9A*9 A*9 AA99",
        "9A*9A*9AA99",
    ]),
    Row::new(D::US_NPI, check::us_npi)
        .alone(70)
        .whole(&["9999_999_999"])
        .weak(&["9999999999", "9999_999_999"]),
    Row::form(
        D::US_NPI,
        |npi| matches!(npi.first(), Some(b'1' | b'2')),
        &["9999999999"],
    ),
    Row::new(D::US_DEA, check::us_dea).weak(&["AA9999999", "A99999999", "AA-9999999"]),
    Row::new(D::US_ABA_ROUTING, check::us_aba_routing)
        .alone(70)
        .whole(&["9999-9999-9"])
        .weak(&["999999999", "9999-9999-9"]),
    Row::new(D::US_EIN, check::us_ein)
        .told(88)
        .weak(&["99-9999999", "999999999"]),
    Row::form(D::US_PASSPORT, super::any, &["999999999", "A99999999"]),
    Row::new(D::CA_SIN, check::ca_sin)
        .alone(65)
        .whole(&["999_999_999"])
        .weak(&["999999999", "999_999_999"]),
    Row::new(D::MX_CURP, check::mx_curp)
        .alone(97)
        .told(98)
        .strong(&["AAAA999999AAAAAA*9"]),
    Row::new(D::BR_CPF, check::br_cpf)
        .alone(95)
        .strong(&["999.999.999-99", "999999999-99"])
        .weak(&["99999999999", "999 999 999 99"]),
    Row::new(D::BR_CNPJ, check::br_cnpj)
        .alone(95)
        .strong(&["**.***.***/****-99"])
        .weak(&["************99"]),
    Row::new(D::AR_CUIT, check::ar_cuit)
        .strong(&["99-99999999-9"])
        .weak(&["99999999999", "99 99999999 9"]),
    Row::new(D::CL_RUT, check::cl_rut)
        .strong(&["9.999.999-*", "99.999.999-*"])
        .weak(&["9999999-*", "99999999-*", "99999999*", "9999999*"]),
];
