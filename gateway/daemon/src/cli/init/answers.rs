//! What `init` has to know, by options or by asking.

use std::{
    io::{BufRead, Write},
    path::PathBuf,
};

use clap::Args;
use http::Uri;
use miette::{IntoDiagnostic as _, Result, miette};
use policy::Country;

use super::place;

/// How often one question is asked.
const ATTEMPTS_MAX: usize = 5;

/// What options say.
#[derive(Debug, Default, Args)]
pub(super) struct Asked {
    /// The country of this host and its agents, ISO 3166-1: where what they read goes.
    #[arg(long, value_name = "CODE", value_parser = country)]
    pub(super) country: Option<Country>,
    /// A short name for an API that is to be governed.
    #[arg(long, value_name = "NAME", value_parser = name, requires_all = ["upstream", "service_country", "path"])]
    pub(super) service: Option<String>,
    /// The API's address, such as <https://crm.example.com>.
    #[arg(long, value_name = "URL", value_parser = upstream, requires = "service")]
    pub(super) upstream: Option<String>,
    /// Where that API keeps data.
    #[arg(long, value_name = "CODE", value_parser = country, requires = "service")]
    pub(super) service_country: Option<Country>,
    /// A path of it that agents may read: `/customers/{customer}`.
    #[arg(long, value_parser = path, requires = "service")]
    pub(super) path: Option<String>,
    /// The program that the agents run: `/usr/bin/python3`.
    #[arg(long, value_name = "FILE", value_parser = program)]
    pub(super) program: Option<PathBuf>,
    /// The number of the agents' user; without it anybody who runs the program is the agent.
    #[arg(long, value_name = "UID", requires = "program")]
    pub(super) user: Option<u32>,
}

/// What is known.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) country: Country,
    pub(super) service: Option<Service>,
    pub(super) agent: Option<Agent>,
}

/// An API.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) upstream: String,
    pub(super) country: Country,
    pub(super) path: String,
}

impl Service {
    /// What its path binds.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        let parts = self.path.split('/');
        parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}

/// Whoever calls.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) program: PathBuf,
    pub(super) user: Option<u32>,
}

impl Answers {
    /// What the options say, and no more.
    pub(super) fn of(asked: &Asked) -> Self {
        let Asked {
            service,
            upstream,
            service_country,
            path,
            ..
        } = asked;
        let service = (service.clone().zip(upstream.clone()))
            .zip(service_country.zip(path.clone()))
            .map(|((name, upstream), (country, path))| Service {
                name,
                upstream,
                country,
                path,
            });
        Self {
            country: asked
                .country
                .or_else(place::guess)
                .unwrap_or(Country::UNKNOWN),
            service,
            agent: asked.program.clone().map(|program| Agent {
                program,
                user: asked.user,
            }),
        }
    }

    /// Asks for what the options do not say. Who answers nothing any more takes what is left out.
    pub(super) fn ask(asked: &Asked, from: impl BufRead, to: impl Write) -> Result<Self> {
        let mut desk = Desk { from, to };
        let mut answers = Self::of(asked);
        if asked.country.is_none() {
            let guess = place::guess().map(|it| it.to_string()).unwrap_or_default();
            let told = desk.ask("Country of this host, ISO 3166-1", &guess, country)?;
            answers.country = told.unwrap_or(Country::UNKNOWN);
        }
        if answers.service.is_none()
            && let Some(name) = desk.ask("A short name for an API to govern", "", name)?
        {
            answers.service = desk.service(name)?;
        }
        if answers.agent.is_none() {
            let what = "The program that its agents run, such as /usr/bin/python3";
            if let Some(program) = desk.ask(what, "", program)? {
                let user = |text: &str| text.parse::<u32>().map_err(|_| "a number".to_owned());
                let what = "The number of their user, or nothing for anybody's";
                let user = desk.ask(what, "", user)?;
                answers.agent = Some(Agent { program, user });
            }
        }
        Ok(answers)
    }
}

/// Where questions and answers go.
struct Desk<R, W> {
    from: R,
    to: W,
}

impl<R: BufRead, W: Write> Desk<R, W> {
    /// The answer, or what stands in brackets; none for nothing.
    fn ask<T>(
        &mut self,
        what: &str,
        usual: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>> {
        for _ in 0..ATTEMPTS_MAX {
            let shown = if usual.is_empty() {
                String::new()
            } else {
                format!(" [{usual}]")
            };
            write!(self.to, "{what}{shown}: ").into_diagnostic()?;
            self.to.flush().into_diagnostic()?;
            let mut line = String::new();
            self.from.read_line(&mut line).into_diagnostic()?;
            let said = Some(line.trim()).filter(|said| !said.is_empty());
            let said = said.unwrap_or(usual);
            if said.is_empty() {
                return Ok(None);
            }
            match parse(said) {
                Ok(answer) => return Ok(Some(answer)),
                Err(wanted) => writeln!(self.to, "  wanted: {wanted}").into_diagnostic()?,
            }
        }
        Err(miette!("`{what}` had no answer that fits"))
    }

    /// The rest of what has to be known of an API; none if its address is not told.
    fn service(&mut self, name: String) -> Result<Option<Service>> {
        let Some(upstream) =
            self.ask("Its address, such as https://crm.example.com", "", upstream)?
        else {
            return Ok(None);
        };
        let country = self.ask("Country where it keeps data, ISO 3166-1", "", country)?;
        let what = "A path of it that agents may read, such as /customers/{customer}";
        let path = self.ask(what, "", path)?;
        let (Some(country), Some(path)) = (country, path) else {
            return Err(miette!(
                help = "say where it keeps data and what may be read, or name no API for now",
                "the API `{name}` is not described to its end"
            ));
        };
        Ok(Some(Service {
            name,
            upstream,
            country,
            path,
        }))
    }
}

fn country(text: &str) -> Result<Country, String> {
    Country::parse(text)
        .filter(|country| *country != Country::UNKNOWN)
        .ok_or_else(|| "two upper-case letters of ISO 3166-1, such as DE".to_owned())
}

fn name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (text.len() <= 32 && text.bytes().all(fits) && text.starts_with(|it: char| it.is_alphabetic()))
        .then(|| text.to_owned())
        .ok_or_else(|| "small letters, digits and hyphens, such as crm".to_owned())
}

fn upstream(text: &str) -> Result<String, String> {
    let uri = text.parse::<Uri>().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        .map(|_| text.to_owned())
        .ok_or_else(|| "an address that begins with http:// or https://".to_owned())
}

fn path(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/{}_-.~".contains(&byte);
    (text.starts_with('/') && text.bytes().all(fits))
        .then(|| text.to_owned())
        .ok_or_else(|| "a path, with parameters in braces: /customers/{customer}".to_owned())
}

/// The file behind all links: that is what the kernel says of a process.
fn program(text: &str) -> Result<PathBuf, String> {
    let found = std::fs::canonicalize(text).ok();
    found
        .filter(|found| text.starts_with('/') && found.is_file())
        .ok_or_else(|| "a program that is there, from the root on: /usr/bin/python3".to_owned())
}
