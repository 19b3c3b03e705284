//! What `docs/compliance.md` says is shown by a test is shown by one that exists.

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
fn each_test_that_a_duty_names_is_there() {
    let text = fs::read_to_string(root().join("docs/compliance.md")).unwrap();
    let names = named(&text);
    assert!(names.len() > 20, "{names:?}");
    let sources = tracked(".rs");
    let absent: Vec<&String> = names
        .iter()
        .filter(|name| {
            let head = format!("fn {name}(");
            !sources.iter().any(|(_, text)| text.contains(&head))
        })
        .collect();
    assert!(absent.is_empty(), "no test is called {absent:?}");
}
