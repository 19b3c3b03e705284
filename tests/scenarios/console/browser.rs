//! The console in a real browser, judged by axe.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{env, sdks::Language};

use super::{Place, ROLES};

/// The exchanges that are made, so that there is something to see.
const CALLS: usize = 12;

/// Where screenshots are left for whoever wants to look.
fn shots() -> Result<PathBuf> {
    let folder = std::env::current_exe()?;
    let target = folder
        .ancestors()
        .find(|it| it.ends_with("debug") || it.ends_with("release"));
    let folder = target.and_then(|it| it.parent()).context("no target")?;
    let folder = folder.join("tmp/console");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn walked(place: &Place, record: u64, finding: u64) -> Result<Value> {
    let browser = env::program("chromium").context("no Chromium: run `cargo xtask setup`")?;
    let home = tempfile::tempdir()?;
    let output = Language::Node
        .command("console_walk")?
        .env("CONSOLE_URL", place.console.url(""))
        .env("CONSOLE_PASSWORD", &place.password)
        .env("CONSOLE_RECORD", record.to_string())
        .env("CONSOLE_FINDING", finding.to_string())
        .env("CONSOLE_SHOTS", shots()?)
        .env("CONSOLE_BROWSER", browser)
        .env("HOME", home.path())
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{errors}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A place whose agents have budgets, and are watched.
fn busy() -> Result<Place> {
    let budgets = json!([
        { "id": "support-day", "per": "agent", "calls": CALLS + 3, "subjects": 20, "every": "24h" },
        { "id": "session", "calls": 100, "bytes": 40_000 },
    ]);
    let behaviour = json!({ "detectors": { "denials": "throttle" } });
    Place::with(|setup| setup.set("budgets", budgets).set("behaviour", behaviour))
}

#[test]
fn a_browser_walks_every_page_in_light_and_dark_without_scripts_and_axe_finds_nothing() -> Result<()>
{
    let place = busy()?;
    let record = place.call("C-771", "C-771")?;
    for _ in 0..CALLS {
        place.call("C-771", "C-771")?;
    }
    place.call("C-771", "C-332")?;
    let finding = place.stolen()?;
    place.denied()?;
    let seen = walked(&place, record, finding)?;

    let page = |role: &str, name: &str| seen.pointer(&format!("/roles/{role}/{name}")).cloned();
    let all = [
        "overview",
        "exchanges",
        "search",
        "exchange",
        "sessions",
        "budgets",
        "flows",
        "map",
        "classes",
        "findings",
        "refusals",
        "reports",
        "policy",
        "revocations",
    ];
    for (rank, role) in ROLES.into_iter().enumerate() {
        for name in all {
            let least = match name {
                "overview" | "classes" => 0,
                "reports" => 2,
                "revocations" => 3,
                _ => 1,
            };
            let expected = if rank >= least { 200 } else { 403 };
            assert_eq!(page(role, name), Some(json!(expected)), "{role} {name}");
        }
    }
    let none: Vec<Value> = Vec::new();
    assert_eq!(
        seen["violations"].as_array(),
        Some(&none),
        "{:#}",
        seen["violations"]
    );
    assert_eq!(seen["foreign"].as_array(), Some(&none));
    assert_eq!(seen["errors"].as_array(), Some(&none));

    let report = seen["report"]["text"].as_str().context("no report")?;
    assert!(report.contains(crate::world::SUPPORT), "{report}");
    let name = seen["report"]["name"].as_str().context("no name")?;
    assert!(
        name.starts_with("agents-") && name.ends_with("csv"),
        "{name}"
    );
    assert_eq!(seen["open"], 0);
    let acknowledged = seen["acknowledged"].as_str().context("no row")?;
    for told in ["acknowledged by compliance", "looked at it"] {
        assert!(acknowledged.contains(told), "{acknowledged}");
    }
    assert_eq!(seen["proof"]["index"], record);
    assert_eq!(
        (&seen["skip"], &seen["focused"]),
        (&json!("Skip to the content"), &json!("content"))
    );
    let out = seen["out"].as_str().context("no address")?;
    assert!(out.ends_with("/login"), "{out}");
    place.finish()
}
