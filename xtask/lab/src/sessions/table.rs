//! What came of it, as a table that is kept.

use std::fmt::Write as _;

use super::{
    agent::{Half, Kind},
    attack::Attack,
    trial::{Normal, Outcome, Tried},
};

/// Where the table stands in its document.
const BEGIN: &str = "<!-- made by `cargo xtask eval --sessions --write` -->\n";
const END: &str = "<!-- end -->\n";

/// The table that `document` keeps.
pub(super) fn kept(document: &str) -> Option<&str> {
    let (_, rest) = document.split_once(BEGIN)?;
    rest.split_once(END).map(|(table, _)| table)
}

/// `document` with this table.
pub(super) fn replaced(document: &str, table: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{table}{END}{after}"))
}

/// The tables of one half.
pub(super) fn half(half: &Half, outcome: &Outcome) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(out, "\n## {}\n", half.name)?;
    writeln!(
        out,
        "| attack | form | attacks | detected | median calls until then | told first by |\n\
         | --- | --- | --- | --- | --- | --- |"
    )?;
    let mut all = Tried::default();
    for attack in Attack::ALL {
        for (is_low, form) in [(false, "loud"), (true, "low")] {
            if let Some(tried) = outcome.attacks.get(&(attack, is_low)) {
                all.attacks += tried.attacks;
                all.after.extend(&tried.after);
                row(&mut out, attack.name(), form, tried)?;
            }
        }
    }
    row(&mut out, "all", "", &all)?;
    normal(&mut out, outcome)?;
    Ok(out)
}

fn row(out: &mut String, name: &str, form: &str, tried: &Tried) -> std::fmt::Result {
    let detected = tried.after.len() as u64;
    let mut after = tried.after.clone();
    after.sort_unstable();
    let median = after
        .get(after.len() / 2)
        .map_or_else(|| "-".to_owned(), u64::to_string);
    let mut first: Vec<_> = tried.first.iter().collect();
    first.sort_by_key(|(name, times)| (u64::MAX - **times, **name));
    let first: Vec<_> = first
        .into_iter()
        .map(|(name, times)| format!("`{name}` {times}"))
        .collect();
    writeln!(
        out,
        "| {name} | {form} | {} | {} | {median} | {} |",
        tried.attacks,
        tenths(detected * 1_000, tried.attacks, " %"),
        first.join(", ")
    )
}

fn normal(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    writeln!(
        out,
        "\n| normal sessions | sessions | false alarms per 1,000 | by | attacks on such agents detected |\n\
         | --- | --- | --- | --- | --- |"
    )?;
    let (mut all, mut attacks) = (Normal::default(), (0, 0));
    for kind in Kind::ALL {
        let (Some(normal), Some(of)) = (outcome.normal.get(&kind), outcome.by_agent.get(&kind))
        else {
            continue;
        };
        all.sessions += normal.sessions;
        all.told += normal.told;
        for (name, times) in &normal.by {
            *all.by.entry(name).or_default() += times;
        }
        attacks = (attacks.0 + of.0, attacks.1 + of.1);
        normal_row(out, kind.name(), normal, *of)?;
    }
    normal_row(out, "all", &all, attacks)
}

fn normal_row(
    out: &mut String,
    name: &str,
    normal: &Normal,
    (attacks, detected): (u64, u64),
) -> std::fmt::Result {
    let per_thousand = |told: u64| tenths(told * 10_000, normal.sessions, "");
    let by: Vec<_> = normal
        .by
        .iter()
        .map(|(name, told)| format!("`{name}` {}", per_thousand(*told)))
        .collect();
    writeln!(
        out,
        "| {name} | {} | {} | {} | {} |",
        normal.sessions,
        per_thousand(normal.told),
        by.join(", "),
        tenths(detected * 1_000, attacks, " %")
    )
}

/// A ratio, which is ten times what is shown, to one digit; whole numbers only, so that it is the same
/// everywhere.
fn tenths(times: u64, of: u64, unit: &str) -> String {
    let of = of.max(1);
    let rounded = (times + of / 2) / of;
    format!("{}.{}{unit}", rounded / 10, rounded % 10)
}
