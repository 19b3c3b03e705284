//! The program itself, with somebody else's programs as judges of what it makes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};

/// Markup of the typesetter, and of others: it must stand on the page as it is.
const HOSTILE: &str = "#panic(\"x\") $a$ *b* <e1> @e1 [c] \\ // #read(\"/etc/passwd\") <script>";
/// A name in other scripts and a word without a place to break.
const FOREIGN: &str = "Żółć Ωμέγα Привет";

/// A folder of its own, which goes with it. (No crate for that: it would build the typesetter twice, with other features.)
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("pdf-{}-{next}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn figure(value: u64, records: u64) -> Value {
    let listed: Vec<Value> = (0..records.min(50))
        .map(|it| json!({ "record": it * 3 }))
        .collect();
    let digest = "be68deddcba4828b3565e0e560a4324d12c232bc8eec4de90d6bcc3a53a7e344";
    json!({ "value": value, "evidence": { "records": records, "digest": digest, "listed": listed } })
}

fn report(rows: usize) -> Value {
    let named = |number: usize| format!("spiffe://acme.example/agent/{number}");
    let long = "x".repeat(300);
    let mut lines = vec![
        json!([
            HOSTILE,
            figure(7, 3),
            ["one", "two"],
            "2026-01-01T00:00:00Z"
        ]),
        json!([FOREIGN, figure(0, 0), [], "2026-01-01T00:00:00Z"]),
        json!([long, { "value": 5, "at_least": true, "evidence": figure(5, 60)["evidence"] }, ["three"], ""]),
    ];
    lines.extend((0..rows).map(|number| {
        json!([
            named(number),
            figure(number as u64, number as u64),
            ["read"],
            "2026-01-01T00:00:00Z"
        ])
    }));
    let bars = [("spiffe://acme.example/agent/1", 7), (HOSTILE, 3)];
    json!({
        "kind": "agents",
        "title": "What agents did: evidence",
        "law": "45 CFR 164.308(a)(1)(ii)(D)",
        "controls": ["au-6"],
        "scope": { "from": "2026-01-01T00:00:00Z", "until": null, "subject": null, "narrowed": [["agent", HOSTILE]] },
        "covered": { "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T05:00:00Z" },
        "anchor": {
            "log": "tidegate/0011223344556677",
            "size": 4096,
            "root": "ab".repeat(32),
            "checkpoint": "tidegate/0011223344556677\n4096\nq6ur\n\n— a signature\n",
        },
        "notes": ["What a reader must know."],
        "tables": [
            {
                "title": "By agent",
                "note": "Counted.",
                "columns": ["agent", "exchanges", "operations", "since"],
                "rows": lines,
                "omitted": 4,
                "chart": { "title": "Exchanges by agent", "bars": bars },
            },
            { "title": "Nobody", "note": "", "columns": ["agent"], "rows": [], "omitted": 0 },
        ],
    })
}

fn set(folder: &Path, report: &[u8]) -> Output {
    let from = folder.join("report.json");
    fs::write(&from, report).unwrap();
    Command::new(env!("CARGO_BIN_EXE_tidegate-report-pdf"))
        .arg(&from)
        .output()
        .unwrap()
}

