//! An archive of policies.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    sync::OnceLock,
};

use bundle::{Bundle, Keys, Manifest, Rollout, open, pack};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use jiff::Timestamp;

use crate::{edits::edited, keys};

/// A bundle, what verifies it, and its archive before that was packed.
struct Packed {
    key: String,
    bundle: Bundle,
    archive: Vec<u8>,
}

fn packed() -> &'static Packed {
    static PACKED: OnceLock<Packed> = OnceLock::new();
    PACKED.get_or_init(|| {
        let (signer, key) = keys::signer("rules.example", 1);
        let manifest = Manifest {
            revision: 7,
            made: Timestamp::UNIX_EPOCH,
            expires: None,
            files: BTreeMap::new(),
            rollout: Rollout::default(),
        };
        let file = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
        let files = [
            (
                "policies/base.cedar",
                "permit (principal, action, resource);\n",
            ),
            ("classifiers/own.yaml", "classifiers: []\n"),
        ];
        let packed = pack(&manifest, &files.map(file).into(), &signer).expect("a bundle");
        let mut archive = Vec::new();
        let read = GzDecoder::new(&packed[..]).read_to_end(&mut archive);
        read.expect("it was packed just now");
        let keys = Keys::read([key.as_str()]).expect("a key");
        let bundle = open(&packed, &keys).expect("it was signed just now");
        Packed {
            key,
            bundle,
            archive,
        }
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).expect("memory takes it");
    packer.finish().expect("memory takes it")
}

/// Any bytes, any in gzip, and the archive of a bundle with edits.
pub fn bundle(data: &[u8]) {
    let packed = packed();
    let keys = Keys::read([packed.key.as_str()]).expect("a key");
    let archives = [
        data.to_vec(),
        gzip(data),
        gzip(&edited(&packed.archive, data)),
    ];
    for archive in archives {
        if let Ok(opened) = open(&archive, &keys) {
            assert_eq!(opened, packed.bundle);
        }
    }
}
