//! What no tracked file may be or hold.

use std::{fs, process::Command};

use super::{root, stdout};

/// Lines of a Rust file, tests not counted: beyond this it is two files.
const FILE_LINES_MAX: usize = 600;
/// Bytes of any tracked file but the lock file.
const FILE_BYTES_MAX: u64 = 512 * 1024;
/// The trained weights, which no one reads.
const MODEL: &str = "classifiers/data/prose.model";
const MODEL_BYTES_MAX: u64 = 2304 * 1024;

/// What names one machine, or a registry that is nobody's business: put together here, so that
/// this file does not hold them itself.
const FOREIGN: [&str; 7] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/tmp", "/wt/"),
    concat!("index.cra", "tes.io"),
    concat!("pypi", ".org"),
    concat!("registry.", "npmjs"),
];

#[test]
fn files_are_short() {
    for (path, text) in tracked(".rs") {
        let is_tests = path.ends_with("tests.rs") || path.starts_with("tests/");
        let code = text
            .lines()
            .take_while(|line| line.trim() != "mod tests {")
            .count();
        assert!(
            is_tests || code <= FILE_LINES_MAX,
            "{path} has {code} lines"
        );
    }
}

#[test]
fn files_name_no_machine_and_no_registry() {
    for (path, text) in tracked("") {
        for foreign in FOREIGN {
            assert!(
                path == "Cargo.lock" || !text.contains(foreign),
                "{path} holds `{foreign}`"
            );
        }
    }
}

#[test]
fn files_are_small() {
    for path in paths() {
        let bytes = fs::metadata(root().join(&path)).map_or(0, |file| file.len());
        assert!(
            path == "Cargo.lock" || bytes <= most(&path),
            "{path} has {bytes} bytes"
        );
    }
}

fn most(path: &str) -> u64 {
    if path == MODEL {
        MODEL_BYTES_MAX
    } else {
        FILE_BYTES_MAX
    }
}

/// Tracked files with this ending that are text.
pub(super) fn tracked(ending: &str) -> Vec<(String, String)> {
    let paths = paths().into_iter().filter(|path| path.ends_with(ending));
    paths
        .filter_map(|path| Some((path.clone(), fs::read_to_string(root().join(path)).ok()?)))
        .collect()
}

/// Tracked files, and those that will be.
fn paths() -> Vec<String> {
    let listed = stdout(Command::new("git").args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]));
    let paths: Vec<_> = listed.lines().map(ToOwned::to_owned).collect();
    assert!(
        paths.iter().any(|path| path == "Cargo.toml"),
        "not the whole workspace"
    );
    paths
}
