//! Events as lines of files: one that grows, and those that were put aside.
//!
//! What a crash left of a line is cut off before more is written. A full file is renamed, so that whoever follows it
//! reads its end; it is compressed when the next one is full.

use std::{
    fs,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use flate2::{Compression, write::GzEncoder};
use miette::{IntoDiagnostic as _, Result, WrapErr as _};
use rustix::fs::OFlags;

use super::events::Batch;
use crate::config::Folder;

/// How much is read at once to find a line's beginning.
const BLOCK_BYTES: u64 = 64 * 1024;
/// What a file's name ends in while it is made.
const DRAFT_SUFFIX: &str = ".tmp";

/// Where lines go.
#[derive(Clone)]
pub(super) struct File {
    folder: Folder,
    name: String,
    /// One writes at a time, also when nobody waits for the other any more.
    writing: Arc<Mutex<()>>,
}

impl File {
    /// That of the destination called `name`.
    pub(super) fn open(folder: Folder, name: &str) -> Result<Self> {
        let file = Self {
            folder,
            name: name.to_owned(),
            writing: Arc::default(),
        };
        let ready = file.is_ours().and_then(|()| file.mend()).into_diagnostic();
        ready.wrap_err_with(|| format!("`{}` cannot be written", file.current().display()))?;
        Ok(file)
    }

    /// Sees that nobody else puts files into the folder, and clears away what a crash left half compressed.
    fn is_ours(&self) -> io::Result<()> {
        let folder = fs::metadata(&self.folder.path)?;
        if folder.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other("its folder is somebody else's"));
        }
        if folder.mode() & 0o022 != 0 {
            return Err(io::Error::other(
                "others may write in its folder; readers need no more than mode 750",
            ));
        }
        for entry in fs::read_dir(&self.folder.path)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&draft_prefix(&self.name)) && name.ends_with(DRAFT_SUFFIX) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// The file that grows, itself and not what it leads to.
    fn opened(&self, options: &mut fs::OpenOptions) -> io::Result<fs::File> {
        let as_it_is = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let options = options.custom_flags(as_it_is.bits().cast_signed());
        let file = options.open(self.current())?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("it is no file"))
        }
    }

    /// Adds a line for each event, of records before and at `next`; on disk when this returns.
    pub(super) async fn write(&self, batch: Batch, next: u64) -> Result<()> {
        let file = self.clone();
        let written = tokio::task::spawn_blocking(move || file.add(&batch, next)).await;
        written
            .into_diagnostic()?
            .into_diagnostic()
            .wrap_err_with(|| format!("`{}` cannot be written", self.current().display()))
    }

    fn current(&self) -> PathBuf {
        self.folder.path.join(format!("{}.jsonl", self.name))
    }

    fn add(&self, batch: &Batch, next: u64) -> io::Result<()> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // A write that failed half way is one that did not happen.
        self.mend()?;
        self.rotate(next)?;
        let mut lines = Vec::new();
        for event in &batch.0 {
            lines.extend(event.json.as_bytes());
            lines.push(b'\n');
        }
        let mut options = fs::OpenOptions::new();
        let mut file = self.opened(options.append(true).create(true).mode(0o600))?;
        file.write_all(&lines)?;
        file.sync_data()?;
        fs::File::open(&self.folder.path)?.sync_all()
    }

    /// Cuts off what is no whole line.
    fn mend(&self) -> io::Result<()> {
        let opened = self.opened(fs::OpenOptions::new().read(true).write(true));
        let mut file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let length = file.metadata()?.len();
        let mut end = length;
        while end > 0 {
            let from = end.saturating_sub(BLOCK_BYTES);
            file.seek(SeekFrom::Start(from))?;
            let mut block = Vec::new();
            io::Read::by_ref(&mut file)
                .take(end - from)
                .read_to_end(&mut block)?;
            if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
                end = from + at as u64 + 1;
                break;
            }
            end = from;
        }
        if end < length {
            file.set_len(end)?;
        }
        Ok(())
    }

    /// Puts the file aside if it is full, under the number of the next record.
    fn rotate(&self, next: u64) -> io::Result<()> {
        let current = self.current();
        let full = fs::metadata(&current).is_ok_and(|it| it.len() >= self.folder.rotate_bytes);
        let aside = format!("{}-{next:020}.jsonl", self.name);
        let aside = self.folder.path.join(aside);
        // After a crash there may be one of that number; then this one waits for the next.
        if !full || aside.exists() || compressed(&aside).exists() {
            return Ok(());
        }
        // Room first, for those that stay.
        let mut kept = self.aside()?;
        let beyond = (kept.len() + 1).saturating_sub(self.folder.keep);
        for oldest in kept.drain(..beyond.min(kept.len())) {
            fs::remove_file(oldest)?;
        }
        fs::rename(&current, &aside)?;
        for older in kept {
            if older.extension().is_some_and(|it| it == "jsonl")
                && let Err(error) = self.compress(&older)
            {
                // It is whole as it is; nobody waits for that.
                tracing::warn!(file = %older.display(), %error, "events are not compressed");
            }
        }
        Ok(())
    }

    /// Compresses it: whole and durable, before the other goes.
    fn compress(&self, file: &Path) -> io::Result<()> {
        let draft = tempfile::Builder::new()
            .prefix(&draft_prefix(&self.name))
            .suffix(DRAFT_SUFFIX)
            .tempfile_in(&self.folder.path)?;
        let mut encoder = GzEncoder::new(draft, Compression::default());
        io::copy(&mut fs::File::open(file)?, &mut encoder)?;
        let draft = encoder.finish()?;
        draft.as_file().sync_all()?;
        draft.persist(compressed(file))?;
        fs::File::open(&self.folder.path)?.sync_all()?;
        fs::remove_file(file)
    }

    /// Those that were put aside, oldest first.
    fn aside(&self) -> io::Result<Vec<PathBuf>> {
        let mut aside = Vec::new();
        for entry in fs::read_dir(&self.folder.path)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let rest = name.strip_prefix(&self.name);
            let rest = rest.and_then(|rest| rest.strip_prefix('-'));
            let number = rest.and_then(|rest| {
                rest.strip_suffix(".jsonl")
                    .or_else(|| rest.strip_suffix(".jsonl.gz"))
            });
            let is_number = |it: &str| it.len() == 20 && it.bytes().all(|b| b.is_ascii_digit());
            if number.is_some_and(is_number) {
                aside.push(entry.path());
            }
        }
        aside.sort();
        Ok(aside)
    }
}

