//! Names of persons, how to reach them, and what describes them.

use super::Row;
use crate::DataClass as D;
use crate::key::KeyClass::{Called, Hint, Leaf};

pub(super) static ROWS: &[Row] = &[
    (
        Called,
        "displayname friendlyname legalname preferredname formattedname nickname alias
        longdisplayname realname personname knownas nicename anzeigename nomaffiche
        nombremostrado nomevisualizzato weergavenaam formername othername aliases birthname
        name2",
    ),
    (
        Leaf(D::PERSON),
        "firstname fname forename lastname lname surname fullname givenname familyname middlename
        mname middleinitial middleinit maidenname secondname secondlastname lastname2 namefirst
        namelast namemiddle namefull firstlast contactname customername patientname clientname
        guestname employeename membername additionalname authorname recipientname sendername
        ownername studentname payeename beneficiaryname passengername drivername doctorname
        physicianname providername attendingphysician referringphysician primarycarephysician
        pcp attending fathername mothername fathersname mothersname mothermaidenname
        mothersmaidenname spousename guardianname kinname accountholdername nameonaccount
        bankaccountholdername depositor signername insuredname subscribername policyholdername
        contactperson attn attentionto careof realnamenormalized displaynamenormalized firstnm
        lastnm firstnames lastnames givennames surnames givn surn patronymic patronym fullnm
        custname empname stdname legalfirstname legallastname firstnamekana lastnamekana
        kananame phoneticname assignedtoname",
    ),
    (
        Leaf(D::PERSON),
        "vorname nachname familienname geburtsname zuname rufname nachnamen vornamen personenname
        kundenname ansprechpartner kontoinhabername prenom prenoms nomdefamille nomnaissance
        nomdenaissance nomdusage nomusage nomcomplet nomprenom nompatronymique patronyme
        apellido apellidos primerapellido segundoapellido apellidopaterno apellidomaterno
        primernombre segundonombre nombrecompleto nombrepila nombreapellidos nombrecliente
        nombrepaciente cognome cognomi nomecompleto nomecognome nomeecognome nomepaziente
        nomecliente sobrenome apelido ultimonome primeironome nomemae nomepai nomesocial
        voornaam voornamen achternaam familienaam geslachtsnaam tussenvoegsel roepnaam
        volledigenaam voorletters imie nazwisko imieinazwisko nazwiskorodowe drugieimie fornamn
        efternamn tilltalsnamn fornavn etternavn mellomnavn efternavn etunimi sukunimi
        kutsumanimi soyad soyadi soyisim adsoyad adisoyadi shimei seimei myoji namaekanji simei
        seongmyeong ireum xingming xing mingzi",
    ),
    (
        Leaf(D::TITLE),
        "salutation honorific honorificprefix honorificsuffix nameprefix namesuffix anrede
        civilite aanhef tituloprofesional",
    ),
    (
        Leaf(D::USERNAME),
        "username login loginname loginid screenname userlogin preferredusername
        userprincipalname upn samaccountname usernm accountname accountlogin nick twitterhandle
        twitterusername instagramhandle githubusername githublogin skypeid skype
        telegramusername telegram discordtag uname benutzername benutzerkennung anmeldename
        nutzername nomutilisateur nomdutilisateur identifiantconnexion pseudo pseudonyme
        nombreusuario nombredeusuario nomeutente nomeusuario nomedeusuario gebruikersnaam
        nazwauzytkownika anvandarnamn brukernavn brugernavn kayttajatunnus kayttajanimi
        kullaniciadi",
    ),
    (
        Leaf(D::EMAIL),
        "email emailaddress emailaddr mail emailid useremail mailaddress emailadr eml emailto
        emailfrom replyto ccemail bccemail fromaddress toaddress fromemail toemail contactemail
        customeremail shopperemail payeremail payeeemail workemail personalemail recoveryemail
        smtpaddress primarysmtpaddress mailto rfc822name correo correoelectronico
        direccioncorreo courriel adressemail adresseelectronique adressecourriel mel correio
        correioeletronico enderecoemail mailadresse emailadresse emailanschrift
        posteelectronique postaelettronica indirizzoemail epost epostadresse eposta epostaadresi
        sahkoposti sahkopostiosoite adresemail adrese mejl meruadoresu imeil youxiang
        dianziyouxiang",
    ),
    (
        Leaf(D::PHONE),
        "phone phonenumber phoneno phonenum phonenbr telephone telephonenumber telephoneno tel
        telno telnumber teleph telnr mobile mobilenumber mobileno mobileph mob cellphone
        cellphonenumber cellnumber cellno mobilephone mobilephonenumber homephone workphone
        homenumber worknumber landline landlinenumber msisdn whatsapp whatsappnumber
        contactnumber contactno contactphone callernumber callerid callingnumber callednumber
        recipientnumber smsnumber ani telf pager pagernumber daytimephone eveningphone
        businessphone phonehome phonework phonemobile phonecell homephonenumber telephonehome
        telephonework dialednumber fromnumber tonumber phonee164 emergencyphone emergencynumber
        alternatephone altphone telefon telefonnummer telefonnr fon festnetz festnetznummer
        handy handynummer handynr mobil mobilnummer mobiltelefon mobilfunknummer rufnummer
        privattelefon diensttelefon portable numerotelephone numerodetelephone numtel
        telephonefixe telephoneportable telephonemobile gsm gsmnummer natel telefono movil
        telefonomovil telefonofijo celular numerotelefono numerodetelefono numerocelular
        cellulare telefonino recapitotelefonico numerocellulare telefonofisso telefone telemovel
        telefonecelular numerotelefone fone numerodetelefone telefoon telefoonnummer
        mobielnummer mobiel telefoonnr numertelefonu komorka telefonkomorkowy mobilnr
        telefonnumer puhelin puhelinnumero matkapuhelin telefonnumarasi ceptelefonu ceptel denwa
        denwabango keitai jeonhwa jeonhwabeonho hyudaepon dianhua shouji shoujihao callingparty
        calledparty callingpartynumber calledpartynumber anumber bnumber",
    ),
    (Hint(D::PHONE), "cell whats handset calling sms"),
    (
        Leaf(D::FAX),
        "fax faxnumber faxno faxnum facsimile facsimiletelephonenumber telefax telefaxnummer
        faxnummer telecopie numerofax fakkusu telecopieur",
    ),
    // Demographics.
    (
        Leaf(D::DOB),
        "dob birthdate birthdt bdate dateofbirth birthday bday birthdatetime borndate bornon
        birthyear yearofbirth birthmonth birthtime datebirth dobirth childdob brthdt persondob
        dtofbirth birth monthofbirth dayofbirth birthdateandtime geburtsdatum geburtstag
        geburtsjahr gebdat gebdatum gebtag datedenaissance datenaissance naissance
        anneenaissance fechadenacimiento fechanacimiento fecnacimiento fechanac fecnac
        nacimiento datadinascita datanascita dtnascita nascita geboortedatum geboortedag
        datadenascimento datanascimento dtnascimento nascimento datanasc dataurodzenia
        fodelsedatum fodelsedag fodselsdato fodselsdag foedselsdato foedselsdag syntymaaika
        syntymapaiva dogumtarihi seinengappi tanjobi saengnyeonworil saengil chushengriqi
        datenaiss datenais dtnaissance dtnasc",
    ),
    (Hint(D::DOB), "born geboren nato nata"),
    (
        Leaf(D::AGE),
        "age ageyears ageinyears currentage patientage customerage agegroup ageband agerange
        alter alterinjahren edad leeftijd idade wiek alder yas nenrei nai",
    ),
    (
        Leaf(D::GENDER),
        "gender gendercode genderidentity sex sexcode sexatbirth birthsex biologicalsex legalsex
        sexassignedatbirth administrativesex administrativegender pronouns pronoun geschlecht
        sexe sexo sesso genero genere geslacht plec kon kjonn koen sukupuoli cinsiyet seibetsu
        seongbyeol xingbie",
    ),
    (
        Leaf(D::ETHNICITY),
        "ethnicity ethnicities ethnicorigin ethnicgroup ethnicbackground ethniccategory racecode
        raceethnicity ethnic racialgroup racialorigin ethnie origineethnique etnia raza raca
        origenetnico etniciteit ethniebezeichnung skincolor ethnos",
    ),
    (Hint(D::ETHNICITY), "race races"),
    (
        Leaf(D::NRP),
        "nationality nationalities citizenship citizenships religion religiousaffiliation
        religiousbelief faith politicalaffiliation politicalparty politicalopinion
        partyaffiliation tradeunion unionmembership nationalitat nationalitaet
        staatsangehorigkeit staatsangehoerigkeit staatsburgerschaft staatsbuergerschaft
        konfession religionszugehorigkeit nationalite citoyennete nacionalidad ciudadania
        religione nazionalita cittadinanza nationaliteit geloof godsdienst nacionalidade
        cidadania religiao naturalidade narodowosc obywatelstwo wyznanie nationalitet
        medborgarskap statsborgerskab statsborgerskap kansalaisuus uyruk kokuseki gukjeok",
    ),
    (
        Leaf(D::MARITAL_STATUS),
        "maritalstatus civilstatus marital maritalstate maritalstatuscode relationshipstatus
        familienstand zivilstand situationfamiliale etatcivil situationmatrimoniale estadocivil
        statocivile burgerlijkestaat stancywilny civilstand sivilstand siviilisaaty medenihal
        medenidurum koninjokyo",
    ),
    // Likeness.
    (
        Leaf(D::PHOTO),
        "portrait avatarurl selfie facephoto faceimage facialimage profilephoto profilepicture
        profilepic profileimage profileimageurl photourl pictureurl headshot mugshot
        passportphoto thumbnailphoto jpegphoto userphoto lichtbild passbild passfoto pasfoto
        photoidentite fotografia fotoperfil fotopaciente profilbild selfieurl selfieimage",
    ),
    (Hint(D::PHOTO), "photo picture avatar foto"),
    (
        Leaf(D::BIOMETRIC),
        "biometric biometrics biometricdata biometrictemplate fingerprinttemplate fingerprintdata
        fingerprintimage fingerprints fingerprintscan fingerprintminutiae minutiae facetemplate
        faceembedding facevector faceencoding facedescriptor faceid facialtemplate
        facialfeatures facialrecognition faceprint faciometric iriscode iristemplate irisimage
        retinascan retinaltemplate voicetemplate voicesignature voiceembedding voicebiometric
        palmprint palmtemplate palmvein veinpattern handgeometrytemplate gaitsignature
        keystrokedynamics dnasequence dnaprofile geneticdata biometrie biometrica biometrisch
        biometrischedaten fingerabdruck fingerabdrucke empreintedigitale empreintesdigitales
        huelladactilar huellasdactilares huelladigital improntadigitale impronte vingerafdruk
        impressaodigital impressoesdigitais odciskpalca fingeravtryck fingeravtrykk sormenjalki
        parmakizi",
    ),
    (
        Hint(D::URL),
        "website homepage blog profileurl linkedin linkedinurl facebook facebookurl twitter
        twitterurl instagram personalurl webpage",
    ),
    (Hint(D::PERSON), "sn cn gn attention"),
    (Hint(D::USERNAME), "handle"),
];
