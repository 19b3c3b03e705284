//! Checks that a detector can ask for by name.

use crate::check;

/// A check of a text without separators: capitals and digits.
pub type Check = fn(&[u8]) -> bool;

/// The checks by name.
pub static VALIDATORS: &[(&str, Check)] = &[
    ("luhn", check::luhn),
    ("mod97", mod_97),
    ("mod11_10", check::mod_11_10),
    ("mod11_2", check::mod_11_2),
    ("verhoeff", check::verhoeff),
    ("iban", check::iban),
    ("bic", check::bic),
    ("pan", check::pan),
    ("imei", check::imei),
    ("vin", check::vin),
    ("ean13", check::ean_13),
    ("gtin", check::gtin),
    ("crypto_wallet", check::crypto_wallet),
    ("us_ssn", check::us_ssn),
    ("us_itin", check::us_itin),
    ("us_aba_routing", check::us_aba_routing),
    ("us_npi", check::us_npi),
    ("us_dea", check::us_dea),
    ("us_mbi", check::us_mbi),
    ("ca_sin", check::ca_sin),
    ("br_cpf", check::br_cpf),
    ("br_cnpj", check::br_cnpj),
    ("uk_nhs", check::uk_nhs),
    ("uk_nino", check::uk_nino),
    ("ie_pps", check::ie_pps),
    ("de_tax_id", check::de_tax_id),
    ("de_social_security", check::de_social_security),
    ("at_svnr", check::at_svnr),
    ("ch_ahv", check::ch_ahv),
    ("fr_nir", check::fr_nir),
    ("fr_siren", check::fr_siren),
    ("es_nif", check::es_nif),
    ("es_nie", check::es_nie),
    ("it_fiscal_code", check::it_fiscal_code),
    ("nl_bsn", check::nl_bsn),
    ("be_nrn", check::be_nrn),
    ("pt_nif", check::pt_nif),
    ("pl_pesel", check::pl_pesel),
    ("se_personnummer", check::se_personnummer),
    ("no_fnr", check::no_fnr),
    ("fi_hetu", check::fi_hetu),
    ("in_aadhaar", check::in_aadhaar),
    ("in_pan", check::in_pan),
    ("au_tfn", check::au_tfn),
    ("au_medicare", check::au_medicare),
];

pub(super) fn named(name: &str) -> Option<Check> {
    let mut checks = VALIDATORS.iter();
    checks
        .find(|(known, _)| *known == name)
        .map(|(_, check)| *check)
}

/// ISO/IEC 7064, MOD 97-10: digits with two check digits at their end leave 1.
fn mod_97(digits: &[u8]) -> bool {
    let remainder = digits.iter().try_fold(0u32, |remainder, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        Some((remainder * 10 + u32::from(digit)) % 97)
    });
    digits.len() > 2 && remainder == Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mod_97_leaves_one() {
        // The example of ISO/IEC 7064 for MOD 97-10: 794 with the check digits 44.
        assert!(mod_97(b"79444"));
        assert!(!mod_97(b"79445"));
        assert!(!mod_97(b"1") && !mod_97(b"7944X"));
    }
}
