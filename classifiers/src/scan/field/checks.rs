//! Which check a number of a class has to pass, and what a failure means.

use crate::DataClass as D;
use crate::check;
use crate::taxonomy::CLASSES_MAX;

/// What checking a value came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The class has no check.
    Unchecked,
    /// The number is one that could have been issued.
    Holds,
    /// It is not, but people get these wrong, and test systems make them up.
    Fails,
    /// It is not, and a number under this name that fails is some other number.
    Refused,
}

/// Longest number that is checked, without separators.
const NUMBER_BYTES_MAX: usize = 40;

#[derive(Clone, Copy)]
struct Check {
    holds: fn(&[u8]) -> bool,
    /// Digits of the number where a JSON number may have lost leading zeros; none where it is text.
    digits: usize,
    strict: bool,
}

/// A number whose check decides.
const fn strict(class: D, digits: usize, holds: fn(&[u8]) -> bool) -> (D, Check) {
    (
        class,
        Check {
            holds,
            digits,
            strict: true,
        },
    )
}

/// A number whose check only adds to what the name says.
const fn loose(class: D, digits: usize, holds: fn(&[u8]) -> bool) -> (D, Check) {
    (
        class,
        Check {
            holds,
            digits,
            strict: false,
        },
    )
}

#[rustfmt::skip]
static CHECKS: &[(D, Check)] = &[
    loose(D::US_SSN, 9, check::us_ssn),
    loose(D::US_ITIN, 9, check::us_itin),
    loose(D::US_EIN, 9, check::us_ein),
    loose(D::US_NPI, 10, check::us_npi),
    loose(D::US_DEA, 0, check::us_dea),
    loose(D::US_MBI, 0, check::us_mbi),
    loose(D::US_ABA_ROUTING, 9, check::us_aba_routing),
    strict(D::CA_SIN, 9, check::ca_sin),
    strict(D::MX_CURP, 0, check::mx_curp),
    strict(D::BR_CPF, 11, check::br_cpf),
    strict(D::BR_CNPJ, 14, check::br_cnpj),
    strict(D::AR_CUIT, 11, check::ar_cuit),
    strict(D::CL_RUT, 0, check::cl_rut),
    strict(D::UK_NINO, 0, check::uk_nino),
    loose(D::UK_DRIVING_LICENCE, 0, check::uk_driving_licence),
    strict(D::UK_NHS, 10, check::uk_nhs),
    strict(D::IE_PPS, 0, check::ie_pps),
    strict(D::DE_TAX_ID, 11, check::de_tax_id),
    loose(D::DE_TAX_NUMBER, 0, check::de_tax_number),
    strict(D::DE_ID_CARD, 0, check::de_id_card),
    strict(D::DE_PASSPORT, 0, check::de_passport),
    strict(D::DE_SOCIAL_SECURITY, 0, check::de_social_security),
    loose(D::DE_DRIVER_LICENSE, 0, check::de_driver_license),
    strict(D::DE_VAT_ID, 0, check::de_vat_id),
    strict(D::DE_KVNR, 0, check::de_kvnr),
    strict(D::DE_LANR, 9, check::de_lanr),
    strict(D::DE_BSNR, 9, check::de_bsnr),
    strict(D::AT_SVNR, 10, check::at_svnr),
    strict(D::CH_AHV, 13, check::ch_ahv),
    strict(D::FR_NIR, 0, check::fr_nir),
    strict(D::ES_NIF, 0, |nif| check::es_nif(nif) || check::es_nie(nif) || check::es_cif(nif)),
    strict(D::ES_NIE, 0, check::es_nie),
    strict(D::IT_FISCAL_CODE, 0, |code| check::it_fiscal_code(code) || check::it_vat(code)),
    strict(D::IT_VAT, 11, check::it_vat),
    strict(D::PT_NIF, 9, check::pt_nif),
    strict(D::NL_BSN, 9, check::nl_bsn),
    strict(D::BE_NRN, 11, check::be_nrn),
    strict(D::SE_PERSONNUMMER, 0, check::se_personnummer),
    strict(D::SE_ORGNR, 10, check::se_orgnr),
    strict(D::NO_FNR, 11, check::no_fnr),
    loose(D::DK_CPR, 10, check::dk_cpr),
    strict(D::FI_HETU, 0, check::fi_hetu),
    strict(D::EE_IK, 11, check::ee_ik),
    strict(D::PL_PESEL, 11, check::pl_pesel),
    strict(D::CZ_RC, 10, check::cz_rc),
    strict(D::RO_CNP, 13, check::ro_cnp),
    strict(D::BG_EGN, 10, check::bg_egn),
    strict(D::HR_OIB, 11, check::hr_oib),
    strict(D::GR_AMKA, 11, check::gr_amka),
    strict(D::TR_TCKN, 11, check::tr_tckn),
    strict(D::IL_ID, 9, check::il_id),
    strict(D::ZA_ID, 13, check::za_id),
    strict(D::IN_AADHAAR, 12, check::in_aadhaar),
    strict(D::IN_PAN, 0, check::in_pan),
    strict(D::IN_GSTIN, 0, check::in_gstin_form),
    strict(D::SG_NRIC, 0, check::sg_nric),
    strict(D::SG_UEN, 0, check::sg_uen),
    strict(D::KR_RRN, 13, check::kr_rrn_form),
    strict(D::KR_FRN, 13, check::kr_frn_form),
    strict(D::KR_BRN, 10, check::kr_brn),
    strict(D::JP_MYNUMBER, 12, check::jp_mynumber),
    strict(D::CN_RIC, 0, check::cn_ric),
    strict(D::TW_ID, 0, check::tw_id),
    strict(D::TH_TNIN, 13, check::th_tnin),
    strict(D::AU_TFN, 9, check::au_tfn),
    strict(D::AU_ABN, 11, check::au_abn),
    strict(D::AU_ACN, 9, check::au_acn),
    strict(D::AU_MEDICARE, 0, check::au_medicare),
    loose(D::IBAN, 0, check::iban),
    loose(D::PAN, 0, check::luhn),
    loose(D::IMEI, 15, check::luhn),
    loose(D::VIN, 0, check::vin_form),
    loose(D::CRYPTO_WALLET, 0, |address| check::crypto_wallet(address) || check::crypto_wallet_form(address)),
];

