//! A hash for what is looked up often.

use std::hash::Hasher;

/// A hash over the few small numbers that a context is; only speed hangs on its spread.
#[derive(Default)]
pub(super) struct Fold(u64);

impl Hasher for Fold {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn write_u8(&mut self, part: u8) {
        self.write_u64(u64::from(part));
    }

    #[inline]
    fn write_u16(&mut self, part: u16) {
        self.write_u64(u64::from(part));
    }

    #[inline]
    fn write_u64(&mut self, part: u64) {
        self.0 = (self.0.rotate_left(5) ^ part).wrapping_mul(0x517C_C1B7_2722_0A95);
    }

    #[inline]
    fn write_usize(&mut self, part: usize) {
        self.write_u64(part as u64);
    }

    #[inline]
    fn write_isize(&mut self, part: isize) {
        self.write_usize(part.cast_unsigned());
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0 >> 40
    }
}
