//! Responses as well-known APIs write them, from their public references, with values made up.

use super::check;
use crate::DataClass as D;

#[test]
fn salesforce_contacts() {
    check(
        r#"{"attributes":{"type":"Contact","url":"/services/data/v60.0/sobjects/Contact/003"},"Id":"0035g00000XyZaBAAV",
            "Salutation":"Ms.","FirstName":"Ann","LastName":"Lee","MailingStreet":"1 Main St","MailingCity":"Bonn",
            "MailingPostalCode":"53111","MobilePhone":"030 1234567","Birthdate":"1970-01-01","Email":"a@b.example","Department":"Sales"}"#,
        &[
            ("/Salutation", D::TITLE),
            ("/FirstName", D::PERSON),
            ("/LastName", D::PERSON),
            ("/MailingStreet", D::ADDRESS),
            ("/MailingCity", D::CITY),
            ("/MailingPostalCode", D::POSTAL_CODE),
            ("/MobilePhone", D::PHONE),
            ("/Birthdate", D::DOB),
            ("/Email", D::EMAIL),
        ],
    );
}

#[test]
fn sap_customers() {
    check(
        r#"{"KUNNR":"0000100234","LAND1":"DE","NAME1":"Ann Lee","STRAS":"Hauptstr. 1","PSTLZ":"53111","ORT01":"Bonn","TELF1":"0228 123456","STCD1":"12345678911"}"#,
        &[
            ("/KUNNR", D::CUSTOMER_ID),
            ("/NAME1", D::PERSON),
            ("/STRAS", D::ADDRESS),
            ("/PSTLZ", D::POSTAL_CODE),
            ("/ORT01", D::CITY),
            ("/TELF1", D::PHONE),
            ("/STCD1", D::DE_TAX_ID),
        ],
    );
}

#[test]
fn stripe_persons_and_charges() {
    check(
        r#"{"object":"person","account":"acct_1","address":{"city":"Bonn","country":"DE","line1":"Weg 1","postal_code":"53111"},
            "dob":{"day":3,"month":12,"year":1970},"id_number":"GX-12345678","phone":"+49 228 123456","ssn_last_4":"1234",
            "relationship":{"title":"CEO"},"registered_address":{"line1":"Weg 2"}}"#,
        &[
            ("/address/city", D::CITY),
            ("/address/line1", D::ADDRESS),
            ("/address/postal_code", D::POSTAL_CODE),
            ("/dob/day", D::DOB),
            ("/dob/month", D::DOB),
            ("/dob/year", D::DOB),
            ("/id_number", D::NATIONAL_ID),
            ("/phone", D::PHONE),
            ("/ssn_last_4", D::US_SSN),
            ("/registered_address/line1", D::ADDRESS),
        ],
    );
    check(
        r#"{"object":"charge","billing_details":{"address":{"line1":"Weg 1"},"email":"a@b.example","name":"Ann Lee"},
            "payment_method_details":{"card":{"brand":"visa","exp_month":8,"exp_year":2030,"fingerprint":"mToisGZ01V71BCos","last4":"4242"}},
            "source":{"object":"card","name":"Ann Lee","number":"4242424242424242"}}"#,
        &[
            ("/billing_details/address/line1", D::ADDRESS),
            ("/billing_details/email", D::EMAIL),
            ("/billing_details/name", D::PERSON),
            ("/payment_method_details/card/exp_month", D::EXPIRY),
            ("/payment_method_details/card/exp_year", D::EXPIRY),
            ("/payment_method_details/card/last4", D::PAN_TRUNCATED),
            ("/source/name", D::CARDHOLDER),
            ("/source/number", D::PAN),
        ],
    );
}

