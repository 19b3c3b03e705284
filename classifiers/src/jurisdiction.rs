//! Whose number it is: a passport beside `country: "DE"` is a German one.
//!
//! Countries are told by the ISO 3166-1 codes or by their English or own names; only those are
//! listed that have classes of their own.

use crate::DataClass as D;

/// A country with classes of its own; [`Country::NONE`] for all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Country(u8);

impl Country {
    pub(crate) const NONE: Self = Self(0);
}

/// What a country's papers and numbers are.
struct Papers {
    /// ISO 3166-1 alpha-2 and alpha-3, names, and adjectives, in lower case.
    called: &'static [&'static str],
    passport: D,
    licence: D,
    /// Numbers that a person or their taxes go by, the likelier first.
    numbers: &'static [D],
}

const NO_PASSPORT: D = D::US_PASSPORT;
const NO_LICENCE: D = D::US_DRIVER_LICENSE;

const fn numbers(called: &'static [&'static str], numbers: &'static [D]) -> Papers {
    papers(called, NO_PASSPORT, NO_LICENCE, numbers)
}

const fn papers(
    called: &'static [&'static str],
    passport: D,
    licence: D,
    numbers: &'static [D],
) -> Papers {
    Papers {
        called,
        passport,
        licence,
        numbers,
    }
}

#[rustfmt::skip]
static COUNTRIES: &[Papers] = &[
    papers(&["us", "usa", "united states", "united states of america", "american"], D::US_PASSPORT, D::US_DRIVER_LICENSE, &[D::US_SSN, D::US_ITIN, D::US_EIN]),
    papers(&["gb", "gbr", "uk", "united kingdom", "great britain", "british"], D::UK_PASSPORT, D::UK_DRIVING_LICENCE, &[D::UK_NINO, D::UK_NHS]),
    papers(&["de", "deu", "germany", "deutschland", "german", "deutsche"], D::DE_PASSPORT, D::DE_DRIVER_LICENSE, &[D::DE_TAX_ID, D::DE_ID_CARD, D::DE_SOCIAL_SECURITY, D::DE_VAT_ID, D::DE_TAX_NUMBER]),
    papers(&["es", "esp", "spain", "espana", "spanish"], D::ES_PASSPORT, NO_LICENCE, &[D::ES_NIF, D::ES_NIE]),
    papers(&["it", "ita", "italy", "italia", "italian"], D::IT_PASSPORT, D::IT_DRIVER_LICENSE, &[D::IT_FISCAL_CODE, D::IT_ID_CARD, D::IT_VAT]),
    papers(&["in", "ind", "india", "indian"], D::IN_PASSPORT, NO_LICENCE, &[D::IN_AADHAAR, D::IN_PAN, D::IN_VOTER, D::IN_GSTIN]),
    papers(&["kr", "kor", "korea", "south korea", "korean"], D::KR_PASSPORT, D::KR_DRIVER_LICENSE, &[D::KR_RRN, D::KR_FRN, D::KR_BRN]),
    numbers(&["ca", "can", "canada", "canadian"], &[D::CA_SIN]),
    numbers(&["mx", "mex", "mexico", "mexican"], &[D::MX_CURP]),
    numbers(&["br", "bra", "brazil", "brasil", "brazilian"], &[D::BR_CPF, D::BR_CNPJ]),
    numbers(&["ar", "arg", "argentina"], &[D::AR_CUIT]),
    numbers(&["cl", "chl", "chile", "chilean"], &[D::CL_RUT]),
    numbers(&["ie", "irl", "ireland", "irish"], &[D::IE_PPS]),
    numbers(&["fr", "fra", "france", "french"], &[D::FR_NIR]),
    numbers(&["nl", "nld", "netherlands", "nederland", "dutch"], &[D::NL_BSN]),
    numbers(&["be", "bel", "belgium", "belgique", "belgie", "belgian"], &[D::BE_NRN]),
    numbers(&["pt", "prt", "portugal", "portuguese"], &[D::PT_NIF]),
    numbers(&["pl", "pol", "poland", "polska", "polish"], &[D::PL_PESEL]),
    numbers(&["cz", "cze", "czechia", "czech republic", "czech", "sk", "svk", "slovakia", "slovak"], &[D::CZ_RC]),
    numbers(&["ro", "rou", "romania", "romanian"], &[D::RO_CNP]),
    numbers(&["bg", "bgr", "bulgaria", "bulgarian"], &[D::BG_EGN]),
    numbers(&["hr", "hrv", "croatia", "hrvatska", "croatian"], &[D::HR_OIB]),
    numbers(&["gr", "grc", "greece", "greek"], &[D::GR_AMKA]),
    numbers(&["se", "swe", "sweden", "sverige", "swedish"], &[D::SE_PERSONNUMMER, D::SE_ORGNR]),
    numbers(&["no", "nor", "norway", "norge", "norwegian"], &[D::NO_FNR]),
    numbers(&["dk", "dnk", "denmark", "danmark", "danish"], &[D::DK_CPR]),
    numbers(&["fi", "fin", "finland", "suomi", "finnish"], &[D::FI_HETU]),
    numbers(&["ee", "est", "estonia", "estonian", "lt", "ltu", "lithuania", "lithuanian"], &[D::EE_IK]),
    numbers(&["ch", "che", "switzerland", "schweiz", "suisse", "swiss"], &[D::CH_AHV]),
    numbers(&["at", "aut", "austria", "osterreich", "austrian"], &[D::AT_SVNR]),
    numbers(&["tr", "tur", "turkey", "turkiye", "turkish"], &[D::TR_TCKN]),
    numbers(&["il", "isr", "israel", "israeli"], &[D::IL_ID]),
    numbers(&["za", "zaf", "south africa", "african"], &[D::ZA_ID]),
    numbers(&["ng", "nga", "nigeria", "nigerian"], &[D::NG_NIN]),
    numbers(&["sg", "sgp", "singapore", "singaporean"], &[D::SG_NRIC, D::SG_UEN]),
    numbers(&["jp", "jpn", "japan", "japanese"], &[D::JP_MYNUMBER]),
    numbers(&["cn", "chn", "china", "chinese"], &[D::CN_RIC]),
    numbers(&["tw", "twn", "taiwan", "taiwanese"], &[D::TW_ID]),
    numbers(&["th", "tha", "thailand", "thai"], &[D::TH_TNIN]),
    numbers(&["ph", "phl", "philippines", "philippine"], &[D::PH_TIN]),
    numbers(&["au", "aus", "australia", "australian"], &[D::AU_TFN, D::AU_MEDICARE, D::AU_ABN]),
];

