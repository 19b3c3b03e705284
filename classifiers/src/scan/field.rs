//! What the name or the FHIR element says, if the value does not contradict it.
//!
//! A name alone is not enough: `phone: "verified"` is no phone. Each class has one test of what its
//! values look like (`looks`), numbers with a check digit have that too (`checks`), and what stands
//! for no value is none (`empty`).

mod checks;
mod empty;
mod looks;

use super::{finding, identifier};
use crate::DataClass;
use crate::context::Context;
use crate::declared::Says;
use crate::finding::{Finding, ValueKind};
use crate::jurisdiction;
use crate::key::KeyClass;
use crate::prose;
use checks::{Verdict, verdict};
use looks::{rule_of, two_names};

/// How sure the API's owner makes, in percent.
const BY_DECLARATION: u8 = 99;
/// How sure a FHIR element makes, in percent.
const BY_ELEMENT: u8 = 98;
/// How sure a field name makes whose value passes its check digit.
const BY_CHECK: u8 = 95;
/// How sure a field name makes whose value has the right look.
const BY_NAME: u8 = 90;
/// How sure a field name makes whose value fails its check digit.
pub(super) const BY_NAME_ONLY: u8 = 70;
/// How sure a name like `author` makes of two capitalised words.
const BY_OWNER: u8 = 60;

/// The class that FHIR or the name gives this value.
#[inline]
pub(super) fn told(context: &Context, value: &[u8]) -> Option<DataClass> {
    context
        .fhir(value)
        .or_else(|| context.key().data_class())
        .or_else(|| is_by_name(context, value).then_some(DataClass::PERSON))
}

/// Whether the value is somebody's name, where the member's name leaves that open: persons have a `name`, and so has all
/// else.
fn is_by_name(context: &Context, value: &[u8]) -> bool {
    match context.key() {
        KeyClass::Someone | KeyClass::Patient | KeyClass::Called => two_names(value),
        KeyClass::Name => two_names(value) && prose::is_full_name(value),
        _ => false,
    }
}

/// Whether [`told`] says nothing of any value in this context.
pub(crate) fn is_untold(context: &Context) -> bool {
    context.says() == Says::Nothing
        && context.is_silent_in_fhir()
        && context.key().data_class().is_none()
        && !matches!(
            context.key(),
            KeyClass::Someone | KeyClass::Patient | KeyClass::Called | KeyClass::Name
        )
}

/// The finding for the whole value, if it looks like what it is said to be, like the class above (an
/// `icd10` that holds words is a condition), or like what goes by the same name.
pub(super) fn judge(
    class: DataClass,
    context: &Context,
    kind: ValueKind,
    value: &[u8],
) -> Option<Finding> {
    let by_element = context.fhir(value).is_some();
    if is_no_value(class, by_element, value) {
        return None;
    }
    let fits = |class: &DataClass| {
        rule_of(*class)
            .is_some_and(|rule| (kind != ValueKind::Number || rule.numbers) && (rule.looks)(value))
    };
    let named = class;
    let class = refined(named, context, value);
    // What only the country made of it need not pass that country's check.
    let lenient = by_element || class != named;
    let (class, verdict) = lineage(class)
        .filter(fits)
        .map(|class| (class, verdict(class, value)))
        .find(|(_, verdict)| lenient || *verdict != Verdict::Refused)?;
    let (confidence, detector) = match verdict {
        _ if by_element => (BY_ELEMENT, "fhir"),
        _ if context.key().data_class().is_none() => (BY_OWNER, "owner"),
        Verdict::Holds => (BY_CHECK, "key"),
        Verdict::Fails | Verdict::Refused => (BY_NAME_ONLY, "key"),
        Verdict::Unchecked => (BY_NAME, "key"),
    };
    Some(finding(class, 0, value.len(), confidence, detector))
}

/// The finding for the whole value because of where it stands in a FHIR resource, whatever it
/// looks like.
pub(super) fn by_element(context: &Context, value: &[u8]) -> Option<Finding> {
    let class = context
        .fhir(value)
        .filter(|_| !value.trim_ascii().is_empty())?;
    Some(finding(class, 0, value.len(), BY_NAME_ONLY, "fhir"))
}

/// Whether the text looks like a value of this class.
pub(super) fn looks(class: DataClass, value: &[u8]) -> bool {
    rule_of(class).is_some_and(|rule| (rule.looks)(value))
}

