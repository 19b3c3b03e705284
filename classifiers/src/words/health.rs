//! Health care: who the patient is, who pays, what was found, done and prescribed.

use super::Row;
use crate::DataClass as D;
use crate::key::KeyClass::{Hint, Leaf};

pub(super) static ROWS: &[Row] = &[
    (
        Leaf(D::MRN),
        "mrn mrnnumber medicalrecordnumber medicalrecord medicalrecordno medicalrecordid
        medrecnum medrecno chartnumber chartno chartid patientnumber patientnum patientno
        patientmrn hospitalnumber hospitalno healthrecordnumber unitrecordnumber epi
        enterprisepatientid accessionpatientid emrid ehrid personsourcevalue
        patientaccountnumber patientennummer patientennr fallnummer aktenzeichenpatient ipp
        numerodossier numeropatient numerodossiermedical dossierpatient numerohistoria
        numerohistoriaclinica historiaclinica nhc historialclinico numerocartella
        cartellaclinica numeropaziente patientnummer zinummer numeroprocesso numeroprontuario
        prontuario journalnummer potilasnumero hastano kanjabango",
    ),
    (
        Leaf(D::PATIENT_ID),
        "patientid patientidentifier patientuuid patientguid patientkey ptid patid idpatient
        idpaciente idpaziente externalpatientid patientuid",
    ),
    (Leaf(D::PATIENT_REF), "patientreference patientref"),
    (
        Leaf(D::HEALTH_PLAN_ID),
        "memberid memberidnumber memberidentifier insuranceid insuranceidnumber insurancenumber
        insurancememberid insurancememberno insurancepolicynumber insurancepolicyno
        insurancepolicyid insurancecard insurancecardnumber subscriberid subscribernumber
        subscribermemberid subscriberidentifier policynumber policyno healthplanid
        healthplannumber healthplanmemberid healthinsurancenumber healthinsuranceid
        healthinsuranceclaimnumber hicn healthcardnumber healthcard beneficiaryid
        beneficiarynumber beneficiaryidentifier medicaidid medicaidnumber medicaid coverageid
        cardholderid cardholderidnumber rxmemberid planmemberid certificatenumber insuredid
        insuredidnumber insuredsid ohip ohipnumber personalhealthnumber versichertenkarte
        krankenkassennummer policennummer versicherungsscheinnummer versicherungsnummer
        numeroassure numeroadherentmutuelle numeromutuelle numerobeneficiaire cartevitale
        numeropoliza numerodepoliza poliza numeroasegurado numeroafiliacion numeroafiliado
        nafiliacion tarjetasanitaria cipsns tesserasanitaria numerotesserasanitaria
        numeropolizza polizza polisnummer verzekerdennummer verzekeringsnummer
        zorgverzekeringsnummer carteirinha numerocarteirinha cartaonacionaldesaude cartaosus
        numeroutente numeroapolice apolice numerpolisy hokenshobango insurance healthinsurance
        healthplan insuranceinfo insuranceplan healthcoverage krankenversicherung mutuelle
        primaryinsurance secondaryinsurance healthcardno insurancecardno memberidno",
    ),
    (
        Leaf(D::US_MBI),
        "mbi mbinumber medicarenumber medicareid medicareno medicarebeneficiaryidentifier
        medicarebeneficiaryid medicareidnumber",
    ),
    (
        Leaf(D::US_NPI),
        "npi npinumber npiid npino nationalprovideridentifier nationalproviderid providernpi
        billingprovidernpi renderingprovidernpi prescribernpi",
    ),
    (
        Leaf(D::US_DEA),
        "dea deanumber deano dearegistration dearegistrationnumber prescriberdea deaid",
    ),
    (
        Leaf(D::UK_NHS),
        "nhs nhsnumber nhsno nhsnum nationalhealthservicenumber nhsid chinumber",
    ),
    (
        Leaf(D::AU_MEDICARE),
        "medicarecardnumber medicarecard australianmedicare medicareirn medicareau aumedicare
        medicareaustralia",
    ),
    (
        Leaf(D::DE_KVNR),
        "kvnr krankenversichertennummer krankenversichertennr kvnummer egknummer gkvnummer
        krankenversichertenid kvid versichertennummer versichertennr versichertenid
        krankenversicherungsnummer",
    ),
    (
        Leaf(D::DE_LANR),
        "lanr lebenslangearztnummer arztnummer arztnr",
    ),
    (
        Leaf(D::DE_BSNR),
        "bsnr betriebsstattennummer betriebsstaettennummer betriebsstattennr betriebsstaettennr",
    ),
    (
        Leaf(D::DEVICE_ID),
        "udi udidi udicarrier deviceserial deviceserialnumber deviceserialno implantserial
        implantserialnumber pacemakerserial implantid medicaldeviceid",
    ),
    (
        Leaf(D::ICD10),
        "icd10 icd icdcode icd10code icd10cm icd10cmcode icd10gm icd9 icd9code icd9cm
        diagnosiscode diagnosticcode diagcode dxcode primarydiagnosiscode principaldiagnosiscode
        admittingdiagnosiscode secondarydiagnosiscode diagnosisicd diagnosisicd10 codecim10
        cim10 cie10 codigocie10 diagnosecode diagnoseschlussel diagnoseschluessel codicediagnosi
        cid10",
    ),
    (
        Leaf(D::CONDITION),
        "diagnosis diagnoses diagnose primarydx admitdx diagnosisname diagnosisdescription
        primarydiagnosis admittingdiagnosis dischargediagnosis differentialdiagnosis symptom
        symptoms medicalcondition healthcondition medicalconditions conditionname chiefcomplaint
        presentingcomplaint reasonforvisit visitreason admitreason admissionreason
        reasonforadmission medicalhistory pastmedicalhistory pasthistory familyhistory
        familymedicalhistory problemlist illness illnesses disease diseases comorbidity
        comorbidities disorder disability disabilities disabilitystatus injury injuries
        causeofdeath pregnancystatus pregnant hivstatus smokingstatus tobaccouse alcoholuse
        substanceuse mentalhealth snomed snomedct snomedcode conditionsourcevalue
        conditionconceptname diagnosen vorerkrankung vorerkrankungen krankheit krankheiten
        anamnese beschwerden todesursache schwerbehinderung behinderung diagnosticprincipal
        maladie maladies antecedents antecedentsmedicaux symptome symptomes motifconsultation
        motifadmission diagnostico diagnosticos diagnosticoprincipal enfermedad enfermedades
        sintoma sintomas antecedentes motivoconsulta motivoingreso discapacidad diagnosi
        malattia malattie sintomo sintomi anamnesi patologia patologie invalidita ziekte
        aandoening aandoeningen klacht klachten ziektebeeld diagnosestelling doenca doencas
        queixaprincipal historicomedico rozpoznanie choroba choroby diagnoosi sairaus teshis
        hastalik tani byomei jindan jilbyeong zhenduan",
    ),
    (
        Hint(D::CONDITION),
        "condition conditions problem problems assessmentdiagnosis finding findings indication
        diagnostic diagnostics dx dxs befund",
    ),
    (
        Leaf(D::PROCEDURE),
        "cpt cptcode cptcodes hcpcs hcpcscode procedurecode procedurecodes proceduredescription
        procedurename medicalprocedure surgicalprocedure surgery surgeries icd10pcs icdprocedure
        treatmentplan therapy therapies opscode eingriff operationsschlussel therapie ccam
        procedimiento procedimientos cirugia intervento terapia behandeling verrichting ingreep
        procedimentomedico cirurgia zabieg leczenie toimenpide tedavi shujutsu",
    ),
    (
        Hint(D::PROCEDURE),
        "procedure procedures operation operations treatment treatments acte actemedical
        traitement traitements tratamiento tratamientos tratamento trattamento behandlung
        behandling",
    ),
    (
        Leaf(D::MEDICATION),
        "medication medications medicationname medicationcode medicationdose medicationlist
        currentmedication currentmedications prescription prescriptions prescribedmedication
        prescribeddrug drug drugs drugname drugcode drugdescription ndc ndccode rxnorm rxcui
        rxname medicine medicines meds activeingredient dosage dosageinstruction
        dosageinstructions sigtext drugsourcevalue drugconceptname medikament medikamente
        medikation arzneimittel wirkstoff pzn dosierung medicament medicaments posologie
        ordonnance prescriptionmedicale medicamento medicamentos medicacion posologia receta
        farmaco farmaci medicinale terapiafarmacologica prescrizione medicatie geneesmiddel
        geneesmiddelen dosering medicijn medicacao remedio receitamedica leki lekarstwo
        lakemedel legemiddel laegemiddel laakitys laake ilac kusuri yakuzai yaowu",
    ),
    (Hint(D::MEDICATION), "dose strength refill daysupply rx lek"),
    (
        Leaf(D::ALLERGY),
        "allergy allergies allergen allergens allergyname allergylist drugallergy drugallergies
        foodallergy foodallergies knownallergies allergyintolerance intolerance intolerances
        adversereaction adversereactions allergicreaction allergie allergien unvertraglichkeit
        unvertraeglichkeit alergia alergias alergeno allergia allergene alergie uczulenie
        allergier allergiat alerji arerugi",
    ),
    (
        Leaf(D::IMMUNIZATION),
        "immunization immunizations immunisation immunisations vaccine vaccines vaccinename
        vaccinecode vaccinetype vaccination vaccinations vaccinationstatus vaccinationhistory
        immunizationhistory cvx cvxcode vaccinelot impfung impfungen impfstoff impfstatus vaccin
        vaccins vacuna vacunas vacunacion vaccino vaccini vaccinazione vaccinatie vacina vacinas
        vacinacao szczepienie szczepionka vaksine rokotus rokote asilar yobosesshu",
    ),
    (
        Leaf(D::OBSERVATION),
        "labresult labresults labvalue labtest labname labtestname testresult testresults
        bloodpressure systolic diastolic systolicbp diastolicbp bloodtype bloodgroup heartrate
        pulserate respiratoryrate resprate bodytemperature oxygensaturation spo2 o2sat bmi
        bodymassindex bodyweight bodyheight weightkg heightcm weightlbs glucose bloodglucose
        bloodsugar hba1c a1c cholesterol ldl hdl triglycerides creatinine egfr hemoglobin
        haemoglobin hematocrit wbc rbc viralload cd4 vitalsign vitalsigns loinc loinccode
        labcode observationvalue measurementsourcevalue valueasnumber painscore phq9 gad7
        peakflow laborwert laborwerte laborbefund blutdruck blutgruppe korpergewicht
        koerpergewicht korpergrosse koerpergroesse blutzucker vitalzeichen vitalparameter
        groupesanguin tensionarterielle pressionarterielle frequencecardiaque glycemie
        resultatanalyse gruposanguineo presionarterial tensionarterial frecuenciacardiaca
        glucemia grupposanguigno pressionearteriosa frequenzacardiaca glicemia bloeddruk
        bloedgroep hartslag tiposanguineo pressaoarterial frequenciacardiaca grupakrwi cisnienie
        blodtryck blodtrykk blodtryk blodgrupp verenpaine veriryhma kangrubu tansiyon ketsuatsu
        ketsuekigata hyeoraekhyeong xuexing",
    ),
    (
        Hint(D::OBSERVATION),
        "weight temperature bodytemp observation observations pulse vital vitals psa tsh bp dbp
        sbp puls poids taille potassium platelets height",
    ),
    (
        Leaf(D::ENCOUNTER),
        "encounter encounters encountertype encounterreason admissiontype admittype
        hospitalization hospitalisation dischargedisposition inpatientstay outpatientvisit
        clinicvisit doctorvisit medicalappointment referralreason aufenthalt aufnahmegrund
        altamedica hospitalizacion ricovero dimissione ziekenhuisopname internacao internamento",
    ),
    (
        Hint(D::ENCOUNTER),
        "admitted discharged visit appointment admission admissions discharge aufnahme entlassung
        sejour opname",
    ),
    (
        Leaf(D::DATE),
        "admitdate admitdatetime admitdt admitteddate prescribedon prescribeddate dateprescribed
        prescriptiondate datewritten writtendate admissiondate admissiondatetime dischargedate
        dischargedatetime dischargedt dateofservice servicedate servicedatetime servicefrom
        serviceto servicefromdate servicetodate servicestartdate serviceenddate dateofdeath
        deathdate deceaseddate deathdatetime deceaseddatetime admittedat dischargedat
        encounterdate visitdate visitdatetime visitstartdate visitenddate procedurestartdate
        conditionstartdate drugexposurestartdate measurementdate observationdate dateofadmission
        dateofdischarge dateofdiagnosis diagnosisdate diagnoseddate diagnosedon dateofinjury
        injurydate dateofvisit dateofsurgery surgerydate proceduredate dateofprocedure onsetdate
        symptomonset symptomonsetdate appointmentdate appointmentdatetime appointmenttime
        nextappointment nextappointmentdate datefilled dispensedate dispenseddate datedispensed
        administereddate administeredat administrationdate vaccinationdate immunizationdate
        dateadministered specimendate datecollected specimencollecteddate birthingdate
        lastmenstrualperiod duedatepregnancy aufnahmedatum entlassdatum entlassungsdatum
        behandlungsdatum sterbedatum todesdatum todestag impfdatum dateadmission datedadmission
        datesortie dateconsultation datedeces datehospitalisation fechaingreso fechadeingreso
        fechaalta fechadealta fechaconsulta fechafallecimiento fechadefuncion fechacirugia
        fechadiagnostico dataricovero datadimissione datadecesso datavisita opnamedatum
        ontslagdatum overlijdensdatum consultdatum datainternacao dataalta dataobito
        dataconsulta dataprzyjecia datawypisu datazgonu",
    ),
    (
        Leaf(D::NARRATIVE),
        "clinicalnote clinicalnotes progressnote progressnotes dischargesummary doctornote
        doctornotes physiciannote physiciannotes nursingnote nursingnotes nursenote nursenotes
        visitnote visitnotes consultnote consultationnote operativenote operativereport soapnote
        historyofpresentillness clinicalsummary clinicalhistory treatmentnote treatmentnotes
        radiologyreport pathologyreport impressiontext labcomment therapynote therapynotes
        psychotherapynote patientnote patientnotes patientinstructions arztbrief entlassbrief
        verlaufsnotiz pflegebericht behandlungsnotiz epikrise compterendu
        compterenduhospitalisation observationclinique notaclinica evolucionclinica
        notasclinicas informeclinico epicrisis diarioclinico letteradimissione ontslagbrief
        evolucaoclinica epikryza",
    ),
    (
        Hint(D::HEALTH_PLAN_ID),
        "cns cip phn groupnumber groupno insuredgroupnumber",
    ),
    (
        Hint(D::DATE),
        "lastvisit lastvisitdate collectiondate filldate dos dosfrom dosto dod lmp nextvisit labdate",
    ),
    (Hint(D::NARRATIVE), "narrative narratives soap hpi verslag"),
];
