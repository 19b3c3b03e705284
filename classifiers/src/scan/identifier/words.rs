//! Words that tell what the number beside them is, in lower-case ASCII without separators.
//!
//! The names that authorities and forms use, in their own languages and in English.

use phf::{phf_map, phf_set};

use crate::DataClass as D;

/// What may end an entry without changing it.
pub(super) static ENDINGS: &[&str] = &[
    "number", "nummer", "numer", "numero", "nr", "num", "no", "id",
];

/// Words that say that the number behind them is no identifier.
pub(super) static VETOING: phf::Set<&'static str> = phf_set! {
    "order", "orders", "sku", "build", "version", "release", "tracking", "invoice", "batch", "lot",
    "part", "item", "article", "product", "model", "catalog", "isbn", "issn", "ean", "upc", "gtin",
    "asin", "commit", "hash", "checksum", "ticket", "shipment", "parcel", "waybill", "awb",
    "timestamp", "epoch", "port", "barcode", "receipt", "firmware", "revision", "bestellung",
    "bestellnummer", "auftrag", "rechnung", "artikel", "commande", "facture", "pedido", "factura",
    "ordine", "fattura", "bestelling", "factuur", "encomenda", "fatura",
};

/// The numbers that states give to persons: what `national id` may mean.
pub(super) static NATIONAL: &[D] = &[
    D::US_SSN,
    D::US_ITIN,
    D::CA_SIN,
    D::MX_CURP,
    D::BR_CPF,
    D::AR_CUIT,
    D::CL_RUT,
    D::UK_NINO,
    D::DE_TAX_ID,
    D::DE_ID_CARD,
    D::DE_SOCIAL_SECURITY,
    D::FR_NIR,
    D::ES_NIF,
    D::ES_NIE,
    D::IT_FISCAL_CODE,
    D::NL_BSN,
    D::BE_NRN,
    D::PT_NIF,
    D::PL_PESEL,
    D::CZ_RC,
    D::RO_CNP,
    D::BG_EGN,
    D::HR_OIB,
    D::GR_AMKA,
    D::SE_PERSONNUMMER,
    D::NO_FNR,
    D::DK_CPR,
    D::FI_HETU,
    D::EE_IK,
    D::CH_AHV,
    D::AT_SVNR,
    D::IE_PPS,
    D::TR_TCKN,
    D::IL_ID,
    D::ZA_ID,
    D::IN_AADHAAR,
    D::IN_PAN,
    D::SG_NRIC,
    D::KR_RRN,
    D::KR_FRN,
    D::JP_MYNUMBER,
    D::CN_RIC,
    D::TW_ID,
    D::TH_TNIN,
    D::AU_TFN,
];

/// What `tax id` may mean.
static TAX: &[D] = &[
    D::US_ITIN,
    D::US_SSN,
    D::US_EIN,
    D::DE_TAX_ID,
    D::DE_TAX_NUMBER,
    D::ES_NIF,
    D::ES_NIE,
    D::PT_NIF,
    D::IT_FISCAL_CODE,
    D::IT_VAT,
    D::BR_CPF,
    D::BR_CNPJ,
    D::AR_CUIT,
    D::CL_RUT,
    D::AU_TFN,
    D::AU_ABN,
    D::IN_PAN,
    D::PH_TIN,
    D::HR_OIB,
    D::NL_BSN,
    D::GR_AMKA,
    D::NATIONAL_ID,
];

/// What `passport` may mean.
pub(super) static PASSPORT: &[D] = &[
    D::US_PASSPORT,
    D::UK_PASSPORT,
    D::DE_PASSPORT,
    D::KR_PASSPORT,
    D::ES_PASSPORT,
    D::IN_PASSPORT,
    D::IT_PASSPORT,
];

/// What `driving licence` may mean, where its number has a form.
static LICENCE: &[D] = &[
    D::UK_DRIVING_LICENCE,
    D::DE_DRIVER_LICENSE,
    D::IT_DRIVER_LICENSE,
    D::KR_DRIVER_LICENSE,
];

/// What a number of health insurance may be.
static HEALTH: &[D] = &[D::US_MBI, D::AU_MEDICARE, D::DE_KVNR, D::UK_NHS];

