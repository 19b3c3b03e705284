//! What objects are about, and the nouns that take their meaning from it.

use super::Row;
use crate::DataClass as D;
use crate::key::KeyClass::{
    Card, Country, Date, Hint, Id, Name, NamePart, Negative, Note, Number, Patient, Place, Someone,
    Term, Thing, Value, Veto, Wrapper,
};

pub(super) static ROWS: &[Row] = &[
    // Persons by what they do.
    (
        Someone,
        "customer client user enduser member contact person people employee worker guest
        passenger traveler traveller subscriber recipient beneficiary sender owner author
        coauthor assignee assignor requester requestor reporter creator applicant coapplicant
        tenant renter lessee student pupil teacher instructor professor doctor physician
        provider practitioner prescriber nurse therapist clinician surgeon referrer pharmacist
        dentist caregiver carer driver rider courier caller callee attendee invitee organizer
        participant panelist candidate lead prospect buyer purchaser shopper seller borrower
        coborrower lender insured policyholder policyowner claimant dependent dependant
        accountholder accountowner holder representative rep individual citizen resident spouse
        husband wife mother father guardian nextofkin emergencycontact actor technician donor
        volunteer patron householder household landlord broker advisor adviser consultant lawyer
        attorney notary debtor creditor dbtr cdtr ultmtdbtr ultmtcdtr payee payer payor remitter
        signer signatory cosigner witness manager supervisor staff staffmember personnel
        colleague respondent visitor viewer follower friend datasubject consignee addressee
        shipto billto soldto billingdetails shippingdetails submitter submittedby createdby
        updatedby modifiedby approvedby approver reviewer reviewedby assignedto reportedby
        requestedby uploader commenter editor registrant accountant cashier salesperson salesrep
        director officer executive ceo cfo cto founder shareholder ubo beneficialowner trustee
        heir beneficiaryowner assignedtouser orderedby orderer receiver deliverycontact
        billingcontact shippingcontact technicalcontact admincontact registrantcontact athlete
        maintainer committer contributor infant kid baby newborn deceased victim suspect
        offender defendant plaintiff inmate kna1 userprofile userinfo profileowner accountuser
        testator primaryapplicant householdmember legalrepresentative authorizedrepresentative
        poc pointofcontact alumni alumnus graduate intern freelancer contractor voter",
    ),
    (
        Someone,
        "kunde kundin mandant mitarbeiter mitarbeiterin angestellter nutzer benutzer anwender
        teilnehmer mitglied versicherter versicherungsnehmer arbeitnehmer ansprechperson kontakt
        inhaber inhaberin kontoinhaber besteller empfanger empfaenger absender lieferant halter
        fahrzeughalter mieter vermieter schuldner glaubiger glaeubiger zahler auftraggeber
        antragsteller bewerber schuler schueler arzt hausarzt betreuer ehegatte ehepartner 
        vater mutter vertreter geschaftsfuhrer geschaeftsfuehrer bevollmachtigter
        rechnungsempfanger rechnungsempfaenger lieferempfanger",
    ),
    (
        Someone,
        "personne personnes utilisateur salarie employe adherent assure beneficiaire titulaire
        destinataire expediteur proprietaire locataire emprunteur demandeur candidat eleve
        etudiant medecin conjoint pere mere acheteur vendeur souscripteur signataire responsable
        gerant cliente particulier abonne",
    ),
    (
        Someone,
        "usuario empleado trabajador persona titular beneficiario destinatario remitente
        propietario inquilino solicitante alumno estudiante medico conyuge padre madre comprador
        vendedor asegurado contacto representante tomador autor conductor pasajero huesped socio
        afiliado deudor acreedor ordenante",
    ),
    (
        Someone,
        "utente dipendente intestatario beneficiari destinatari mittente proprietario inquilini
        richiedente alunno studente coniuge figlio acquirente venditore assicurato contatto
        referente rappresentante contraente debitore creditore ordinante legalerappresentante",
    ),
    (
        Someone,
        "klant gebruiker medewerker werknemer persoon begunstigde ontvanger afzender eigenaar
        huurder aanvrager leerling arts huisarts moeder vader koper verkoper verzekerde
        contactpersoon rekeninghouder verzekeringnemer bestuurder betaler",
    ),
    (
        Someone,
        "pessoa funcionario colaborador utilizador beneficiaria remetente locatario requerente
        aluno estudante conjuge filho mae pai segurado contato responsavel representantelegal
        devedor credor pagador",
    ),
    (
        Someone,
        "klient uzytkownik pracownik osoba odbiorca nadawca wlasciciel najemca wnioskodawca uczen
        lekarz malzonek kupujacy kund anvandare anstalld mottagare avsandare agare bruker ansatt
        mottaker kunder bruger medarbejder modtager asiakas kayttaja tyontekija henkilo musteri
        kullanici calisan kisi alici gonderen kokyaku riyosha gogaek",
    ),
    (
        Patient,
        "patient paziente paciente patiente pasient patientin inpatient outpatient pacjent
        potilas kanja hwanja beneficiarymember enrollee patientinfo patientdetails
        patientdemographics demographics",
    ),
    (
        Card,
        "card creditcard debitcard bankcard paymentcard giftcard paymentmethod paymentinstrument
        cc cardinfo carddetails cardpresent paymentsource kreditkarte karte bankkarte
        zahlungskarte cartebancaire tarjeta tarjetacredito tarjetadecredito cartao cartaocredito
        cartaodecredito carta cartadicredito cartacredito creditcards betaalkaart kaart karta
        kartaplatnicza kort betalingskort kortti luottokortti kredikarti kurejittokado",
    ),
    // No persons.
    (
        Thing,
        "company corporation organization organisation org business merchant store shop retailer
        vendor supplier manufacturer brand product productline item lineitem article plan
        subscriptionplan file folder directory server machine domain subdomain project
        repository repo branch package module class method function procedurecall table column
        schema database db service microservice app application program tag category subcategory
        event eventtype group team role permission policy bucket queue topic channel job task
        step workflow pipeline stage image container cluster node namespace region zone theme
        template font icon color layout widget component bank financialinstitution agency
        institution university college school employer insurer carrier payername office site
        venue restaurant hotel airport airline station port warehouse facility hospital clinic
        practice pharmacy laboratory lab department dept division unit currency language locale
        test metric gauge chart dashboard report survey form device printer sensor feature flag
        setting option variant model make collection album song track movie game book course
        lesson exam vehiclemodel legalentity entity subsidiary branchoffice registrar filename
        hostname memory mem web url endpoint api index resource action command variable
        parameter param argument type status level severity league sponsor campaign newsletter
        list playlist segment audience cohort promotion coupon discount currencycode payment
        charge refund payout transfer balance shippingmethod shippingrate attributeset scheme
        process thread stack document attachment upload asset media video audio plugin extension
        library framework dependency runtime engine os browser platform protocol breed pet
        animal species plant ingredient recipe restaurantmenu menu meal host kind",
    ),
    (
        Thing,
        "firma unternehmen gesellschaft abteilung produkt artikel datei behorde behoerde
        krankenkasse kasse verein arbeitgeber entreprise societe etablissement organisme produit
        fichier departement employeur empresa sociedad organizacion organismo producto archivo
        departamento centro entidad azienda societa ente prodotto reparto datore bedrijf
        organisatie afdeling werkgever organizacao produto arquivo instituicao przedsiebiorstwo
        produkty foretag bolag bedrift firmaet virksomhed yritys sirket urun kaisha hoesa gongsi",
    ),
    (
        Place,
        "location place whereabouts area venuelocation position standort localisation emplacement
        ubicacion localizacao ubicazione locatie localizacion lieu lugar luogo miejsce plats
        sted konum",
    ),
    // What stays with its object.
    (
        Name,
        "name nm nom nombre nome naam nominativo navn namn nimi isim nazwa bezeichnung
        denominazione namae name1 displaylabel names",
    ),
    (NamePart, "first last middle given family giv fam"),
    (
        Number,
        "number no num nr nbr nmbr numero nummer numer numeri numara nro nomor bango beonho haoma",
    ),
    (
        Id,
        "id idstr uid uuid guid identifier ref refno reference key pk sid gid eid identificador
        identifiant identificativo kennung kenn externalid internalid objectid recordid urn",
    ),
    (
        Date,
        "date datetime dt datum fecha dato pvm paiva tarih on at dates dateandtime",
    ),
    (
        Term,
        "code description desc display term codigo codice kode kood longname shortname
        beschreibung descripcion descrizione descricao omschrijving libelle intitule freetext
        codedisplay substance reaction manifestation",
    ),
    (
        Note,
        "note notes comment comments remark remarks memo bemerkung bemerkungen notiz notizen
        anmerkung kommentar remarque remarques commentaire notas nota observaciones comentario
        comentarios annotazioni osservazioni opmerking opmerkingen observacoes observacao uwagi
        anteckningar freetextnote summary assessment subjective objective",
    ),
    (
        Value,
        "value val text raw formatted displayvalue full e164 year month day international
        national primary secondary main answer answertext home work private stringvalue
        valuestring fieldvalue input inputvalue rawvalue normalized canonical default preferred
        alternate alternative other alt backup emergency daytime evening billing shipping
        delivery mailing permanent residential legal official registered masked plain plaintext
        cleartext decrypted latest recent wert antwort eingabe privat geschaftlich geschaeftlich
        dienstlich rechnung lieferung valeur reponse bureau facturation livraison principale
        professionnel valor respuesta respuestas casa trabajo facturacion envio entrega
        particular fijo valore risposta lavoro fatturazione spedizione consegna waarde antwoord
        thuis werk factuur bezorging resposta residencial comercial cobranca faturamento fixo
        completo completa wartosc varde verdi vaerdi arvo deger partial fingerprint face iris
        voice retina palm handgeometry line via corrente thumb thumbprint finger voiceprint
        facescan irisscan ligne zeile linea regel linha rivi linia",
    ),
    (
        Wrapper,
        "data attribute attr detail details info information profile personal personaldata
        personalinfo personaldetails personalinformation field fields property propertie result
        results record records edge edges object source payload body embedded included response
        current old new before after entry entries hits nodes message envelope params
        customfield customfields basic general extra additional additionaldata additionalinfo
        preferences original previous previousvalue changes change diff delta update updates
        prev daten angaben stammdaten donnees coordonnees datos datospersonales dati
        datianagrafici anagrafica gegevens dados dadospessoais",
    ),
    (
        Country,
        "countrycode nation issuingcountry countryofissue issuercountry jurisdiction land pais
        paese pays nationcode issuedby issuingstate country",
    ),
    // Nouns that take the meaning from what stands before them, even if they are unknown elsewhere.
    (
        Negative,
        "is has can should must allow show hide enable enabled disable disabled require required
        requires validate verify use uses min max avg mean median sum needs
        skip accept accepts supports mask",
    ),
    // Numbers that look like others'.
    (
        Veto,
        "order orders sku ordernumber orderno orderid tracking trackingnumber trackingno
        timestamp ts time epoch epochms unixtime created updated modified
        createdat updatedat deletedat modifiedat
        expiresat startedat finishedat issuedat iat nbf ttl barcode ean upc gtin isbn issn asin
        ean13 mpn partnumber part serial serialnumber hash sha sha1 sha256 sha512 md5 crc crc32
        checksum digest integrity etag signature commit revision rev version build release
        firmware oid trace span requestid traceid spanid correlationid transactionid transaction
        txid txn invoice invoicenumber invoiceno receipt shipment parcel consignment awb waybill
        batch lot seed nonce offset cursor size count total amount price cost fee quantity qty
        duration ticket ticketnumber case casenumber rule pattern regex useragent catalog
        catalognumber stock snowflake ppid line1no bytes length width score rank rating percent
        percentage ratio rate limit quota subtotal discountamount po ponumber purchaseorder
        contractnumber vertragsnummer contract rechnungsnummer bestellnummer auftragsnummer
        sendungsnummer numerocommande numerofacture numeropedido numerofactura pedido factura
        facture commande numeroordine fattura ordine bestelling ordernummer factuurnummer
        encomenda fatura zamowienie latency elapsed progress sequence seq counter pixel fence
        hmac endtoendid msgid messageid instrid mndtid mandate mandateid",
    ),
    // What a document may be said to be: `type: "TAX"`.
    (Hint(D::NATIONAL_ID), "tax"),
];
