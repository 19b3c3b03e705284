//! How a file of the journal looks: a header, and frames.
//!
//! The header has a magic word, the file's generation and a checksum; a frame has its length, a checksum, the log's size
//! before and after it, and the group. A frame's checksum is over all of it and the generation, which is a number by chance:
//! what an older one left counts for nothing. All numbers are little-endian.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, ErrorKind, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use audit::{Group, Row};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};

use super::FILE_BYTES;

/// What a header begins with.
const MAGIC: [u8; 16] = *b"tidegate journal";

/// Bytes of the header: a sector, which is written whole or not at all.
pub(super) const HEADER_BYTES: usize = 512;

/// Bytes of a frame before its group.
pub(super) const HEAD_BYTES: usize = 24;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

/// A group as the journal has it.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The log's newest checkpoint before it: what it can be added to.
    pub(crate) after: Option<String>,
    /// How many records there are before it.
    pub(crate) first: u64,
    pub(crate) group: Group,
}

/// What a frame says of its group.
#[derive(Serialize, Deserialize)]
struct Payload<B> {
    after: Option<String>,
    /// Leaf and nodes of each record.
    rows: Vec<(B, B)>,
    checkpoints: Vec<(u64, String)>,
}

#[derive(Clone, Copy)]
struct Head {
    length: u32,
    checksum: u32,
    first: u64,
    size: u64,
}

impl Head {
    fn parse(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let size = rest.first_chunk()?;
        Some(Self {
            length: u32::from_le_bytes(*length),
            checksum: u32::from_le_bytes(*checksum),
            first: u64::from_le_bytes(*first),
            size: u64::from_le_bytes(*size),
        })
    }

    fn bytes(self) -> impl Iterator<Item = u8> {
        let short = self.length.to_le_bytes().into_iter();
        let short = short.chain(self.checksum.to_le_bytes());
        let long = self.first.to_le_bytes().into_iter();
        short.chain(long).chain(self.size.to_le_bytes())
    }

    fn checksum(self, generation: u64, payload: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        for number in [generation, self.length.into(), self.first, self.size] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(payload);
        hasher.finalize()
    }
}

/// Room for a header and a frame's head, and the payload; into `spare`, whatever was in it.
pub(super) fn payload(
    mut spare: Vec<u8>,
    after: Option<&str>,
    group: &Group,
) -> Result<Vec<u8>, postcard::Error> {
    spare.clear();
    spare.resize(HEADER_BYTES + HEAD_BYTES, 0);
    let payload = Payload {
        after: after.map(str::to_owned),
        rows: group.rows.iter().map(parts).collect(),
        checkpoints: group.checkpoints.clone(),
    };
    postcard::to_extend(&payload, spare)
}

fn parts(row: &Row) -> (&Bytes, &Bytes) {
    (Bytes::new(&row.leaf), Bytes::new(&row.nodes))
}

/// Puts header and head before the payload, for a file of this generation.
pub(super) fn seal(bytes: &mut [u8], generation: u64, first: u64, size: u64) {
    let Some((header, frame)) = bytes.split_at_mut_checked(HEADER_BYTES) else {
        return;
    };
    let fields = MAGIC.into_iter().chain(generation.to_le_bytes());
    let fields = fields.chain(header_checksum(generation).to_le_bytes());
    header.iter_mut().zip(fields).for_each(|(to, of)| *to = of);
    let Some((head, payload)) = frame.split_at_mut_checked(HEAD_BYTES) else {
        return;
    };
    let mut said = Head {
        length: u32::try_from(payload.len()).unwrap_or(u32::MAX),
        checksum: 0,
        first,
        size,
    };
    said.checksum = said.checksum(generation, payload);
    head.iter_mut()
        .zip(said.bytes())
        .for_each(|(to, of)| *to = of);
}

fn header_checksum(generation: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&MAGIC);
    hasher.update(&generation.to_le_bytes());
    hasher.finalize()
}

