//! No secret stands in this repository: every tracked file is read by our own classifiers, as a gateway reads text.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use classifiers::document::{Classifier, Found, Media};

/// What was found and looked at, and is none: by file and class, so that a new one is told.
const REVIEWED: &str = include_str!("../secrets.reviewed");

/// Bytes of a file that is read; longer ones are data that no person wrote.
const FILE_BYTES_MAX: usize = 512 * 1024;

/// What a class of secrets begins with.
const SECRET: &str = "secret";

/// The repository's root.
fn root() -> &'static Path {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
    lab.ancestors().nth(2).unwrap()
}

/// Tracked files, and those that will be.
fn paths() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().map(ToOwned::to_owned).collect()
}

/// Files in which `password = …` may be an expression.
const PROGRAMS: [&str; 3] = [".rs", ".py", ".js"];

/// Classes that a name alone makes.
const BY_NAME: [&str; 2] = ["secret.password", "secret.generic"];

/// Whether what begins at `at` is in a literal, or is one: as far as its line tells.
fn is_literal(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let quotes = line.matches('"').count();
    quotes % 2 == 1 || text.get(at..).is_some_and(|it| it.starts_with(['"', '\'']))
}

/// What is found of secrets in `text`: the class, and the lines.
fn secrets(path: &str, text: &str) -> BTreeMap<&'static str, Vec<usize>> {
    let mut found: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
    let is_program = PROGRAMS.iter().any(|end| path.ends_with(end));
    let mut sink = |it: &Found<'_>| {
        let class = it.finding.class.name();
        if class.starts_with(SECRET) {
            let at = it.ranges.first().map_or(0, |range| range.start);
            let at = usize::try_from(at).unwrap();
            if is_program && BY_NAME.contains(&class) && !is_literal(text, at) {
                return;
            }
            let before = text.get(..at).unwrap_or_default();
            let line = 1 + before.matches('\n').count();
            found.entry(class).or_default().push(line);
        }
    };
    let mut classifier = Classifier::new(Media::Text);
    classifier.push(text.as_bytes(), &mut sink).unwrap();
    classifier.finish(&mut sink).unwrap();
    found
}

#[test]
fn no_secret_stands_in_this_repository() {
    let mut reviewed: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in REVIEWED.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [path, class, count] = words[..] else {
            panic!("`{line}`: a file, a class and how often");
        };
        reviewed.insert((path.to_owned(), class.to_owned()), count.parse().unwrap());
    }
    let (mut read, mut told) = (0, Vec::new());
    for path in paths() {
        let Ok(text) = fs::read_to_string(root().join(&path)) else {
            continue;
        };
        if text.len() > FILE_BYTES_MAX {
            continue;
        }
        read += 1;
        for (class, lines) in secrets(&path, &text) {
            let known = reviewed.remove(&(path.clone(), class.to_owned()));
            let known = known.unwrap_or_default();
            if lines.len() > known {
                let count = lines.len();
                told.push(format!(
                    "{path} {class} {count} (lines {lines:?}, {known} reviewed)"
                ));
            }
        }
    }
    assert!(read > 900, "only {read} files were read");
    assert!(
        told.is_empty(),
        "is one of these a secret?\n{}",
        told.join("\n")
    );
    assert!(reviewed.is_empty(), "these are gone: {reviewed:?}");
}

#[test]
fn a_secret_that_is_written_down_is_found() {
    // Put together here, so that this file holds none.
    for secret in [
        ["ghp", "_", "Zq8vT2mN4xR7kW1cY9bL3dH6jF5sG0aPuEoi"].concat(),
        ["postgres://app:", "h7Gq2ndL", "@db.example/app"].concat(),
    ] {
        let text = format!("fn main() {{\n    let it = \"{secret}\";\n}}\n");
        let found = secrets("a.rs", &text);
        assert_eq!(found.values().next(), Some(&vec![2]), "{found:?}");
    }
    let named = |value: &str| secrets("a.rs", &format!("let password = {value};\n"));
    let literal = ["\"", "h7Gq2nd", "Lx\""].concat();
    assert_eq!(named(&literal).len(), 1);
    assert!(named("digest(typed)?").is_empty());
}
