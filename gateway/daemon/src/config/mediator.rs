//! The mediator: templates that fit their operations, and the model that may choose among them.

use std::{collections::HashSet, str::FromStr as _, sync::Arc, time::Duration};

use ::mediator::{Counts, Field, Form, K_MIN, Page, Template};
use http::{HeaderName, Method};
use identity::Agent;
use miette::Result;
use proxy::{
    mediation::{Fallback, Mediated, Mediator, Model},
    route::is_like,
};
use serde_saphyr::Spanned;

use super::{
    file::{self, AnswerForm, ArgumentType, File, MediationTemplate, OnFailure},
    resolve::Resolver,
};

/// How long a mediated exchange may take where nothing is said.
const DEADLINE: Duration = Duration::from_secs(10);
/// The longest that an operator may let a mediated exchange take.
const DEADLINE_MAX: Duration = Duration::from_mins(1);
/// How long a model may take where nothing is said.
const MODEL_DEADLINE: Duration = Duration::from_secs(2);
/// How many bytes of an answer are read where nothing is said.
const ANSWER_BYTES: u64 = 1024 * 1024;
/// The most that an operator may let it read: it is held in memory, and parsed.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The most members that groups are told apart by.
const BY_MAX: usize = 4;

/// What a count is called beside the members of its group.
const COUNT: &str = "count";