#[test]
fn directories_scim_ldap_graph() {
    check(
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"2819c223","userName":"alee","name":{"formatted":"Ann Lee",
            "familyName":"Lee","givenName":"Ann"},"displayName":"Ann Lee","emails":[{"value":"a@b.example","type":"work"}],
            "phoneNumbers":[{"value":"555-0100100","type":"work"}],"addresses":[{"streetAddress":"1 Main St","locality":"Bonn","formatted":"1 Main St, Bonn"}],
            "groups":[{"value":"e9e3","display":"Tour Guides"}],"meta":{"resourceType":"User","version":"W/1"}}"#,
        &[
            ("/userName", D::USERNAME),
            ("/name/formatted", D::PERSON),
            ("/name/familyName", D::PERSON),
            ("/name/givenName", D::PERSON),
            ("/displayName", D::PERSON),
            ("/emails/0/value", D::EMAIL),
            ("/phoneNumbers/0/value", D::PHONE),
            ("/addresses/0/streetAddress", D::ADDRESS),
            ("/addresses/0/locality", D::CITY),
            ("/addresses/0/formatted", D::ADDRESS),
        ],
    );
    check(
        r#"{"uid":"alee","givenName":"Ann","sn":"Lee","cn":"Ann Lee","mail":"a@b.example","telephoneNumber":"+1 555 0100","l":"Bonn"}"#,
        &[
            ("/givenName", D::PERSON),
            ("/sn", D::PERSON),
            ("/cn", D::PERSON),
            ("/mail", D::EMAIL),
            ("/telephoneNumber", D::PHONE),
        ],
    );
    check(
        r#"{"businessPhones":["+1 425 555 0109"],"displayName":"Adele Vance","givenName":"Adele","jobTitle":"Manager","mail":"a@b.example",
            "mobilePhone":null,"officeLocation":"18/2111","surname":"Vance","userPrincipalName":"a@b.example"}"#,
        &[
            ("/businessPhones/0", D::PHONE),
            ("/displayName", D::PERSON),
            ("/givenName", D::PERSON),
            ("/mail", D::EMAIL),
            ("/surname", D::PERSON),
            ("/userPrincipalName", D::EMAIL),
        ],
    );
}

#[test]
fn forms_properties_and_audit_logs() {
    check(
        r#"{"properties":{"date_of_birth":{"value":"1970-01-01","timestamp":1}},
            "answers":[{"field":"Phone number","answer":"555 0100 100"},{"question":"What is your e-mail?","answer":"a@b.example"}],
            "changes":[{"field":"mobile_phone","old_value":"5550100100","new_value":"5550100101"}],
            "custom_fields":[{"key":"ssn","value":"536-22-1234"},{"label":"Plan","value":"Gold"}],
            "identifiers":[{"type":"passport","id":"C01X00T47"}]}"#,
        &[
            ("/properties/date_of_birth/value", D::DOB),
            ("/answers/0/answer", D::PHONE),
            ("/answers/1/answer", D::EMAIL),
            ("/changes/0/old_value", D::PHONE),
            ("/changes/0/new_value", D::PHONE),
            ("/custom_fields/0/value", D::US_SSN),
            ("/identifiers/0/id", D::US_PASSPORT),
        ],
    );
}

#[test]
fn human_resources() {
    check(
        r#"{"Worker_ID":"21001","Legal_Name_Data":{"Name_Detail_Data":{"First_Name":"Ann","Last_Name":"Lee"}},
            "Personal_Information":{"Birth_Date":"1970-01-01","Gender":"Female","Marital_Status":"Married","Citizenship_Status":"Citizen","Hispanic_or_Latino":false},
            "National_ID_Data":{"ID":"536-22-1234","ID_Type":"USA-SSN","Country":"US"},"compensation":{"amount":80000}}"#,
        &[
            ("/Legal_Name_Data/Name_Detail_Data/First_Name", D::PERSON),
            ("/Legal_Name_Data/Name_Detail_Data/Last_Name", D::PERSON),
            ("/Personal_Information/Birth_Date", D::DOB),
            ("/Personal_Information/Gender", D::GENDER),
            ("/Personal_Information/Marital_Status", D::MARITAL_STATUS),
            ("/National_ID_Data/ID", D::US_SSN),
        ],
    );
}

