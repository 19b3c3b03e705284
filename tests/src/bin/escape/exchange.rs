//! So many exchanges of so many bytes, by this program or by what it starts: agents of different kinds.

use std::{
    env,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

/// Bytes there and back in one exchange; the scripts have the same.
const THERE: usize = 100;
const BACK: usize = 300;

const PYTHON: &str = "
import socket, sys
host, port, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for _ in range(times):
    with socket.create_connection((host, port)) as s:
        s.sendall(b'x' * 100)
        got = 0
        while chunk := s.recv(4096):
            got += len(chunk)
        assert got == 300, got
";

const NODE: &str = "
const net = require('node:net');
const [host, port, times] = process.argv.slice(1);
const once = () => new Promise((done, fail) => {
  let got = 0;
  const s = net.connect(Number(port), host, () => s.write('x'.repeat(100)));
  s.on('data', (d) => { got += d.length; });
  s.on('end', () => { s.end(); });
  s.on('close', () => got === 300 ? done() : fail(new Error(`${got}`)));
  s.on('error', fail);
});
(async () => { for (let i = 0; i < Number(times); i++) await once(); })();
";

/// A pipeline whose last process has the connection.
const SHELL: &str = r#"
for _ in $(seq "$3"); do
  exec 3<>"/dev/tcp/$1/$2" || exit 1
  printf '%0100d' 0 >&3
  [ "$(cat <&3 | wc -c)" = 300 ] || exit 2
  exec 3>&-
done
"#;

/// The same with one static binary, which is all of its own pipeline.
const STATIC: &str = r#"
i=0
while [ $i -lt "$3" ]; do
  [ "$(printf '%0100d' 0 | "$0" nc "$1" "$2" | "$0" wc -c)" = 300 ] || exit 2
  i=$((i + 1))
done
"#;

/// `exchange KIND TIMES [MORE]`.
pub(super) fn run(to: SocketAddr, rest: &[String]) -> Result<String> {
    let [kind, times, more @ ..] = rest else {
        bail!("exchange ADDRESS KIND TIMES");
    };
    let (host, port) = (to.ip().to_string(), to.port().to_string());
    let start = |program: &str, arguments: &[&str]| {
        let all = arguments.iter().copied().chain([&*host, &*port, times]);
        let status = Command::new(program).args(all).status()?;
        ensure!(status.success(), "{program}: {status}");
        Ok(())
    };
    let this = env::current_exe()?.display().to_string();
    let own = |program: &str| {
        let arguments = ["exchange", &to.to_string(), "native", times];
        let status = Command::new(program).args(arguments).status()?;
        ensure!(status.success(), "{program}: {status}");
        Ok(())
    };
    match kind.as_str() {
        "native" => each(times, || once(TcpStream::connect(to)?))?,
        "uring" => each(times, || once(super::uring::connect(to)?.into()))?,
        "python" => start("python3", &["-c", PYTHON])?,
        "node" => start("node", &["-e", NODE, "--"])?,
        "shell" => start("bash", &["-c", SHELL, "bash"])?,
        "static" => start("busybox", &["sh", "-c", STATIC, "/bin/busybox"])?,
        "setuid" => own(more.first().context("which program?")?)?,
        "cgroup" => {
            let script = format!(
                "echo $$ > {}/cgroup.procs && exec \"$0\" \"$@\"",
                more.first().context("which cgroup?")?
            );
            let status = Command::new("sh")
                .args([
                    "-c",
                    &script,
                    &this,
                    "exchange",
                    &to.to_string(),
                    "native",
                    times,
                ])
                .status()?;
            ensure!(status.success(), "sh: {status}");
        }
        _ => bail!("there is no kind `{kind}`"),
    }
    Ok("passed".to_owned())
}

fn each(times: &str, mut exchange: impl FnMut() -> Result<()>) -> Result<()> {
    for _ in 0..times.parse()? {
        exchange()?;
    }
    Ok(())
}

fn once(mut stream: TcpStream) -> Result<()> {
    stream.write_all(&[b'x'; THERE])?;
    let mut got = Vec::new();
    stream.read_to_end(&mut got)?;
    ensure!(got.len() == BACK, "{} bytes came back", got.len());
    Ok(())
}
