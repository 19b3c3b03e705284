//! `bpf(2)`, for what aya has no function for.

use std::io;

/// Calls it with the attributes of a command, which are a prefix of `union bpf_attr` that the kernel may write to.
#[expect(unsafe_code, reason = "aya knows neither of the commands")]
pub(crate) fn bpf<const N: usize>(
    command: libc::c_long,
    attributes: &mut [u32; N],
) -> io::Result<i32> {
    // SAFETY: the kernel reads and writes as many bytes as it is told, which are there; what addresses in them
    // lead to is the caller's.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            attributes.as_mut_ptr(),
            size_of_val(attributes),
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(answer).map_err(io::Error::other)
}