fn compressed(file: &Path) -> PathBuf {
    file.with_extension("jsonl.gz")
}

/// What a file is called while it is made.
fn draft_prefix(name: &str) -> String {
    // No name of a destination has this sign, so none of these is of another one.
    format!(".{name}~")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::{super::events::Shipped, *};

    fn batch(json: &str) -> Batch {
        Batch(vec![Shipped {
            at_ms: 0,
            sequence: 0,
            uid: String::new(),
            class: 6003,
            is_grave: false,
            json: json.to_owned(),
        }])
    }

    fn file(folder: &Path, rotate_bytes: u64, keep: usize) -> File {
        let folder = Folder {
            path: folder.to_owned(),
            rotate_bytes,
            keep,
        };
        File::open(folder, "lake").unwrap()
    }

    #[test]
    fn half_a_line_is_cut_off_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let lake = file(folder.path(), 1 << 20, 2);
        lake.add(&batch("{\"one\":1}"), 0).unwrap();
        let mut torn = fs::OpenOptions::new()
            .append(true)
            .open(lake.current())
            .unwrap();
        torn.write_all(&vec![b'x'; 200_000]).unwrap();
        let lake = file(folder.path(), 1 << 20, 2);
        lake.add(&batch("{\"two\":2}"), 1).unwrap();
        let text = fs::read_to_string(lake.current()).unwrap();
        assert_eq!(text, "{\"one\":1}\n{\"two\":2}\n");
    }

    #[test]
    fn full_files_are_put_aside_compressed_and_go_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let lake = file(folder.path(), 1, 2);
        for next in 0..5 {
            lake.add(&batch(&next.to_string()), next).unwrap();
        }
        let aside = lake.aside().unwrap();
        let [older, newer] = aside.as_slice() else {
            panic!("{aside:?}")
        };
        let mut text = String::new();
        flate2::read::GzDecoder::new(fs::File::open(older).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "2\n");
        assert_eq!(fs::read_to_string(newer).unwrap(), "3\n");
        assert_eq!(fs::read_to_string(lake.current()).unwrap(), "4\n");
    }

    #[test]
    fn links_are_not_followed_and_an_open_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("log.sqlite");
        fs::write(&other, b"no line").unwrap();
        let shipped = folder.path().join("shipped");
        fs::create_dir(&shipped).unwrap();
        let lake = file(&shipped, 1 << 20, 2);
        std::os::unix::fs::symlink(&other, lake.current()).unwrap();
        lake.add(&batch("{}"), 0).unwrap_err();
        assert_eq!(fs::read(&other).unwrap(), b"no line");
        fs::remove_file(lake.current()).unwrap();
        fs::create_dir(lake.current()).unwrap();
        lake.add(&batch("{}"), 0).unwrap_err();
        fs::set_permissions(&shipped, fs::Permissions::from_mode(0o770)).unwrap();
        let folder = Folder {
            path: shipped,
            rotate_bytes: 1,
            keep: 1,
        };
        let refused = File::open(folder, "lake").map(drop).unwrap_err();
        assert!(format!("{refused:?}").contains("mode 750"), "{refused:?}");
    }

    #[test]
    fn what_a_crash_left_half_compressed_goes() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".lake~abc.tmp"), b"half").unwrap();
        fs::write(folder.path().join(".other-abc.tmp"), b"half").unwrap();
        file(folder.path(), 1 << 20, 2);
        assert!(!folder.path().join(".lake~abc.tmp").exists());
        assert!(folder.path().join(".other-abc.tmp").exists());
    }

    #[test]
    fn a_number_that_is_taken_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let lake = file(folder.path(), 1, 9);
        for text in ["a", "b", "c"] {
            lake.add(&batch(text), 7).unwrap();
        }
        assert_eq!(lake.aside().unwrap().len(), 1);
        assert_eq!(fs::read_to_string(lake.current()).unwrap(), "b\nc\n");
    }
}
