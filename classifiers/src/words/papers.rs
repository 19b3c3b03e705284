//! Numbers that states, banks and card networks give a person.

use super::Row;
use crate::DataClass as D;
use crate::key::KeyClass::{Hint, Leaf};

pub(super) static ROWS: &[Row] = &[
    // Any country's.
    (
        Leaf(D::NATIONAL_ID),
        "nationalid nationalidnumber nationalidentifier nationalidentity nationalidentitynumber
        nationalinsuranceid nationalidcard nationalregistrationnumber idcard idcardnumber
        idnumber idno identitynumber identitycard identitycardnumber identitydocumentnumber
        identitydocument iddocument iddocumentnumber govid governmentid governmentidnumber
        govtid stateid stateidnumber personalid personalidnumber personalcode personalnumber
        personidentifier citizenid citizennumber civilid civilregistrationnumber residentid
        residentregistrationnumber taxid taxpayerid taxidnumber taxnumber
        taxidentificationnumber taxpayeridentificationnumber taxidentifier taxreferencenumber
        tin tinnumber fiscalnumber fiscalid stcd1 stcd2 socialid socialsecurityid
        residencepermit residencepermitnumber residencecard visanumber aliennumber
        aliennumberuscis uscisnumber greencardnumber votercard votersid voternumber
        steueridentnummer ausweisnr ausweis identitatsnummer personenkennziffer aufenthaltstitel
        cartedidentite carteidentite numerocni numeroidentite numerofiscal identifiantfiscal
        documentodeidentidad documentoidentidad numeroidentificacion numerodeidentificacion
        identificacionfiscal cedula cedulaidentidad cedulaciudadania ine claveelector
        documentoidentita numerodocumentoidentita legitimatiebewijs identiteitskaart
        identiteitsnummer registrogeral cartaocidadao documentodeidentidade numerdowodu
        dowodosobisty seriainumerdowodu legitimationsnummer kimlikno kimlik kimliknumarasi
        shenfenzheng shenfenzhenghao idcardno idcardnum identitycardno shenfen
        individualnumberid residencecardnumber personregistrationnumber ird irdnumber irdno nip
        numernip nrnip",
    ),
    (
        Leaf(D::ORGANIZATION_ID),
        "siren siret numerosiren numerosiret sirennumber siretnumber",
    ),
    // America.
    (
        Leaf(D::US_SSN),
        "ssn ssnnumber ussn socialsecuritynumber socialsecurity socialsecurityno
        socialsecuritynum socsec socsecnum socialsecuritycard ssnlast4 ssnfull fullssn
        socialnumber patientssn employeessn",
    ),
    (
        Leaf(D::US_ITIN),
        "itin itinnumber individualtaxpayeridentificationnumber individualtaxid
        individualtaxpayerid",
    ),
    (
        Leaf(D::US_EIN),
        "ein fein federalein employeridentificationnumber federaltaxid einnumber",
    ),
    (
        Leaf(D::US_PASSPORT),
        "passport passportnumber passportno passportnum passportid passeport numeropasseport
        numerodepasseport paspoort paspoortnummer paszport numerpaszportu passi passinumero
        pasaport pasaportno passaporte numeropassaporte ryoken ryokenbango yeogwon yeogwonbeonho
        huzhao huzhaohao passportbook traveldocument traveldocumentnumber mrz",
    ),
    (
        Leaf(D::US_DRIVER_LICENSE),
        "driverlicense driverslicense driverlicence driverslicence dlnumber dlno
        drivinglicensenumber licenceno licenseno licensenumber driverlic driverlicensenumber
        driverslicensenumber driverlicensenum driverlicenseid driverlicenseno permisdeconduire
        numeropermis permisconduire cnh numerocnh carnetdeconducir carnetconducir
        licenciadeconducir licenciaconducir numerolicencia permisodeconducir rijbewijs
        rijbewijsnummer cartadeconducao prawojazdy korkort forerkort korekort ajokortti ehliyet
        unten menkyo menkyobango jiazhao",
    ),
    (
        Leaf(D::CA_SIN),
        "socialinsurancenumber socialinsurance sinnumber numeroassurancesociale nas sin casin",
    ),
    (
        Leaf(D::MX_CURP),
        "curp claveunica clavecurp claveunicaregistropoblacion",
    ),
    (
        Leaf(D::BR_CPF),
        "cpf cpfnumero numerocpf nrcpf cpfcnpj cpfcliente cadastropessoafisica",
    ),
    (Leaf(D::BR_CNPJ), "cnpj nrcnpj numerocnpj"),
    (Leaf(D::AR_CUIT), "cuit cuil cuitcuil nrocuit"),
    (
        Leaf(D::CL_RUT),
        "rut rutcliente rolunicotributario rolunicotributo",
    ),
    // The British Isles.
    (
        Leaf(D::UK_NINO),
        "nino nationalinsurancenumber nationalinsurance ninumber nationalinsuranceno natins",
    ),
    (
        Leaf(D::UK_DRIVING_LICENCE),
        "drivinglicence drivinglicense drivinglicencenumber drivinglicenceno ukdrivinglicence",
    ),
    (
        Leaf(D::UK_PASSPORT),
        "ukpassport gbpassport britishpassport",
    ),
    (
        Leaf(D::IE_PPS),
        "pps ppsn ppsnumber ppsno personalpublicservicenumber",
    ),
    // German-speaking countries.
    (
        Leaf(D::DE_TAX_ID),
        "steuerid steueridentifikationsnummer steueridnr steuernummerid steuerliche
        identifikationsnummer idnr steueridentnr germantaxid",
    ),
    (Leaf(D::DE_TAX_NUMBER), "steuernummer steuernr stnr"),
    (
        Leaf(D::DE_ID_CARD),
        "personalausweis ausweisnummer personalausweisnummer personalausweisnr perso persoausweis",
    ),
    (
        Leaf(D::DE_PASSPORT),
        "reisepass reisepassnummer reisepassnr passnummer passnr germanpassport",
    ),
    (
        Leaf(D::DE_SOCIAL_SECURITY),
        "sozialversicherungsnummer rentenversicherungsnummer rvnr svnummer
        versicherungsnummerrente sozialversicherungsnr rentenversicherungsnr svnr rvnummer",
    ),
    (
        Leaf(D::DE_DRIVER_LICENSE),
        "fuhrerschein fuehrerschein fuhrerscheinnummer fuehrerscheinnummer fuhrerscheinnr
        fuehrerscheinnr",
    ),
    (
        Leaf(D::DE_VAT_ID),
        "ustid ustidnr ustidnummer umsatzsteuerid umsatzsteueridentifikationsnummer germanvatid",
    ),
    (
        Leaf(D::DE_HANDELSREGISTER),
        "handelsregister handelsregisternummer hrb hrnummer registernummer",
    ),
    (
        Leaf(D::AT_SVNR),
        "sozialversicherungsnummeroesterreich svnrat ecardnummer",
    ),
    (
        Leaf(D::CH_AHV),
        "ahv ahvnummer ahvnr ahvn13 avs numeroavs navs13 avsnumber oasi",
    ),
    // Romance languages.
    (
        Leaf(D::FR_NIR),
        "nir numerosecuritesociale numerosecu securitesociale numsecu numerosecuritesocial
        inseenumber numeroinsee numerodesecuritesociale nirassure nss",
    ),
    (
        Leaf(D::ES_NIF),
        "dni nif dninif nifcliente niforcif dninumero numerodni nrodni documentonacionalidentidad
        documentonacional",
    ),
    (Leaf(D::ES_NIE), "nie numeronie numeroidentidadextranjero"),
    (
        Leaf(D::ES_PASSPORT),
        "pasaporte numeropasaporte numerodepasaporte nropasaporte",
    ),
    (
        Leaf(D::IT_FISCAL_CODE),
        "codicefiscale codfiscale codfisc cfpaziente codicefisc taxcodeit",
    ),
    (Leaf(D::IT_VAT), "partitaiva piva partita vatit"),
    (
        Leaf(D::IT_ID_CARD),
        "cartaidentita cartadidentita numerocartaidentita",
    ),
    (Leaf(D::IT_PASSPORT), "passaporto numeropassaporto"),
    (
        Leaf(D::IT_DRIVER_LICENSE),
        "patente patenteguida patentediguida numeropatente",
    ),
    (
        Leaf(D::PT_NIF),
        "numerocontribuinte contribuinte nifportugal numeroidentificacaofiscal nifpt",
    ),
    (Leaf(D::RO_CNP), "cnp codnumericpersonal"),
    // The Low Countries, the North.
    (
        Leaf(D::NL_BSN),
        "bsn burgerservicenummer sofinummer bsnnummer bsnnumber",
    ),
    (
        Leaf(D::BE_NRN),
        "rijksregisternummer nrn nationaalnummer numeronational numeroregistrenational
        registrenational numeronationalregistre insz niss nationalregisternumber rijksregister
        registernational",
    ),
    (
        Leaf(D::SE_PERSONNUMMER),
        "personnummer personnr samordningsnummer swedishpersonalnumber",
    ),
    (
        Leaf(D::SE_ORGNR),
        "organisationsnummer orgnr organisationsnr",
    ),
    (
        Leaf(D::NO_FNR),
        "fodselsnummer foedselsnummer fnr fodselsnr dnummer",
    ),
    (
        Leaf(D::DK_CPR),
        "cpr cprnummer cprnr cprnumber personnummerdk",
    ),
    (
        Leaf(D::FI_HETU),
        "hetu henkilotunnus henkilotunnukset personalidentitycode finnishpersonalidentitycode
        sotu",
    ),
    // Central and eastern Europe.
    (Leaf(D::PL_PESEL), "pesel numerpesel nrpesel"),
    (Leaf(D::CZ_RC), "rodnecislo rodnec birthnumber rodnacislo"),
    (Leaf(D::BG_EGN), "egn edinengrazhdanskinomer"),
    (Leaf(D::HR_OIB), "oib osobniidentifikacijskibroj"),
    (Leaf(D::GR_AMKA), "amka"),
    (
        Leaf(D::EE_IK),
        "isikukood asmenskodas isikukoodi estonianid",
    ),
    (
        Leaf(D::TR_TCKN),
        "tckn tckimlik tckimlikno tckimliknumarasi tcno vatandaslikno tcid",
    ),
    // Near and far East, Africa, Oceania.
    (Leaf(D::IL_ID), "teudatzehut teudat mispazehut israeliid tz"),
    (
        Leaf(D::ZA_ID),
        "southafricanid southafricanidnumber rsaid rsaidnumber saidnumber zaid",
    ),
    (
        Leaf(D::NG_NIN),
        "nin ninnumber nationalidentificationnumber",
    ),
    (
        Leaf(D::IN_AADHAAR),
        "aadhaar aadhaarnumber aadhar aadharnumber aadhaarno aadharno uidai adhaar aadhaarid uidnumber uidno",
    ),
    (
        Leaf(D::IN_PAN),
        "pancard permanentaccountnumber incometaxpan",
    ),
    (Leaf(D::IN_GSTIN), "gstin gstnumber gstno gst gstinnumber"),
    (Leaf(D::IN_VOTER), "voterid voteridnumber epicnumber epicno"),
    (Leaf(D::IN_PASSPORT), "indianpassport"),
    (
        Leaf(D::SG_NRIC),
        "nric nricfin nricnumber finnumber nricno uinfin",
    ),
    (Leaf(D::SG_UEN), "uen uennumber"),
    (
        Leaf(D::KR_RRN),
        "rrn jumin jumindeungnok jumindeungrokbeonho residentregistration juminbeonho koreanrrn",
    ),
    (
        Leaf(D::KR_FRN),
        "frn foreignerregistrationnumber alienregistrationnumber oegugindeungnokbeonho arcnumber",
    ),
    (
        Leaf(D::KR_BRN),
        "brn businessregistrationnumber saeopjadeungnokbeonho",
    ),
    (Leaf(D::KR_PASSPORT), "koreanpassport"),
    (
        Leaf(D::KR_DRIVER_LICENSE),
        "koreandriverlicense unjeonmyeonheo unjeonmyeonheobeonho",
    ),
    (
        Leaf(D::JP_MYNUMBER),
        "mynumber kojinbango individualnumber mainanba",
    ),
    (
        Leaf(D::CN_RIC),
        "residentidentitycard chineseid residentidentitynumber sfzh shenfenzhenghaoma
        residentidcard",
    ),
    (Leaf(D::TW_ID), "taiwanid taiwannationalid twid"),
    (Leaf(D::TH_TNIN), "thaiid thainationalid thaiidnumber tnin"),
    (Leaf(D::PH_TIN), "philippinetin phtin"),
    (Leaf(D::AU_TFN), "tfn taxfilenumber tfnnumber"),
    (Leaf(D::AU_ABN), "abn australianbusinessnumber abnnumber"),
    (Leaf(D::AU_ACN), "acn australiancompanynumber"),
    // Accounts.
    (
        Leaf(D::CUSTOMER_ID),
        "customernumber customerno customernr custno custnumber clientnumber clientno
        membernumber memberno frequentflyer frequentflyernumber ffnumber loyaltynumber loyaltyid
        loyaltycardnumber loyaltymembershipnumber membershipnumber membershipid membershipno
        rewardsnumber rewardsid knowntravelernumber redressnumber accountreference bonuscard
        policyholdernumber consumernumber meteraccount utilityaccount kundennummer kundennr kdnr
        mitgliedsnummer kunnr numeroclient numclient codeclient numeroadherent numerocliente
        codicecliente codigocliente numerodecliente numerosocio klantnummer klantnr lidnummer
        numerodocliente numerklienta kundnummer kundenummer asiakasnumero musterino
        musterinumarasi kaiinbango membercardnumber librarycardnumber librarycard loyaltycard
        loyaltycardno membershipcardnumber bonuscardnumber loyalty loyaltyprogram loyaltyaccount
        membership",
    ),
    (
        Leaf(D::IBAN),
        "iban ibannumber ibancode ibannr kontoiban ibanno internationalbankaccountnumber",
    ),
    (
        Leaf(D::US_BANK_ACCOUNT),
        "accountnumber accountnum accountno accountnbr bankaccount bankaccountnumber
        bankaccountno acctnumber acctnum acctno acctnbr dda ddaaccount depositaccount
        depositaccountnumber checkingaccount checkingaccountnumber savingsaccount
        savingsaccountnumber directdepositaccount beneficiaryaccount bban kontonummer kontonr
        bankkonto konto numerodecuenta numerocuenta cuentabancaria cuenta ncuenta clabe
        clabeinterbancaria cbu cvu numerocompte numerodecompte comptebancaire rib numeroconto
        contocorrente coordinatebancarie rekeningnummer bankrekening bankrekeningnummer
        numeroconta contabancaria contacorrente numerkonta numerrachunku rachunekbankowy
        bankkontonummer tilinumero hesapno hesapnumarasi kozabango gyejwabeonho yinhangzhanghao
        zhanghao",
    ),
    (
        Leaf(D::US_ABA_ROUTING),
        "routing routingnumber routingno aba abarouting abanumber routingtransitnumber rtn
        bankroutingnumber achrouting wirerouting",
    ),
    (
        Leaf(D::CRYPTO_WALLET),
        "wallet walletaddress cryptowallet cryptoaddress cryptowalletaddress btcaddress
        bitcoinaddress ethaddress ethereumaddress ethwallet btcwallet bitcoin bitcoinwallet
        withdrawaladdress solanaaddress btc xrpaddress tronaddress usdtaddress",
    ),
    // Cards.
    (
        Leaf(D::PAN),
        "pan pannumber cardnumber cardno cardnum cardpan ccnumber ccnum ccno creditcardnumber
        creditcardno debitcardnumber bankcardnumber primaryaccountnumber fullpan cleanpan
        cardaccountnumber accountpan fpan dpan cardnumberfull kartennummer kartennr
        kreditkartennummer numerotarjeta numerodetarjeta numtarjeta numerocarte numerodecarte
        numcarte numerocarta numerodicarta kaartnummer numerocartao numerodocartao numerkarty
        kortnummer korttinumero kartno kartnumarasi kadobango kadeubeonho kahao",
    ),
    (
        Leaf(D::PAN_TRUNCATED),
        "last4 lastfour last4digits lastfourdigits cardlast4 cardlastfour lastdigit cardsummary
        maskedpan maskedcard maskedcardnumber maskednumber truncatedpan pantruncated
        maskedcreditcardnumber first6 firstsix last4digit cardmask",
    ),
    (
        Leaf(D::CVV),
        "cvv cvc cvv2 cvc2 csc cvn cav2 cvvnumber cvvcode cvccode cardverificationvalue
        cardverificationcode cardverification securitycode cardsecuritycode cardcode cardcvv
        cardcvc prufziffer kartenprufnummer kartenpruefnummer cryptogramme cryptogrammevisuel
        codigoseguridad codigodeseguridad codicesicurezza codicedisicurezza beveiligingscode
        codigodeseguranca codigoseguranca kodcvv verificationvalue",
    ),
    (
        Leaf(D::EXPIRY),
        "expiry expirydate expirymonth expiryyear expmonth expyear cardexpiry cardexpirydate
        expdate ccexp validthru goodthru cardexpiration cardexpirationdate expirationmonth
        expirationyear cardexpmonth cardexpyear ccexpmonth ccexpyear mmyy yymm gultigbis
        gueltigbis verfalldatum dateexpiration datedexpiration fechacaducidad vencimientotarjeta
        vervaldatum utgangsdatum utlopsdato udlobsdato voimassaolo sonkullanmatarihi yukokigen",
    ),
    (
        Hint(D::EXPIRY),
        "expiration expires expirationdate mesvencimiento anovencimiento vencimiento
        fechavencimiento scadenza datascadenza validade datavalidade ablaufdatum waznosc
        caducidad exp",
    ),
    (
        Leaf(D::CARDHOLDER),
        "cardholder cardholdername cardholderfullname holdername nameoncard nameoncreditcard
        cardname cardownername embossedname embossname embossingname karteninhaber
        titulairecarte porteurcarte titulartarjeta nombretarjeta titulardelatarjeta
        intestatariocarta titolarecarta kaarthouder titularcartao nomecartao nomenocartao
        nometitular posiadaczkarty kortinnehavare kortholder kortinnehaver kortinhaltija
        kartsahibi",
    ),
    (
        Leaf(D::TRACK_DATA),
        "track1 track2 track3 trackdata track1data track2data magstripe magstripedata
        magneticstripe magneticstripedata magstripetrack trackone tracktwo track2equivalent
        track2equivalentdata swipedata cardswipe",
    ),
    (
        Leaf(D::PIN),
        "pinblock encryptedpin encryptedpinblock cardpin pinnumber atmpin pindata pinoffset
        kartenpin geheimzahl",
    ),
    (Hint(D::PIN), "pin"),
    (
        Hint(D::NATIONAL_ID),
        "documentnumber docnumber documentid numerodocumento numerodedocumento rg cni spi iddoc",
    ),
    (Hint(D::US_DRIVER_LICENSE), "dl license licence permit"),
    (Hint(D::SG_NRIC), "fin"),
    (Hint(D::IN_VOTER), "epic"),
    (Hint(D::IT_ID_CARD), "cie"),
];
