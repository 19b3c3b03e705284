//! The vector instructions of x86-64 that tell the bytes of a block apart, and the one place where
//! code that needs them is called.
//!
//! [`Masks`] are filled twice, with AVX2 and with AVX-512, by the same comparisons; a [`Sight`] of half
//! a block is taken with vectors, and eight bytes at a time where a processor has none.

#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "calls into code compiled for more instructions than the rest, once it is known that the processor has them"
    )
)]

mod masks;
mod sight;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

pub(crate) use masks::{BLOCK_BYTES, Block, Masks, each_block, padded};
pub(crate) use sight::{Half, Sight};

/// Which vector instructions a walk may use. Made only by asking the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    None,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Work that reads the masks of blocks. It is compiled once for each level.
pub(crate) trait Lane {
    /// What comes of it.
    type Done;

    /// Does the work.
    fn run(self, masks: impl Fn(&Block) -> Masks) -> Self::Done;
}

/// Work that gains by these instructions and can do without. It is compiled once for each level, and
/// once for none.
pub(crate) trait Work {
    /// What comes of it.
    type Done;

    /// Does the work.
    fn run(self, sight: impl Fn(&Half) -> Sight) -> Self::Done;
}

/// What a walk may use, if the processor has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Limit {
    Plain,
    /// Only to test that both kinds of vectors see the same.
    #[cfg(test)]
    Avx2,
    Any,
}

impl Level {
    /// The best that this processor has within the limit.
    #[inline]
    pub(crate) fn within(limit: Limit) -> Self {
        #[cfg(target_arch = "x86_64")]
        if limit > Limit::Plain {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") && has!("bmi1") && has!("bmi2") && has!("lzcnt") && has!("popcnt") {
                let wide = has!("avx512f") && has!("avx512bw") && has!("avx512vl");
                let wide = wide && limit == Limit::Any;
                return Self(if wide { Kind::Avx512 } else { Kind::Avx2 });
            }
        }
        Self(Kind::None)
    }

    /// The best that this processor has.
    #[inline]
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| Self::within(Limit::Any))
    }

    /// Runs the lane with these instructions, if there are any.
    #[inline]
    pub(crate) fn run<L: Lane>(self, lane: L) -> Option<L::Done> {
        match self.0 {
            Kind::None => None,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => {
                // SAFETY: `within` is the only maker of this kind, and makes it only where the
                // processor has every instruction set that the function is compiled for.
                Some(unsafe { x86::avx2(lane) })
            }
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => {
                // SAFETY: as above.
                Some(unsafe { x86::avx512(lane) })
            }
        }
    }

    /// Does the work with these instructions, or without any.
    #[inline]
    pub(crate) fn work<W: Work>(self, work: W) -> W::Done {
        match self.0 {
            Kind::None => work.run(sight::by_words),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => {
                // SAFETY: as in `run`.
                unsafe { x86::work_avx2(work) }
            }
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => {
                // SAFETY: as in `run`.
                unsafe { x86::work_avx512(work) }
            }
        }
    }
}
