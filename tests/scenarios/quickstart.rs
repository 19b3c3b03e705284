//! The quick start, run as it stands there: its files are saved, its commands typed, with ports that are free.

use std::{
    fmt::Write as _,
    fs,
    net::TcpListener,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use tests::gateway::binary;

const QUICKSTART: &str = include_str!("../../docs/quickstart.md");

/// The files of the quick start by the language of their blocks.
const FILES: [(&str, &str); 2] = [("python", "claims.py"), ("cedar", "etc/policies/own.cedar")];

/// What precedes what a command says, with its number.
const MARK: &str = "@@command ";

/// A command, and what of its answer stands below it.
struct Step {
    command: String,
    answers: Vec<String>,
}

/// The text with ports that nothing listens on.
fn with_free_ports(text: &str) -> Result<String> {
    let (mut held, mut text) = (Vec::new(), text.to_owned());
    for port in ["9001", "8440", "8441"] {
        ensure!(text.contains(port), "{port} is not in the quick start");
        let mark = format!("@@port {}@@", held.len());
        text = text.replace(port, &mark);
        held.push((mark, TcpListener::bind("127.0.0.1:0")?));
    }
    for (mark, listener) in &held {
        text = text.replace(mark, &listener.local_addr()?.port().to_string());
    }
    Ok(text)
}

/// The blocks, each with its language, in their order.
fn blocks(text: &str) -> Vec<(String, Vec<String>)> {
    let (mut found, mut open) = (Vec::new(), None::<(String, Vec<String>)>);
    for line in text.lines() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(language), None) => open = Some((language.to_owned(), Vec::new())),
            (None, Some((_, lines))) => lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    found
}

/// The commands of a block, each with its answers.
fn steps(lines: &[String]) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    for line in lines {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                command: command.to_owned(),
                answers: Vec::new(),
            });
        } else {
            let step = steps.last_mut().context("an answer without a command")?;
            step.answers.push(line.trim().to_owned());
        }
    }
    Ok(steps)
}

/// One script of all that is saved and typed, and the commands by their numbers.
fn script(text: &str) -> Result<(String, Vec<Step>)> {
    let mut script =
        "set -o pipefail\nPATH=\"$BESIDE:$PATH\"\ntrap 'kill $(jobs -p); wait' EXIT\nexec 2>&1\n"
            .to_owned();
    let mut typed = Vec::new();
    for (language, lines) in blocks(text) {
        if language == "console" {
            for step in steps(&lines)? {
                let number = typed.len();
                writeln!(script, "echo; echo '{MARK}{number}'\n{}", step.command)?;
                script += "code=$?; [ $code = 0 ] || { echo \"ended with $code\"; cat ./*.log; exit 1; }\n";
                typed.push(step);
            }
            continue;
        }
        let known = FILES.iter().find(|(of, _)| *of == language);
        let (_, file) = known.with_context(|| format!("whose is a block of {language}?"))?;
        ensure!(
            text.contains(&format!("`{file}`:")),
            "{file} is not told to be saved"
        );
        writeln!(
            script,
            "cat > {file} <<'@@end'\n{}\n@@end",
            lines.join("\n")
        )?;
    }
    Ok((script, typed))
}

#[test]
fn the_quick_start_does_what_it_says() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (script, typed) = script(&with_free_ports(QUICKSTART)?)?;
    ensure!(typed.len() > 15, "only {} commands", typed.len());
    fs::write(folder.path().join("typed.sh"), script)?;
    let binary = binary()?;
    let beside = binary.parent().context("the program is in no folder")?;
    let output = Command::new("bash")
        .arg("typed.sh")
        .current_dir(folder.path())
        .env("BESIDE", beside)
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}");
    for (number, step) in typed.iter().enumerate() {
        let mark = format!("{MARK}{number}\n");
        let (_, after) = said
            .split_once(&mark)
            .with_context(|| format!("not run: {}", step.command))?;
        let answer = after.split(MARK).next().unwrap_or(after);
        for expected in &step.answers {
            ensure!(
                answer.contains(expected.as_str()),
                "{} did not say {expected}: {answer}",
                step.command
            );
        }
    }
    let report = fs::read_to_string(folder.path().join("k-17.html"))?;
    ensure!(report.contains("K-17"), "the report is not about K-17");
    Ok(())
}
