//! The table of results that is kept with the classifiers: what a change must not make worse.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::goals::{FALSE_MAX, reached};
use crate::score::{Counts, Score};

/// A rate may fall by this much: a value more or less in a small class.
const FALL_MAX: f64 = 0.005;
/// How many more false findings per megabyte are borne.
const RISE_MAX: f64 = 0.25;

/// Results by section and name: a share, which must not fall, or a rate of false findings, which
/// must not rise.
pub(crate) type Results = BTreeMap<(String, String), f64>;

const FALSE: &str = "False findings per MB";

/// The table as a document.
pub(crate) fn write(exact: &Score<'_>, family: &Score<'_>) -> Result<String, std::fmt::Error> {
    let mut out = String::from(
        "# Evaluation\n\n\
         Made by `cargo xtask eval --corpus DIR --write`, and compared by the same command without \
         `--write`. What is counted is what the corpus' README says: spans match with the same class \
         and half of the bytes, fields with the same pointer and class.\n",
    );
    writeln!(
        out,
        "\n## Goals\n\n| goal | at least | reached | |\n| --- | --- | --- | --- |"
    )?;
    for goal in reached(exact, family) {
        if let Some(value) = goal.value {
            let met = if value >= goal.least {
                "met"
            } else {
                "not met"
            };
            writeln!(
                out,
                "| {} | {:.2} | {value:.3} | {met} |",
                goal.name, goal.least
            )?;
        }
    }
    writeln!(
        out,
        "\n## {FALSE}\n\n| labels | at most | reached | |\n| --- | --- | --- | --- |"
    )?;
    let (core, soft) = exact.false_per_megabyte();
    for (name, value, most) in [("core", core, FALSE_MAX.0), ("soft", soft, FALSE_MAX.1)] {
        let met = if value <= most { "met" } else { "not met" };
        writeln!(out, "| {name} | {most:.2} | {value:.2} | {met} |")?;
    }
    section(&mut out, "Spans by subset", &exact.spans.subsets)?;
    section(&mut out, "Fields by subset", &exact.fields.subsets)?;
    section(&mut out, "Spans by class", &exact.spans.labels)?;
    section(&mut out, "Fields by class", &exact.fields.labels)?;
    Ok(out)
}

fn section(out: &mut String, title: &str, rows: &BTreeMap<String, Counts>) -> std::fmt::Result {
    writeln!(
        out,
        "\n## {title}\n\n| | right | wrong | missed | P | R | F1 | F2 |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |"
    )?;
    let mut total = Counts::default();
    for (name, counts) in rows {
        total.add(*counts);
        row(out, name, *counts)?;
    }
    row(out, "all", total)
}

fn row(out: &mut String, name: &str, counts: Counts) -> std::fmt::Result {
    let rates = counts.rates();
    writeln!(
        out,
        "| {name} | {} | {} | {} | {:.3} | {:.3} | {:.3} | {:.3} |",
        counts.right,
        counts.wrong,
        counts.missed,
        rates.precision,
        rates.recall,
        rates.f1,
        rates.f2
    )
}

/// Reads a table back: of every row with numbers its section, its name and what counts.
pub(crate) fn read(table: &str) -> Results {
    let mut section = String::new();
    let mut results = Results::new();
    for line in table.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut section);
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        // The first and the last cell are what stands outside the bars.
        let ([_, name, _, value, _, _] | [_, name, _, _, _, _, _, _, value, _]) = *cells.as_slice()
        else {
            continue;
        };
        if let Ok(value) = value.parse() {
            results.insert((section.clone(), name.to_owned()), value);
        }
    }
    results
}

/// What got worse.
pub(crate) fn worse(before: &Results, now: &Results) -> Vec<String> {
    let mut worse = Vec::new();
    for ((section, name), was) in before {
        let place = (section.clone(), name.clone());
        let (is, bad) = match now.get(&place) {
            None => (f64::NAN, *was > 0.0),
            Some(is) if section == FALSE => (*is, *is > was + RISE_MAX),
            Some(is) => (*is, *is < was - FALL_MAX),
        };
        if bad {
            worse.push(format!("{section}: {name} was {was:.3} and is {is:.3}"));
        }
    }
    worse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_back_and_what_fell_is_named() {
        let mut out = String::new();
        let counts = |right, wrong, missed| Counts {
            right,
            wrong,
            missed,
        };
        let rows = [("pii.email".to_owned(), counts(90, 0, 10))];
        section(&mut out, "Spans by class", &rows.into()).unwrap();
        let before = read(&out);
        let place = ("Spans by class".to_owned(), "pii.email".to_owned());
        assert_eq!(before.get(&place), Some(&0.918));
        assert_eq!(worse(&before, &before), Vec::<String>::new());
        let mut now = before.clone();
        now.insert(place, 0.9);
        assert_eq!(
            worse(&before, &now),
            ["Spans by class: pii.email was 0.918 and is 0.900"]
        );
    }
}
