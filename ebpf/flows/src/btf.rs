//! Finds fields in the kernel's own structures, from the description that the kernel carries of
//! itself (BTF): so one object runs on many kernels.

use std::{collections::HashMap, fs, path::Path};

use crate::FlowsError;

/// Where the kernel describes itself.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";
const MAGIC: u16 = 0xeb9f;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_VARIABLE: u32 = 14;
/// Typedefs, qualifiers and tags nest; deeper is a loop.
const ALIASES_MAX: usize = 16;
/// Anonymous structures nest; deeper is a loop.
const NESTING_MAX: usize = 8;

/// The kernel's types.
pub(crate) struct Btf {
    bytes: Vec<u8>,
    strings: usize,
    types: Vec<usize>,
    structures: HashMap<String, u32>,
}

/// One type's fixed part.
#[derive(Clone, Copy)]
struct Type {
    kind: u32,
    members: u32,
    bitfields: bool,
    target: u32,
}

impl Btf {
    /// The running kernel's.
    pub(crate) fn of_kernel() -> Result<Self, FlowsError> {
        let bytes = fs::read(Path::new(VMLINUX)).map_err(FlowsError::Btf)?;
        Self::parse(bytes).ok_or(FlowsError::BtfBroken)
    }

    pub(crate) fn parse(bytes: Vec<u8>) -> Option<Self> {
        let mut btf = Self {
            bytes,
            strings: 0,
            types: vec![0],
            structures: HashMap::new(),
        };
        if btf.half(0)? != MAGIC {
            return None;
        }
        let header = btf.word(4)?;
        let mut at = header.checked_add(btf.word(8)?)?;
        let end = at.checked_add(btf.word(12)?)?;
        btf.strings = header.checked_add(btf.word(16)?)?;
        while at < end {
            let id = u32::try_from(btf.types.len()).ok()?;
            btf.types.push(at);
            let type_ = btf.type_at(at)?;
            if type_.kind == KIND_STRUCT && type_.members > 0 {
                let name = btf.name(at)?.to_owned();
                btf.structures.entry(name).or_insert(id);
            }
            at = at.checked_add(12)?.checked_add(tail(type_)?)?;
        }
        Some(btf)
    }

    /// The offset in bytes of a field such as `mnt_namespace.ns.inum`.
    pub(crate) fn offset(&self, path: &str) -> Option<u32> {
        let mut names = path.split('.');
        let mut structure = *self.structures.get(names.next()?)?;
        let mut bits = 0;
        for name in names {
            let (offset, target) = self.member(structure, name, 0)?;
            bits += offset;
            structure = target;
        }
        (bits % 8 == 0).then_some(bits / 8)
    }

    /// Where in the description it stands of which type a member of a variable is.
    pub(crate) fn place(&self, variable: &str, member: &str) -> Option<usize> {
        let mut all = self.types.iter().skip(1).copied();
        let is = |at: &usize| {
            let kind = self.type_at(*at).map(|type_| type_.kind);
            kind == Some(KIND_VARIABLE) && self.name(*at) == Some(variable)
        };
        let structure = self.type_at(all.find(is)?)?.target;
        let at = self.resolve(structure)?;
        let type_ = self.type_at(at)?;
        if type_.kind != KIND_STRUCT {
            return None;
        }
        let mut members = (0..type_.members as usize).map(|index| at + 12 + index * 12);
        let found = members.find(|at| self.name(*at) == Some(member))?;
        Some(found + 4)
    }