/// [`CHECKS`] by class.
static BY_CLASS: [Option<Check>; CLASSES_MAX] = by_class();

#[expect(
    clippy::indexing_slicing,
    reason = "runs when compiled: out of bounds is a build error"
)]
const fn by_class() -> [Option<Check>; CLASSES_MAX] {
    let mut checks = [None; CLASSES_MAX];
    let mut row = 0;
    while row < CHECKS.len() {
        checks[CHECKS[row].0.number()] = Some(CHECKS[row].1);
        row += 1;
    }
    checks
}

/// Whether the value passes what is known of its class. Separators do not count, nor the case of
/// letters; a country's two letters before a VAT number are left out, and the zeros that a JSON
/// number has lost are put back.
pub(super) fn verdict(class: D, value: &[u8]) -> Verdict {
    let Some(check) = BY_CLASS.get(class.index()).and_then(Option::as_ref) else {
        return Verdict::Unchecked;
    };
    let bare = Bare::of(value, u8::is_ascii_alphanumeric);
    let number = bare.bytes();
    let signed = || Bare::of(value, |byte| !byte.is_ascii_whitespace());
    let unprefixed = number
        .split_first_chunk::<2>()
        .filter(|(country, _)| country.iter().all(u8::is_ascii_alphabetic))
        .map_or(number, |(_, rest)| rest);
    // Some are checked by case (wallets), and some have a sign that counts (Finland's century).
    let also = |other: &[u8]| other != number && (check.holds)(other);
    let holds = (check.holds)(number)
        || also(signed().bytes())
        || also(value)
        || also(unprefixed)
        || bare
            .padded(check.digits)
            .is_some_and(|padded| (check.holds)(padded.bytes()));
    match (holds, check.strict) {
        (true, _) => Verdict::Holds,
        (false, true) => Verdict::Refused,
        (false, false) => Verdict::Fails,
    }
}

/// A number without its separators, in capitals.
struct Bare {
    bytes: [u8; NUMBER_BYTES_MAX],
    length: usize,
}

impl Bare {
    /// What is kept of the value; nothing if that is too long to be a number.
    fn of(value: &[u8], kept: impl Fn(&u8) -> bool) -> Self {
        let mut bare = Self {
            bytes: [0; NUMBER_BYTES_MAX],
            length: 0,
        };
        for byte in value.iter().filter(|byte| kept(byte)) {
            let Some(slot) = bare.bytes.get_mut(bare.length) else {
                bare.length = 0;
                break;
            };
            *slot = byte.to_ascii_uppercase();
            bare.length += 1;
        }
        bare
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// With zeros before it, if it is digits and at most three are missing.
    fn padded(&self, digits: usize) -> Option<Self> {
        let zeros = digits
            .checked_sub(self.length)
            .filter(|zeros| (1..=3).contains(zeros))?;
        let number = Some(self.bytes()).filter(|bytes| bytes.iter().all(u8::is_ascii_digit))?;
        let mut bytes = [b'0'; NUMBER_BYTES_MAX];
        bytes.get_mut(zeros..digits)?.copy_from_slice(number);
        Some(Self {
            bytes,
            length: digits,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_case_and_lost_zeros_do_not_matter() {
        assert_eq!(verdict(D::BR_CPF, b"529.982.247-25"), Verdict::Holds);
        assert_eq!(
            verdict(D::IT_FISCAL_CODE, b"rssmra85t10a562s"),
            Verdict::Holds
        );
        assert_eq!(verdict(D::FI_HETU, b"131052-308T"), Verdict::Holds);
        assert_eq!(verdict(D::DE_VAT_ID, b"DE 136695976"), Verdict::Holds);
        // 012345672 has lost its zero.
        assert_eq!(verdict(D::NL_BSN, b"12345672"), Verdict::Holds);
    }

    #[test]
    fn a_wrong_check_digit_is_refused_where_the_check_decides() {
        assert_eq!(verdict(D::BR_CPF, b"529.982.247-26"), Verdict::Refused);
        assert_eq!(verdict(D::US_SSN, b"900-12-3456"), Verdict::Fails);
        assert_eq!(verdict(D::EMAIL, b"a@b.example"), Verdict::Unchecked);
    }
}