fn made(folder: &Path, report: &Value) -> Vec<u8> {
    let output = set(folder, report.to_string().as_bytes());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// What this program says of the file; it must be content.
fn judged(program: &str, arguments: &[&str], pdf: &[u8]) -> String {
    let folder = Folder::new();
    let path = folder.path().join("report.pdf");
    fs::write(&path, pdf).unwrap();
    let arguments = arguments.iter().map(|it| {
        if *it == "PDF" {
            path.as_os_str()
        } else {
            it.as_ref()
        }
    });
    let output = Command::new(program).args(arguments).output();
    let output = output
        .unwrap_or_else(|error| panic!("{program}: {error}; `cargo xtask setup` installs it"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // Poppler of Debian 12 takes `/Suspects false` (ISO 32000-1, 14.7.1) for a mistake.
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut errors = errors
        .lines()
        .filter(|line| !line.contains("Suspects object"));
    assert_eq!(errors.next(), None, "{program}");
    said
}

#[test]
fn a_report_is_a_pdf_that_says_all_of_it_and_evaluates_nothing() {
    let folder = Folder::new();
    let pdf = made(folder.path(), &report(0));
    judged("qpdf", &["--check", "PDF"], &pdf);
    let told = judged("pdfinfo", &["PDF"], &pdf);
    assert!(told.contains("What agents did: evidence"), "{told}");
    for (name, value) in [
        ("Tagged:", "yes"),
        ("JavaScript:", "no"),
        ("Encrypted:", "no"),
        ("Page size:", "A4"),
    ] {
        let line = told
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        assert!(line.contains(value), "{told}");
    }
    let fonts = judged("pdffonts", &["PDF"], &pdf);
    let embedded = fonts
        .lines()
        .skip(2)
        .all(|line| line.contains(" yes yes yes "));
    assert!(embedded, "{fonts}");
    // Lines may end anywhere.
    let plain = |text: &str| -> String { text.split_whitespace().collect() };
    let text = plain(&judged("pdftotext", &["-layout", "PDF", "-"], &pdf));
    for wanted in [
        FOREIGN,
        "45 CFR 164.308(a)(1)(ii)(D)",
        "2026-01-01T05:00:00Z",
        "What a reader must know.",
        "≥ 5",
        "4 further rows had no room in the report",
        "Nothing.",
        "tidegate/0011223344556677",
        "— a signature",
    ] {
        assert!(text.contains(&plain(wanted)), "{wanted}: {text}");
    }
    assert!(
        !text.contains('\u{200b}'),
        "names are copied with what is not in them"
    );
    let raw = plain(&judged("pdftotext", &["-raw", "PDF", "-"], &pdf));
    assert!(raw.contains(&plain(HOSTILE)), "{raw}");
    assert!(raw.contains(&"x".repeat(300)), "{raw}");
}

#[test]
fn what_no_font_has_is_spelt_and_hinders_no_report() {
    let folder = Folder::new();
    let mut report = report(0);
    let odd = [
        ("\u{6f22}", "U+6F22"),
        ("\u{1f600}", "U+1F600"),
        ("\u{e000}", "U+E000"),
        ("\u{feff}", "U+FEFF"),
        ("\u{7}", "U+0007"),
        ("\u{202e}", "U+202E"),
        ("\u{fffe}", "U+FFFE"),
        ("\u{5d0}", "U+05D0"),
    ];
    let all: String = odd.iter().map(|(it, _)| *it).collect();
    report["tables"][0]["rows"][1][0] = json!(all);
    report["scope"]["subject"] = json!(format!("customer={all}"));
    report["notes"] = json!([all]);
    report["tables"][0]["chart"]["bars"] = json!([[all, 3], ["b", 2]]);
    let pdf = made(folder.path(), &report);
    judged("qpdf", &["--check", "PDF"], &pdf);
    let text = judged("pdftotext", &["-raw", "PDF", "-"], &pdf);
    let text: String = text.split_whitespace().collect();
    for (_, spelt) in &odd[..7] {
        assert!(text.matches(spelt).count() >= 3, "{spelt}: {text}");
    }
}

#[test]
fn a_file_is_its_owners_alone_and_one_that_is_there_stays() {
    let folder = Folder::new();
    let (from, out) = (
        folder.path().join("report.json"),
        folder.path().join("report.pdf"),
    );
    fs::write(&from, report(0).to_string()).unwrap();
    let set = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tidegate-report-pdf"));
        program.arg(&from).arg("--out").arg(&out).output().unwrap()
    };
    assert!(set().status.success());
    assert_eq!(
        fs::metadata(&out).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let before = fs::read(&out).unwrap();
    assert!(before.starts_with(b"%PDF-"));
    assert!(!set().status.success());
    assert_eq!(fs::read(&out).unwrap(), before);
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let folder = Folder::new();
    let one = made(folder.path(), &report(40));
    assert_eq!(one, made(folder.path(), &report(40)));
    assert_ne!(one, made(folder.path(), &report(41)));
}

#[test]
fn what_paper_has_no_room_for_is_told() {
    let folder = Folder::new();
    let pdf = made(folder.path(), &report(2_100));
    let text = judged("pdftotext", &["-layout", "PDF", "-"], &pdf);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("103 further rows have no room on paper"),
        "{}",
        text.len()
    );
}

#[test]
fn what_is_no_report_is_refused() {
    let folder = Folder::new();
    for (text, said) in [
        (&b""[..], "that is no report"),
        (b"{}", "missing field `title`"),
        (b"\xff\xfe", "that is no report"),
        (b"[[[[", "that is no report"),
    ] {
        let output = set(folder.path(), text);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty());
        assert!(told.contains(said), "{told}");
    }
}