/// The finding for the whole value because the API's owner says what stands here.
pub(super) fn by_declaration(class: DataClass, value: &[u8]) -> Option<Finding> {
    (!value.trim_ascii().is_empty())
        .then(|| finding(class, 0, value.len(), BY_DECLARATION, "declared"))
}

/// Whether it stands for "no value". An element of FHIR has one whatever it says, and `other` is a
/// gender.
fn is_no_value(class: DataClass, by_element: bool, value: &[u8]) -> bool {
    if by_element {
        return value.trim_ascii().is_empty();
    }
    let coded = class.is_within(DataClass::DEMOGRAPHIC) || class.is_within(DataClass::CLINICAL);
    let answer = coded && matches!(value, b"other" | b"Other" | b"yes" | b"Yes");
    empty::is_empty(value) && !answer
}

/// The class itself, those above it, and those that go by the same name: `username: "Ann Lee"`, and
/// India's tax number is a PAN too.
fn lineage(class: DataClass) -> impl Iterator<Item = DataClass> {
    let namesake = match class {
        DataClass::USERNAME => Some(DataClass::PERSON),
        DataClass::PAN => Some(DataClass::IN_PAN),
        DataClass::US_BANK_ACCOUNT => Some(DataClass::IBAN),
        DataClass::DE_KVNR => Some(DataClass::HEALTH_PLAN_ID),
        DataClass::CUSTOMER_ID => Some(DataClass::PHONE),
        _ => None,
    };
    std::iter::successors(Some(class), |class| class.parent()).chain(namesake)
}

/// The class of a number once its country is known, or once only one's check fits: a tax number
/// beside `country: "DE"` is a Steuer-ID, an id number with the right letter a Spanish one.
fn refined(class: DataClass, context: &Context, value: &[u8]) -> DataClass {
    let looks = |class: &&DataClass| looks(**class, value);
    let holds = |class: &&DataClass| looks(class) && verdict(**class, value) == Verdict::Holds;
    let country = context.country();
    if class == DataClass::USERNAME && looks(&&DataClass::EMAIL) {
        return DataClass::EMAIL;
    }
    if class == DataClass::NATIONAL_ID {
        // The number itself may say of which country it is.
        let numbers = jurisdiction::numbers_of(country);
        if let Some(own) = numbers
            .iter()
            .find(holds)
            .or_else(|| numbers.iter().find(looks))
        {
            return *own;
        }
    } else if jurisdiction::paper(class, country) != class {
        return jurisdiction::paper(class, country);
    }
    NAMESAKES
        .iter()
        .find(|(named, _)| *named == class)
        .and_then(|(_, others)| others.iter().find(holds))
        .copied()
        .or_else(|| {
            matches!(class, DataClass::NATIONAL_ID | DataClass::US_DRIVER_LICENSE)
                .then(|| identifier::narrowed(class, value))
                .flatten()
        })
        .unwrap_or(class)
}

/// Classes whose name others go by, which their check tells.
static NAMESAKES: &[(DataClass, &[DataClass])] = &[
    (DataClass::NATIONAL_ID, DISTINCTIVE),
    (DataClass::HEALTH_PLAN_ID, &[DataClass::US_MBI]),
    (
        DataClass::US_DRIVER_LICENSE,
        &[DataClass::UK_DRIVING_LICENCE],
    ),
    (DataClass::DE_SOCIAL_SECURITY, &[DataClass::AT_SVNR]),
    (DataClass::ES_NIF, &[DataClass::ES_NIE, DataClass::PT_NIF]),
];

/// Numbers whose form or check rarely fits those of another country, the most telling first.
static DISTINCTIVE: &[DataClass] = &[
    DataClass::IT_FISCAL_CODE,
    DataClass::MX_CURP,
    DataClass::FR_NIR,
    DataClass::CN_RIC,
    DataClass::IN_PAN,
    DataClass::FI_HETU,
    DataClass::ES_NIF,
    DataClass::SG_NRIC,
    DataClass::TW_ID,
    DataClass::UK_NINO,
    DataClass::CH_AHV,
    DataClass::CL_RUT,
    DataClass::BR_CPF,
    DataClass::TR_TCKN,
    DataClass::DE_TAX_ID,
    DataClass::PL_PESEL,
    DataClass::BE_NRN,
    DataClass::RO_CNP,
    DataClass::ZA_ID,
    DataClass::TH_TNIN,
    DataClass::EE_IK,
    DataClass::NO_FNR,
    DataClass::DE_ID_CARD,
    DataClass::US_SSN,
];
