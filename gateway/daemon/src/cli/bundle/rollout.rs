//! Stages of a bundle as they are typed.

use std::{path::Path, str::FromStr as _};

use ::bundle::{
    Rollout, Stage, Watch,
    rollout::{HOSTS_MAX, STAGES_MAX},
};
use jiff::SignedDuration;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::config::{Text, is_name};

/// The longest file, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Calls fewer than which say nothing, where nothing is said.
const CALLS_MIN: u64 = 50;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedRollout {
    stages: Vec<TypedStage>,
    watch: Option<TypedWatch>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedStage {
    #[serde(default)]
    hosts: Vec<Spanned<String>>,
    /// `25%`.
    share: Option<Spanned<String>>,
    /// `1h`.
    after: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedWatch {
    #[serde(rename = "for")]
    length: Spanned<String>,
    refused_above: Spanned<String>,
    calls_min: Option<u64>,
}

/// Reads the file at `path`.
pub(super) fn load(path: &Path) -> Result<Rollout> {
    let name = path.display().to_string();
    let unread = || format!("`{name}` cannot be read");
    let size = std::fs::metadata(path).into_diagnostic();
    let size = size.wrap_err_with(unread)?.len();
    if size > FILE_BYTES_MAX {
        return Err(miette!("`{name}` is longer than {FILE_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path).into_diagnostic();
    parse(&text.wrap_err_with(unread)?, &name)
}

fn parse(text: &str, name: &str) -> Result<Rollout> {
    let options = serde_saphyr::options! { with_snippet: false };
    let typed: TypedRollout = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| serde_saphyr::miette::to_miette_report(&error, text, name))?;
    let text = Text::new(name, text.to_owned());
    if !(1..=STAGES_MAX).contains(&typed.stages.len()) {
        return Err(miette!(
            help = "leave the rollout out to have every host take it at once",
            "`{name}` has 1 to {STAGES_MAX} stages"
        ));
    }
    let stages = typed.stages.iter().map(|typed| stage_of(typed, &text));
    Ok(Rollout {
        stages: stages.collect::<Result<_>>()?,
        watch: typed
            .watch
            .map(|typed| watch_of(&typed, &text))
            .transpose()?,
    })
}

fn stage_of(typed: &TypedStage, text: &Text) -> Result<Stage> {
    let odd = typed.hosts.iter().find(|host| !is_name(&host.value));
    if let Some(odd) = odd {
        let message = format!("`{}` is no name of a host", odd.value);
        let help = "letters, digits, `-`, `_` and `.`, up to 64";
        return Err(text.fault(&odd.referenced, message, help).into());
    }
    let after = seconds(&typed.after, text)?;
    let share = typed.share.as_ref();
    let share = share.map_or(Ok(0), |typed| percent(typed, text))?;
    if typed.hosts.len() > HOSTS_MAX || (typed.hosts.is_empty() && share == 0) {
        let message = "this stage is nobody's";
        let help = format!("name up to {HOSTS_MAX} `hosts`, or a `share` of all of them: `25%`");
        return Err(text.fault(&typed.after.referenced, message, help).into());
    }
    Ok(Stage {
        hosts: typed.hosts.iter().map(|host| host.value.clone()).collect(),
        share,
        after,
    })
}

fn watch_of(typed: &TypedWatch, text: &Text) -> Result<Watch> {
    Ok(Watch {
        seconds: seconds(&typed.length, text)?,
        refused_above: percent(&typed.refused_above, text)?,
        calls_min: typed.calls_min.unwrap_or(CALLS_MIN),
    })
}

fn seconds(typed: &Spanned<String>, text: &Text) -> Result<u64> {
    let parsed = SignedDuration::from_str(&typed.value).ok();
    let parsed = parsed.and_then(|it| u64::try_from(it.as_secs()).ok());
    parsed.ok_or_else(|| {
        let message = format!("`{}` is no time", typed.value);
        let help = "such as `0s`, `10m`, `4h`";
        text.fault(&typed.referenced, message, help).into()
    })
}

fn percent(typed: &Spanned<String>, text: &Text) -> Result<u8> {
    let number = typed.value.strip_suffix('%');
    let number = number.and_then(|it| it.trim().parse::<u8>().ok());
    number.filter(|number| *number <= 100).ok_or_else(|| {
        let message = format!("`{}` is no part of a hundred", typed.value);
        let help = "from `0%` to `100%`";
        text.fault(&typed.referenced, message, help).into()
    })
}

/// A stage, as it is told.
pub(super) fn stage(stage: &Stage) -> [String; 2] {
    let share = (stage.share > 0).then(|| format!("{} % of the hosts", stage.share));
    let who: Vec<String> = stage.hosts.iter().cloned().chain(share).collect();
    let when = SignedDuration::from_secs(i64::try_from(stage.after).unwrap_or(i64::MAX));
    [
        "stage".to_owned(),
        format!("{} after {when:#}", who.join(", ")),
    ]
}

/// What is watched, as it is told.
pub(super) fn watch(watch: &Watch) -> [String; 2] {
    let length = SignedDuration::from_secs(i64::try_from(watch.seconds).unwrap_or(i64::MAX));
    let told = format!(
        "for {length:#}: left if more than {} % of {} calls or more are refused",
        watch.refused_above, watch.calls_min
    );
    ["watch".to_owned(), told]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        format!("{:?}", parse(text, "rollout.yaml").unwrap_err())
    }

    #[test]
    fn stages_are_read_and_told() {
        let text = "stages:\n  - hosts: [canary-1]\n    after: 0s\n  - share: 25%\n    after: 1h\n  - { share: 100%, after: 4h }\n\
                    watch: { for: 10m, refused_above: 20% }\n";
        let rollout = parse(text, "rollout.yaml").unwrap();
        let told: Vec<String> = rollout
            .stages
            .iter()
            .map(|it| stage(it)[1].clone())
            .collect();
        assert_eq!(
            told,
            [
                "canary-1 after 0s",
                "25 % of the hosts after 1h",
                "100 % of the hosts after 4h"
            ]
        );
        let watched = rollout.watch.unwrap();
        assert_eq!((watched.seconds, watched.calls_min), (600, CALLS_MIN));
        assert_eq!(
            watch(&watched)[1],
            "for 10m: left if more than 20 % of 50 calls or more are refused"
        );
    }

    #[test]
    fn what_is_no_stage_is_told_with_its_place() {
        for (text, message) in [
            ("stages: []\n", "1 to 16 stages"),
            ("stages:\n  - { after: 1h }\n", "nobody's"),
            (
                "stages:\n  - { share: 25, after: 1h }\n",
                "part of a hundred",
            ),
            (
                "stages:\n  - { share: 101%, after: 1h }\n",
                "part of a hundred",
            ),
            ("stages:\n  - { share: 5%, after: soon }\n", "no time"),
            ("stages:\n  - { share: 5%, after: -1h }\n", "no time"),
            (
                "stages:\n  - { hosts: [a b], after: 1h }\n",
                "no name of a host",
            ),
            ("stages:\n  - { host: a, after: 1h }\n", "host"),
        ] {
            let told = fault(text);
            assert!(told.contains(message), "{text}: {told}");
        }
    }
}
