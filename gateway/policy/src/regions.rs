//! Which country belongs to which region, with the law that says so.
//!
//! `GDPR-adequate` holds the EEA and every country whose law as such was found adequate
//! (GDPR Art. 45). The United States is *not* in it: its decision covers only organisations that
//! are certified under the Data Privacy Framework, which a country code cannot tell. It stands
//! alone in `EU-US-DPF`, so that a rule which admits it says so and takes the check upon itself.
//!
//! A decision counts here once it is in the table; what is not in it is not adequate.

use crate::Country;

/// The date to which this table was checked; part of the engine's digest.
pub(crate) const TABLE_VERSION: &str = "2026-01";

/// The regions that policies may name.
pub const REGIONS: &[&str] = &[EU, EEA, GDPR_ADEQUATE, EU_US_DPF];

const EU: &str = "EU";
const EEA: &str = "EEA";
const GDPR_ADEQUATE: &str = "GDPR-adequate";
const EU_US_DPF: &str = "EU-US-DPF";

/// The members of the Union: Treaty on European Union, Art. 52 (CELEX 12016M052). With them, by
/// TFEU Art. 355(1) and (4) (CELEX 12016E355), the parts that have a country code of their own:
/// Åland, French Guiana, Guadeloupe, Martinique, Mayotte, Réunion, Saint Martin.
const EU_COUNTRIES: &str = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT \
                            RO SE SI SK AX GF GP MQ YT RE MF";

/// With the Union the European Economic Area, where the GDPR holds since Joint Committee
/// Decision No 154/2018 (CELEX 22018D1022): Iceland, Liechtenstein, Norway.
const EEA_ONLY_COUNTRIES: &str = "IS LI NO";

/// ISO 3166-1 alpha-2, the officially assigned codes.
const ISO_3166: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI \
                        BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN \
                        CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK \
                        FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM \
                        HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN \
                        KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK \
                        ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP \
                        NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
                        SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF \
                        TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI \
                        VN VU WF WS YE YT ZA ZM ZW";

/// A decision by which the Commission found a country's protection adequate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adequacy {
    /// The country, ISO 3166-1 alpha-2.
    pub country: &'static str,
    /// Its number in EUR-Lex: `https://eur-lex.europa.eu/legal-content/EN/TXT/?uri=CELEX:` + this.
    pub celex: &'static str,
    /// When it was made.
    pub decided: &'static str,
    /// What it leaves out, where it does not cover every recipient.
    pub limits: Option<&'static str>,
}

const ADEQUACY: &[Adequacy] = &[
    whole("AD", "32010D0625", "2010-10-19"),
    whole("AR", "32003D0490", "2003-06-30"),
    partial(
        "CA",
        "32002D0002",
        "2001-12-20",
        "recipients subject to PIPEDA: commercial organisations",
    ),
    whole("CH", "32000D0518", "2000-07-26"),
    whole("FO", "32010D0146", "2010-03-05"),
    // Renewed on 2025-12-19 until 2031-12-27.
    partial(
        "GB",
        "32021D1772",
        "2021-06-28",
        "until 2031-12-27; not for immigration control",
    ),
    whole("GG", "32003D0821", "2003-11-21"),
    partial("IL", "32011D0061", "2011-01-31", "automated processing"),
    whole("IM", "32004D0411", "2004-04-28"),
    whole("JE", "32008D0393", "2008-05-08"),
    partial(
        "JP",
        "32019D0419",
        "2019-01-23",
        "recipients subject to the APPI: business operators",
    ),
    partial(
        "KR",
        "32022D0254",
        "2021-12-17",
        "not for missionary work, candidates of parties, credit information",
    ),
    whole("NZ", "32013D0065", "2012-12-19"),
    whole("UY", "32012D0484", "2012-08-21"),
];

/// Commission Implementing Decision (EU) 2023/1795 of 10 July 2023 (CELEX 32023D1795).
const DPF_COUNTRIES: &str = "US";

const fn whole(country: &'static str, celex: &'static str, decided: &'static str) -> Adequacy {
    Adequacy {
        country,
        celex,
        decided,
        limits: None,
    }
}

const fn partial(
    country: &'static str,
    celex: &'static str,
    decided: &'static str,
    limits: &'static str,
) -> Adequacy {
    Adequacy {
        country,
        celex,
        decided,
        limits: Some(limits),
    }
}

/// The decisions behind `GDPR-adequate`, by country.
pub fn adequacy_decisions() -> &'static [Adequacy] {
    ADEQUACY
}

/// The regions that hold `country`; none for a country that is not known.
pub fn regions_of(country: Country) -> impl Iterator<Item = &'static str> {
    let code = country.code();
    let lists = |list: &str| list.split(' ').any(|listed| listed == code);
    let eu = lists(EU_COUNTRIES);
    let eea = eu || lists(EEA_ONLY_COUNTRIES);
    let adequate = eea || ADEQUACY.iter().any(|decision| decision.country == code);
    [
        (eu, EU),
        (eea, EEA),
        (adequate, GDPR_ADEQUATE),
        (lists(DPF_COUNTRIES), EU_US_DPF),
    ]
    .into_iter()
    .filter_map(|(holds, region)| holds.then_some(region))
}

/// Every code that a policy may name.
pub fn country_codes() -> impl Iterator<Item = &'static str> {
    ISO_3166.split(' ').chain(["ZZ"])
}
