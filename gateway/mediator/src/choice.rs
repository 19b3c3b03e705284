//! Which template, and what of it: the purpose decides what is offered, the caller may ask for less.

use std::sync::Arc;

use crate::{Field, Form, Template};

/// What a caller asks of a template, beside its request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The template, by its name; the first that is offered if absent.
    pub template: Option<String>,
    /// The fields; all that the template lists if empty.
    pub fields: Vec<String>,
}

/// Why a call is not mediated, and so not made or not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmediated {
    /// The caller's task states no purpose.
    #[error("this call is answered for a purpose only: bring a token whose task states one")]
    PurposeMissing,
    /// No template is declared for the operation and the purpose.
    #[error("no template is declared for this operation and the purpose of the task")]
    NoTemplate,
    /// The template that is asked for is not offered.
    #[error("the template that is asked for is not declared for the purpose of the task")]
    TemplateUnknown,
    /// None of the fields that are asked for is in the template.
    #[error("the template holds none of the fields that are asked for")]
    NoFields,
    /// The page that is asked for has no row.
    #[error("the page that is asked for has no row: ask for one at least")]
    NoRows,
    /// The service's answer is no JSON of the shape that the template expects.
    #[error("the service's answer has not the shape that the template is declared for")]
    Unparsable,
    /// The service's answer is larger than the template reads.
    #[error("the service's answer is larger than the mediator reads")]
    TooLarge,
    /// There are more kinds of rows than an answer tells apart.
    #[error("the answer would tell more groups apart than the mediator tells")]
    TooManyGroups,
}

/// The template that is taken, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The template.
    pub template: Arc<Template>,
    /// The fields of it that are asked for.
    pub fields: Vec<Field>,
    /// How many fields were asked for that it does not hold.
    pub fields_dropped: u64,
}

/// The templates for a purpose, in the order in which they are declared.
///
/// # Errors
/// [`Unmediated::PurposeMissing`] or [`Unmediated::NoTemplate`].
pub fn offered(
    declared: &[Arc<Template>],
    purpose: &str,
) -> Result<Vec<Arc<Template>>, Unmediated> {
    if purpose.is_empty() {
        return Err(Unmediated::PurposeMissing);
    }
    let fits = |template: &&Arc<Template>| template.purposes.iter().any(|it| it == purpose);
    let offered: Vec<_> = declared.iter().filter(fits).cloned().collect();
    if offered.is_empty() {
        return Err(Unmediated::NoTemplate);
    }
    Ok(offered)
}

impl Choice {
    /// What a caller gets who asks so: the template by its name, or the first; of its fields those that
    /// are asked for.
    ///
    /// # Errors
    /// [`Unmediated::TemplateUnknown`], [`Unmediated::NoFields`].
    pub fn of(offered: &[Arc<Template>], ask: &Ask) -> Result<Self, Unmediated> {
        let named = |template: &&Arc<Template>| {
            let name = ask.template.as_deref();
            name.is_none_or(|name| name == &*template.name)
        };
        let template = offered.iter().find(named);
        let template = template.ok_or(Unmediated::TemplateUnknown)?;
        let is_asked = |field: &&Field| {
            ask.fields.is_empty() || ask.fields.iter().any(|asked| asked == field.text())
        };
        let fields: Vec<Field> = template.fields.iter().filter(is_asked).cloned().collect();
        let is_held = |asked: &&String| template.fields.iter().any(|it| it.text() == **asked);
        let dropped = ask.fields.iter().filter(|asked| !is_held(asked)).count();
        // What counts or says yes shows no field, so that none need be asked for.
        let shows = template.form.shows_rows();
        if shows && fields.is_empty() {
            return Err(Unmediated::NoFields);
        }
        Ok(Self {
            fields: if shows {
                fields
            } else {
                template.fields.clone()
            },
            template: Arc::clone(template),
            fields_dropped: dropped as u64,
        })
    }

    /// Whether the answer shows rows, not only how many there are.
    pub fn shows_rows(&self) -> bool {
        self.template.form.shows_rows()
    }

    /// Whether a value at `place` of the service's answer, as records have it, is told as what it is; else it
    /// is covered, counted, or one of so many that there are.
    pub fn shows(&self, place: &str) -> bool {
        match &self.template.form {
            Form::Rows => true,
            Form::Counts(_) | Form::YesNo { .. } => false,
            Form::Masked(fields) => !fields.iter().any(|field| {
                let rest = place.strip_prefix(self.place(field).as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }),
        }
    }

    /// The fields that the service's answer must have, as places in the whole document.
    pub fn places(&self) -> Vec<String> {
        let needs = self.template.needs(&self.fields);
        needs.iter().map(|field| self.place(field)).collect()
    }

    /// Where a field of a row is in the whole document.
    fn place(&self, field: &Field) -> String {
        let rows = self.template.rows.as_ref();
        let prefix = rows.map_or_else(String::new, |rows| format!("{}/*", rows.text()));
        format!("{prefix}{}", field.text())
    }
}
