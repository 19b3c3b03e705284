//! `tidegate fleet list`: the hosts that share budgets with this one.

use std::{path::Path, process::ExitCode};

use clap::Subcommand;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::Upstream;
use serde::Serialize;

use super::{Configured, FINDING, Format, Output, block_on, table};
use crate::{
    config::{self, Fleet as Shared},
    fleet::{self, About},
};

/// After so many seconds a host that says nothing is away: it says something every second.
const AWAY_SECONDS: u64 = 10;

#[derive(Debug, Subcommand)]
pub(super) enum Fleet {
    /// Tell who is of the fleet that `fleet` of the configuration names, with version, policies and how far each is;
    /// exit code 1 if one is away.
    List {
        #[command(flatten)]
        config: Configured,
        #[command(flatten)]
        output: Output,
    },
}

/// A host, as it is told.
#[derive(Debug, Serialize)]
struct Told {
    host: String,
    /// `there`, `away`, `never`; `unlisted`: the configuration does not name it.
    state: &'static str,
    /// Seconds since it said something.
    ago: Option<u64>,
    version: String,
    policy: String,
    /// The revision of the bundle that they come from; 0 if they come from none.
    bundle: u64,
    records: u64,
    lag: u64,
}

pub(super) fn fleet(command: &Fleet) -> Result<ExitCode> {
    let Fleet::List { config, output } = command;
    let told = list(&config.config)?;
    match output.output {
        Format::Json => println!("{}", serde_json::to_string(&told).into_diagnostic()?),
        Format::Table => {
            let columns = [
                "host",
                "state",
                "seconds ago",
                "version",
                "policies",
                "bundle",
                "records",
                "lag",
            ];
            table::print(&columns, told.iter().map(row));
        }
    }
    let is_amiss = told.iter().any(|it| it.state != "there");
    Ok(if is_amiss {
        ExitCode::from(FINDING)
    } else {
        ExitCode::SUCCESS
    })
}

fn list(path: &Path) -> Result<Vec<Told>> {
    let config = config::load(path)?;
    let Some(shared) = &config.fleet else {
        return Err(miette!(
            help = "`fleet` says which hosts share budgets, and where",
            "`{}` names no fleet",
            path.display()
        ));
    };
    let tls = Upstream::tls(config.upstream_ca.as_deref()).into_diagnostic()?;
    let (place, login) = fleet::place(shared, &tls)?;
    let known = block_on(async {
        let hosts = ::fleet::hosts(&place, &login, &shared.name).await;
        hosts
            .into_diagnostic()
            .wrap_err("the fleet cannot be asked")
    })?;
    Ok(told(shared, known))
}

fn told(shared: &Shared, known: Vec<::fleet::Host>) -> Vec<Told> {
    let absent = shared.hosts.iter().filter(|name| {
        let mut known = known.iter();
        !known.any(|host| host.name == **name)
    });
    let absent: Vec<Told> = absent
        .map(|name| of(name, About::default(), None))
        .collect();
    let mut told: Vec<Told> = known
        .into_iter()
        .map(|host| {
            let about = serde_json::from_str(&host.about).unwrap_or_default();
            let mut told = of(&host.name, about, Some(host.ago));
            if !shared.hosts.contains(&host.name) {
                told.state = "unlisted";
            }
            told
        })
        .chain(absent)
        .collect();
    told.sort_by(|one, other| one.host.cmp(&other.host));
    told
}

fn of(host: &str, about: About, ago: Option<u64>) -> Told {
    Told {
        host: host.to_owned(),
        state: match ago {
            None => "never",
            Some(ago) if ago > AWAY_SECONDS => "away",
            Some(_) => "there",
        },
        ago,
        version: about.version,
        policy: about.policy,
        bundle: about.bundle,
        records: about.records,
        lag: about.lag,
    }
}

fn row(told: &Told) -> Vec<String> {
    // What another host wrote is not for the terminal to act upon.
    let plain = |text: &str| text.escape_debug().to_string();
    vec![
        plain(&told.host),
        told.state.to_owned(),
        told.ago
            .map_or_else(|| "-".to_owned(), |ago| ago.to_string()),
        plain(&told.version),
        plain(told.policy.get(..12).unwrap_or(&told.policy)),
        match told.bundle {
            0 => "-".to_owned(),
            revision => revision.to_string(),
        },
        told.records.to_string(),
        told.lag.to_string(),
    ]
}
