//! System calls by their numbers: no crate has a safe form of what nobody but an attacker wants.
#![expect(unsafe_code, reason = "the wall has to be tried from inside; see above")]

use nix::errno::Errno;
use nix::libc;

/// Makes `call` with numbers as its arguments, none of which is an address: where the kernel wants one it finds none (`EFAULT` or
/// `EINVAL`), and what is not permitted is refused before that.
pub fn syscall(call: i64, arguments: [i32; 3]) -> nix::Result<i64> {
    let [first, second, third] = arguments.map(i64::from);
    // SAFETY: the kernel checks all arguments; with no address among them it neither reads nor writes memory of this process.
    Errno::result(unsafe { libc::syscall(call, first, second, third) })
}
