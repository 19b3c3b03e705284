//! Maps whose memory is set aside at once, though the object says that they grow.
//!
//! A map's flags are a type in the object's own description (BTF): a pointer to an array that is as long as
//! the flags' value. So another value is another type, and the object stays as it is otherwise.

use object::{Endianness, Object as _, ObjectSection as _, read::elf::ElfFile64};

use crate::btf::Btf;

/// A map without flags.
const WITHOUT: &str = "FLOWS";
const FLAGS: &str = "map_flags";

/// The object with these maps set aside at once; none if it does not say what is expected.
pub(crate) fn set(object: &[u8], maps: &[&str]) -> Option<Vec<u8>> {
    let file = ElfFile64::<Endianness>::parse(object).ok()?;
    let (start, bytes) = file.section_by_name(".BTF")?.file_range()?;
    let start = usize::try_from(start).ok()?;
    let end = start.checked_add(usize::try_from(bytes).ok()?)?;
    let btf = Btf::parse(object.get(start..end)?.to_vec())?;
    let none = btf.number(btf.place(WITHOUT, FLAGS)?)?;
    let mut changed = object.to_vec();
    for map in maps {
        let at = start.checked_add(btf.place(map, FLAGS)?)?;
        let word = changed.get_mut(at..at.checked_add(4)?)?;
        word.copy_from_slice(&none.to_ne_bytes());
    }
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_flags_of_the_maps_are_changed() {
        let Some(object) = crate::loader::OBJECT else {
            return; // This build has none.
        };
        let changed = set(object, &["LIVING", "OLDER"]).unwrap();
        assert_eq!(object.len(), changed.len());
        let pairs = object.iter().zip(&changed).enumerate();
        let at: Vec<_> = pairs.filter(|(_, (one, two))| one != two).collect();
        let words: std::collections::BTreeSet<_> = at.iter().map(|(at, _)| at / 4).collect();
        assert_eq!(words.len(), 2);
        assert_eq!(set(&changed, &["LIVING", "OLDER"]), Some(changed));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(set(b"\x7fELF", &["LIVING"]), None);
        if let Some(object) = crate::loader::OBJECT {
            assert_eq!(set(object, &["NOTHING"]), None);
        }
    }
}
