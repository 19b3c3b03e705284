//! Where a person lives, was born, or is.

use super::Row;
use crate::DataClass as D;
use crate::key::KeyClass::{Hint, Leaf};

pub(super) static ROWS: &[Row] = &[
    (
        Leaf(D::ADDRESS),
        "address addr addresses street streetaddress streetaddr streetname streetline
        streetnumber streetno streetandnumber streetnr streetaddress1 addressline addrline
        addressln line1 line2 line3 line4 address1 address2 address3 addr1 addr2 add1 add2
        addressstreet addresslineone addresslinetwo housenumber housenumberorname houseno
        housename housenr buildingnumber buildingname apartment apartmentnumber apt aptnumber
        suitenumber unitnumber flat flatnumber secondaryaddress extendedaddress postaladdress
        pstladr strtnm bldgnb bldgnm adrline postofficebox pobox homeaddress mailingaddress
        billingaddress shippingaddress deliveryaddress residentialaddress residenceaddress
        permanentaddress currentaddress mailingstreet billingstreet shippingstreet otherstreet
        homestreet workaddress legaladdress residence homepostaladdress fulladdress
        formattedaddress deliverto shiptoaddress dwelling premise subpremise thoroughfare
        streetaddressline stras ort01street anschrift adresse adr adrzeile adresszeile
        adresszusatz strasse strassenr strassehausnr strassehausnummer hausnummer hausnr hsnr
        strassenname wohnanschrift wohnadresse privatadresse postanschrift postadresse
        lieferadresse lieferanschrift rechnungsadresse rechnungsanschrift meldeadresse postfach
        wohnsitz adressepostale adressedomicile rue voie numerovoie nomvoie libellevoie
        complementadresse adressecomplete domicile direccion direccioncompleta direccionpostal
        direccionfiscal calle callenumero domicilio domiciliofiscal numeroexterior
        numerointerior avenida indirizzo indirizzocompleto indirizzoresidenza indirizzodomicilio
        residenza numerocivico civico adres woonadres postadres straat straatnaam huisnummer
        huisnr huisnummertoevoeging straatenhuisnummer bezoekadres factuuradres afleveradres
        endereco enderecocompleto enderecoentrega morada logradouro rua complemento numeroporta
        ulica nrdomu nrmieszkania adreszamieszkania adreszameldowania adreskorespondencyjny
        gatuadress gata adress postadress bostadsadress gateadresse vej vejnavn husnummer husnr
        bopael bostedsadresse osoite katuosoite lahiosoite sokak cadde adresi evadresi jusho
        juso dizhi xiangxidizhi banchi",
    ),
    (
        Hint(D::ADDRESS),
        "apartmentno suite block premises strt str ave",
    ),
    (
        Leaf(D::CITY),
        "city town locality twnnm district county village suburb municipality township borough
        parish precinct neighborhood neighbourhood cityname towncity citytown addresslocality
        addresscity dependentlocality sublocality placeofbirth birthplace birthcity cityofbirth
        countyname cityofresidence mailingcity billingcity shippingcity homecity residencecity
        posttown stadt stadtteil ortsteil gemeinde wohnort geburtsort ortschaft landkreis
        stadtname ort01 ville commune nomcommune lieudenaissance lieunaissance
        communedenaissance villenaissance arrondissement ciudad localidad municipio poblacion
        lugardenacimiento lugarnacimiento ciudadnacimiento ciudadresidencia colonia barrio citta
        comune luogodinascita luogonascita comunenascita comuneresidenza comunedinascita
        frazione localita stad woonplaats geboorteplaats plaatsnaam gemeentenaam plaats cidade
        bairro localnascimento localdenascimento cidadenascimento freguesia concelho miasto
        miejscowosc miejsceurodzenia gmina powiat postort ortnamn fodelseort poststed kommune
        postby fodested foedested kaupunki postitoimipaikka kunta syntymapaikka sehir ilce
        dogumyeri semt shikuchoson chengshi chusheng metropolitancity adminarea2
        administrativearealevel2 administrativearea2",
    ),
    (Hint(D::CITY), "ort gemeente borgo il"),
    (
        Leaf(D::POSTAL_CODE),
        "zip zipcode zip4 zip5 zipplus4 zipcode4 postal postalcode postalcd postcode postcd pstcd
        postnumber postalnumber postalzip postalzipcode zippostalcode zippostal eircode pincode
        mailingpostalcode billingzip shippingzip mailingzip zippc areapostcode pstlz plz
        postleitzahl codepostal codigopostal cep codigopostalfiscal codicepostale postcodenummer
        postnr postnummer kodpocztowy postinumero postakodu yubinbango yubin upyeonbeonho
        youbian youzhengbianma irsz psc cpostal",
    ),
    (Hint(D::POSTAL_CODE), "cap cp pcode"),
    (
        Leaf(D::GEO),
        "lat lng lon lati latitude longitude latlng latlong latlon geolocation geopoint
        geocoordinate geocoordinates gpscoordinates gpslocation gpslat gpslng gpslon gps
        gpslatitude gpslongitude coordonneesgps latitud longitud latitudine longitudine
        breitengrad laengengrad langengrad geolat geolng geolon geohash homelat homelng
        lastknownlocation breedtegraad lengtegraad ido keido",
    ),
    (
        Hint(D::GEO),
        "coordinate coords coord geo point coordinates",
    ),
    (
        Leaf(D::LOCATION),
        "hometown currentcity userlocation residencelocation",
    ),
];
