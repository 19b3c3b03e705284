//! The load: `wrk`, and what it prints.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, anyhow, ensure};

/// What one run of `wrk` saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) requests: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// What `wrk` is asked to do.
pub(crate) struct Order<'a> {
    pub(crate) url: &'a str,
    pub(crate) connections: u32,
    pub(crate) seconds: u32,
    pub(crate) token: &'a str,
    /// Whether each request has a connection of its own.
    pub(crate) close: bool,
    pub(crate) folder: &'a Path,
}

/// Runs `wrk` under `prefix` (its CPU, its scheduling class).
pub(crate) fn run(prefix: &[String], order: &Order<'_>) -> Result<Load> {
    // The token goes into a script: an argument list is public.
    let script = order.folder.join("token.lua");
    let mut headers = format!("wrk.headers[\"tidegate-token\"] = \"{}\"\n", order.token);
    if order.close {
        headers.push_str("wrk.headers[\"connection\"] = \"close\"\n");
    }
    fs::write(&script, headers)?;
    let (program, arguments) = prefix.split_first().ok_or_else(|| anyhow!("no prefix"))?;
    let output = Command::new(program)
        .args(arguments)
        .args(["wrk", "--latency", "-t1"])
        .arg(format!("-c{}", order.connections))
        .arg(format!("-d{}s", order.seconds))
        .arg("-s")
        .arg(&script)
        .arg(order.url)
        .output()
        .context("cannot run wrk: install it with `apt-get install wrk`")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk failed: {text}");
    ensure!(
        !text.contains("Non-2xx"),
        "not every answer was 200:\n{text}"
    );
    read(&text).with_context(|| format!("wrk printed something else:\n{text}"))
}

fn read(text: &str) -> Result<Load> {
    let after = |name: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(name).map(str::trim))
            .ok_or_else(|| anyhow!("no `{name}`"))
    };
    let requests = text
        .lines()
        .find_map(|line| {
            line.trim()
                .split_once(" requests in ")
                .map(|(count, _)| count)
        })
        .ok_or_else(|| anyhow!("no count of requests"))?;
    Ok(Load {
        requests: requests.parse()?,
        per_second: after("Requests/sec:")?.parse()?,
        p50_us: microseconds(after("50%")?)?,
        p99_us: microseconds(after("99%")?)?,
    })
}

fn microseconds(text: &str) -> Result<f64> {
    for (unit, factor) in [("us", 1.0), ("ms", 1e3), ("s", 1e6), ("m", 6e7)] {
        if let Some(number) = text.strip_suffix(unit) {
            return Ok(number.parse::<f64>()? * factor);
        }
    }
    Err(anyhow!("`{text}` is no duration"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_prints_is_read() {
        let text = "Running 2s test @ http://127.0.0.1:1/\n  1 threads and 32 connections\n\
                    \x20 Latency Distribution\n     50%  812.00us\n     75%    1.10ms\n     90%    1.36ms\n\
                    \x20    99%    2.50ms\n  80734 requests in 2.00s, 1.23GB read\n\
                    Requests/sec:  40321.77\nTransfer/sec:    629.20MB\n";
        let load = read(text).unwrap();
        assert!((load.requests - 80_734.0).abs() < 0.1);
        assert!((load.per_second - 40_321.77).abs() < 0.1);
        assert!((load.p50_us - 812.0).abs() < 0.1);
        assert!((load.p99_us - 2500.0).abs() < 0.1);
    }
}
