//! The vocabulary of member names: nouns, folded to lower-case ASCII without separators.
//!
//! English first; German, French, Spanish, Italian, Dutch and Portuguese for what every API has.
//! Plurals and numbers at the end (`addresses`, `line1`) need no entry.

use phf::phf_map;

use crate::DataClass;
use crate::key::KeyClass;

/// A noun and what it means.
pub(crate) static KEYS: phf::Map<&'static str, KeyClass> = phf_map! {
    // What objects are about.
    "customer" | "client" | "user" | "member" | "contact" | "person" | "people" | "employee" | "guest"
    | "passenger" | "traveler" | "traveller" | "subscriber" | "recipient" | "beneficiary" | "sender"
    | "owner" | "author" | "assignee" | "requester" | "reporter" | "creator" | "applicant" | "tenant"
    | "student" | "teacher" | "doctor" | "physician" | "provider" | "practitioner" | "prescriber"
    | "nurse" | "driver" | "rider" | "caller" | "callee" | "attendee" | "participant" | "candidate"
    | "lead" | "buyer" | "shopper" | "seller" | "borrower" | "insured" | "policyholder" | "cardowner"
    | "accountholder" | "holder" | "representative" | "individual" | "citizen" | "resident" | "spouse"
    | "mother" | "father" | "guardian" | "nextofkin" | "emergencycontact" | "actor"
    | "dbtr" | "cdtr" | "debtor" | "creditor" | "payee" | "payer" | "payor" | "signer" | "manager"
    | "supervisor" | "staff" | "respondent" | "visitor" | "kunde" | "kundin" | "mitarbeiter" | "nutzer"
    | "benutzer" | "personne" | "utilisateur" | "cliente" | "usuario" | "utente" | "persona" | "pessoa"
    | "klant" | "gebruiker" | "employe" | "empleado" | "dipendente" | "subject" | "consignee"
    | "billingdetails" | "shippingdetails" | "defaultaddress" | "submitter" => KeyClass::Someone,
    "patient" | "paziente" | "paciente" => KeyClass::Patient,
    "card" | "creditcard" | "debitcard" | "bankcard" | "paymentcard" | "paymentmethod" | "cc"
    | "kreditkarte" | "tarjeta" | "cartao" | "carta" => KeyClass::Card,
    "company" | "organization" | "organisation" | "org" | "business" | "merchant" | "store" | "shop"
    | "vendor" | "supplier" | "brand" | "product" | "item" | "plan" | "file" | "host" | "server"
    | "domain" | "project" | "repository" | "repo" | "branch" | "package" | "module" | "class" | "method"
    | "function" | "table" | "column" | "schema" | "database" | "db" | "service" | "app" | "application"
    | "tag" | "category" | "event" | "group" | "team" | "role" | "bucket" | "queue" | "topic" | "job"
    | "image" | "container" | "cluster" | "node" | "namespace" | "theme" | "template" | "bank" | "office"
    | "location" | "site" | "venue" | "restaurant" | "hotel" | "airport" | "facility" | "hospital"
    | "clinic" | "pharmacy" | "department" | "currency" | "country" | "test" | "metric" | "device"
    | "firma" | "unternehmen" | "entreprise" | "societe" | "empresa" | "azienda" | "bedrijf" | "produkt"
    | "filename" | "hostname" | "memory" | "mem" | "web" | "url" => KeyClass::Thing,

    // What stays with its object.
    "name" | "nm" | "nom" | "nombre" | "nome" | "naam" | "nominativo" => KeyClass::Name,
    "first" | "last" | "middle" | "given" | "family" => KeyClass::NamePart,
    "number" | "no" | "num" | "nr" | "numero" | "nummer" | "numeri" => KeyClass::Number,
    "id" | "idstr" | "uid" | "uuid" | "guid" | "identifier" | "ref" | "key" => KeyClass::Id,
    "value" | "val" | "text" | "raw" | "line" | "formatted" | "display" | "full" | "e164" | "year"
    | "month" | "day" | "international" | "national" | "primary" | "answer" | "home" | "work" => KeyClass::Value,
    "data" | "attribute" | "attr" | "detail" | "info" | "information" | "profile" | "personal" | "field"
    | "property" | "propertie" | "result" | "record" | "edge" | "object" | "source" | "payload" | "body"
    | "embedded" | "included" | "response" | "current" | "old" | "new" | "before" | "after"
    => KeyClass::Wrapper,

    // Numbers that look like others'.
    "order" | "sku" | "ordernumber" | "tracking" | "trackingnumber" | "timestamp" | "ts" | "time" | "epoch"
    | "createdat" | "updatedat" | "barcode" | "ean" | "upc" | "gtin" | "isbn" | "issn" | "asin"
    | "partnumber" | "part" | "serial" | "serialnumber" | "hash" | "sha" | "sha1" | "sha256" | "sha512"
    | "md5" | "checksum" | "digest" | "integrity" | "etag" | "signature" | "commit" | "revision" | "rev"
    | "version" | "build" | "release" | "firmware" | "oid" | "trace" | "span" | "requestid" | "traceid"
    | "correlationid" | "transactionid" | "invoice" | "receipt" | "shipment" | "parcel" | "awb" | "waybill"
    | "batch" | "lot" | "seed" | "nonce" | "offset" | "cursor" | "size" | "count" | "total" | "amount"
    | "price" | "quantity" | "duration" | "ticket" | "case" | "rule" | "pattern" | "regex"
    | "useragent" | "catalog" | "catalognumber" | "stock" | "snowflake" => KeyClass::Veto,

    // Persons.
    "firstname" | "fname" | "lastname" | "lname" | "surname" | "fullname" | "givenname" | "familyname"
    | "middlename" | "middleinitial" | "maidenname" | "forename" | "legalname" | "realname" | "birthname"
    | "namefirst" | "namelast" | "displayname" | "preferredname" | "personname" | "contactname" | "customername"
    | "patientname" | "nickname" | "additionalname" | "authorname" | "recipientname"
    | "vorname" | "nachname" | "familienname" | "geburtsname" | "prenom" | "nomdefamille"
    | "apellido" | "primerapellido" | "segundoapellido" | "nombrecompleto" | "cognome" | "nomecompleto"
    | "sobrenome" | "apelido" | "voornaam" | "achternaam" | "tussenvoegsel" | "kundenname" | "ansprechpartner"
    | "realnamenormalized" | "displaynamenormalized" | "mothersmaidenname" => KeyClass::Leaf(DataClass::PERSON),
    "username" | "login" | "loginname" | "screenname" | "userid" | "userlogin" | "preferredusername"
    | "benutzername" | "nomutilisateur" | "nombreusuario" | "nomeutente" | "gebruikersnaam"
    | "accountname" => KeyClass::Leaf(DataClass::USERNAME),
    "email" | "emailaddress" | "mail" | "emailid" | "useremail" | "correo" | "correoelectronico" | "courriel"
    | "correio" | "mailadresse" | "emailadresse" | "adressemail" | "epost" | "shopperemail"
    | "replyto" => KeyClass::Leaf(DataClass::EMAIL),
    "phone" | "telephone" | "tel" | "mobile" | "cell" | "cellphone" | "mobilephone" | "phonenumber" | "homephone"
    | "workphone" | "msisdn" | "telefon" | "telefonnummer" | "handy" | "handynummer" | "mobil" | "mobilnummer"
    | "rufnummer" | "portable" | "telefono" | "movil" | "celular" | "cellulare" | "telefone" | "telefoon"
    | "telefoonnummer" | "telemovel" | "whatsapp" | "phoneno" | "mobilenumber" => KeyClass::Leaf(DataClass::PHONE),
    "fax" | "faxnumber" | "telefax" => KeyClass::Leaf(DataClass::FAX),

    // Places and times.
    "address" | "addr" | "street" | "streetaddress" | "streetname" | "streetline" | "streetnumber" | "addressline" | "line1" | "line2" | "line3"
    | "housenumber" | "housenumberorname" | "apartment" | "suite" | "unitnumber"
    | "postaladdress" | "pstladr" | "strtnm" | "bldgnb" | "adrline" | "postofficebox" | "pobox" | "homeaddress"
    | "mailingaddress" | "billingaddress" | "shippingaddress" | "anschrift" | "adresse" | "strasse"
    | "hausnummer" | "strassenname" | "rue" | "voie" | "direccion" | "calle" | "domicilio" | "indirizzo"
    | "via" | "adres" | "straat" | "straatnaam" | "huisnummer" | "endereco" | "morada" | "logradouro" | "rua"
    | "complemento" | "thoroughfare" => KeyClass::Leaf(DataClass::ADDRESS),
    "city" | "town" | "locality" | "twnnm" | "district" | "county" | "village" | "suburb" | "municipality"
    | "placeofbirth" | "birthplace" | "addresslocality" | "stadt" | "ort" | "wohnort" | "geburtsort" | "ville"
    | "commune" | "lieudenaissance" | "ciudad" | "localidad" | "municipio" | "citta" | "comune" | "stad"
    | "woonplaats" | "plaats" | "cidade" | "bairro" | "birthcity" => KeyClass::Leaf(DataClass::CITY),
    "zip" | "zipcode" | "postal" | "postalcode" | "postcode" | "pstcd" | "postnumber" | "plz" | "postleitzahl" | "codepostal"
    | "codigopostal" | "cap" | "cep" | "pincode" | "eircode" => KeyClass::Leaf(DataClass::POSTAL_CODE),
    "lat" | "lng" | "lon" | "latitude" | "longitude" | "latlng" | "latlong" | "geolocation" => KeyClass::Leaf(DataClass::GEO),
    "dob" | "birthdate" | "dateofbirth" | "birthday" | "birthdt" | "borndate" | "bornon" | "born" | "geburtsdatum"
    | "geburtstag" | "datedenaissance" | "datenaissance" | "naissance" | "fechadenacimiento" | "fechanacimiento"
    | "nacimiento" | "datadinascita" | "datanascita" | "nascita" | "geboortedatum" | "datadenascimento"
    | "datanascimento" | "nascimento" | "birthyear" | "yearofbirth" => KeyClass::Leaf(DataClass::DOB),
    "age" | "ageyears" | "alter" | "edad" => KeyClass::Leaf(DataClass::AGE),
    "gender" | "sex" | "geschlecht" | "sexe" | "sexo" | "sesso" | "genero" | "geslacht"
    | "pronouns" => KeyClass::Leaf(DataClass::GENDER),
    "race" | "ethnicity" | "ethnicorigin" | "ethnicgroup" => KeyClass::Leaf(DataClass::ETHNICITY),
    "nationality" | "citizenship" | "religion" | "politicalaffiliation" | "politicalparty" | "nationalitat"
    | "nacionalidad" | "nazionalita" | "nacionalidade" => KeyClass::Leaf(DataClass::NRP),
    "maritalstatus" | "civilstatus" | "familienstand" => KeyClass::Leaf(DataClass::MARITAL_STATUS),

    // Machines.
    "ip" | "ipaddress" | "ipaddr" | "ipv4" | "ipv6" | "remoteaddr" | "clientip" | "remoteip" | "sourceip"
    | "xforwardedfor" | "shopperip" => KeyClass::Leaf(DataClass::IP),
    "mac" | "macaddress" | "macaddr" | "hwaddr" => KeyClass::Leaf(DataClass::MAC),
    "imei" | "meid" => KeyClass::Leaf(DataClass::IMEI),
    "vin" | "vehicleidentificationnumber" => KeyClass::Leaf(DataClass::VIN),
    "plate" | "platenumber" | "licenseplate" | "licenceplate" | "registrationplate" | "kennzeichen"
    | "numberplate" => KeyClass::Leaf(DataClass::VEHICLE_PLATE),
    "photo" | "portrait" | "avatarurl" | "selfie" | "facephoto" => KeyClass::Leaf(DataClass::PHOTO),

    // Accounts and papers.
    "customerid" | "customernumber" | "membernumber" | "frequentflyer" | "frequentflyernumber"
    | "loyaltynumber" | "loyaltyid" | "kundennummer" | "numeroclient" | "numerocliente" | "codicecliente"
    | "klantnummer" | "membershipnumber" | "customerno" => KeyClass::Leaf(DataClass::CUSTOMER_ID),
    "iban" | "ibannumber" => KeyClass::Leaf(DataClass::IBAN),
    "accountnumber" | "bankaccount" | "bankaccountnumber" | "acctnumber" | "accountno" | "acctno"
    | "kontonummer" | "numerodecuenta" | "numerocompte" => KeyClass::Leaf(DataClass::US_BANK_ACCOUNT),
    "routing" | "routingnumber" | "aba" | "abarouting" | "routingtransitnumber" => KeyClass::Leaf(DataClass::US_ABA_ROUTING),
    "ssn" | "socialsecuritynumber" | "socialsecurity" | "socialsecurityno" | "ssnnumber" | "socsec"
    | "ussn" => KeyClass::Leaf(DataClass::US_SSN),
    "passport" | "passportnumber" | "passportno" | "reisepass" | "passnummer" | "pasaporte"
    | "passaporto" => KeyClass::Leaf(DataClass::US_PASSPORT),
    "driverlicense" | "driverslicense" | "driverlicence" | "driverslicence" | "drivinglicence"
    | "drivinglicense" | "dlnumber" | "licenceno" | "licenseno" | "driverlicensenumber" | "driverslicensenumber"
    | "fuhrerschein" | "permisdeconduire" | "patente" => KeyClass::Leaf(DataClass::US_DRIVER_LICENSE),
    "nationalid" | "nationalidnumber" | "nationalidentifier" | "idcard" | "idnumber" | "identitynumber"
    | "taxid" | "taxpayerid" | "tin" | "personalnumber" | "personnummer" | "pesel" | "cnp" | "egn" | "oib"
    | "amka" | "hetu" | "aadhar" | "nric" | "nin" | "curp" | "rut" | "cuit" | "cuil" | "tckn" | "sozialversicherungsnummer"
    | "rvnr" | "ahv" | "pps" | "tfn" | "mynumber" => KeyClass::Leaf(DataClass::NATIONAL_ID),
    "sin" | "socialinsurancenumber" => KeyClass::Leaf(DataClass::CA_SIN),
    "cpf" => KeyClass::Leaf(DataClass::BR_CPF),
    "nino" | "nationalinsurancenumber" | "nationalinsurance" => KeyClass::Leaf(DataClass::UK_NINO),
    "steuerid" | "steueridentifikationsnummer" | "steuernummer" | "steuernummerid" => KeyClass::Leaf(DataClass::DE_TAX_ID),
    "personalausweis" | "ausweisnummer" | "personalausweisnummer" => KeyClass::Leaf(DataClass::DE_ID_CARD),
    "nir" | "numerosecuritesociale" | "numerosecu" => KeyClass::Leaf(DataClass::FR_NIR),
    "dni" | "nif" | "nie" => KeyClass::Leaf(DataClass::ES_NIF),
    "codicefiscale" => KeyClass::Leaf(DataClass::IT_FISCAL_CODE),
    "bsn" | "burgerservicenummer" => KeyClass::Leaf(DataClass::NL_BSN),
    "aadhaar" | "aadhaarnumber" => KeyClass::Leaf(DataClass::IN_AADHAAR),

    // Health.
    "mrn" | "medicalrecordnumber" | "medicalrecord" | "chartnumber" | "patientnumber" | "patientmrn"
    | "hospitalnumber" | "patientno" | "patientennummer" => KeyClass::Leaf(DataClass::MRN),
    "patientid" => KeyClass::Leaf(DataClass::PATIENT_ID),
    "memberid" | "insuranceid" | "insurancenumber" | "insurancememberid" | "subscriberid" | "policynumber"
    | "healthplanid" | "beneficiaryid" | "versichertennummer" | "insurancepolicynumber" => KeyClass::Leaf(DataClass::HEALTH_PLAN_ID),
    "mbi" | "medicarenumber" | "medicareid" | "medicarebeneficiaryidentifier" => KeyClass::Leaf(DataClass::US_MBI),
    "npi" | "npinumber" | "nationalprovideridentifier" => KeyClass::Leaf(DataClass::US_NPI),
    "dea" | "deanumber" => KeyClass::Leaf(DataClass::US_DEA),
    "icd10" | "icd" | "icdcode" | "icd10code" | "icd10cm" | "diagnosiscode" | "dxcode"
    | "diagnosisicd" => KeyClass::Leaf(DataClass::ICD10),
    "diagnosis" | "diagnose" | "diagnoses" | "dx" | "symptom" | "medicalcondition" | "chiefcomplaint"
    | "diagnosi" | "diagnostico" | "medicalhistory" | "illness" | "disease" => KeyClass::Leaf(DataClass::CONDITION),
    "medication" | "prescription" | "drug" | "drugname" | "ndc" | "medicine" | "medikament" | "medicamento"
    | "rxnorm" => KeyClass::Leaf(DataClass::MEDICATION),
    "allergy" | "allergie" | "allergen" => KeyClass::Leaf(DataClass::ALLERGY),
    "immunization" | "immunisation" | "vaccine" | "vaccination" => KeyClass::Leaf(DataClass::IMMUNIZATION),
    "labresult" | "bloodpressure" | "bloodtype" | "heartrate" | "bmi" | "glucose" | "hba1c"
    | "vitalsign" => KeyClass::Leaf(DataClass::OBSERVATION),
    "admitdate" | "prescribedon" | "datewritten" | "admissiondate" | "dischargedate" | "dateofservice" | "servicedate" | "dateofdeath" | "deathdate"
    | "deceaseddate" | "admittedat" | "dischargedat" | "encounterdate" | "visitdate" => KeyClass::Leaf(DataClass::DATE),
    "clinicalnote" | "progressnote" | "dischargesummary" | "narrative" | "doctornote"
    | "historyofpresentillness" => KeyClass::Leaf(DataClass::NARRATIVE),
    "udi" | "deviceserial" | "deviceserialnumber" => KeyClass::Leaf(DataClass::DEVICE_ID),

    // Cards.
    "pan" | "cardnumber" | "cardno" | "ccnumber" | "creditcardnumber" | "primaryaccountnumber" | "kartennummer"
    | "numerotarjeta" | "numerocarte" => KeyClass::Leaf(DataClass::PAN),
    "last4" | "lastfour" | "lastdigit" | "cardsummary" => KeyClass::Leaf(DataClass::PAN_TRUNCATED),
    "cvv" | "cvc" | "cvv2" | "cvc2" | "csc" | "cardverificationvalue" | "securitycode"
    | "cardsecuritycode" => KeyClass::Leaf(DataClass::CVV),
    "expiry" | "expirydate" | "expirymonth" | "expiryyear" | "expmonth" | "expyear" | "cardexpiry" | "expdate"
    | "ccexp" | "validthru" | "cardexpiration" => KeyClass::Leaf(DataClass::EXPIRY),
    "cardholder" | "cardholdername" | "holdername" | "nameoncard" | "karteninhaber" => KeyClass::Leaf(DataClass::CARDHOLDER),
    "track1" | "track2" | "trackdata" | "magstripe" | "track2data" => KeyClass::Leaf(DataClass::TRACK_DATA),
    "pin" | "pinblock" => KeyClass::Leaf(DataClass::PIN),

    // Secrets.
    "password" | "passwd" | "pwd" | "pass" | "passphrase" | "passwort" | "kennwort" | "motdepasse" | "contrasena"
    | "senha" | "wachtwoord" => KeyClass::Leaf(DataClass::PASSWORD),
    "secret" | "clientsecret" | "secretkey" | "apikey" | "apitoken" | "accesstoken" | "refreshtoken" | "authtoken"
    | "sessiontoken" | "idtoken" | "apisecret" | "appsecret" | "sharedsecret" | "signingsecret" | "webhooksecret"
    | "secretaccesskey" | "accountkey" | "encryptionkey" | "sessionid" | "accesskey" | "token"
    | "bottoken" | "credential" => KeyClass::Leaf(DataClass::GENERIC),
    "cookie" | "setcookie" | "sessioncookie" => KeyClass::Leaf(DataClass::SESSION_COOKIE),
    "publictoken" | "checkouttoken" | "carttoken" | "publickey" | "publishablekey" | "nexttoken" | "pagetoken" | "nextpagetoken" | "continuationtoken" | "synctoken" | "cursortoken" => KeyClass::Veto,
    "privatekey" | "privatekeypem" => KeyClass::Leaf(DataClass::PRIVATE_KEY),
    "authorization" | "proxyauthorization" => KeyClass::Leaf(DataClass::BEARER_TOKEN),
    "connectionstring" | "dsn" | "databaseurl" | "jdbcurl" => KeyClass::Leaf(DataClass::CONNECTION_STRING),
};
