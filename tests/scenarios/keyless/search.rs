//! A search for a key in all that a process has, in each form that it may stand there.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
};

use aho_corasick::AhoCorasick;
use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A part of a key that is no accident, in bytes.
const PART_BYTES: usize = 12;
/// What is read of memory at once, in bytes, and what of that is read again with the next.
const READ_BYTES: usize = 4 * 1024 * 1024;
const AGAIN_BYTES: usize = 256;
/// What is read where not all of it can be read.
const PAGE_BYTES: usize = 4096;

/// What is searched for.
pub(super) struct Search(AhoCorasick);

impl Search {
    /// A key, and every part of it of twelve bytes, as it is, in hexadecimal, and in base64 wherever it begins.
    pub(super) fn of(key: &str) -> Result<Self> {
        let mut forms: Vec<Vec<u8>> = Vec::new();
        for part in key.as_bytes().windows(PART_BYTES) {
            forms.push(part.to_vec());
            forms.push(hex::encode(part).into_bytes());
            forms.push(hex::encode_upper(part).into_bytes());
        }
        for begin in 0..3 {
            let part = key.as_bytes().get(begin..).unwrap_or_default();
            let whole = part.get(..part.len() / 3 * 3).unwrap_or_default();
            forms.push(STANDARD.encode(whole).into_bytes());
        }
        ensure!(forms.len() > 3, "the key is too short to be searched for");
        Ok(Self(AhoCorasick::new(forms)?))
    }

    /// Whether it is in these bytes.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }

    /// Whether a process was started with it: in its environment, or its arguments.
    pub(super) fn in_start(&self, pid: u32) -> Result<Option<String>> {
        for name in ["environ", "cmdline"] {
            if self.is_in(&fs::read(format!("/proc/{pid}/{name}"))?) {
                return Ok(Some(name.to_owned()));
            }
        }
        Ok(None)
    }

    /// Where in a process' memory it is, of all that can be read.
    pub(super) fn in_memory(&self, pid: u32) -> Result<Option<String>> {
        let memory = File::open(format!("/proc/{pid}/mem"))?;
        let mut read = 0;
        for line in fs::read_to_string(format!("/proc/{pid}/maps"))?.lines() {
            let mut words = line.split(' ');
            let range = words.next().unwrap_or_default();
            let readable = words.next().is_some_and(|rights| rights.starts_with('r'));
            // The kernel's own pages in every process are not to be read this way.
            if !readable || line.ends_with("[vvar]") || line.ends_with("[vsyscall]") {
                continue;
            }
            let (from, to) = range.split_once('-').context("a range")?;
            let (from, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
            let (found, bytes) = self.in_mapping(&memory, from, to)?;
            read += bytes;
            if found {
                return Ok(Some(format!("memory: {line}")));
            }
        }
        ensure!(read > READ_BYTES, "{read} bytes of memory were read");
        Ok(None)
    }

    /// Whether it is in a mapping, and how much of that could be read: some pages cannot, and then nobody has put
    /// anything there.
    fn in_mapping(&self, memory: &File, from: u64, to: u64) -> Result<(bool, usize)> {
        let mut bytes = vec![0; READ_BYTES];
        let (mut at, mut read) = (from, 0);
        while at < to {
            let want = usize::try_from(to - at)?.min(READ_BYTES);
            let part = bytes.get_mut(..want).unwrap_or_default();
            let whole = memory.read_exact_at(part, at).is_ok();
            read += if whole { want } else { 0 };
            let pages = if whole { 0 } else { want };
            for page in (0..pages).step_by(PAGE_BYTES) {
                let part = part.get_mut(page..).unwrap_or_default();
                let length = part.len().min(PAGE_BYTES);
                let part = part.get_mut(..length).unwrap_or_default();
                match memory.read_exact_at(part, at + page as u64) {
                    Ok(()) => read += length,
                    Err(_) => part.fill(0),
                }
            }
            if self.is_in(part) {
                return Ok((true, read));
            }
            let step = if want == READ_BYTES {
                want - AGAIN_BYTES
            } else {
                want
            };
            at += step as u64;
        }
        Ok((false, read))
    }
}