/// Words and the classes they tell.
pub(super) static TELLING: phf::Map<&'static str, &'static [D]> = phf_map! {
    "nationalid" | "nationalidentity" | "nationalidentification" | "identitynumber" | "idnumber"
    | "identificationnumber" | "personalid" | "personalidentity" | "personalidentification"
    | "personalidentificationnumber" | "citizenid" | "governmentid" | "identitycard" | "idcard"
    | "documentoidentidad" | "socialsecurity" | "socialinsurance" => NATIONAL,
    "taxid" | "taxnumber" | "taxidentification" | "taxpayer" | "taxpayerid" | "taxpayeridentification"
    | "taxidentificationnumber" => TAX,
    "tin" => &[D::PH_TIN, D::US_ITIN, D::US_SSN, D::US_EIN, D::DE_TAX_ID],

    // Cards.
    "card" | "creditcard" | "debitcard" | "cardnumber" | "paymentcard" | "bankcard" | "cc" | "ccnumber"
    | "visa" | "mastercard" | "amex" | "americanexpress" | "maestro" | "discover" | "kreditkarte"
    | "kreditkartennummer" | "kartennummer" | "karte" | "tarjeta" | "cartao" | "carta" | "cartebancaire"
    | "cartecredit" | "cb" | "creditkaart" | "kaart" | "kortnummer" | "kort" | "karta" | "kahao"
    | "xinyongka" | "kadofanhao" | "kurejittokado" | "primaryaccountnumber" => &[D::PAN],
    "pan" => &[D::PAN, D::IN_PAN],
    "pancard" | "incometax" | "incometaxpan" | "permanentaccount" | "permanentaccountnumber" => &[D::IN_PAN],

    // United States and Canada.
    "ssn" | "ssns" | "ss" | "socialsecuritynumber" | "socsec" | "soc" | "social" | "ussn" => &[D::US_SSN],
    "itin" | "individualtaxpayer" => &[D::US_ITIN],
    "ein" | "fein" | "employeridentification" | "employerid" | "federaltaxid" => &[D::US_EIN],
    "npi" | "nationalprovider" | "provideridentifier" | "nationalprovideridentifier" => &[D::US_NPI],
    "dea" | "deano" | "prescriberdea" | "dearegistration" => &[D::US_DEA],
    "mbi" | "medicarebeneficiary" | "medicarebeneficiaryidentifier" | "hicn" => &[D::US_MBI],
    "medicare" | "medicarecard" | "medicarenumber" => &[D::US_MBI, D::AU_MEDICARE],
    "aba" | "abarouting" | "routing" | "routingnumber" | "routingtransit" | "rtn" | "transitnumber" => &[D::US_ABA_ROUTING],
    "passport" | "passports" | "passportnumber" | "traveldocument" => PASSPORT,
    "uspassport" | "americanpassport" => &[D::US_PASSPORT],
    "sin" | "socialinsurancenumber" | "nas" | "assurancesociale" | "numerodassurancesociale" => &[D::CA_SIN],

    // Latin America.
    "curp" | "claveunicaderegistro" => &[D::MX_CURP],
    "cpf" | "cadastrodepessoasfisicas" => &[D::BR_CPF],
    "cnpj" | "cadastronacionaldapessoa" => &[D::BR_CNPJ],
    "cpfcnpj" => &[D::BR_CPF, D::BR_CNPJ],
    "cuit" | "cuil" => &[D::AR_CUIT],
    "rut" | "rolunico" | "rolunicotributario" => &[D::CL_RUT],

    // United Kingdom and Ireland.
    "nhs" | "nhsnumber" | "nhsno" | "patientnhs" => &[D::UK_NHS],
    "ni" | "nino" | "nationalinsurance" | "natins" | "nationalinsurancenumber" => &[D::UK_NINO],
    "drivinglicence" | "driverlicence" | "driverslicence" | "drivernumber" | "dvla"
    | "drivinglicense" | "driverlicense" | "driverslicense" => LICENCE,
    "ukpassport" | "britishpassport" => &[D::UK_PASSPORT],
    "pps" | "ppsn" | "personalpublicservice" => &[D::IE_PPS],

    // Germany, Austria, Switzerland.
    "steuerid" | "steueridentifikationsnummer" | "steueridentnummer" | "steueridnr" | "idnr"
    | "identifikationsnummer" => &[D::DE_TAX_ID],
    "steuernummer" | "steuernr" | "stnr" | "finanzamt" => &[D::DE_TAX_NUMBER, D::DE_TAX_ID],
    "personalausweis" | "personalausweisnummer" | "ausweisnummer" | "ausweis" | "ausweisnr"
    | "perso" => &[D::DE_ID_CARD],
    "reisepass" | "reisepassnummer" | "passnummer" | "germanpassport" | "passnr" => &[D::DE_PASSPORT],
    "rvnr" | "rentenversicherung" | "rentenversicherungsnummer" | "sozialversicherungsnummer"
    | "sozialversicherung" | "svnummer" | "svnr" | "versicherungsnummer" | "sv" => &[D::DE_SOCIAL_SECURITY, D::AT_SVNR, D::CH_AHV],
    "kvnr" | "krankenversichertennummer" | "krankenversichertennr" | "versichertennummer" | "versichertennr"
    | "krankenkasse" | "krankenversicherung" | "krankenversicherungsnummer" | "gesundheitskarte" | "egk" => &[D::DE_KVNR],
    "lanr" | "arztnummer" | "lebenslangearztnummer" => &[D::DE_LANR],
    "bsnr" | "betriebsstattennummer" | "betriebsstaettennummer" => &[D::DE_BSNR],
    "fuhrerschein" | "fuehrerschein" | "fuhrerscheinnummer" | "fuehrerscheinnummer" => &[D::DE_DRIVER_LICENSE],
    "ustid" | "ustidnr" | "umsatzsteuer" | "umsatzsteueridentifikationsnummer" | "umsatzsteuerid"
    | "mwstnr" => &[D::DE_VAT_ID],
    "vat" | "vatid" | "vatnumber" | "vatregistration" => &[D::DE_VAT_ID, D::IT_VAT],
    "ahv" | "ahvn" | "ahvn13" | "ahv13" | "avs" | "noavs" | "oasi" => &[D::CH_AHV],

    // France and the Benelux.
    "nir" | "insee" | "securitesociale" | "secu" | "numerosecu" | "numerodesecuritesociale" | "cartevitale" => &[D::FR_NIR],
    "siren" | "siret" => &[D::ORGANIZATION_ID],
    "bsn" | "burgerservicenummer" | "sofi" | "sofinummer" | "burgerservice" => &[D::NL_BSN],
    "rijksregister" | "rijksregisternummer" | "registrenational" | "nrn" | "rrn" | "niss" | "insz"
    | "nationalregister" | "numeronational" => &[D::BE_NRN, D::KR_RRN],

    // Spain, Portugal, Italy.
    "dni" | "documentonacional" | "documentonacionaldeidentidad" | "nacionaldeidentidad" => &[D::ES_NIF],
    "nif" => &[D::ES_NIF, D::PT_NIF, D::ES_NIE],
    "nie" | "identidaddeextranjero" | "identificaciondeextranjero" | "extranjero" => &[D::ES_NIE],
    "cif" => &[D::ES_NIF],
    "pasaporte" | "pasaportenumero" => &[D::ES_PASSPORT, D::US_PASSPORT],
    "contribuinte" | "numerodecontribuinte" | "identificacaofiscal" => &[D::PT_NIF],
    "codicefiscale" | "codfiscale" | "codfisc" | "cf" | "fiscalcode" => &[D::IT_FISCAL_CODE],
    "partitaiva" | "piva" | "iva" => &[D::IT_VAT],
    "cartadidentita" | "cartaidentita" | "cie" => &[D::IT_ID_CARD],
    "passaporto" => &[D::IT_PASSPORT],
    "patente" | "patentediguida" => &[D::IT_DRIVER_LICENSE],

    // Eastern and south-eastern Europe.
    "pesel" => &[D::PL_PESEL],
    "nip" => &[D::NATIONAL_ID],
    "rodnecislo" | "rodnehocisla" | "cislopojistence" | "pojistence" | "birthnumber" | "rc" => &[D::CZ_RC],
    "cnp" | "codnumericpersonal" | "numericpersonal" => &[D::RO_CNP],
    "egn" | "edinengrazhdanskinomer" | "grazhdanskinomer" => &[D::BG_EGN],
    "oib" | "osobniidentifikacijskibroj" | "identifikacijskibroj" => &[D::HR_OIB],
    "amka" => &[D::GR_AMKA],
    "tckn" | "tckimlik" | "kimlik" | "kimlikno" | "kimliknumarasi" | "tcno" | "tcidentity" | "turkishid" => &[D::TR_TCKN],
    "teudatzehut" | "tehudatzehut" | "israeliid" | "israelid" | "tz" | "zhvt" => &[D::IL_ID],

    // The North.
    "personnummer" | "personnr" | "pnr" => &[D::SE_PERSONNUMMER, D::DK_CPR, D::NO_FNR],
    "samordningsnummer" | "swedishid" | "svensktpersonnummer" => &[D::SE_PERSONNUMMER],
    "organisationsnummer" | "orgnr" | "orgnummer" | "companyidentity" => &[D::SE_ORGNR],
    "fodselsnummer" | "fodselsnr" | "fnr" | "dnummer" | "norwegianid" => &[D::NO_FNR],
    "cpr" | "cprnummer" | "cprnr" | "danishid" => &[D::DK_CPR],
    "hetu" | "henkilotunnus" | "sosiaaliturvatunnus" | "personbeteckning" | "finnishid"
    | "personalidentitycode" => &[D::FI_HETU],
    "isikukood" | "isikukoodi" | "asmenskodas" | "asmenskodo" | "estonianid" | "lithuanianid" | "personalcode" => &[D::EE_IK],

    // Asia.
    "aadhaar" | "aadhar" | "adhar" | "uidai" => &[D::IN_AADHAAR],
    "gstin" | "gst" | "gstregistration" => &[D::IN_GSTIN],
    "voter" | "voterid" | "epic" | "electorsphoto" => &[D::IN_VOTER],
    "indianpassport" => &[D::IN_PASSPORT],
    "nric" | "fin" | "nricfin" | "singaporeid" => &[D::SG_NRIC],
    "uen" | "uniqueentity" => &[D::SG_UEN],
    "jumindeunglogbeonho" | "juminbeonho" | "jumin" | "residentregistration" | "koreanid" => &[D::KR_RRN],
    "oegugindeunglogbeonho" | "frn" | "foreignerregistration" | "alienregistration" => &[D::KR_FRN],
    "saeobjadeunglogbeonho" | "brn" | "businessregistration" => &[D::KR_BRN],
    "yeogwonbeonho" | "yeogwon" | "koreanpassport" => &[D::KR_PASSPORT],
    "unjeonmyeonheobeonho" | "unjeonmyeonheo" | "koreandriver" => &[D::KR_DRIVER_LICENSE],
    "mynumber" | "mainanba" | "gerenfanhao" | "kojinbango" | "individualnumber" => &[D::JP_MYNUMBER],
    "shenfenzheng" | "shenfenhao" | "shenfenhaoma" | "shenfenzhenghao" | "minshenfenhaoma" | "chineseid"
    | "residentidentity" | "residentid" => &[D::CN_RIC, D::TW_ID],
    "taiwanid" | "taiwaneseid" | "tongyizhenghao" | "zhengzihao" => &[D::TW_ID],
    "thaiid" | "thainational" | "thainationalid" | "elkhprachamtawprachachn" | "batrprachachn" => &[D::TH_TNIN],
    "birtin" | "bir" => &[D::PH_TIN],

    // Australia, New Zealand, Africa.
    "tfn" | "taxfile" | "taxfilenumber" | "ato" => &[D::AU_TFN],
    "abn" | "australianbusiness" | "australianbusinessnumber" => &[D::AU_ABN],
    "acn" | "australiancompany" | "australiancompanynumber" => &[D::AU_ACN],
    "ird" | "inlandrevenue" => &[D::NATIONAL_ID],
    "rsaid" | "southafricanid" | "said" | "zaid" | "refugeeid" => &[D::ZA_ID],
    "nin" | "nationalidentificationnumber" => &[D::NG_NIN, D::UK_NINO],

    // Devices, vehicles, health.
    "vin" | "chassis" | "chassisnumber" | "vehicleidentification" | "vehicleidentificationnumber" | "fahrgestellnummer"
    | "fahrzeugidentifikationsnummer" | "bastidor" | "telaio" | "chassisnummer" => &[D::VIN],
    "imei" | "imeis" | "meid" => &[D::IMEI],
    "plate" | "plates" | "platenumber" | "licenseplate" | "licenceplate" | "numberplate"
    | "registrationplate" | "vehicleregistration" | "kennzeichen" | "nummernschild" | "plaque"
    | "immatriculation" | "matricula" | "targa" | "kenteken" | "plaka" | "vrm"
    | "rejestracyjny" => &[D::VEHICLE_PLATE],
    "wallet" | "walletaddress" | "btc" | "bitcoin" | "eth" | "ethereum" | "crypto" | "ltc" => &[D::CRYPTO_WALLET],
    "insurance" | "insuranceid" | "healthinsurance" | "healthcard" => HEALTH,
};

/// Whether a member name of class `name` lets its value hold numbers of this class.
pub(super) fn admits(name: D, class: D) -> bool {
    let family: &[D] = match name {
        D::NATIONAL_ID => NATIONAL,
        D::US_PASSPORT => PASSPORT,
        D::US_DRIVER_LICENSE => LICENCE,
        _ => return name == class,
    };
    family.contains(&class)
}
