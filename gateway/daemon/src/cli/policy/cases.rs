//! `policy test`: cases in YAML, each with the decision that is expected.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

use classifiers::DataClass;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use policy::{Argument, Country, Evidence, Operation, Principal, Towards};
use proxy::route::Service;
use serde::Deserialize;

use super::{
    Asked,
    question::{Question, delegation, rules},
};

/// The longest file, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cases {
    cases: Vec<Case>,
}

/// Who, what, and what is expected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The agent's SPIFFE id.
    agent: String,
    /// `kernel+token` if absent.
    evidence: Option<String>,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    scope: BTreeMap<String, String>,
    /// On whose behalf the agent acts; its own if absent.
    delegation: Option<Delegated>,
    /// The operation: `crm/customer.read`.
    call: String,
    /// What the request binds.
    #[serde(default)]
    bound: BTreeMap<String, String>,
    /// Where the upstream keeps its data, of a service that has some in several countries: the first one's if
    /// absent.
    country: Option<String>,
    /// The arguments that are declared: `amount: 5000 EUR` in minor units, `limit: 100`.
    #[serde(default)]
    arguments: BTreeMap<String, String>,
    /// A class of data on its way, if it is about that and not about the call.
    disclose: Option<String>,
    #[serde(default)]
    towards: Way,
    /// `allow`, `mediate` or `deny`; for a class `show` or what is done with it: `mask`.
    expect: String,
    /// A rule that must be among those that decide.
    rule: Option<String>,
}

/// Who acts for whom.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delegated {
    subject: String,
    /// Who acts: first who does now.
    actors: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    #[default]
    Agent,
    Service,
}

/// What came of all cases.
pub(super) struct Report {
    lines: Vec<String>,
    passed: usize,
    pub(super) failed: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

pub(super) fn load(path: &Path) -> Result<Cases> {
    let name = path.display().to_string();
    let size = std::fs::metadata(path).into_diagnostic();
    let size = size
        .wrap_err_with(|| format!("`{name}` cannot be read"))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(miette!("`{name}` is longer than {FILE_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path).into_diagnostic();
    let text = text.wrap_err_with(|| format!("`{name}` cannot be read"))?;
    parse(&text, &name)
}

pub(super) fn parse(text: &str, name: &str) -> Result<Cases> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| serde_saphyr::miette::to_miette_report(&error, text, name))
}

/// Asks about each case.
pub(super) fn run(cases: &Cases, asked: &Asked) -> Result<Report> {
    let mut report = Report {
        lines: Vec::new(),
        passed: 0,
        failed: 0,
    };
    for case in &cases.cases {
        let (found, by) = case.ask(asked)?;
        let names = by.split(", ").collect::<Vec<_>>();
        let by_rule = case
            .rule
            .as_deref()
            .is_none_or(|rule| names.contains(&rule));
        if found == case.expect && by_rule {
            report.passed += 1;
            report
                .lines
                .push(format!("pass  {}: {found} by {by}", case.name));
        } else {
            report.failed += 1;
            let rule = case
                .rule
                .as_ref()
                .map_or_else(String::new, |rule| format!(" by {rule}"));
            let expected = format!("{}{rule}", case.expect);
            let line = format!(
                "FAIL  {}: expected {expected}, found {found} by {by}",
                case.name
            );
            report.lines.push(line);
        }
    }
    Ok(report)
}

impl Case {
    /// What is decided, and by which rules.
    fn ask(&self, asked: &Asked) -> Result<(String, String)> {
        let question = self.question(asked)?;
        let Some(name) = &self.disclose else {
            let decision = question.call(&asked.engine);
            let found = match (decision.allowed, &decision.mediation) {
                (false, _) => "deny",
                (true, None) => "allow",
                (true, Some(_)) => "mediate",
            };
            return Ok((found.to_owned(), rules(&decision)));
        };
        let class = DataClass::named(name).ok_or_else(|| {
            miette!(
                help = "`tidegate classify --list-classes` shows them",
                "case `{}`: there is no data class `{name}`",
                self.name
            )
        })?;
        let towards = match self.towards {
            Way::Agent => Towards::Agent,
            Way::Service => Towards::Service,
        };
        let disclosure = question.disclose(&asked.engine, towards, class);
        let by = disclosure
            .policy
            .map_or_else(|| "no rule".to_owned(), |it| it.id.to_string());
        Ok((disclosure.action.name().to_owned(), by))
    }

