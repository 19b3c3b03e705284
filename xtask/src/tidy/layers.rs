//! Who may depend on whom, and on which foreign crates.

use std::collections::{BTreeMap, BTreeSet};

use super::{cargo, packages};

/// Every crate of ours by level, and what it may use: only crates of lower levels. A new edge is
/// one line here, for a reviewer to see.
const LAYERS: [&[(&str, &[&str])]; 6] = [
    &[
        ("classifiers", &[]),
        ("abi", &[]),
        ("vault", &[]),
        ("proof", &[]),
        ("bundle", &[]),
        ("telemetry", &[]),
        ("sandbox", &[]),
        ("names", &[]),
        ("behaviour", &[]),
        ("lake", &[]),
        ("mediator", &[]),
        ("manual", &[]),
    ],
    &[
        ("programs", &["abi"]),
        ("flows", &["abi"]),
        ("redaction", &["classifiers", "vault"]),
        ("audit", &["proof", "vault"]),
        ("tiles", &["proof"]),
        ("witness", &["proof", "vault"]),
        ("authority", &["vault"]),
    ],
    &[
        // For their vocabularies: a policy that names an unknown class or action is refused.
        ("policy", &["classifiers", "redaction"]),
        ("identity", &["flows"]),
        ("reports", &["audit", "classifiers"]),
        // Its tests hold every event against the columns of a lake.
        ("ocsf", &["audit", "lake"]),
        ("verifier", &["proof", "tiles"]),
    ],
    &[
        ("admission", &["classifiers", "identity", "policy"]),
        ("invariants", &["classifiers", "policy", "redaction"]),
    ],
    &[
        // Its bench decides and debits, its tests report: hence the three beside.
        (
            "store",
            &[
                "admission",
                "audit",
                "identity",
                "policy",
                "reports",
                "vault",
            ],
        ),
        (
            "proxy",
            &[
                "admission",
                "audit",
                "behaviour",
                "classifiers",
                "flows",
                "identity",
                "mediator",
                "policy",
                "redaction",
                "telemetry",
                "vault",
            ],
        ),
        ("fleet", &["admission"]),
        ("admin", &["audit", "policy"]),
        ("stdio", &["classifiers"]),
        ("console", &["audit", "reports"]),
    ],
    &[
        (
            "daemon",
            &[
                "admin",
                "admission",
                "audit",
                "authority",
                "behaviour",
                "bundle",
                "classifiers",
                "console",
                "fleet",
                "flows",
                "identity",
                "invariants",
                "lake",
                "manual",
                "mediator",
                "names",
                "ocsf",
                "policy",
                "proof",
                "proxy",
                "redaction",
                "reports",
                "sandbox",
                "stdio",
                "store",
                "telemetry",
                "tiles",
                "vault",
                "witness",
            ],
        ),
        // These see the gateway as the world does: by its binary and the wire.
        ("tests", &[]),
        ("xtask", &["manual"]),
        ("lab", &["behaviour", "classifiers"]),
    ],
];

/// Crates that touch the world, and who owns them.
const OWNERS: [(&str, &[&str]); 10] = [
    (
        "tokio",
        &[
            "admin",
            "admission",
            "audit",
            "console",
            "daemon",
            "fleet",
            "invariants",
            "proxy",
            "stdio",
            "store",
            "telemetry",
            "tests",
            "witness",
        ],
    ),
    ("hyper", &["console", "proxy", "stdio", "tests"]),
    ("hyper-util", &["console", "proxy", "stdio", "tests"]),
    ("tokio-tungstenite", &["proxy"]),
    ("axum", &["admin", "console", "stdio", "tests", "witness"]),
    ("sqlx", &["store"]),
    ("redis", &["fleet"]),
    ("async-nats", &["daemon", "tests"]),
    ("aya", &["abi", "flows"]),
    ("aya-ebpf", &["programs"]),
];

/// What must not be in the built graph, and why.
const FORBIDDEN: [(&str, &str); 4] = [
    ("ring", "aws-lc-rs is the one provider"),
    ("openssl-sys", "rustls is the one TLS stack"),
    ("native-tls", "rustls is the one TLS stack"),
    ("reqwest", "the proxy has the one HTTP client"),
];

/// What the auditors' program is never built of: what reaches a network or a database, and what makes keys.
const NOT_FOR_AUDITORS: [&str; 14] = [
    "audit",
    "aws-lc-rs",
    "axum",
    "hyper",
    "libsqlite3-sys",
    "mio",
    "proxy",
    "rustls",
    "socket2",
    "sqlx",
    "store",
    "tokio",
    "tonic",
    "vault",
];

/// So many packages are enough for it.
const FOR_AUDITORS_MAX: usize = 100;

const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

#[test]
fn crates_use_only_what_lies_below_them() {
    let allowed: BTreeMap<_, _> = LAYERS.into_iter().flatten().copied().collect();
    for (name, uses) in dependencies(true) {
        let allowed = allowed
            .get(name.as_str())
            .unwrap_or_else(|| panic!("{name} has no level"));
        for used in uses {
            assert!(
                allowed.contains(&used.as_str()),
                "{name} may not use {used}"
            );
        }
    }
}

#[test]
fn every_allowed_edge_points_down() {
    let level = |name: &str| {
        LAYERS
            .iter()
            .position(|level| level.iter().any(|(member, _)| *member == name))
    };
    for (height, members) in LAYERS.iter().enumerate() {
        for (name, uses) in *members {
            for used in *uses {
                let below = level(used).is_some_and(|level| level < height);
                assert!(below, "{used} is not below {name}");
            }
        }
    }
}

#[test]
fn what_touches_the_world_stays_with_its_owners() {
    for (name, uses) in dependencies(false) {
        for (owned, owners) in OWNERS {
            let may = owners.contains(&name.as_str());
            assert!(
                may || !uses.iter().any(|used| used == owned),
                "{name} may not use {owned}"
            );
        }
    }
}

#[test]
fn forbidden_crates_are_not_built() {
    for target in TARGETS {
        let tree = cargo(&[
            "tree",
            "--workspace",
            "--locked",
            "--edges",
            "normal,build,dev",
            "--target",
            target,
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]);
        let built: Vec<_> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert!(
            built.contains(&"rustls") && built.contains(&"telemetry"),
            "not the whole graph"
        );
        for (name, why) in FORBIDDEN {
            assert!(
                !built.contains(&name),
                "{name} is built for {target}: {why}"
            );
        }
    }
}

#[test]
fn the_auditors_program_reaches_neither_network_nor_database() {
    let tree = cargo(&[
        "tree",
        "--package",
        "verifier",
        "--locked",
        "--edges",
        "normal",
        "--target",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let built: BTreeSet<&str> = names.collect();
    assert!(
        built.contains("proof") && built.contains("ed25519-dalek"),
        "not the whole graph"
    );
    for name in NOT_FOR_AUDITORS {
        assert!(!built.contains(name), "tidegate-verify is built of {name}");
    }
    assert!(
        built.len() <= FOR_AUDITORS_MAX,
        "it is built of {}: {built:?}",
        built.len()
    );
}

/// Each package of ours and what it names as dependency: ours, or foreign.
fn dependencies(ours: bool) -> Vec<(String, Vec<String>)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    packages()
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().unwrap().iter();
            // One of ours is named by its path; a test may use its own package, nothing above it.
            let uses = all
                .filter(|one| one["path"].is_string() == ours)
                .map(|one| text(&one["name"]));
            (text(&package["name"]), uses.collect())
        })
        .collect()
}
