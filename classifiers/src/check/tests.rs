//! Each check beside numbers that its own authority prints as right, and numbers it calls wrong.
//! Where the authority prints none, the pair is of the literature named. All were compared with
//! python-stdnum 2.2 where it knows the number.

use super::*;

type Case = (
    &'static str,
    fn(&[u8]) -> bool,
    &'static [&'static str],
    &'static [&'static str],
);

static CASES: &[Case] = &[
    // SSA POMS RM 10201.035; 078-05-1120 is the wallet maker Woolworth printed ("Social Security
    // Cards Issued by Woolworth", ssa.gov/history), 219-09-9999 stood in an SSA pamphlet of 1940.
    (
        "SSN",
        us_ssn,
        &["536221234", "078051121", "899999999", "001010001"],
        &[
            "000221234",
            "666221234",
            "936221234",
            "900000000",
            "536001234",
            "536220000",
            "078051120",
            "219099999",
            "53622123",
        ],
    ),
    // IRM 3.21.263: groups 50-65, 70-88, 90-92, 94-99.
    (
        "ITIN",
        us_itin,
        &["912903456", "900500000", "911641234", "999990000"],
        &[
            "123456789",
            "912934567",
            "911891234",
            "900490000",
            "900660000",
        ],
    ),
    // irs.gov, "How EINs are assigned": 91 (Philadelphia), 12 (Andover); 07 is none.
    (
        "EIN",
        us_ein,
        &["911144442", "123456789", "990000000"],
        &["071144442", "001144442", "891144442", "96000000x"],
    ),
    // Federal Reserve Banks of Boston and Chicago, and the example of the ABA policy.
    (
        "ABA",
        us_aba_routing,
        &["011000015", "071000301", "111000025", "121042882"],
        &[
            "112000025",
            "011000016",
            "000000000",
            "131000025",
            "99000002",
        ],
    ),
    // Service Canada's sample card has 123 456 782; none begins with 0 or 8.
    (
        "SIN",
        ca_sin,
        &["123456782", "258933688"],
        &["123456789", "999999999", "046454286", "823456785"],
    ),
    // RENAPO, Instructivo Normativo: BOXW310820HNERXN09.
    (
        "CURP",
        mx_curp,
        &["BOXW310820HNERXN09"],
        &[
            "BOXW310820HNERXN08",
            "BOXW311320HNERXN09",
            "BOXW310820ANERXN09",
            "BOXW310820HZZRXN09",
        ],
    ),
    // Receita Federal's usual example.
    (
        "CPF",
        br_cpf,
        &["11144477735", "39053344705"],
        &["11144477734", "23100299900", "11111111111", "1114447773"],
    ),
    // Receita Federal, "Manual de cálculo do DV do CNPJ alfanumérico": 12.ABC.345/01DE-35.
    (
        "CNPJ",
        br_cnpj,
        &["11222333000181", "12ABC34501DE35", "16727230000197"],
        &[
            "11222333000182",
            "12ABC34501DE36",
            "00000000000000",
            "1122233300018",
        ],
    ),
    (
        "CUIT",
        ar_cuit,
        &["20055361682", "30707736107"],
        &["20267565392", "20055361683", "99055361682"],
    ),
    (
        "RUT",
        cl_rut,
        &["125319092", "760864285", "12345670K"],
        &["125319093", "12531909K", "000000000"],
    ),
    // NHS Data Dictionary prints 943 476 5919 on its sample card, 401 023 2137 in its note on checks.
    (
        "NHS",
        uk_nhs,
        &["9434765919", "4010232137", "9434765870"],
        &["9434765871", "4010232138", "0000000000", "943476591"],
    ),
    // HMRC NIM39110 rules out QQ, which it uses for samples.
    (
        "NINO",
        uk_nino,
        &["AA123456B", "TW987654A", "JG103759A"],
        &[
            "QQ123456C",
            "BG123612A",
            "FQ000000C",
            "AO123456A",
            "AA123456E",
            "GB123456A",
            "AA12345B",
        ],
    ),
    // DVLA's specimen of 1998 and of 2015: MORGA657054SM9IJ.
    (
        "driving licence",
        uk_driving_licence,
        &["MORGA657054SM9IJ", "MORGA657054SM9IJ35"],
        &[
            "MORGA601324SM9IJ",
            "MORGA600004SM9IJ",
            "99999657054SM9IJ",
            "MO9GA657054SM9IJ",
            "MORGA65705SM9IJ",
            "MORGA613054SM9IJ",
            "INTRODUCTORYXXXX",
        ],
    ),
    // Department of Social Protection: 1234567T, 1234567FA.
    (
        "PPS",
        ie_pps,
        &[
            "1234567T",
            "1234567FA",
            "6433435F",
            "6433435FW",
            "6433435OA",
        ],
        &["1234567U", "6433435E", "1234567FB", "0000000W", "123456T"],
    ),
    // Assurance maladie's specimen of the carte Vitale, and Corsican ones.
    (
        "NIR",
        fr_nir,
        &[
            "269054958815780",
            "295109912611193",
            "253072B07300470",
            "253072A07300443",
        ],
        &[
            "269054958815781",
            "253072C07300443",
            "969054958815708",
            "26905495881578",
        ],
    ),
    // INSEE's own SIREN.
    (
        "SIREN",
        fr_siren,
        &["120027016", "732829320", "552008443"],
        &["732829321", "000000000", "12002701"],
    ),
    // La Poste's head office and one of its branches.
    (
        "SIRET",
        fr_siret,
        &["73282932000074", "35600000000048", "35600000009075"],
        &["73282932000079", "35600000009076"],
    ),
    // Rijksdienst voor Identiteitsgegevens gives 123456782 and 111222333 for tests.
    (
        "BSN",
        nl_bsn,
        &["123456782", "111222333", "10000008"],
        &["123456783", "111252333", "000000000", "1234567"],
    ),
    // Registre national, "Le numéro d'identification": 85.07.30-033.28, and one from 2017.
    (
        "NRN",
        be_nrn,
        &["85073003328", "17073003384", "98472899765", "01490700185"],
        &["85073003329", "12345678901", "85993003328"],
    ),
    // ITZBund's test numbers.
    (
        "Steuer-ID",
        de_tax_id,
        &[
            "86095742719",
            "47036892816",
            "65929970489",
            "57549285017",
            "25768131411",
        ],
        &[
            "86095742718",
            "11111111111",
            "02345678901",
            "98765432100",
            "11112345678",
            "1234567890",
        ],
    ),
    // ELSTER: Sachsen-Anhalt, Thüringen, Bayern in the unified form.
    (
        "Steuernummer",
        de_tax_number,
        &[
            "9181081508155",
            "4151081508156",
            "18181508155",
            "2893081508152",
        ],
        &[
            "4151181508156",
            "0081508150001",
            "028150815012",
            "136695978",
        ],
    ),
    // Deutsche Rentenversicherung's specimen, and the example of the VKVV.
    (
        "RVNR",
        de_social_security,
        &["65170839J003", "15070649C103"],
        &[
            "15070649C100",
            "15070049C103",
            "150706491103",
            "15070649C1030",
        ],
    ),
    // GKV-Spitzenverband, Richtlinie KVNR: A123456780; gematik: A000500015.
    (
        "KVNR",
        de_kvnr,
        &["A123456780", "A000500015", "Z999999997"],
        &["A123456789", "A000500010", "1123456780", "A1234567890"],
    ),
    // KBV, Richtlinie: 123456601, made from its own rule.
    (
        "LANR",
        de_lanr,
        &["123456601", "100000601", "555555501"],
        &["123456701", "100000401", "000000001", "12345660"],
    ),
    (
        "BSNR",
        de_bsnr,
        &["721234567", "021234567"],
        &["991234567", "051234567", "02123456"],
    ),
    // Bundesministerium des Innern, specimens: card L01X00T47 (check 1), card of 2007 T22000129
    // (check 3), passport C01X00T47 (check 8).
    (
        "Personalausweis",
        de_id_card,
        &["L01X00T47", "L01X00T471", "T22000129", "T220001293"],
        &[
            "L01X00T472",
            "L01X00T4",
            "L01X00T4A7",
            "A01X00T47",
            "1220001297",
            "INTRODUCT",
        ],
    ),
    (
        "Reisepass",
        de_passport,
        &["C01X00T47", "C01X00T478", "C01234565"],
        &["L01X00T47", "A01234567", "C01X00T471", "C0123456A"],
    ),
    (
        "serial of eight",
        de_serial_of_eight,
        &["C01X00T41", "CZ6311T03"],
        &["L01X00T47", "C01234567"],
    ),
    // Kraftfahrt-Bundesamt's specimen of 2013: B072RRE2I55.
    (
        "Führerschein",
        de_driver_license,
        &["B072RRE2I55"],
        &["B072RRE2I45", "12345678901", "MU123456785", "INTRODUCTOR"],
    ),
    (
        "Führerschein's form",
        de_driver_license_form,
        &["B072RRE2I45", "MU123456785"],
        &["BO12345678", "INTRODUCTOR", "12345678901"],
    ),
    // Bundeszentralamt für Steuern's own, and the one of the VIES examples.
    (
        "USt-IdNr",
        de_vat_id,
        &["DE136695976", "129273398", "DE111111117"],
        &["DE136695978", "DE123456789", "DE12345678"],
    ),
    // Dachverband der Sozialversicherungsträger: 1237 010180.
    (
        "SVNR",
        at_svnr,
        &["1237010180"],
        &["2237010180", "1237320180", "0237010180"],
    ),
    // ZAS: 756.9217.0769.85; BSV: 756.1234.5678.97.
    (
        "AHV",
        ch_ahv,
        &["7569217076985", "7561234567897"],
        &["7569217076984", "1234567891019"],
    ),
    // Ministerio del Interior's specimens: 99999999R, and 12345678Z.
    (
        "DNI",
        es_nif,
        &["99999999R", "12345678Z", "1111111G", "K0867756N"],
        &["12345678A", "54362315Z", "54362315", "00000000T"],
    ),
    // Policía Nacional: X1234567L, specimen Z4022211V made by the order's rule.
    (
        "NIE",
        es_nie,
        &["X1234567L", "X2482300W", "Y8063915Z"],
        &["X2482300A", "X2482300", "W8063915Q", "58063915Q"],
    ),
    // Agencia Tributaria's and Telefónica's.
    (
        "CIF",
        es_cif,
        &["Q2826000H", "A28015865", "J99216582"],
        &["J99216583", "Q28260008", "O1234567L", "M1234567L"],
    ),
    // Agenzia delle Entrate's usual example and one with replaced digits.
    (
        "codice fiscale",
        it_fiscal_code,
        &["RSSMRA85T10A562S", "RCCMNL83S18D969H", "MRTMTT25D09F205Z"],
        &[
            "RSSMRA85T10A562T",
            "RSSMRA85T80A562S",
            "RSSMRA85F10A562S",
            "RCCMNL83S18D969",
        ],
    ),
    (
        "partita IVA",
        it_vat,
        &["00743110157", "07643520567"],
        &["00743110158", "00000000000", "00000000018"],
    ),
    (
        "NIF",
        pt_nif,
        &["501964843", "123456789"],
        &["501964842", "401964843", "50196484"],
    ),
    (
        "AMKA",
        gr_amka,
        &["01013099997"],
        &["01013099999", "32013099997"],
    ),
    // Porezna uprava's own: 18683136487; Hrvatski Telekom 81793146560.
    (
        "OIB",
        hr_oib,
        &["18683136487", "81793146560", "33392005961"],
        &["33392005962", "1868313648"],
    ),
    // NVİ's test number 10000000146.
    (
        "TCKN",
        tr_tckn,
        &["10000000146", "17291716060"],
        &["17291716050", "07291716092", "12345678900"],
    ),
    (
        "Teudat Zehut",
        il_id,
        &["039337423", "000000018"],
        &["039337422", "000000000"],
    ),
    // Skatteverket SKV 704: 811218-9876, and its coordination number 701063-2391.
    (
        "personnummer",
        se_personnummer,
        &["8112189876", "198112189876", "7010632391", "8803200016"],
        &["8112189877", "8113189876", "178112189876", "811218987"],
    ),
    // Skatteverket's own.
    (
        "organisationsnummer",
        se_orgnr,
        &["2021005448", "2120000142"],
        &["2021005449", "8112189876"],
    ),
    // Skatteetaten's documentation of Tenor uses test months plus 80; the others from its rule.
    (
        "fødselsnummer",
        no_fnr,
        &["15108695088", "11077941012"],
        &["15108695077", "15138695088", "1510869508"],
    ),
    // CPR-kontoret, "Personnummeret i CPR": 070761-4285; numbers from 2007 fail its modulo.
    (
        "CPR",
        dk_cpr,
        &["0707614285", "2110625629", "0101070001"],
        &["5110625629", "3002614285", "070761428"],
    ),
    // DVV: 131052-308T.
    (
        "HETU",
        fi_hetu,
        &["131052308T", "131052A308T", "010516B903X"],
        &["131052308U", "310252308Y", "131052001K", "131052G308T"],
    ),
    // EVS 585's example, and Registrų centras's.
    (
        "isikukood",
        ee_ik,
        &["37605030299", "36805280109", "33309240064"],
        &["36805280108", "33309240164", "06805280109"],
    ),
    // gov.pl, specimen of the identity card: 02070803628; the law's example 44051401359.
    (
        "PESEL",
        pl_pesel,
        &["02070803628", "44051401359", "44051401458"],
        &["44051401358", "02381307589", "4405140135"],
    ),
    (
        "NIP",
        pl_nip,
        &["8567346215", "1234563218"],
        &["8567346216", "0000000000"],
    ),
    (
        "rodné číslo",
        cz_rc,
        &["7103192745", "530312123"],
        &["7103192746", "1103492745", "590312123"],
    ),
    (
        "CNP",
        ro_cnp,
        &["1630615123457"],
        &[
            "1630615123458",
            "0800101221142",
            "1632215123457",
            "1630615993454",
        ],
    ),
    // GRAO's example of the ordinance: 6101057509.
    (
        "EGN",
        bg_egn,
        &["6101057509", "7523169263", "8032056031"],
        &["6101057508", "8019010008", "7552A10004"],
    ),
];

