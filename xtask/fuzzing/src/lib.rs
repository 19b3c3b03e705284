//! What every fuzz target begins with.

use std::ptr;

/// Room for libFuzzer's handler of signals: it writes the input into a file.
const STACK_BYTES: usize = 256 * 1024;

/// Lets libFuzzer keep the input on which a parser ran out of stack: its handler of that signal needs another one, which
/// only sanitizers and Rust's own `main` would give it.
///
/// # Panics
/// If the kernel does not take it.
pub fn begin() {
    let stack = Vec::leak(vec![0_u8; STACK_BYTES]);
    let other = libc::stack_t {
        ss_sp: stack.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: stack.len(),
    };
    // SAFETY: the stack is leaked, so it is there as long as the thread is.
    let taken = unsafe { libc::sigaltstack(&raw const other, ptr::null_mut()) };
    assert_eq!(taken, 0, "no stack for signals");
    // SAFETY: a structure of integers and a pointer, for all of which zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // libFuzzer takes the flag over when it puts its own handler there.
    action.sa_sigaction = libc::SIG_DFL;
    action.sa_flags = libc::SA_ONSTACK;
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: no handler of ours is named, and both pointers are to a structure that is there, or none.
        let taken = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
        assert_eq!(taken, 0, "no handler of signals");
    }
}
