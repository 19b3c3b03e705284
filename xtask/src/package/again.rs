//! `cargo xtask long reproducible`: the release of a commit, built twice, in other folders and with another home of cargo's, is
//! the same to the byte.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::{
    step::{run as command, say, step},
    workspace::{Workspace, cargo_home},
};

/// Where each is built, under cargo's folder; of other lengths, which shifts everything behind a name.
const PLACES: [&str; 2] = ["twice/a", "twice/another/place/for/it"];

/// Builds the commit that is checked out, twice, and compares what was made.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let mut made = Vec::new();
    for place in PLACES {
        let place = workspace.target.join(place);
        made.push(step("a release", || built(workspace, &place))?);
    }
    let [one, other] = &made[..] else {
        bail!("it was not built twice");
    };
    let listed = |folder: &Path| fs::read_to_string(folder.join(super::sums::LIST));
    let (one, other) = (listed(one)?, listed(other)?);
    let differ: Vec<&str> = one
        .lines()
        .filter(|line| !other.lines().any(|it| it == *line))
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    if !differ.is_empty() || one.lines().count() != other.lines().count() {
        bail!(
            "these are others each time: {}; `diffoscope` tells where, in {} and {}",
            differ.join(", "),
            workspace.target.join(PLACES[0]).display(),
            workspace.target.join(PLACES[1]).display(),
        );
    }
    say("the same bytes twice:");
    one.lines().for_each(say);
    PLACES
        .iter()
        .try_for_each(|place| Ok(fs::remove_dir_all(workspace.target.join(place))?))
}

/// A clone of the commit, with a home of cargo's of its own, and the packages of it.
fn built(workspace: &Workspace, place: &Path) -> Result<PathBuf> {
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    let (sources, home) = (place.join("sources"), place.join("home"));
    fs::create_dir_all(&home)?;
    command(
        Command::new("git")
            .args(["clone", "--quiet", "--no-hardlinks"])
            .args([&workspace.root, &sources]),
    )?;
    // The crates are downloaded once; by another name each is another file to compilers. A link to the folder would not do: who
    // works in it is told its true name.
    let known = cargo_home()?;
    for name in ["registry", "config.toml"] {
        let from = known.join(name);
        let copied = |how: &[&str]| {
            let mut copy = Command::new("cp");
            command(copy.arg("--archive").args(how).args([&from, &home]))
        };
        // Another disk has no second name for a file.
        if from.exists() && copied(&["--link"]).is_err() {
            copied(&[])?;
        }
    }
    let target = place.join("target");
    command(
        workspace
            .cargo(&["xtask", "package", "--yes"])
            .current_dir(&sources)
            .env("CARGO_HOME", &home)
            .env("CARGO_TARGET_DIR", &target),
    )?;
    Ok(target.join("package"))
}