    /// A member's offset in bits and its type; looks into anonymous members too.
    fn member(&self, structure: u32, wanted: &str, depth: usize) -> Option<(u32, u32)> {
        let at = self.resolve(structure)?;
        let type_ = self.type_at(at)?;
        if depth > NESTING_MAX || !matches!(type_.kind, KIND_STRUCT | KIND_UNION) {
            return None;
        }
        for index in 0..type_.members as usize {
            let member = at + 12 + index * 12;
            let (target, raw) = (self.number(member + 4)?, self.number(member + 8)?);
            let (offset, width) = if type_.bitfields {
                (raw & 0x00ff_ffff, raw >> 24)
            } else {
                (raw, 0)
            };
            let name = self.name(member)?;
            if name == wanted {
                return (width == 0).then_some((offset, target));
            }
            if name.is_empty()
                && let Some((inner, target)) = self.member(target, wanted, depth + 1)
            {
                return Some((offset + inner, target));
            }
        }
        None
    }

    /// Follows typedefs, qualifiers and tags.
    fn resolve(&self, id: u32) -> Option<usize> {
        let mut id = id;
        for _ in 0..ALIASES_MAX {
            let at = *self.types.get(id as usize)?;
            let type_ = self.type_at(at)?;
            match type_.kind {
                8..=11 | 18 => id = type_.target,
                _ => return Some(at),
            }
        }
        None
    }

    fn type_at(&self, at: usize) -> Option<Type> {
        let info = self.number(at + 4)?;
        Some(Type {
            kind: (info >> 24) & 0x1f,
            members: info & 0xffff,
            bitfields: info >> 31 == 1,
            target: self.number(at + 8)?,
        })
    }

    /// The string that the word at `at` points to.
    fn name(&self, at: usize) -> Option<&str> {
        let start = self.strings.checked_add(self.word(at)?)?;
        let rest = self.bytes.get(start..)?;
        let length = rest.iter().position(|byte| *byte == 0)?;
        std::str::from_utf8(rest.get(..length)?).ok()
    }

    fn half(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?;
        Some(u16::from_ne_bytes(bytes.try_into().ok()?))
    }

    pub(crate) fn number(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    }

    fn word(&self, at: usize) -> Option<usize> {
        usize::try_from(self.number(at)?).ok()
    }
}

/// The bytes after a type's fixed part; an unknown kind has an unknown length, so parsing stops.
fn tail(type_: Type) -> Option<usize> {
    let members = type_.members as usize;
    match type_.kind {
        1 | 14 | 17 => Some(4),
        2 | 7..=12 | 16 | 18 => Some(0),
        3 => Some(12),
        KIND_STRUCT | KIND_UNION | 15 | 19 => Some(members * 12),
        6 | 13 => Some(members * 8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `struct inner { int a; int b; }`, `struct outer { int x; union { struct inner i; }; }`.
    fn sample() -> Vec<u8> {
        let strings = b"\0int\0inner\0a\0b\0outer\0x\0i\0";
        let at = |name: &str| {
            let wanted = format!("\0{name}\0");
            let found = strings
                .windows(wanted.len())
                .position(|window| window == wanted.as_bytes());
            u32::try_from(found.unwrap() + 1).unwrap()
        };
        let words: Vec<u32> = [
            vec![at("int"), 1 << 24, 4, 32],
            vec![at("inner"), 4 << 24 | 2, 8, at("a"), 1, 0, at("b"), 1, 32],
            vec![0, 5 << 24 | 1, 8, at("i"), 2, 0],
            vec![at("outer"), 4 << 24 | 2, 12, at("x"), 1, 0, 0, 3, 32],
        ]
        .concat();
        let types: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        for word in [24, 0, length(&types), length(&types), length(strings)] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(types);
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn fields_are_found_through_anonymous_and_nested_members() {
        let btf = Btf::parse(sample()).unwrap();
        assert_eq!(btf.offset("inner.b"), Some(4));
        assert_eq!(btf.offset("outer.i.b"), Some(8));
        assert_eq!(btf.offset("outer.nothing"), None);
        assert_eq!(btf.offset("nothing.x"), None);
    }

    #[test]
    fn a_cut_description_is_refused_and_does_not_panic() {
        let whole = sample();
        for length in 0..whole.len() {
            if let Some(btf) = Btf::parse(whole.get(..length).unwrap().to_vec()) {
                let _ = btf.offset("outer.i.b");
            }
        }
    }
}