    /// Where the call goes.
    fn country(&self, service: &Service) -> Result<Country> {
        let Some(code) = &self.country else {
            return Ok(service.upstreams.first().country);
        };
        let mut there = service.upstreams.countries().into_iter();
        there.find(|country| country.code() == code).ok_or_else(|| {
            let known: Vec<String> = service
                .upstreams
                .countries()
                .iter()
                .map(|it| it.code().to_owned())
                .collect();
            miette!(
                help = format!("there are some in {}", known.join(", ")),
                "case `{}`: no upstream is in `{code}`",
                self.name
            )
        })
    }

    /// The arguments, each of the type that is declared.
    fn arguments(&self, asked: &Asked) -> Result<BTreeMap<String, Argument>> {
        let declared = asked.arguments.get(&self.call);
        let each = self.arguments.iter().map(|(name, text)| {
            let kind = declared.and_then(|declared| declared.get(name));
            let kind = kind.ok_or_else(|| {
                miette!(
                    help = "arguments are declared under the operation's `arguments`",
                    "case `{}`: `{}` has no argument `{name}`",
                    self.name,
                    self.call
                )
            })?;
            let argument = Argument::parse(*kind, text).ok_or_else(|| {
                miette!(
                    help = kind.wants(),
                    "case `{}`: `{text}` is no value of `{name}`",
                    self.name
                )
            })?;
            Ok((name.clone(), argument))
        });
        each.collect()
    }

    fn question(&self, asked: &Asked) -> Result<Question> {
        let unknown = |what: &str, name: &str| {
            let known: Vec<String> = asked
                .config
                .services
                .iter()
                .flat_map(|it| {
                    it.operations()
                        .into_iter()
                        .map(move |id| format!("{}/{id}", it.name))
                })
                .take(12)
                .collect();
            miette!(
                help = format!("known here: {}", known.join(", ")),
                "case `{}`: there is no {what} `{name}`",
                self.name
            )
        };
        let (name, id) = self.call.split_once('/').unwrap_or((&self.call, ""));
        let mut services = asked.config.services.iter();
        let service = services.find(|known| *known.name == *name);
        let service = service.ok_or_else(|| unknown("service", name))?;
        let (id, effect) = service
            .effect(id)
            .ok_or_else(|| unknown("operation", &self.call))?;
        let country = self.country(service)?;
        let evidence = self.evidence.as_deref().unwrap_or("kernel+token");
        let evidence = Evidence::of(evidence).ok_or_else(|| {
            miette!(
                help = format!("one of {}", Evidence::ALL.map(Evidence::name).join(", ")),
                "case `{}`: `{evidence}` is no evidence",
                self.name
            )
        })?;
        Ok(Question {
            principal: Principal {
                session: "case".into(),
                agent: self.agent.as_str().into(),
                evidence,
                purpose: self.purpose.as_str().into(),
                scope: Arc::new(self.scope.clone()),
                country: asked.config.country,
                delegation: self
                    .delegation
                    .as_ref()
                    .map(|it| delegation(&it.subject, &it.actors)),
                declared: None,
            },
            operation: Operation {
                service: Arc::clone(&service.name),
                id: Arc::clone(id),
                effect,
                bound: Arc::new(self.bound.clone()),
                arguments: Arc::new(self.arguments(asked)?),
                country,
                groups: service.facts.groups_of(id),
                training: service.facts.training,
            },
        })
    }
}
