//! What `docs/compliance.md` and the threats of `SECURITY.md` say is shown by a test is shown by one that exists.

use std::{collections::BTreeSet, fs};

use super::{files::tracked, root};

/// What stands between backticks in the last column of each row.
fn named(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.trim_end_matches(['|', ' ']).rsplit('|').next());
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(ToOwned::to_owned).collect()
}

#[test]
fn each_test_that_a_duty_or_a_threat_names_is_there() {
    let read = |path| fs::read_to_string(root().join(path)).unwrap();
    let (duties, security) = (read("docs/compliance.md"), read("SECURITY.md"));
    let (_, threats) = security.split_once("\n## Threats, by boundary\n").unwrap();
    let (threats, _) = threats.split_once("\n## ").unwrap();
    let (duties, threats) = (named(&duties), named(threats));
    assert!(
        duties.len() > 20 && threats.len() > 20,
        "{duties:?} {threats:?}"
    );
    let sources = tracked(".rs");
    let absent: Vec<&String> = duties
        .union(&threats)
        .filter(|name| {
            let head = format!("fn {name}(");
            !sources.iter().any(|(_, text)| text.contains(&head))
        })
        .collect();
    assert!(absent.is_empty(), "no test is called {absent:?}");
}
