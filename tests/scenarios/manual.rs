//! What the manual says, typed as it stands there.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use tests::gateway::binary;

/// What a command said, if it ended with this code.
fn told(folder: &Path, arguments: &[&str], code: i32) -> Result<String> {
    let output = Command::new(binary()?)
        .args(arguments)
        .current_dir(folder)
        .output()?;
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8(said)?;
    ensure!(output.status.code() == Some(code), "{arguments:?}: {said}");
    Ok(said)
}

/// The first block of a language in `text`, as far to the left as its fence.
fn block(text: &str, language: &str) -> Result<String> {
    let fence = format!("```{language}");
    let mut lines = text.lines().skip_while(|line| line.trim() != fence);
    let first = lines.next().context("no such block")?;
    let margin = first.len() - first.trim_start().len();
    let inside = lines.take_while(|line| line.trim() != "```");
    let inside: Vec<&str> = inside
        .map(|line| line.get(margin..).unwrap_or(""))
        .collect();
    Ok(inside.join("\n") + "\n")
}

#[test]
fn the_first_policy_of_the_readme_is_good_as_it_stands_there() -> Result<()> {
    let readme = include_str!("../../README.md");
    let folder = tempfile::tempdir()?;
    let config = block(readme, "yaml")?;
    fs::write(folder.path().join("tidegate.yaml"), config)?;
    fs::write(folder.path().join("first.cedar"), block(readme, "cedar")?)?;
    told(folder.path(), &["check", "--config", "tidegate.yaml"], 0)?;
    let card = ["4111 1111", "1111 1111"].join(" ");
    fs::write(
        folder.path().join("a.json"),
        format!("{{\"card\": \"{card}\"}}"),
    )?;
    let found = told(folder.path(), &["classify", "a.json"], 1)?;
    ensure!(found.contains("pci.pan"), "{found}");
    Ok(())
}

#[test]
fn a_first_configuration_is_written_without_a_question() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let arguments = [
        "init",
        "--yes",
        "--to",
        "etc",
        "--data",
        "data",
        "--country",
        "DE",
    ];
    told(folder.path(), &arguments, 0)?;
    told(
        folder.path(),
        &["check", "--config", "etc/tidegate.yaml"],
        0,
    )?;
    told(folder.path(), &arguments, 2)?;
    Ok(())
}

#[test]
fn topics_sections_and_commands_are_explained() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let help = |words: &[&str], code| told(folder.path(), &[&["help"], words].concat(), code);
    let listed = help(&[], 0)?;
    for word in ["Usage: tidegate", "evidence", "restore", "compliance"] {
        ensure!(listed.contains(word), "{listed}");
    }
    let topic = help(&["backup"], 0)?;
    ensure!(topic.starts_with("Backup and restore\n===="), "{topic}");
    ensure!(
        topic.contains("  $ tidegate restore ") && !topic.contains('\u{1b}'),
        "{topic}"
    );
    let section = help(&["evidence", "another", "signing", "key"], 0)?;
    ensure!(
        section.starts_with("Another signing key\n") && section.len() < topic.len(),
        "{section}"
    );
    let command = help(&["audit", "verify"], 0)?;
    ensure!(
        command.contains("Usage: tidegate audit verify"),
        "{command}"
    );
    let unknown = help(&["nothing"], 2)?;
    ensure!(
        unknown.contains("neither a topic nor a command"),
        "{unknown}"
    );
    let absent = help(&["evidence", "nothing of the kind"], 2)?;
    ensure!(absent.contains("Retention"), "{absent}");
    Ok(())
}
