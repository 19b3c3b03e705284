//! Results as text, in the layout of the corpus' own scorer.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::goals::{FALSE_MAX, reached};
use crate::score::{Counts, Rates, Score, ratio};

/// Everything that was measured.
pub(crate) fn report(exact: &Score<'_>, family: &Score<'_>) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    table(
        &mut out,
        "spans, label must match",
        &exact.spans.labels,
        exact,
    )?;
    table(&mut out, "spans by subset", &exact.spans.subsets, exact)?;
    if !exact.fields.labels.is_empty() {
        table(
            &mut out,
            "JSON fields, pointer and label must match",
            &exact.fields.labels,
            exact,
        )?;
        table(&mut out, "fields by subset", &exact.fields.subsets, exact)?;
    }
    cover(&mut out, exact)?;
    negatives(&mut out, exact)?;
    goals(&mut out, exact, family)?;
    errors(&mut out, exact)?;
    Ok(out)
}

fn table(
    out: &mut String,
    title: &str,
    rows: &BTreeMap<String, Counts>,
    score: &Score<'_>,
) -> std::fmt::Result {
    writeln!(out, "\n== {title}")?;
    writeln!(
        out,
        "{:<26} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "", "right", "wrong", "missed", "P", "R", "F1", "F2"
    )?;
    let mut total = Counts::default();
    let mut each: Vec<Rates> = Vec::new();
    for (name, counts) in rows {
        let optional = score.is_optional(name);
        row(
            out,
            name,
            *counts,
            if optional { " (optional)" } else { "" },
        )?;
        if !optional {
            total.add(*counts);
            if counts.right + counts.missed > 0 {
                each.push(counts.rates());
            }
        }
    }
    row(out, "MICRO (no optional)", total, "")?;
    let mean = |of: fn(&Rates) -> f64| {
        each.iter().map(of).sum::<f64>() / ratio(each.len().max(1) as u64, 1)
    };
    writeln!(
        out,
        "{:<26} {:>23} {:>7.3} {:>7.3} {:>7.3} {:>7.3}",
        format!("MACRO over {}", each.len()),
        "",
        mean(|it| it.precision),
        mean(|it| it.recall),
        mean(|it| it.f1),
        mean(|it| it.f2),
    )
}

fn row(out: &mut String, name: &str, counts: Counts, note: &str) -> std::fmt::Result {
    let rates = counts.rates();
    writeln!(
        out,
        "{name:<26} {:>7} {:>7} {:>7} {:>7.3} {:>7.3} {:>7.3} {:>7.3}{note}",
        counts.right,
        counts.wrong,
        counts.missed,
        rates.precision,
        rates.recall,
        rates.f1,
        rates.f2,
    )
}

fn cover(out: &mut String, score: &Score<'_>) -> std::fmt::Result {
    let sum = |of: fn(&crate::score::Cover) -> u64| score.bytes.values().map(of).sum::<u64>();
    writeln!(out, "\n== any label")?;
    writeln!(
        out,
        "sensitive bytes covered {:.3}   found bytes that are sensitive or don't-care {:.3}",
        ratio(sum(|it| it.found), sum(|it| it.gold)),
        ratio(sum(|it| it.right), sum(|it| it.predicted)),
    )?;
    let values = score.values;
    writeln!(
        out,
        "values covered (half of the bytes): {} of {} = {:.3}",
        values.found,
        values.gold,
        ratio(values.found, values.gold)
    )?;
    let pointers = score.pointers;
    writeln!(
        out,
        "JSON fields found: recall {:.3} precision {:.3} ({})",
        ratio(pointers.found, pointers.gold),
        ratio(pointers.right, pointers.predicted),
        pointers.gold
    )?;
    let (all, found) = score.distinct();
    writeln!(
        out,
        "distinct values found at every occurrence: {found} of {all} = {:.3}",
        ratio(found as u64, all as u64)
    )
}

fn negatives(out: &mut String, score: &Score<'_>) -> std::fmt::Result {
    let negatives = &score.negatives;
    if negatives.documents == 0 {
        return Ok(());
    }
    let (core, soft) = score.false_per_megabyte();
    writeln!(
        out,
        "\n== negatives: {} documents, {:.2} MB\ncore {core:.2} per MB   soft {soft:.2} per MB",
        negatives.documents,
        ratio(negatives.bytes, 1_000_000)
    )?;
    for (label, count) in &negatives.labels {
        let rate = ratio(count * 1_000_000, negatives.bytes);
        writeln!(out, "  {label:<26} {count:>7} {rate:>8.2}/MB")?;
    }
    Ok(())
}

fn goals(out: &mut String, exact: &Score<'_>, family: &Score<'_>) -> std::fmt::Result {
    writeln!(out, "\n== goals")?;
    for goal in reached(exact, family) {
        let Some(value) = goal.value else {
            continue;
        };
        let met = if value >= goal.least {
            "met"
        } else {
            "NOT MET"
        };
        writeln!(
            out,
            "{:<34} at least {:.2}   {value:.3}   {met}",
            goal.name, goal.least
        )?;
    }
    if exact.negatives.documents > 0 {
        let (core, soft) = exact.false_per_megabyte();
        for (name, value, most) in [("core", core, FALSE_MAX.0), ("soft", soft, FALSE_MAX.1)] {
            let met = if value <= most { "met" } else { "NOT MET" };
            let name = format!("false findings per MB, {name}");
            writeln!(out, "{name:<34} at most {most:>5.2}   {value:.2}   {met}")?;
        }
    }
    Ok(())
}

fn errors(out: &mut String, score: &Score<'_>) -> std::fmt::Result {
    for (kind, noted) in &score.errors {
        writeln!(out, "{kind}")?;
        for (id, text) in noted {
            writeln!(out, "    {id} {text:?}")?;
        }
    }
    Ok(())
}
