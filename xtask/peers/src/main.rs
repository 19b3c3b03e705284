//! One contender of `cargo xtask bench classifiers`, in a process of its own so that its memory is
//! its own.
//!
//! `peers documents FOLDER` writes the documents. `peers CONTENDER` answers each line
//! `FILE MILLISECONDS` on its input with `BYTES NANOSECONDS FINDINGS`: how much it read in how much
//! processor time, and how much one reading found.

mod contender;

#[path = "../../../gateway/redaction/benches/samples/mod.rs"]
#[expect(dead_code, reason = "the walker alone is no contender")]
mod samples;

use std::{collections::HashMap, env, fs, io, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};

use samples::Sample;

/// The documents that all read.
const MEASURED: [Sample; 4] = [
    Sample::Clean16k,
    Sample::Dense16k,
    Sample::Clean256k,
    Sample::Dense256k,
];

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().context("no contender was named")?;
    if name == "documents" {
        return write_documents(Path::new(&arguments.next().context("no folder was named")?));
    }
    let mut read = contender::named(&name)?;
    let mut documents = HashMap::new();
    for line in io::stdin().lines() {
        let line = line?;
        let (file, milliseconds) = line.split_once(' ').context("a line without a time")?;
        let document = match documents.get(file) {
            Some(known) => Bytes::clone(known),
            None => {
                let document = Bytes::from(fs::read(file)?);
                documents.insert(file.to_owned(), document.clone());
                document
            }
        };
        let least = Duration::from_millis(milliseconds.parse()?);
        let (mut bytes, mut found) = (0, 0);
        let start = processor_time()?;
        let mut taken = Duration::ZERO;
        while bytes == 0 || taken < least {
            found = read(&document)?;
            bytes += document.len();
            taken = processor_time()?.saturating_sub(start);
        }
        println!("{bytes} {} {found}", taken.as_nanos());
    }
    Ok(())
}

fn write_documents(folder: &Path) -> Result<()> {
    for sample in MEASURED {
        fs::write(folder.join(format!("{sample:?}.json")), sample.document())?;
    }
    Ok(())
}

/// What this process has used, which the time of others does not stretch.
fn processor_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::ProcessCPUTime).try_into()?)
}
