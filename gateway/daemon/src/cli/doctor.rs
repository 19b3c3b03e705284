//! `tidegate doctor`: what this host lacks.

mod host;

use std::{path::Path, process::ExitCode};

use ::fleet::{Condition, SKEW, examine, list_digest};
use miette::{IntoDiagnostic as _, Result};
use proxy::Upstream;

use super::{FINDING, block_on, now};
use crate::{
    config::{self, Fleet},
    fleet,
};

/// What is looked at, and how to mend it; nothing to mend if it is fine.
type Check = (String, Option<String>);

/// Prints one line for each thing that the kernel's part needs, and that a configuration does, here and elsewhere.
pub(crate) fn doctor(pins: Option<&Path>, config: Option<&Path>) -> Result<ExitCode> {
    let kernel = flows::examine(pins).into_iter();
    let mut checks: Vec<Check> = kernel
        .map(|check| (check.name.to_owned(), check.mend))
        .collect();
    if let Some(path) = config {
        let config = config::load(path)?;
        checks.extend(host::here(&config));
        checks.extend(block_on(host::elsewhere(&config))?);
        if let Some(shared) = &config.fleet {
            let tls = Upstream::tls(config.upstream_ca.as_deref()).into_diagnostic()?;
            let (place, login) = fleet::place(shared, &tls)?;
            let found = block_on(async { Ok(examine(&place, &login, &shared.name).await) })?;
            let found = match found {
                Err(error) => vec![("fleet server", Some(error.to_string()))],
                Ok(found) => vec![
                    ("fleet server", unfit(&found)),
                    ("fleet clock", skewed(now().as_second(), found.now)),
                    ("fleet hosts", differing(shared, &found)),
                ],
            };
            let found = found.into_iter();
            checks.extend(found.map(|(name, mend)| (name.to_owned(), mend)));
        }
    }
    let mut code = ExitCode::SUCCESS;
    for (name, mend) in checks {
        match mend {
            None => println!("{name}: fine"),
            Some(mend) => {
                println!("{name}: {mend}");
                code = ExitCode::from(FINDING);
            }
        }
    }
    Ok(code)
}

fn unfit(found: &Condition) -> Option<String> {
    let mend = "it forgets what it has no room for: set its maxmemory-policy to noeviction";
    found.forgets.then(|| mend.to_owned())
}

fn skewed(here: i64, there: u64) -> Option<String> {
    let here = u64::try_from(here).unwrap_or(0);
    let apart = here.abs_diff(there);
    (apart > SKEW).then(|| {
        format!(
            "the clock here and the server's differ by {apart} s, and by more than {SKEW} nothing is leased: set both"
        )
    })
}

fn differing(shared: &Fleet, found: &Condition) -> Option<String> {
    let list = list_digest(&shared.hosts);
    let others = found.hosts.iter().filter(|host| host.list != list);
    // What another host wrote is not for the terminal to act upon.
    let others: Vec<String> = others
        .map(|host| host.name.escape_debug().to_string())
        .collect();
    (!others.is_empty()).then(|| {
        format!(
            "these have another list of the fleet's hosts, so that nothing is leased: {}; give all the same `fleet.hosts`",
            others.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_a_minute() {
        assert_eq!(skewed(1_000, 1_060), None);
        assert_eq!(skewed(1_060, 1_000), None);
        assert!(skewed(1_061, 1_000).is_some_and(|mend| mend.contains("61 s")));
        assert!(skewed(-1, 1_000).is_some());
    }
}