#[test]
fn health_insurance_and_omop() {
    check(
        r#"{"subscriber":{"memberId":"W0000123","firstName":"Ann","lastName":"Lee","gender":"F","dateOfBirth":"19700101","groupNumber":"000111222"},
            "provider":{"organizationName":"Happy Doctors","npi":"1234567893"},"claimInformation":{"healthCareCodeInformation":[{"diagnosisCode":"S93401A"}],
            "serviceLines":[{"serviceDate":"20240102","professionalService":{"procedureCode":"99213"}}]}}"#,
        &[
            ("/subscriber/memberId", D::HEALTH_PLAN_ID),
            ("/subscriber/firstName", D::PERSON),
            ("/subscriber/lastName", D::PERSON),
            ("/subscriber/gender", D::GENDER),
            ("/subscriber/dateOfBirth", D::DOB),
            ("/subscriber/groupNumber", D::HEALTH_PLAN_ID),
            ("/provider/npi", D::US_NPI),
            (
                "/claimInformation/healthCareCodeInformation/0/diagnosisCode",
                D::ICD10,
            ),
            ("/claimInformation/serviceLines/0/serviceDate", D::DATE),
            (
                "/claimInformation/serviceLines/0/professionalService/procedureCode",
                D::PROCEDURE,
            ),
        ],
    );
    check(
        r#"{"person_id":17,"gender_source_value":"F","year_of_birth":1970,"race_source_value":"white","ethnicity_source_value":"nonhispanic",
            "condition_occurrence":[{"condition_start_date":"2020-01-02","condition_source_value":"E11.9"}],"drug_exposure":[{"drug_source_value":"00093-1048-01"}]}"#,
        &[
            ("/gender_source_value", D::GENDER),
            ("/year_of_birth", D::DOB),
            ("/race_source_value", D::ETHNICITY),
            ("/ethnicity_source_value", D::ETHNICITY),
            ("/condition_occurrence/0/condition_start_date", D::DATE),
            (
                "/condition_occurrence/0/condition_source_value",
                D::CONDITION,
            ),
            ("/drug_exposure/0/drug_source_value", D::MEDICATION),
        ],
    );
}

#[test]
fn a_clinic_in_spanish_french_and_italian() {
    check(
        r#"{"paciente":{"nombre":"Ana","primer_apellido":"García","segundo_apellido":"Ruiz","fecha_de_nacimiento":"01/02/1970","dni":"12345678Z","numero_historia_clinica":"998877",
            "telefono_movil":"600 123 456","direccion":{"calle":"Calle Mayor 1","localidad":"Sevilla","codigo_postal":"41001"}},"diagnostico_principal":"Diabetes tipo 2","fecha_ingreso":"2024-02-03"}"#,
        &[
            ("/paciente/nombre", D::PERSON),
            ("/paciente/primer_apellido", D::PERSON),
            ("/paciente/segundo_apellido", D::PERSON),
            ("/paciente/fecha_de_nacimiento", D::DOB),
            ("/paciente/dni", D::ES_NIF),
            ("/paciente/numero_historia_clinica", D::MRN),
            ("/paciente/telefono_movil", D::PHONE),
            ("/paciente/direccion/calle", D::ADDRESS),
            ("/paciente/direccion/localidad", D::CITY),
            ("/paciente/direccion/codigo_postal", D::POSTAL_CODE),
            ("/diagnostico_principal", D::CONDITION),
            ("/fecha_ingreso", D::DATE),
        ],
    );
    check(
        r#"{"nom_du_patient":"Dupont","prenom_du_patient":"Anne","date_de_naissance":"1970-02-01","adresse_facturation":"1 rue de Paris","email_client":"a@b.example","numero_de_telephone":"01 23 45 67 89"}"#,
        &[
            ("/nom_du_patient", D::PERSON),
            ("/prenom_du_patient", D::PERSON),
            ("/date_de_naissance", D::DOB),
            ("/adresse_facturation", D::ADDRESS),
            ("/email_client", D::EMAIL),
            ("/numero_de_telephone", D::PHONE),
        ],
    );
    check(
        r#"{"anagrafica":{"cognome":"Rossi","nome":"Mario","codice_fiscale":"RSSMRA85T10A562S","luogo_di_nascita":"Roma","indirizzo_residenza":{"via":"Via Roma 1","cap":"00100","comune":"Roma"},"cellulare":"333 1234567"}}"#,
        &[
            ("/anagrafica/cognome", D::PERSON),
            ("/anagrafica/nome", D::PERSON),
            ("/anagrafica/codice_fiscale", D::IT_FISCAL_CODE),
            ("/anagrafica/luogo_di_nascita", D::CITY),
            ("/anagrafica/indirizzo_residenza/via", D::ADDRESS),
            ("/anagrafica/indirizzo_residenza/cap", D::POSTAL_CODE),
            ("/anagrafica/indirizzo_residenza/comune", D::CITY),
            ("/anagrafica/cellulare", D::PHONE),
        ],
    );
}

