//! Something whole, and then not: most bytes are none of what a reader wants, and a signature is not guessed.

/// The most edits.
const EDITS_MAX: usize = 32;

/// `whole` with the edits of `script`: each four bytes, which say what is done, where (two), and with what. An empty script changes
/// nothing.
pub(crate) fn edited(whole: &[u8], script: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for edit in script.as_chunks::<4>().0.iter().take(EDITS_MAX) {
        let [what, high, low, with] = *edit;
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(u16::from_be_bytes([high, low])) % bytes.len();
        let end = bytes.len().min(at + usize::from(with));
        match what % 6 {
            0 => bytes[at] = with,
            1 => bytes[at] ^= 1 << (with % 8),
            2 => bytes.insert(at, with),
            3 => drop(bytes.drain(at..end)),
            4 => bytes.truncate(at),
            _ => {
                let twice = bytes[at..end].to_vec();
                bytes.splice(at..at, twice);
            }
        }
    }
    bytes
}
