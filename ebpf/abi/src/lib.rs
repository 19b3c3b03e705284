//! The records that the kernel programs write and the host reads.
#![no_std]