impl Resolver<'_> {
    /// What stands between, and the agent under which its model is called.
    pub(super) fn mediator(&self, file: &File) -> Result<Mediator> {
        let Some(typed) = &file.mediator else {
            return Ok(Mediator {
                deadline: DEADLINE,
                answer_bytes_max: ANSWER_BYTES,
                model: None,
            });
        };
        self.check_templates(file, &typed.templates)?;
        let answer_bytes_max = match &typed.answer_bytes_max {
            Some(most) if !(1..=ANSWER_BYTES_MAX).contains(&most.value) => {
                let help = format!("1 to {ANSWER_BYTES_MAX}: it is held in memory");
                return Err(self.fault(most, "an answer cannot have so many bytes", help));
            }
            most => most.as_ref().map_or(ANSWER_BYTES, |most| most.value),
        };
        let model = typed.model.as_ref().map(|model| self.model(file, model));
        Ok(Mediator {
            deadline: self.deadline(typed.deadline.as_ref(), DEADLINE)?,
            answer_bytes_max,
            model: model.transpose()?.map(Arc::new),
        })
    }

    /// That each template is for an operation that may be mediated: a GET by path, decided by its head.
    fn check_templates(&self, file: &File, templates: &[MediationTemplate]) -> Result<()> {
        for template in templates {
            let name = &template.operation.value;
            let found = name.split_once('/').and_then(|(service, id)| {
                let service = file.services.iter().find(|it| it.name.value == service)?;
                service.operations.iter().find(|it| it.id.value == id)
            });
            let Some(operation) = found else {
                let message = format!("no service has the operation `{name}` by method and path");
                let help = "service and id of one under `operations`: `crm/customer.list`";
                return Err(self.fault(&template.operation, message, help));
            };
            if operation.method.value != Method::GET.as_str() || !operation.body.is_empty() {
                let message = format!("`{name}` cannot be mediated");
                let help = "only what is read by GET, and not bound by a body, can";
                return Err(self.fault(&template.operation, message, help));
            }
        }
        Ok(())
    }

    /// What the mediator may take for one operation.
    pub(super) fn mediated(
        &self,
        service: &str,
        operation: &file::Operation,
    ) -> Result<Arc<Mediated>> {
        let name = format!("{service}/{}", operation.id.value);
        let own = self
            .templates
            .iter()
            .filter(|it| it.operation.value == name);
        let mut names = HashSet::new();
        let mut templates = Vec::new();
        for typed in own {
            if !names.insert(typed.name.value.as_str()) {
                let message = format!(
                    "template `{}` of `{name}` is defined twice",
                    typed.name.value
                );
                return Err(self.fault(&typed.name, message, "rename one of the two"));
            }
            templates.push((typed, Arc::new(self.template(typed, operation)?)));
        }
        self.check_counts(&templates, &name)?;
        let arguments = operation.query.iter();
        let arguments = arguments.filter(|(name, _)| operation.arguments.contains_key(*name));
        let headers = operation.header.values();
        let headers = headers.filter_map(|typed| HeaderName::from_str(&typed.value).ok());
        Ok(Arc::new(Mediated {
            templates: templates.into_iter().map(|(_, it)| it).collect(),
            arguments: arguments
                .map(|(name, parameter)| (parameter.clone(), name.clone()))
                .collect(),
            query: operation.query.values().cloned().collect(),
            headers: headers.collect(),
        }))
    }

    /// That no purpose can have what one template leaves out by subtracting what another tells.
    fn check_counts(
        &self,
        templates: &[(&MediationTemplate, Arc<Template>)],
        operation: &str,
    ) -> Result<()> {
        let mut known: HashSet<&str> = HashSet::new();
        for (typed, template) in templates {
            if template.form.shows_rows() {
                continue;
            }
            for purpose in &template.purposes {
                if !known.insert(purpose) {
                    let message = format!("`{operation}` is counted twice for `{purpose}`");
                    let help = "of two counts of the same rows, or a count and a yes, a caller has \
                                the difference: give one of them another purpose";
                    return Err(self.fault(&typed.name, message, help));
                }
            }
        }
        Ok(())
    }

    fn template(&self, typed: &MediationTemplate, operation: &file::Operation) -> Result<Template> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if typed.name.value.is_empty() || !typed.name.value.bytes().all(plain) {
            let message = format!("`{}` cannot be a template's name", typed.name.value);
            return Err(self.fault(&typed.name, message, "letters, digits, `-`, `_` and `.`"));
        }
        let purposes = &typed.purposes;
        if purposes.value.is_empty() || purposes.value.iter().any(String::is_empty) {
            let help = "the purposes that tokens state: `[support]`";
            return Err(self.fault(purposes, "a template is for some purpose", help));
        }
        let fields = self.all_fields(&typed.fields)?;
        let form = self.answer_form(typed, &fields)?;
        let counts = matches!(form, Form::Counts(_));
        if fields.is_empty() != counts {
            let help = "`fields` for rows, masked rows and yes or no; `counts.by` for counts";
            return Err(self.fault(&typed.name, "a template lists what it needs", help));
        }
        let template = Template {
            name: typed.name.value.as_str().into(),
            purposes: purposes.value.clone(),
            rows: typed
                .rows
                .as_ref()
                .map(|rows| self.single(rows))
                .transpose()?,
            fields,
            filters: typed
                .filters
                .iter()
                .map(|(name, value)| (name.clone(), value.value.clone()))
                .collect(),
            passes: typed.pass.iter().map(|name| name.value.clone()).collect(),
            page: typed
                .page
                .as_ref()
                .map(|page| self.page(page))
                .transpose()?,
            form,
        };
        let needs_rows = !matches!(template.form, Form::Rows | Form::Masked(_));
        if template.rows.is_none() && (needs_rows || template.page.is_some()) {
            let help = "say where the rows stand: `rows: /customers`";
            return Err(self.fault(&typed.name, "this template is about rows", help));
        }
        self.check_parameters(typed, operation)?;
        self.check_whole(typed, &template)?;
        Ok(template)
    }

    /// That what is counted is always the same: no caller chooses of how many rows, nor of which.
    fn check_whole(&self, typed: &MediationTemplate, template: &Template) -> Result<()> {
        if template.form.shows_rows() {
            return Ok(());
        }
        if let Some(passed) = typed.pass.first() {
            let help = "who may choose the rows asks twice, and subtracts: name them in `filters`";
            return Err(self.fault(passed, "a caller may not choose what is counted", help));
        }
        let most = template.page.as_ref().map(|page| page.rows_max);
        if let (Some(at_least), Some(most)) = (&typed.at_least, most)
            && at_least.value > most
        {
            let message = format!(
                "{} rows never come, where the page has {most}",
                at_least.value
            );
            return Err(self.fault(at_least, message, "at most `page.max`"));
        }
        Ok(())
    }

    /// That no query parameter has two parts: what binds is not said for the caller, and one that is said
    /// is not passed.
    fn check_parameters(
        &self,
        typed: &MediationTemplate,
        operation: &file::Operation,
    ) -> Result<()> {
        let page = typed.page.as_ref().map(|page| &page.parameter);
        // A page may be an argument of the call: it gets smaller, never larger. What is counted has a page of
        // its own, which policy would not have decided on.
        let shows = matches!(typed.answer, AnswerForm::Rows | AnswerForm::Masked);
        let is_number = |parameter: &String| {
            let argument = operation.arguments.get(parameter);
            argument.is_some_and(|it| it.kind.value == ArgumentType::Integer)
        };
        let bound = operation.query.iter();
        let is_page = |name: &str| page.is_some_and(|page| page.value == name);
        let bound =
            bound.filter(|(parameter, name)| !(is_page(name) && shows && is_number(parameter)));
        let mut known: Vec<&str> = bound.map(|(_, name)| name.as_str()).collect();
        let said = typed
            .filters
            .iter()
            .map(|(name, value)| (name.as_str(), value));
        let passed = typed.pass.iter().map(|name| (name.value.as_str(), name));
        let paged = page.into_iter().map(|name| (name.value.as_str(), name));
        for (name, at) in said.chain(passed).chain(paged) {
            if known
                .iter()
                .any(|other| is_like(name, other) || is_like(other, name))
            {
                let message = format!("query parameter `{name}` has two parts here");
                let help = "each parameter binds, filters, pages or passes, one of these";
                return Err(self.fault(at, message, help));
            }
            known.push(name);
        }
        Ok(())
    }

    fn answer_form(&self, typed: &MediationTemplate, fields: &[Field]) -> Result<Form> {
        let answer = typed.answer;
        let misplaced = typed.mask.is_some() && answer != AnswerForm::Masked
            || typed.at_least.is_some() && answer != AnswerForm::YesNo
            || typed.counts.is_some() != (answer == AnswerForm::Counts);
        if misplaced {
            let help = "`mask` is for `masked`, `counts` for `counts`, `at_least` for `yes_no`";
            return Err(self.fault(
                &typed.name,
                "the template's parts do not fit its `answer`",
                help,
            ));
        }
        match (answer, &typed.counts) {
            (AnswerForm::Counts, Some(counts)) => self.counts(counts).map(Form::Counts),
            (AnswerForm::Masked, _) => self.masked(typed, fields),
            (AnswerForm::YesNo, _) => match &typed.at_least {
                Some(at_least) if at_least.value == 0 => {
                    Err(self.fault(at_least, "none is always there", "1 or more"))
                }
                at_least => Ok(Form::YesNo {
                    at_least: at_least.as_ref().map_or(1, |it| it.value),
                }),
            },
            (AnswerForm::Rows | AnswerForm::Counts, _) => Ok(Form::Rows),
        }
    }

    fn masked(&self, typed: &MediationTemplate, fields: &[Field]) -> Result<Form> {
        let Some(mask) = &typed.mask else {
            return Ok(Form::Masked(fields.to_vec()));
        };
        for field in mask {
            if !fields.iter().any(|known| known.text() == field.value) {
                let message = format!("`{}` is none of the template's fields", field.value);
                return Err(self.fault(
                    field,
                    message,
                    "what is covered is listed under `fields` too",
                ));
            }
        }
        Ok(Form::Masked(self.all_fields(mask)?))
    }

    fn counts(&self, typed: &file::MediationCounts) -> Result<Counts> {
        if typed.k.value < K_MIN {
            let message = format!("a group of {} hides nobody", typed.k.value);
            return Err(self.fault(&typed.k, message, "5 is usual, 2 the least"));
        }
        let by = &typed.by;
        let fields = by.value.iter().map(|text| Field::parse(text));
        let fields = fields.collect::<Result<Vec<Field>, _>>();
        let fields = fields.map_err(|error| self.fault(by, error.to_string(), "`[/plan]`"))?;
        let mut names: HashSet<&str> = HashSet::from([COUNT]);
        let differ = fields.iter().all(|field| names.insert(field.name()));
        let fit = (1..=BY_MAX).contains(&fields.len()) && fields.iter().all(Field::is_single);
        if !differ || !fit {
            let help = "one to four members of a row, of different names, none of them `count`";
            return Err(self.fault(by, "rows cannot be counted by this", help));
        }
        let individual = typed.individual.as_ref();
        Ok(Counts {
            by: fields,
            individual: individual.map(|it| self.single(it)).transpose()?,
            k: typed.k.value,
        })
    }

    fn page(&self, typed: &file::MediationPage) -> Result<Page> {
        if typed.max.value == 0 {
            return Err(self.fault(&typed.max, "a page has a row at least", "1 or more"));
        }
        Ok(Page {
            parameter: typed.parameter.value.clone(),
            rows_max: typed.max.value,
        })
    }

    fn all_fields(&self, typed: &[Spanned<String>]) -> Result<Vec<Field>> {
        typed.iter().map(|field| self.field(field)).collect()
    }

    fn field(&self, typed: &Spanned<String>) -> Result<Field> {
        let help = "a JSON Pointer as seen from a row; `*` stands for every element of an array";
        Field::parse(&typed.value).map_err(|error| self.fault(typed, error.to_string(), help))
    }

    /// A place that leads through no array.
    fn single(&self, typed: &Spanned<String>) -> Result<Field> {
        let field = self.field(typed)?;
        if field.is_single() {
            return Ok(field);
        }
        let message = format!("`{}` leads to several places", typed.value);
        Err(self.fault(typed, message, "a JSON Pointer without `*`"))
    }

    fn deadline(&self, typed: Option<&Spanned<String>>, usual: Duration) -> Result<Duration> {
        let deadline = self.timeout(typed, usual)?;
        match typed {
            Some(typed) if deadline > DEADLINE_MAX => {
                let message = format!("`{}` is too long for an answer", typed.value);
                Err(self.fault(
                    typed,
                    message,
                    "all of it is held until it is there: up to `60s`",
                ))
            }
            _ => Ok(deadline),
        }
    }

    fn model(&self, file: &File, typed: &file::MediationModel) -> Result<Model> {
        let services = file.services.iter();
        let service = services
            .clone()
            .find(|it| it.name.value == typed.service.value);
        let Some(service) = service else {
            let message = format!("there is no service `{}`", typed.service.value);
            return Err(self.fault(&typed.service, message, "one of `services`"));
        };
        let mut operations = service.operations.iter();
        let path = &typed.path.value;
        if !operations.any(|it| it.method.value == "POST" && it.path.value == *path) {
            let message = format!("`{}` has no operation `POST {path}`", typed.service.value);
            let help = "the model is governed as any service: list the operation there";
            return Err(self.fault(&typed.path, message, help));
        }
        let own = match (&service.prefix, &service.host) {
            (Some(prefix), _) => format!("{prefix}{path}"),
            (None, host) => format!("http://{}{path}", host.as_deref().unwrap_or_default()),
        };
        let uri = own.parse().map_err(|_| {
            self.fault(
                &typed.path,
                format!("`{path}` is no path"),
                "`/v1/chat/completions`",
            )
        })?;
        let help = "an id that no agent has: `spiffe://acme.example/agent/mediator`";
        let id = self.no_process(&typed.agent, &file.agents, help)?;
        Ok(Model {
            agent: Arc::new(Agent::no_process(id)),
            // Which process the gateway is, is known once it runs.
            workload: (std::process::id(), 0),
            uri,
            name: typed.name.clone(),
            deadline: self.deadline(typed.deadline.as_ref(), MODEL_DEADLINE)?,
            fallback: match typed.on_failure {
                OnFailure::Deterministic => Fallback::Deterministic,
                OnFailure::Refuse => Fallback::Refuse,
            },
        })
    }
}
