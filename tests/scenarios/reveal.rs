//! People see what a token stands for: signed, agreed to by a second person, and on record first.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    agent::{Agent, Ask},
    gateway::binary,
    records,
};

use crate::fleet::{Fleet, address, conversation, tokens_of};

/// `tidegate tokens ...`, and what it printed.
fn command(arguments: &[&str]) -> Result<(bool, String)> {
    let output = Command::new(binary()?)
        .arg("tokens")
        .args(arguments)
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((
        output.status.success(),
        String::from_utf8(said)?.trim().to_owned(),
    ))
}

/// Ann and Ben, and a token that they are asked about.
struct Panel {
    folder: TempDir,
    fleet: Fleet,
    token: String,
}

impl Panel {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let operator = |name: &str| -> Result<Value> {
            let key = folder.path().join(name).display().to_string();
            let (made, public) = command(&["operator", "--to", &key])?;
            ensure!(made, "{public}");
            Ok(json!({ "name": name, "key": public }))
        };
        let operators = json!([operator("ann")?, operator("ben")?]);
        let fleet = Fleet::with(&json!({ "operators": operators, "two_persons": true }))?;
        let host = fleet.hosts.first().context("no host")?;
        let ask = Ask::post(host.url("/model/answers")?, conversation(&[address(3)]));
        let token = tokens_of(&Agent::curl()?.ask(&ask)?.text()).swap_remove(0);
        Ok(Self {
            folder,
            fleet,
            token,
        })
    }

    fn key(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Ann asks.
    fn reveal(&self, purpose: &str, approval: Option<&str>) -> Result<(bool, String)> {
        let host = self.fleet.hosts.first().context("no host")?;
        let (key, data) = (self.key("ann"), host.data().display().to_string());
        let mut asked = vec!["reveal", &self.token, "--purpose", purpose, "--as", "ann"];
        asked.extend(["--key", &key, "--data", &data]);
        asked.extend(approval.into_iter().flat_map(|text| ["--approval", text]));
        command(&asked)
    }

    /// Somebody agrees to it under a name, by the key of a name.
    fn approve(&self, name: &str, key: &str) -> Result<String> {
        let key = self.key(key);
        let mut asked = vec![
            "approve",
            &self.token,
            "--purpose",
            "dispute 7",
            "--as",
            name,
        ];
        asked.extend(["--key", &key, "--operator", "ann"]);
        Ok(command(&asked)?.1)
    }

    fn refused(&self, purpose: &str, approval: Option<&str>, reason: &str) -> Result<()> {
        let answer = self.reveal(purpose, approval)?;
        ensure!(!answer.0 && answer.1.ends_with(reason), "{answer:?}");
        Ok(())
    }
}

#[test]
fn two_persons_reveal_a_value_and_both_are_on_record() -> Result<()> {
    let panel = Panel::new()?;
    let own = panel.approve("ann", "ann")?;
    let forged = panel.approve("ben", "ann")?;
    let approval = panel.approve("ben", "ben")?;
    panel.refused("dispute 7", None, "approval_required")?;
    panel.refused("dispute 7", Some(&own), "approval_of_oneself")?;
    panel.refused("dispute 7", Some(&forged), "signature_invalid")?;
    // It holds for what was agreed to and for nothing else.
    panel.refused("curiosity", Some(&approval), "signature_invalid")?;
    panel.refused(" ", Some(&approval), "purpose_invalid")?;
    let told = panel.reveal("dispute 7", Some(&approval))?;
    assert_eq!(told, (true, address(3)));

    let records: Vec<_> = records::list(panel.fleet.hosts.first().context("no host")?)?
        .into_iter()
        .filter(|record| record.kind() == "reveal")
        .collect();
    let reasons: Vec<String> = records.iter().map(|record| record.text("reason")).collect();
    let expected = [
        "approval_required",
        "approval_of_oneself",
        "signature_invalid",
        "signature_invalid",
        "purpose_invalid",
        "",
    ];
    assert_eq!(reasons, expected);
    let last = records.last().context("no record")?;
    let told = ["operator", "approver", "purpose", "class"].map(|name| last.text(name));
    assert_eq!(told, ["ann", "ben", "dispute 7", "pii.email"]);
    ensure!(!last.0.to_string().contains(&address(3)), "{last:?}");
    panel.fleet.finish()
}
