//! What is done to the log is told, each deed by its name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use tests::gateway::Gateway;

use crate::world::World;

/// An export, line by line, and the key that signed it.
struct Exported {
    lines: Vec<String>,
    key: String,
    folder: PathBuf,
}

impl Exported {
    fn of(gateway: &Gateway) -> Result<Self> {
        let path = gateway.folder().join("export.jsonl");
        let output = gateway.export(&path)?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let lines = fs::read_to_string(&path)?
            .lines()
            .map(str::to_owned)
            .collect();
        Ok(Self {
            lines,
            key: gateway.public_key()?,
            folder: gateway.folder().to_owned(),
        })
    }

    /// The places in the file where records stand.
    fn records(&self) -> Vec<usize> {
        let is_record = |line: &String| line.contains("\"leaf\"");
        (0..self.lines.len())
            .filter(|&at| self.lines.get(at).is_some_and(is_record))
            .collect()
    }

    fn write(&self, lines: &[String]) -> Result<PathBuf> {
        let path = self.folder.join("tampered.jsonl");
        fs::write(&path, lines.join("\n") + "\n")?;
        Ok(path)
    }
}

/// The exit code, and the names of what was found.
fn judge(gateway: &Gateway, export: &Path, key: &str) -> Result<(Option<i32>, Vec<String>)> {
    let output = gateway.verify(export, key)?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("verify: {}", String::from_utf8_lossy(&output.stderr)))?;
    let findings = report
        .get("findings")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let name = |finding: &Value| finding["finding"].as_str().unwrap_or_default().to_owned();
    Ok((output.status.code(), findings.iter().map(name).collect()))
}

fn flip_bit_of_leaf(line: &str) -> Result<String> {
    let mut record: Value = serde_json::from_str(line)?;
    let mut leaf = STANDARD.decode(
        record
            .get("leaf")
            .and_then(Value::as_str)
            .context("no leaf")?,
    )?;
    let middle = leaf.len() / 2;
    *leaf.get_mut(middle).context("an empty leaf")? ^= 1;
    *record.get_mut("leaf").context("no leaf")? = STANDARD.encode(leaf).into();
    Ok(record.to_string())
}

#[test]
fn each_way_of_tampering_is_told_apart() -> Result<()> {
    let mut world = World::new()?;
    for item in 0..12 {
        let reply = world
            .client
            .get(&world.gateway.url(&format!("/crm/items/{item}"))?, &[])?;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    world.gateway.stop()?;
    let exported = Exported::of(&world.gateway)?;
    let records = exported.records();
    let [.., first, second, _, _, last] = records.as_slice() else {
        anyhow::bail!("only {} records", records.len());
    };
    let check = |what: &str, lines: &[String], expected: &str, verdict: i32| -> Result<()> {
        let path = exported.write(lines)?;
        let (code, findings) = judge(&world.gateway, &path, &exported.key)?;
        assert_eq!(code, Some(verdict), "{what}: {findings:?}");
        ensure!(
            findings.iter().any(|name| name == expected),
            "{what}: {findings:?}"
        );
        Ok(())
    };

    let intact = exported.write(&exported.lines)?;
    assert_eq!(
        judge(&world.gateway, &intact, &exported.key)?,
        (Some(0), Vec::new())
    );

    let mut flipped = exported.lines.clone();
    flipped[*first] = flip_bit_of_leaf(&flipped[*first])?;
    check("one bit flipped", &flipped, "edited", 15)?;

    let mut removed = exported.lines.clone();
    removed.remove(*first);
    check("a record removed", &removed, "removed", 18)?;

    let mut swapped = exported.lines.clone();
    swapped.swap(*first, *second);
    check("two swapped", &swapped, "swapped", 17)?;

    check("the tail cut", &exported.lines[..*last], "truncated", 20)?;

    let forged: Vec<_> = exported
        .lines
        .iter()
        .map(|line| forge(line))
        .collect::<Result<_>>()?;
    ensure!(forged != exported.lines, "there is no checkpoint to forge");
    check("a forged checkpoint", &forged, "forged_checkpoint", 22)?;
    world.finish()
}

/// A checkpoint with another root under the old signature; other lines as they are.
fn forge(line: &str) -> Result<String> {
    let mut value: Value = serde_json::from_str(line)?;
    let Some(note) = value.get("checkpoint").and_then(Value::as_str) else {
        return Ok(line.to_owned());
    };
    let mut lines: Vec<String> = note.split('\n').map(str::to_owned).collect();
    let root = lines
        .get_mut(2)
        .context("a note has a root in its third line")?;
    let mut bytes = STANDARD.decode(&*root)?;
    *bytes.first_mut().context("an empty root")? ^= 1;
    *root = STANDARD.encode(bytes);
    *value.get_mut("checkpoint").context("no note")? = lines.join("\n").into();
    Ok(value.to_string())
}

#[test]
fn another_logs_key_verifies_nothing() -> Result<()> {
    let (world, other) = (World::new()?, World::new()?);
    let exported = Exported::of(&world.gateway)?;
    let path = exported.write(&exported.lines)?;
    let (code, _) = judge(&world.gateway, &path, &other.gateway.public_key()?)?;
    assert_eq!(code, Some(25));
    other.finish()?;
    world.finish()
}
