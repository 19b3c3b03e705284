//! How a file of the journal looks: a header, and frames.
//!
//! The header has a magic word and the file's generation; a frame has its length, a checksum, the log's size before and
//! after it, and the group. The checksum is over the generation, too, so that what an older one left counts for nothing.
//! All numbers are little-endian.

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read as _},
    path::Path,
};

use audit::{Group, Row};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};

/// What a header begins with.
const MAGIC: [u8; 16] = *b"tidegate journal";

/// Bytes of the header: a sector, which is written whole or not at all.
pub(super) const HEADER_BYTES: usize = 512;

/// Bytes of a frame before its group.
const HEAD_BYTES: usize = 24;

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
        for number in [generation, self.first, self.size] {
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

/// The generation of a file; 0 of one that is empty.
pub(super) fn generation(file: &mut impl io::Read) -> io::Result<u64> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header)?;
    let (magic, rest) = header.split_at(MAGIC.len());
    let generation = rest.first_chunk().copied().map_or(0, u64::from_le_bytes);
    match generation {
        0 if header.iter().all(|byte| *byte == 0) => Ok(0),
        1.. if magic == MAGIC => Ok(generation),
        _ => Err(io::Error::new(
            ErrorKind::InvalidData,
            "it is no journal of a log",
        )),
    }
}

/// The frames of the file at `path` that end behind the first `size` records, in their order; none if there is no file.
pub(super) fn frames(path: &Path, size: u64) -> io::Result<Vec<Frame>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut file = BufReader::with_capacity(READ_BYTES, file);
    let generation = match generation(&mut file) {
        Ok(generation) => generation,
        // It is being made.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let (mut frames, mut next) = (Vec::new(), None);
    let mut bytes = [0; HEAD_BYTES];
    while generation > 0 && filled(&mut file, &mut bytes)? {
        let Some(head) = Head::parse(&bytes) else {
            break;
        };
        let follows = next.is_none_or(|next| head.first == next);
        if head.length == 0 || head.size <= head.first || !follows {
            break;
        }
        next = Some(head.size);
        if head.size <= size {
            file.seek_relative(i64::from(head.length))?;
            continue;
        }
        let mut payload = Vec::new();
        file.by_ref()
            .take(head.length.into())
            .read_to_end(&mut payload)?;
        match frame(head, generation, &payload) {
            Some(frame) => frames.push(frame),
            None => break,
        }
    }
    if !frames.is_empty() {
        durable(file.get_ref())?;
    }
    Ok(frames)
}

/// Whoever reads a frame may tell others of it, so that no power cut may take it back.
fn durable(file: &File) -> io::Result<()> {
    match file.sync_data() {
        // What cannot be written cannot go either.
        Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => Ok(()),
        synced => synced,
    }
}

/// Whether there was as much to read.
fn filled(file: &mut impl io::Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
    }
}

/// A frame that is whole, of this generation, and says of its group what its head says.
fn frame(head: Head, generation: u64, payload: &[u8]) -> Option<Frame> {
    if head.checksum(generation, payload) != head.checksum {
        return None;
    }
    let payload: Payload<ByteBuf> = postcard::from_bytes(payload).ok()?;
    let rows = payload.rows.into_iter().zip(head.first..);
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
