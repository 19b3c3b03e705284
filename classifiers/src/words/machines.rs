//! Machines, vehicles and what opens a door.

use super::Row;
use crate::DataClass as D;
use crate::key::KeyClass::{Hint, Leaf, Veto};

pub(super) static ROWS: &[Row] = &[
    (
        Leaf(D::IP),
        "ip ipaddress ipaddr ipv4 ipv6 ipv4address ipv6address remoteaddr remoteaddress remoteip
        clientip clientipaddress clientaddress sourceip sourceipaddress srcip dstip destip
        destinationip userip useripaddress browserip customerip loginip lastip lastloginip
        currentsigninip lastsigninip signupip registrationip peerip originip realip xrealip
        xforwardedfor forwardedfor shopperip hostip publicip privateip ipadresse adresseip
        direccionip indirizzoip ipadres enderecoip adresip ipadress ipaddresse callerip
        callingip fromip visitorip",
    ),
    (
        Leaf(D::MAC),
        "mac macaddress macaddr macid hwaddr hardwareaddress ethernetaddress wifimac bluetoothmac
        bssid btaddr macadresse adressemac direccionmac bluetoothaddress",
    ),
    (Leaf(D::IMEI), "imei imeinumber imei1 imei2 meid imeisv"),
    (
        Leaf(D::VIN),
        "vin vinnumber vinno vehicleidentificationnumber vehiclevin chassisnumber chassisno
        framenumber fahrgestellnummer fahrzeugidentifikationsnummer fahrzeugidentnummer
        numerochassis numerobastidor bastidor numerodechassis telaio numerotelaio chassisnummer
        chassi numerochassi vinkod",
    ),
    (
        Leaf(D::VEHICLE_PLATE),
        "plate platenumber plateno platenum licenseplate licenseplatenumber licenceplate
        licenceplatenumber registrationplate numberplate vehicleplate vehicleregistration
        vehicleregistrationnumber vrm vehiclereg kennzeichen kfzkennzeichen autokennzeichen
        amtlicheskennzeichen immatriculation plaqueimmatriculation numeroimmatriculation
        matriculavehiculo placa placavehiculo targa numerotarga kenteken kentekennummer
        matriculaveiculo placaveiculo numerrejestracyjny registreringsnummer regnr
        rekisterinumero plaka plakano nambapureto",
    ),
    (
        Leaf(D::PASSWORD),
        "password passwd pwd passphrase passcode userpassword dbpassword newpassword oldpassword
        adminpassword rootpassword smtppassword loginpassword temppassword initialpassword
        wifipassword passwort kennwort motdepasse mdp contrasena clavesecreta parolachiave senha
        palavrapasse wachtwoord haslo losenord passord adgangskode kodeord salasana sifre parola
        pasuwado bimilbeonho mima userpwd secretanswer securityanswer userpass dbpass smtppass
        ftppass dbpasswd",
    ),
    (
        Leaf(D::GENERIC),
        "secret clientsecret secretkey secretaccesskey apikey apitoken accesstoken refreshtoken
        authtoken authenticationtoken bearertoken sessiontoken securitytoken idtoken apisecret
        appsecret appkey sharedsecret signingsecret signingkey webhooksecret consumersecret
        masterkey accountkey storagekey encryptionkey decryptionkey servicekey serverkey
        deploykey licensesecret sessionid sessionkey accesskey secretaccess token credential
        credentials bottoken personalaccesstoken oauthtoken oauthsecret csrfsecret hmackey
        hmacsecret totpsecret otpsecret mfasecret totpseed otpseed seedphrase mnemonic
        mnemonicphrase recoverycode recoverycodes backupcode backupcodes recoveryphrase
        apischlussel apischluessel geheimnis zugangsschlussel zugangsschluessel clesecrete
        cleapi jetonacces claveapi tokendeacceso tokenacceso chiavesegreta chiaveapi
        chavesecreta chaveapi apisleutel geheim tokendeacesso",
    ),
    (
        Veto,
        "publickey publishablekey nexttoken pagetoken nextpagetoken continuationtoken synctoken cursortoken checkouttoken
        carttoken csrftoken xsrftoken devicetoken pushtoken tokentype tokenid paymenttoken
        cardtoken prevtoken starttoken resumetoken nextsynctoken changetoken publictoken
        idempotencytoken idempotencykey cancellationtoken sharetoken numtokens prompttokens
        completiontokens totaltokens maxtokens inputtokens outputtokens cachedtokens
        reasoningtokens networktoken networktransactiontoken syncstate",
    ),
    (
        Leaf(D::PRIVATE_KEY),
        "privatekey privatekeypem privatekeydata sshprivatekey sshkey rsaprivatekey tlskey
        serverkeypem clientkeypem pgpprivatekey pemkey signingprivatekey privatersakey
        clientkeydata",
    ),
    (
        Leaf(D::BEARER_TOKEN),
        "authorization proxyauthorization authorizationheader authheader xauthorization",
    ),
    (
        Leaf(D::SESSION_COOKIE),
        "cookie setcookie sessioncookie cookieheader cookies authcookie",
    ),
    (
        Leaf(D::CONNECTION_STRING),
        "connectionstring connectionuri connectionurl connstring connstr connectionstr dsn
        databaseurl databaseuri databasedsn dburl dburi jdbcurl mongouri mongodburi mongourl
        redisurl redisuri postgresurl postgresuri amqpurl amqpuri brokerurl mysqlurl
        sqlalchemydatabaseuri celerybrokerurl datasourceurl",
    ),
    (Hint(D::PASSWORD), "pass"),
];