/// The generation of a file; 0 of one that is empty, none of one whose header is not whole.
pub(super) fn generation(file: &mut impl io::Read) -> io::Result<Option<u64>> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header)?;
    if header.iter().all(|byte| *byte == 0) {
        return Ok(Some(0));
    }
    let (magic, rest) = header.split_at(MAGIC.len());
    let generation = rest.first_chunk().copied().map(u64::from_le_bytes);
    let checksum = rest.get(8..).and_then(|rest| rest.first_chunk().copied());
    Ok(generation.filter(|generation| {
        magic == MAGIC && checksum.map(u32::from_le_bytes) == Some(header_checksum(*generation))
    }))
}

/// What is in a file.
#[derive(Default)]
pub(super) struct Found {
    /// Frames that end behind the records that were asked for, in their order.
    pub(super) frames: Vec<Frame>,
    /// Something is not whole that no crash leaves so: what comes behind it is. It may be being written just now.
    pub(super) is_torn: bool,
}

/// Looks for what is behind the first `size` records in the file at `path`; there may be none.
pub(super) fn found(path: &Path, size: u64) -> io::Result<Found> {
    let mut found = Found::default();
    let file = match open(OpenOptions::new().read(true), path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
        file => file?,
    };
    let mut reader = BufReader::with_capacity(READ_BYTES, (&file).take(FILE_BYTES as u64));
    let generation = match generation(&mut reader) {
        // It is being made.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(found),
        generation => generation?,
    };
    let Some(generation) = generation else {
        found.is_torn = true;
        return Ok(found);
    };
    if generation == 0 {
        return Ok(found);
    }
    let (mut next, mut is_broken) = (None, false);
    while let Some((head, payload)) = read(&mut reader)? {
        let is_whole = head.checksum(generation, &payload) == head.checksum
            && next.is_none_or(|next| head.first == next || is_broken);
        if is_whole && is_broken {
            // A frame is written when the one before it is on disk.
            found.is_torn = true;
            break;
        }
        next = Some(head.size);
        is_broken |= !is_whole;
        if is_whole && head.size > size {
            match frame(head, &payload) {
                Some(frame) => found.frames.push(frame),
                None => is_broken = true,
            }
        }
    }
    if !found.frames.is_empty() {
        durable(&file)?;
    }
    Ok(found)
}

/// Opens a file that is one.
pub(super) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = options.custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is no file"));
    }
    Ok(file)
}

/// The next frame, whole or not; none at the end.
fn read(file: &mut impl io::Read) -> io::Result<Option<(Head, Vec<u8>)>> {
    let mut bytes = [0; HEAD_BYTES];
    match file.read_exact(&mut bytes) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let head = Head::parse(&bytes).filter(|head| head.length > 0 && head.size > head.first);
    let Some(head) = head else {
        return Ok(None);
    };
    let mut payload = Vec::new();
    file.take(head.length.into()).read_to_end(&mut payload)?;
    Ok(Some((head, payload)))
}

/// Whoever reads a frame may tell others of it, so that no power cut may take it back.
fn durable(file: &File) -> io::Result<()> {
    match file.sync_data() {
        // What cannot be written cannot go either.
        Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => Ok(()),
        synced => synced,
    }
}

/// The group of a frame, if it is as its head says.
fn frame(head: Head, payload: &[u8]) -> Option<Frame> {
    let payload: Payload<ByteBuf> = postcard::from_bytes(payload).ok()?;
    let count = head.size.checked_sub(head.first)?;
    if payload.rows.len() as u64 != count || i64::try_from(head.size).is_err() {
        return None;
    }
    let rows = payload.rows.into_iter().zip(head.first..head.size);
    let rows = rows.map(|((leaf, nodes), index)| Row {
        index,
        leaf: leaf.into_vec(),
        nodes: nodes.into_vec(),
    });
    let group = Group {
        rows: rows.collect(),
        size: head.size,
        checkpoints: payload.checkpoints,
    };
    (group.first().ok()? == head.first).then_some(Frame {
        after: payload.after,
        first: head.first,
        group,
    })
}