#[test]
fn german_dutch_and_nordic_records() {
    check(
        r#"{"Versicherter":{"Familienname":"Lee","Vorname":"Ann","Geschlecht":"w","Krankenversichertennummer":"A123456780"},
            "Kundenadresse":"Weg 1","Rechnungsanschrift":{"Straße":"Weg","Hausnr":"1","PLZ":"53111","Ort":"Bonn"},"Kontoinhaber":"Ann Lee","Staatsangehörigkeit":"deutsch"}"#,
        &[
            ("/Versicherter/Familienname", D::PERSON),
            ("/Versicherter/Vorname", D::PERSON),
            ("/Versicherter/Geschlecht", D::GENDER),
            ("/Versicherter/Krankenversichertennummer", D::DE_KVNR),
            ("/Kundenadresse", D::ADDRESS),
            ("/Rechnungsanschrift/Straße", D::ADDRESS),
            ("/Rechnungsanschrift/Hausnr", D::ADDRESS),
            ("/Rechnungsanschrift/PLZ", D::POSTAL_CODE),
            ("/Rechnungsanschrift/Ort", D::CITY),
            ("/Kontoinhaber", D::PERSON),
            ("/Staatsangehörigkeit", D::NRP),
        ],
    );
    check(
        r#"{"voornaam":"Jan","tussenvoegsel":"de","achternaam":"Vries","geboortedatum":"1970-01-02","bsn":"111222333","fornavn":"Ola","fødselsdato":"1970-01-02","imię":"Jan","nazwisko":"Kowalski","sukunimi":"Virtanen","doğum_tarihi":"1970-01-02","cep_telefonu":"0532 123 45 67"}"#,
        &[
            ("/voornaam", D::PERSON),
            ("/tussenvoegsel", D::PERSON),
            ("/achternaam", D::PERSON),
            ("/geboortedatum", D::DOB),
            ("/bsn", D::NL_BSN),
            ("/fornavn", D::PERSON),
            ("/fødselsdato", D::DOB),
            ("/imię", D::PERSON),
            ("/nazwisko", D::PERSON),
            ("/sukunimi", D::PERSON),
            ("/doğum_tarihi", D::DOB),
            ("/cep_telefonu", D::PHONE),
        ],
    );
}

#[test]
fn things_with_names_and_places() {
    for harmless in [
        r#"{"product":{"name":"Blue Cotton Shirt","vendor":"Acme Works","title":"Shirt","description":"Soft Cotton"}}"#,
        r#"{"store":{"name":"Main Street Store","address":{"street":"1 Main St","city":"Bonn","zip":"53111"}}}"#,
        r#"{"repository":{"name":"left-pad","full_name":"acme/left-pad","default_branch":"main"},"tag_name":"v1.2.3"}"#,
        r#"{"phone_verified":true,"email_type":"work","address_id":"12345","name_format":"western","is_patient":true,"login_count":12,"max_age":360,"birth_date_format":"ymd"}"#,
        r#"{"cluster":{"name":"Prod East","location":"Europe West","nodes":[{"name":"Node One"}]},"race":"Sprint Final","pass":"skipped","cell":"120345"}"#,
        r#"{"currency":{"code":"EUR","name":"Euro"},"country":{"name":"Costa Rica"},"category":{"title":"Home Garden"},"payment_method":{"type":"bank_transfer"}}"#,
        r#"{"job":{"name":"Nightly Build","status":"failed"},"token_type":"bearer","token":null,"expires_in":3600}"#,
    ] {
        check(harmless, &[]);
    }
}
