//! The body of a request to a witness, `add-checkpoint` of C2SP tlog-witness.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{
    checkpoint::NOTE_BYTES_MAX,
    tree::{Digest, PROOF_HASHES_MAX, SIZE_MAX},
};

/// A request is no longer: a size, hashes in base64, a note.
pub const REQUEST_BYTES_MAX: usize = 32 + PROOF_HASHES_MAX * 45 + NOTE_BYTES_MAX;

/// Asks a witness to sign a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The size of the checkpoint that the witness signed last.
    pub old: u64,
    /// That the new tree begins with that one (RFC 6962 §2.1.2).
    pub proof: Vec<Digest>,
    /// The new checkpoint.
    pub note: String,
}

/// A body that is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedRequest {
    /// The first line is not `old SIZE`.
    #[error("the first line is not `old SIZE`")]
    Old,
    /// A line of the proof is no hash.
    #[error("line {0} is no hash in base64")]
    Hash(usize),
    /// There are more lines than a proof has.
    #[error("the proof has more than {PROOF_HASHES_MAX} lines")]
    Long,
    /// No empty line with a checkpoint behind it.
    #[error("there is no empty line before a checkpoint")]
    Note,
}

impl Request {
    /// As it is sent.
    pub fn body(&self) -> String {
        let mut body = format!("old {}\n", self.old);
        for hash in &self.proof {
            body.push_str(&BASE64_STANDARD.encode(hash));
            body.push('\n');
        }
        body.push('\n');
        body.push_str(&self.note);
        body
    }

    /// Reads a body.
    pub fn parse(body: &str) -> Result<Self, MalformedRequest> {
        let (first, mut rest) = body.split_once('\n').ok_or(MalformedRequest::Old)?;
        let size = first.strip_prefix("old ").ok_or(MalformedRequest::Old)?;
        let old: u64 = size.parse().map_err(|_| MalformedRequest::Old)?;
        // No sign, no zeros before it.
        if old.to_string() != size || old > SIZE_MAX {
            return Err(MalformedRequest::Old);
        }
        let mut proof = Vec::new();
        loop {
            let (line, after) = rest.split_once('\n').ok_or(MalformedRequest::Note)?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if proof.len() == PROOF_HASHES_MAX {
                return Err(MalformedRequest::Long);
            }
            let hash = BASE64_STANDARD.decode(line).ok();
            let hash = hash.and_then(|it| Digest::try_from(it).ok());
            proof.push(hash.ok_or(MalformedRequest::Hash(proof.len() + 2))?);
        }
        if rest.is_empty() || rest.len() > NOTE_BYTES_MAX {
            return Err(MalformedRequest::Note);
        }
        Ok(Self {
            old,
            proof,
            note: rest.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            old in 0..SIZE_MAX,
            proof: [Digest; 5],
            count in 0..5_usize,
            note in "[a-z\n]{1,99}",
        ) {
            let proof = proof[..count].to_vec();
            let request = Request { old, proof, note };
            prop_assert_eq!(Request::parse(&request.body()), Ok(request));
        }

        #[test]
        fn no_body_upsets_the_reader(body: String) {
            drop(Request::parse(&body));
        }
    }

    #[test]
    fn faults_are_told_apart() {
        let hash = BASE64_STANDARD.encode([7; 32]);
        let long = format!("old 1\n{}\nnote\n", format!("{hash}\n").repeat(64));
        for (body, fault) in [
            ("", MalformedRequest::Old),
            ("old 01\n\nnote\n", MalformedRequest::Old),
            ("old +1\n\nnote\n", MalformedRequest::Old),
            ("new 1\n\nnote\n", MalformedRequest::Old),
            ("old 1\nAAAA\n\nnote\n", MalformedRequest::Hash(2)),
            ("old 1\nnote\n", MalformedRequest::Hash(2)),
            ("old 1\n", MalformedRequest::Note),
            ("old 1\n\n", MalformedRequest::Note),
            (&long, MalformedRequest::Long),
        ] {
            assert_eq!(Request::parse(body), Err(fault), "{body:?}");
        }
    }
}
