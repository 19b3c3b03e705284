//! Words before a number that say it is a telephone's.

use phf::phf_set;

use super::super::byte;

/// Most bytes before the number that are read.
const WINDOW_BYTES: usize = 56;
/// Longest word, in bytes.
const WORD_BYTES_MAX: usize = 16;
/// Most words before the number that are read.
const WORDS_MAX: usize = 6;
/// The same before a number that is only digits.
const BARE_WORDS_MAX: usize = 3;

/// In English, German, French, Spanish, Italian, Dutch, Portuguese and what more is cheap.
static PHONE: phf::Set<&'static str> = phf_set! {
    "phone", "phones", "telephone", "tel", "mobile", "cell", "cellphone", "landline", "call", "calls",
    "called", "calling", "dial", "ring", "sms", "whatsapp", "fax", "ph", "mob", "hotline", "pager",
    "voicemail", "phonenumber", "callback", "toll-free", "tollfree", "contact", "reach", "telepono", "phone-number", "msisdn",
    "telefon", "telefonnummer", "handy", "handynummer", "mobil", "mobilnummer", "rufnummer", "anrufen",
    "anruf", "durchwahl", "telefonisch", "mobiltelefon", "festnetz",
    "téléphone", "tél", "portable", "appeler", "appelez", "appel", "joindre", "joignable", "télécopie",
    "teléfono", "telefono", "móvil", "movil", "celular", "llamar", "llame", "llámame", "llamada",
    "cellulare", "chiamare", "chiami", "chiamata", "recapito",
    "telefoon", "telefoonnummer", "mobiel", "bel", "bellen", "gsm",
    "telefone", "telemóvel", "telemovel", "ligar", "ligue", "contacto",
    "telefonu", "komórka", "puhelin", "telefonnr", "mobilnr", "tlf",
};

/// Of a fax.
static FAX: phf::Set<&'static str> = phf_set! {
    "fax", "telefax", "facsimile", "télécopie", "faxnummer", "faxnumber",
};

/// Whether a word close before `start` says that a telephone number follows; right before it, if
/// the number is only digits.
pub(super) fn say_phone(value: &[u8], start: usize, bare: bool) -> bool {
    let most = if bare { BARE_WORDS_MAX } else { WORDS_MAX };
    before(value, start, most).any(|word| PHONE.contains(word.text()) || FAX.contains(word.text()))
}

/// Whether one of the two words before `start` says that a fax number follows.
pub(super) fn says_fax(value: &[u8], start: usize) -> bool {
    let window = value.get(start.saturating_sub(WINDOW_BYTES)..start);
    let window = window.unwrap_or_default();
    // All but one begin with these two letters or end so, the other holds an accent.
    let says = |at: usize| matches!(byte(window, at), b'a' | b'A');
    let may = memchr::memchr2_iter(b'f', b'F', window).any(|at| says(at + 1))
        || memchr::memchr(0xC3, window).is_some();
    may && before(value, start, 3).any(|word| FAX.contains(word.text()))
}

/// A word in small letters.
struct Word {
    bytes: [u8; WORD_BYTES_MAX],
    length: usize,
}

impl Word {
    fn text(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// The words before `start`, the nearest first, up to the end of the sentence or line before.
fn before(value: &[u8], start: usize, most: usize) -> impl Iterator<Item = Word> {
    let head = value.get(..start).unwrap_or_default();
    let window = head
        .get(head.len().saturating_sub(WINDOW_BYTES)..)
        .unwrap_or(head);
    // A full stop ends a sentence if a blank and a capital follow; `Tel. 030` has no capital.
    let stop = window
        .windows(3)
        .rposition(|part| match part {
            [b'.' | b'!' | b'?', b' ', next] => next.is_ascii_uppercase(),
            // Another field of a record.
            [b'\n' | b'"' | b';' | b'{' | b'|' | b'\t', ..] => true,
            _ => false,
        })
        .map_or(0, |stop| stop + 1);
    window
        .get(stop..)
        .unwrap_or_default()
        .rsplit(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'-' || *byte >= 0x80))
        .filter(|word| !word.is_empty())
        .take(most)
        // Most words before a number that is none are numbers too.
        .filter(|word| !word.first().is_some_and(u8::is_ascii_digit))
        .map(|word| {
            let mut bytes = [0; WORD_BYTES_MAX];
            let length = word.len().min(WORD_BYTES_MAX);
            for (target, byte) in bytes.iter_mut().zip(word) {
                *target = byte.to_ascii_lowercase();
            }
            Word { bytes, length }
        })
}
