//! From measurements to a table in Markdown.

use std::collections::BTreeMap;

use crate::{Cell, load::Load, rig::Proxy};

/// One cell in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurement {
    pub(crate) load: Load,
    pub(crate) cpu_us: f64,
    pub(crate) peak_mib: f64,
}

/// All measurements, by cell, in the order of the rounds.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<Cell, Vec<Measurement>>);

impl Table {
    pub(crate) fn add(&mut self, cell: Cell, measurement: Measurement) {
        self.0.entry(cell).or_default().push(measurement);
    }

    /// One table for each way of calling that was measured.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        for tls in [false, true] {
            for connections in [32, 256] {
                let measured = |cell: &&Cell| (cell.tls, cell.connections) == (tls, connections);
                let rows: String = self
                    .0
                    .keys()
                    .filter(measured)
                    .map(|cell| self.row(*cell))
                    .collect();
                if !rows.is_empty() {
                    let transport = if tls { "TLS" } else { "plain" };
                    text.extend([format!(
                        "\n**{transport}, {connections} connections**\n\n{HEAD}{rows}"
                    )]);
                }
            }
        }
        text
    }

    fn row(&self, cell: Cell) -> String {
        let median_of =
            |get: fn(&Measurement) -> f64| median(self.cell(cell).iter().map(get).collect());
        let ratio = |other: Proxy| {
            self.ratio(
                cell,
                Cell {
                    proxy: other,
                    ..cell
                },
            )
        };
        format!(
            "| {} | {} | {:.0} | {} | {} | {:.1} | {:.0} | {:.0} | {:.1} |\n",
            cell.body.name(),
            cell.proxy.name(),
            median_of(|one| one.load.per_second),
            told(ratio(Proxy::Nginx)),
            told(ratio(Proxy::Bare)),
            median_of(|one| one.cpu_us),
            median_of(|one| one.load.p50_us),
            median_of(|one| one.load.p99_us),
            median_of(|one| one.peak_mib),
        )
    }

    /// The median of the ratios within each round.
    fn ratio(&self, cell: Cell, other: Cell) -> f64 {
        let pairs = self.cell(cell).iter().zip(self.cell(other));
        median(
            pairs
                .map(|(one, other)| one.load.per_second / other.load.per_second)
                .collect(),
        )
    }

    fn cell(&self, cell: Cell) -> &[Measurement] {
        self.0.get(&cell).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Two digits that say something.
fn told(ratio: f64) -> String {
    let digits = if ratio < 0.01 { 4 } else { 2 };
    format!("{ratio:.digits$}")
}

const HEAD: &str = "\
| body | proxy | req/s | × nginx | × bare | CPU µs/req | p50 µs | p99 µs | peak MiB |
|---|---|---:|---:|---:|---:|---:|---:|---:|
";

pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match (
        numbers.len() % 2,
        numbers.get(middle),
        middle.checked_sub(1),
    ) {
        (0, Some(high), Some(low)) => numbers
            .get(low)
            .map_or(*high, |low| f64::midpoint(*low, *high)),
        (_, Some(one), _) => *one,
        _ => f64::NAN,
    }
}
