//! Which fields of which segments are about the patient, or name a person.
//!
//! Numbers are those of HL7 v2.8.2: chapter 3 (PID, PD1, NK1, PV1, PV2, MRG, ACC), 6 (GT1, IN1, IN2,
//! DG1, PR1, FT1), 4 (ORC, OBR, RXO, RXE, RXD, RXA), 7 (OBX, SPM), 2 (NTE), 3.4 (AL1, IAM), 9 (TXA).

use super::Field::{self, Address, Any, Coded, Identifier, Name, Of, Person, Telecom};
use crate::DataClass as D;

type Fields = &'static [(usize, Field)];

#[rustfmt::skip]
pub(super) static SEGMENTS: &[(&str, Fields)] = &[
    ("MSH", &[]),
    ("EVN", &[(2, Of(D::DATE)), (5, Person), (6, Of(D::DATE))]),
    ("PID", &[
        (2, Identifier(D::PATIENT_ID)), (3, Identifier(D::MRN)), (4, Identifier(D::PATIENT_ID)), (5, Name), (6, Name),
        (7, Of(D::DOB)), (8, Coded(D::GENDER)), (9, Name), (10, Coded(D::ETHNICITY)), (11, Address), (12, Of(D::CITY)),
        (13, Telecom), (14, Telecom), (16, Coded(D::MARITAL_STATUS)), (17, Coded(D::NRP)), (18, Identifier(D::CUSTOMER_ID)),
        (19, Of(D::US_SSN)), (20, Any(D::US_DRIVER_LICENSE)), (21, Identifier(D::PATIENT_ID)), (22, Coded(D::ETHNICITY)),
        (23, Of(D::CITY)), (26, Coded(D::NRP)), (28, Coded(D::NRP)), (29, Of(D::DATE)), (40, Telecom),
    ]),
    ("PD1", &[(4, Person)]),
    ("MRG", &[(1, Identifier(D::MRN)), (3, Identifier(D::CUSTOMER_ID)), (4, Identifier(D::PATIENT_ID)), (7, Name)]),
    ("NK1", &[
        (2, Name), (4, Address), (5, Telecom), (6, Telecom), (14, Coded(D::MARITAL_STATUS)), (15, Coded(D::GENDER)),
        (16, Of(D::DOB)), (19, Coded(D::NRP)), (25, Coded(D::NRP)), (26, Name), (27, Coded(D::NRP)),
        (28, Coded(D::ETHNICITY)), (30, Name), (31, Telecom), (32, Address), (33, Identifier(D::NATIONAL_ID)),
        (35, Coded(D::ETHNICITY)), (37, Of(D::US_SSN)), (40, Telecom), (41, Telecom),
    ]),
    ("PV1", &[
        (5, Identifier(D::PATIENT_ID)), (7, Person), (8, Person), (9, Person), (17, Person), (19, Identifier(D::PATIENT_ID)),
        (44, Of(D::DATE)), (45, Of(D::DATE)), (50, Identifier(D::PATIENT_ID)), (52, Person),
    ]),
    ("PV2", &[(3, Coded(D::ENCOUNTER)), (8, Of(D::DATE)), (9, Of(D::DATE)), (12, Of(D::NARRATIVE)), (13, Person)]),
    ("ACC", &[(1, Of(D::DATE)), (3, Of(D::ADDRESS)), (5, Of(D::NARRATIVE)), (11, Address)]),
    ("GT1", &[
        (2, Identifier(D::CUSTOMER_ID)), (3, Name), (4, Name), (5, Address), (6, Telecom), (7, Telecom), (8, Of(D::DOB)),
        (9, Coded(D::GENDER)), (12, Of(D::US_SSN)), (18, Telecom), (19, Identifier(D::CUSTOMER_ID)), (30, Coded(D::MARITAL_STATUS)),
        (41, Coded(D::NRP)), (42, Name), (44, Coded(D::ETHNICITY)), (45, Name), (46, Telecom), (55, Coded(D::ETHNICITY)),
    ]),
    ("IN1", &[
        (8, Of(D::HEALTH_PLAN_ID)), (16, Name), (18, Of(D::DOB)), (19, Address), (36, Of(D::HEALTH_PLAN_ID)),
        (43, Coded(D::GENDER)), (44, Address), (49, Identifier(D::HEALTH_PLAN_ID)),
    ]),
    ("IN2", &[
        (1, Identifier(D::CUSTOMER_ID)), (2, Of(D::US_SSN)), (6, Of(D::US_MBI)), (7, Name), (8, Of(D::HEALTH_PLAN_ID)), (9, Name),
        (22, Name), (25, Identifier(D::HEALTH_PLAN_ID)), (40, Name), (41, Coded(D::NRP)), (43, Coded(D::MARITAL_STATUS)),
        (49, Name), (50, Telecom), (52, Name), (53, Telecom), (61, Identifier(D::HEALTH_PLAN_ID)), (63, Telecom), (64, Telecom), (71, Coded(D::ETHNICITY)),
    ]),
    ("DG1", &[(3, Coded(D::CONDITION)), (4, Of(D::CONDITION)), (5, Of(D::DATE)), (16, Person), (19, Of(D::DATE))]),
    ("PR1", &[(3, Coded(D::PROCEDURE)), (4, Of(D::PROCEDURE)), (5, Of(D::DATE)), (8, Person), (11, Person), (12, Person)]),
    ("FT1", &[(4, Of(D::DATE)), (5, Of(D::DATE)), (19, Coded(D::CONDITION)), (20, Person), (21, Person), (25, Coded(D::PROCEDURE))]),
    ("AL1", &[(3, Coded(D::ALLERGY)), (5, Of(D::ALLERGY)), (6, Of(D::DATE))]),
    ("IAM", &[(3, Coded(D::ALLERGY)), (5, Of(D::ALLERGY)), (11, Of(D::DATE)), (13, Of(D::DATE)), (14, Name), (18, Person)]),
    ("ORC", &[(9, Of(D::DATE)), (10, Person), (11, Person), (12, Person), (15, Of(D::DATE)), (19, Person), (27, Of(D::DATE))]),
    ("OBR", &[
        (4, Coded(D::PROCEDURE)), (6, Of(D::DATE)), (7, Of(D::DATE)), (8, Of(D::DATE)), (10, Person), (13, Of(D::CONDITION)),
        (14, Of(D::DATE)), (16, Person), (17, Telecom), (22, Of(D::DATE)), (28, Person), (31, Coded(D::CONDITION)),
        (32, Any(D::PERSON)), (36, Of(D::DATE)), (44, Coded(D::PROCEDURE)),
    ]),
    ("OBX", &[(3, Coded(D::OBSERVATION)), (5, Any(D::OBSERVATION)), (14, Of(D::DATE)), (16, Person), (19, Of(D::DATE)), (25, Person)]),
    ("SPM", &[(17, Any(D::DATE)), (18, Of(D::DATE))]),
    ("NTE", &[(3, Of(D::NARRATIVE))]),
    ("TXA", &[(4, Of(D::DATE)), (5, Person), (6, Of(D::DATE)), (7, Of(D::DATE)), (9, Person), (10, Person), (11, Person)]),
    ("RXO", &[(1, Coded(D::MEDICATION)), (14, Person)]),
    ("RXE", &[(2, Coded(D::MEDICATION)), (13, Person), (14, Person), (15, Of(D::CUSTOMER_ID)), (18, Of(D::DATE))]),
    ("RXD", &[(2, Coded(D::MEDICATION)), (3, Of(D::DATE)), (10, Person)]),
    ("RXG", &[(4, Coded(D::MEDICATION))]),
    ("RXA", &[(3, Of(D::DATE)), (4, Of(D::DATE)), (5, Coded(D::IMMUNIZATION)), (10, Person), (22, Of(D::DATE))]),
    ("AIP", &[(3, Person), (6, Of(D::DATE))]),
    ("AIS", &[(3, Coded(D::PROCEDURE)), (4, Of(D::DATE))]),
    ("SCH", &[(7, Coded(D::ENCOUNTER)), (12, Person), (13, Telecom), (14, Address), (16, Person), (17, Telecom), (18, Address), (20, Person)]),
];