/// Longest name of a country that is looked up, in bytes.
const NAME_BYTES_MAX: usize = 24;

/// The country of this code or name, in any case.
pub(crate) fn of(name: &[u8]) -> Country {
    if name.len() < 2 || name.len() > NAME_BYTES_MAX {
        return Country::NONE;
    }
    COUNTRIES
        .iter()
        .position(|papers| {
            papers
                .called
                .iter()
                .any(|called| called.as_bytes().eq_ignore_ascii_case(name))
        })
        .and_then(|place| u8::try_from(place + 1).ok())
        .map_or(Country::NONE, Country)
}

/// The country that a word of a member name says: `german_tax_id`, `us_passport`. Other codes are
/// words too.
pub(crate) fn of_adjective(word: &str) -> Option<Country> {
    let told = word.len() > 3
        || matches!(
            word,
            "us" | "usa" | "uk" | "gb" | "uae" | "br" | "mx" | "ca"
        );
    Some(of(word.as_bytes())).filter(|country| told && *country != Country::NONE)
}

/// The class of a paper once its country is known.
pub(crate) fn paper(class: D, country: Country) -> D {
    let Some(papers) = papers_of(country) else {
        return class;
    };
    match class {
        D::US_PASSPORT => papers.passport,
        D::US_DRIVER_LICENSE => papers.licence,
        D::NATIONAL_ID => papers.numbers.first().copied().unwrap_or(class),
        _ => class,
    }
}

/// The classes that a number of this country may be of, the likelier first.
pub(crate) fn numbers_of(country: Country) -> &'static [D] {
    papers_of(country).map_or(&[], |papers| papers.numbers)
}

fn papers_of(country: Country) -> Option<&'static Papers> {
    COUNTRIES.get(usize::from(country.0).checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_is_called_by_names_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for name in COUNTRIES.iter().flat_map(|papers| papers.called) {
            assert!(seen.insert(name), "{name}");
            assert!(name.len() <= NAME_BYTES_MAX);
        }
        assert!(COUNTRIES.len() < 255);
    }

    #[test]
    fn a_paper_is_its_countrys() {
        assert_eq!(paper(D::US_PASSPORT, of(b"DEU")), D::DE_PASSPORT);
        assert_eq!(paper(D::US_PASSPORT, of(b"FR")), D::US_PASSPORT);
        assert_eq!(paper(D::NATIONAL_ID, of(b"Poland")), D::PL_PESEL);
        assert_eq!(paper(D::NATIONAL_ID, of(b"de")), D::DE_TAX_ID);
        assert_eq!(paper(D::EMAIL, of(b"DE")), D::EMAIL);
        assert_eq!(of(b"Atlantis"), Country::NONE);
    }
}