static MORE: &[Case] = &[
    // UIDAI's published test number; 3.1 of its numbering scheme has Verhoeff's own.
    (
        "Aadhaar",
        in_aadhaar,
        &["999941057058", "234123412346"],
        &["234123412347", "123412341234", "222222222222", "643343121"],
    ),
    // Income Tax Department: AAAPL1234C; the company's form is its rule.
    (
        "PAN of India",
        in_pan,
        &["AAAPL1234C", "ACUPA7085R"],
        &["ABMXA3211G", "ACUPA0000R", "ABMPA32111", "ACUPA7085RR"],
    ),
    (
        "GSTIN",
        in_gstin,
        &["27AAPFU0939F1ZV"],
        &["27AAPFU0939F1ZO", "27AAPFU0939F1AA", "00AAPFU0939F1ZV"],
    ),
    (
        "GSTIN's form",
        in_gstin_form,
        &["27AAPFU0939F1ZO"],
        &["27AAPFU0939F1AO", "40AAPFU0939F1ZV", "27AAPFU0939F0ZV"],
    ),
    // ICA's specimen cards: S1234567D, F1234567N; M series as ICA announced in 2022.
    (
        "NRIC",
        sg_nric,
        &["S1234567D", "F1234567N", "M4332674T"],
        &["S1234567A", "G1122144K", "A1234567Z", "S123456D"],
    ),
    // ACRA's examples.
    (
        "UEN",
        sg_uen,
        &["00192200M", "197401143C", "S16FC0121D", "T01FC6132D"],
        &["00192200K", "197401143D", "S16FC0121C", "123456"],
    ),
    (
        "RRN",
        kr_rrn,
        &["0509122000019"],
        &["0509122000018", "0511029234110", "7604135212134"],
    ),
    (
        "RRN's form",
        kr_rrn_form,
        &["2010112345678"],
        &["2013112345678", "2010115345678"],
    ),
    (
        "FRN",
        kr_frn,
        &["0509126000012"],
        &["0509126000013", "0509122000019"],
    ),
    (
        "FRN's form",
        kr_frn_form,
        &["9111245678901"],
        &["0013321234567", "9111241678901"],
    ),
    // National Tax Service; Samsung's is 124-81-00998.
    (
        "BRN",
        kr_brn,
        &["1248100998", "1168200276"],
        &["1248100999", "0000000000"],
    ),
    (
        "licence of Korea",
        kr_driver_license,
        &["112212345612", "282212345612"],
        &["992212345612", "272212345612"],
    ),
    (
        "My Number",
        jp_mynumber,
        &["621498320257"],
        &["621498320258", "000000000000", "62149832025"],
    ),
    // GB 11643-1999's examples.
    (
        "resident id of China",
        cn_ric,
        &[
            "11010519491231002X",
            "440524188001010014",
            "360426199101010071",
        ],
        &[
            "110105194912310021",
            "99010519491231002X",
            "11010519491331002X",
        ],
    ),
    // The Ministry of the Interior's specimen.
    (
        "id of Taiwan",
        tw_id,
        &["A123456789"],
        &["A123456788", "A323456789", "1123456789"],
    ),
    (
        "id of Thailand",
        th_tnin,
        &["3100600445635", "1234545678781"],
        &["1234545678789", "0000000000000", "9100600445635"],
    ),
    // ATO's example.
    (
        "TFN",
        au_tfn,
        &["123456782", "876543210"],
        &["999999999", "123456789", "000000000"],
    ),
    // The ATO's own number, on the register's page about the format.
    (
        "ABN",
        au_abn,
        &["51824753556", "83914571673"],
        &["51824753557", "99999999999", "00000000560"],
    ),
    // ASIC's list of numbers that hold.
    (
        "ACN",
        au_acn,
        &["000000019", "000250000", "004085616", "010499966"],
        &["000000018", "999999999", "000000000"],
    ),
    // Services Australia's specimen.
    (
        "Medicare",
        au_medicare,
        &["2123456701", "21234567011"],
        &["2123456711", "2123258701", "1123456701", "212345670"],
    ),
    // Inland Revenue's specification gives all of these.
    (
        "IRD",
        nz_ird,
        &["49091850", "035901981", "049098576", "136410132"],
        &["136410133", "9125568"],
    ),
    (
        "id of South Africa",
        za_id,
        &["8001015009087", "0001015002288", "7503305044089"],
        &[
            "8001015009086",
            "9902294321191",
            "8503305044089",
            "8001015009385",
        ],
    ),
    // CMS, "NPI check digit": 123456789 has check digit 3.
    (
        "NPI",
        us_npi,
        &["1234567893", "1245319599"],
        &["1234567890", "3234567893", "123456789"],
    ),
    (
        "DEA",
        us_dea,
        &["AB1234563", "F91234563", "BB1388568"],
        &["AB1234564", "YB1234563", "AB0000000", "A11234563"],
    ),
    // CMS, MBI format: 1EG4-TE5-MK73.
    (
        "MBI",
        us_mbi,
        &["1EG4TE5MK73", "1EG4TE5MK72"],
        &[
            "1EG4TE5OK73",
            "0EG4TE5MK73",
            "1EG4TE5MK7",
            "1SG4TE5MK73",
            "1EG4TEAMK73",
        ],
    ),
    // LOINC's heart rate and glucose.
    (
        "LOINC",
        loinc,
        &["8867-4", "2345-7", "2951-2"],
        &["8867-5", "88674", "-4", "123456789-1"],
    ),
    // SNOMED CT's diabetes mellitus, and the core module.
    (
        "SNOMED CT",
        snomed,
        &["73211009", "900000000000207008", "404684003"],
        &["73211008", "073211009", "12345"],
    ),
    (
        "RxNorm",
        rxnorm,
        &["197361", "1049502"],
        &["0197361", "123456789", "19736a"],
    ),
    // FDA, "National Drug Code Database Background Information".
    (
        "NDC",
        ndc,
        &[
            "0777-3105-02",
            "50242-040-62",
            "60575-4112-1",
            "50242004062",
        ],
        &["0777-310-02", "50242-040", "50242004"],
    ),
    // CMS, ICD-10-CM guidelines.
    (
        "ICD-10-CM",
        icd_10_cm,
        &["E11.9", "S52.521A", "C7A.00", "I10"],
        &["e11.9", "E119", "11.9", "E11.", "E11.12345"],
    ),
    (
        "CPT",
        cpt,
        &["99213", "0001F", "0042T"],
        &["9921", "0001X", "992130"],
    ),
    // FDA's UDI page has both; GS1's GTIN 00844588003288, HIBCC's +H123PARTNO1234567890120.
    (
        "UDI",
        udi,
        &[
            "(01)00844588003288(17)141120",
            "+A123BJC5D6E71G",
            "(01)51022222233336(11)141231(17)150707(10)A213B1(21)1234",
        ],
        &["(01)00844588003289", "+A123BJC5D6E71H", "A123BJC5D6E71G"],
    ),
    // ISO/IEC 7812 ranges with the networks' test cards.
    (
        "card",
        pan,
        &[
            "4111111111111111",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "6011111111111117",
            "30569309025904",
            "3530111333300000",
            "6200000000000005",
            "6759649826438453",
            "2200000000000004",
        ],
        &[
            "4111111111111112",
            "9111111111111111",
            "3782822463100050",
            "411111111111111",
        ],
    ),
    // ISO/IEC 7813.
    (
        "track",
        track_data,
        &[
            "%B4111111111111111^DOE/JANE^30121010000000?",
            ";4111111111111111=30121010000000?",
        ],
        &[
            "%B4111111111111112^DOE/JANE^3012101?",
            ";4111111111111111=30131010000000?",
            ";4111111111111111",
        ],
    ),
    // SWIFT's IBAN registry.
    (
        "IBAN",
        iban,
        &[
            "DE89370400440532013000",
            "GB29NWBK60161331926819",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
        ],
        &[
            "DE89370400440532013001",
            "DE8937040044053201300",
            "US89370400440532013000",
        ],
    ),
    // ISO 9362.
    (
        "BIC",
        bic,
        &["DEUTDEFF", "DEUTDEFF500", "NEDSZAJJXXX"],
        &["DEUTDEF", "DEUTXXFF", "deutdeff"],
    ),
    // The first block, BIP 173, BIP 350 and EIP-55.
    (
        "wallet",
        crypto_wallet,
        &[
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        ],
        &[
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
            "tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed",
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        ],
    ),
    // 49 CFR 565's weights over seventeen ones, and the usual example.
    (
        "VIN",
        vin,
        &[
            "11111111111111111",
            "1M8GDM9AXKP042788",
            "1HGCM82633A004352",
        ],
        &["1M8GDM9A1KP042788", "1M8GDM9AXKP04278", "IM8GDM9AXKP042788"],
    ),
    (
        "VIN's form",
        vin_form,
        &["WVWZZZ1JZXW000001", "1M8GDM9A1KP042788"],
        &[
            "WVWZZZ1JZXW00000A",
            "11111111111111111",
            "WVWZZZOJZXW000001",
        ],
    ),
    // GSMA TS.06's example.
    (
        "IMEI",
        imei,
        &["490154203237518"],
        &["490154203237517", "000000000000000", "49015420323751"],
    ),
    // GS1's examples.
    (
        "EAN-13",
        ean_13,
        &["4006381333931", "9780306406157"],
        &["4006381333932", "400638133393"],
    ),
    ("GTIN", gtin, &["00844588003288"], &["00844588003289"]),
];

#[test]
fn every_check_knows_right_from_wrong() {
    let mut misjudged = Vec::new();
    for (name, holds, right, wrong) in CASES.iter().chain(MORE) {
        let right = right.iter().map(|number| (number, true));
        let wrong = wrong.iter().map(|number| (number, false));
        misjudged.extend(
            right
                .chain(wrong)
                .filter(|(number, expected)| holds(number.as_bytes()) != *expected)
                .map(|(number, expected)| format!("{name}: {number} is {expected}")),
        );
    }
    assert_eq!(misjudged, Vec::<String>::new());
}

#[test]
fn no_check_falls_over_bytes_of_any_kind() {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    for (_, holds, ..) in CASES.iter().chain(MORE) {
        for length in 0..40 {
            for byte in [0, b'0', b'9', b'A', b'Z', 0xFF] {
                holds(&vec![byte; length]);
            }
            holds(all.get(..length * 6).unwrap());
        }
    }
}
