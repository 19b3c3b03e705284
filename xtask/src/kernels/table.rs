//! The table of what the verifier has to walk through, program by program and kernel by kernel.

use std::{collections::BTreeMap, fmt::Write as _};

use super::guest::Told;

/// Where it is.
pub(super) const PATH: &str = "ebpf/kernels.md";
/// What begins it in that file.
const HEAD: &str = "| program |";
/// By how much more than the table says is no news: Debian's kernels get fixes, also in the verifier.
const GROWTH_PERCENT_MAX: u64 = 25;

type Counts = BTreeMap<String, BTreeMap<String, u64>>;

/// The file with its table replaced.
pub(super) fn write(known: &str, seen: &[(&'static str, Told)]) -> String {
    let before = known.split(HEAD).next().unwrap_or_default();
    let mut counts = Counts::new();
    let attesting: Vec<_> = seen
        .iter()
        .filter(|(_, told)| !told.verified.is_empty())
        .collect();
    for (series, told) in &attesting {
        for (program, count) in &told.verified {
            let of = counts.entry(program.clone()).or_default();
            of.insert((*series).to_owned(), *count);
        }
    }
    let mut text = before.to_owned();
    text.push_str(HEAD);
    let mut rule = "\n| --- |".to_owned();
    for (series, _) in &attesting {
        write!(text, " {series} |").ok();
        rule.push_str(" ---: |");
    }
    text.push_str(&rule);
    for (program, of) in counts {
        write!(text, "\n| `{program}` |").ok();
        for (series, _) in &attesting {
            let count = of.get(*series).map_or("-".to_owned(), u64::to_string);
            write!(text, " {count} |").ok();
        }
    }
    text.push('\n');
    text
}

/// Programs that have grown since the table was written, and such as it does not know.
pub(super) fn grown(known: &str, seen: &[(&'static str, Told)]) -> Vec<String> {
    let counts = read(known);
    let mut grown = Vec::new();
    for (series, told) in seen {
        for (program, count) in &told.verified {
            let before = counts.get(program).and_then(|of| of.get(*series));
            let most = before.map_or(0, |before| before * (100 + GROWTH_PERCENT_MAX) / 100);
            if *count > most {
                let before = before.map_or("none".to_owned(), u64::to_string);
                grown.push(format!("`{program}` on {series}: {count}, not {before}"));
            }
        }
    }
    grown
}

fn read(text: &str) -> Counts {
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim_matches('|').split('|');
        cells
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect()
    };
    let mut lines = text.lines().skip_while(|line| !line.starts_with(HEAD));
    let kernels = lines.next().map(cells).unwrap_or_default();
    let rows = lines.skip(1).map(cells);
    rows.filter_map(|row| {
        let (program, counts) = row.split_first()?;
        let of = kernels.iter().skip(1).cloned().zip(counts);
        let of = of.filter_map(|(kernel, count)| Some((kernel, count.parse().ok()?)));
        Some((program.clone(), of.collect()))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(count: u64) -> Told {
        Told {
            verified: vec![("packet_in".to_owned(), count)],
            ..Told::default()
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_growth_is_told() {
        let text = write("# Kernels\n\n| program | 6.1 |\nold", &[("6.1", told(100))]);
        assert_eq!(
            text,
            "# Kernels\n\n| program | 6.1 |\n| --- | ---: |\n| `packet_in` | 100 |\n"
        );
        assert!(grown(&text, &[("6.1", told(125))]).is_empty());
        assert_eq!(
            grown(&text, &[("6.1", told(126))]),
            ["`packet_in` on 6.1: 126, not 100"]
        );
        assert_eq!(grown(&text, &[("6.12", told(1))]).len(), 1);
    }
}
