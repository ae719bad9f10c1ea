//! The wall around system calls: seccomp. What is not in the list is answered with "not permitted".

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpArgLen::Qword, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

use super::failed;
use crate::error::Result;

/// Calls that may be made with whatever arguments. (Which files may be opened is for Landlock to say.)
#[rustfmt::skip]
const FREE: &[i64] = &[
    // Open files.
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64,
    libc::SYS_preadv, libc::SYS_pwritev, libc::SYS_preadv2, libc::SYS_pwritev2, libc::SYS_lseek, libc::SYS_close,
    libc::SYS_close_range, libc::SYS_dup, libc::SYS_dup3, libc::SYS_flock, libc::SYS_fsync, libc::SYS_fdatasync,
    libc::SYS_ftruncate, libc::SYS_fallocate, libc::SYS_fadvise64, libc::SYS_sync_file_range,
    libc::SYS_copy_file_range, libc::SYS_sendfile, libc::SYS_fstat, libc::SYS_fstatfs, libc::SYS_getdents64,
    // Files by name.
    libc::SYS_openat, libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_statfs, libc::SYS_readlinkat,
    libc::SYS_faccessat, libc::SYS_faccessat2, libc::SYS_getcwd, libc::SYS_mkdirat, libc::SYS_unlinkat,
    libc::SYS_renameat, libc::SYS_renameat2, libc::SYS_linkat, libc::SYS_umask,
    // Memory.
    libc::SYS_brk, libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_mprotect, libc::SYS_madvise,
    libc::SYS_mincore, libc::SYS_msync, libc::SYS_mlock, libc::SYS_munlock, libc::SYS_memfd_create,
    libc::SYS_get_mempolicy, libc::SYS_set_mempolicy, libc::SYS_mbind, libc::SYS_membarrier,
    // Threads. Helpers are kept off a core by their numbers, which are not known yet; of another process this says no more than
    // where it runs.
    libc::SYS_futex, libc::SYS_futex_waitv, libc::SYS_set_tid_address, libc::SYS_set_robust_list,
    libc::SYS_get_robust_list, libc::SYS_rseq, libc::SYS_gettid, libc::SYS_exit, libc::SYS_exit_group,
    libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_sched_setaffinity, libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler, libc::SYS_sched_get_priority_max, libc::SYS_sched_get_priority_min,
    libc::SYS_getcpu, libc::SYS_getpriority,
    // Waiting and time.
    libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait,
    libc::SYS_eventfd2, libc::SYS_pipe2, libc::SYS_timerfd_create, libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime, libc::SYS_nanosleep, libc::SYS_clock_nanosleep, libc::SYS_clock_gettime,
    libc::SYS_clock_getres, libc::SYS_gettimeofday, libc::SYS_times, libc::SYS_setitimer, libc::SYS_getitimer,
    // Signals to itself.
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_sigpending, libc::SYS_rt_sigsuspend, libc::SYS_sigaltstack, libc::SYS_restart_syscall,
    // Questions.
    libc::SYS_getpid, libc::SYS_getppid, libc::SYS_getpgid, libc::SYS_getsid, libc::SYS_getuid, libc::SYS_geteuid,
    libc::SYS_getgid, libc::SYS_getegid, libc::SYS_getresuid, libc::SYS_getresgid, libc::SYS_getgroups,
    libc::SYS_uname, libc::SYS_sysinfo, libc::SYS_getrusage, libc::SYS_getrandom, libc::SYS_wait4, libc::SYS_waitid,
];

/// The older calls of x86-64, of which the newer ones above are the general form.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLDER: &[i64] = &[
    libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink, libc::SYS_mkdir,
    libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_rename, libc::SYS_link, libc::SYS_getdents, libc::SYS_dup2,
    libc::SYS_pipe, libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait,
    libc::SYS_eventfd, libc::SYS_time, libc::SYS_getpgrp, libc::SYS_getrlimit, libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[i64] = &[];

/// What `prctl` may be asked for: to name a thread, to ask whether confinement is on, to name memory.
const PRCTL: [u64; 4] =
    [libc::PR_SET_NAME as u64, libc::PR_GET_NAME as u64, libc::PR_GET_NO_NEW_PRIVS as u64, 0x5356_4d41];

/// What `fcntl` may not be asked for: whom the kernel sends a signal when something can be read (`F_SETOWN`, `F_SETOWN_EX`), and
/// which (`F_SETSIG`).
const SIGNALLING: [u64; 3] = [libc::F_SETOWN as u64, 15, 10];

/// What `ioctl` may not be asked for: to type into the terminal for the user, to say whom its keys interrupt, and `F_SETOWN` under
/// two other names (`FIOSETOWN`, `SIOCSPGRP`).
const REQUESTS: [u64; 5] = [libc::TIOCSTI, libc::TIOCLINUX, libc::TIOCSPGRP, 0x8901, 0x8902];

/// Flags of `clone` that make namespaces, in which a process would be its own master.
const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u64;

pub(super) fn confine() -> Result<()> {
    // The first has to let the second through.
    apply(newer_clone_is_unknown()).and_then(|()| apply(only_known())).map_err(|error| {
        let what = "this kernel does not filter system calls with seccomp";
        failed(what, &error)
    })
}

fn apply(filter: Result<SeccompFilter, seccompiler::BackendError>) -> Result<(), seccompiler::Error> {
    let program: BpfProgram = filter?.try_into()?;
    seccompiler::apply_filter(&program)
}

/// The flags of `clone3` lie where no filter sees them. Where it is unknown, `clone` is used.
fn newer_clone_is_unknown() -> Result<SeccompFilter, seccompiler::BackendError> {
    let rules = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32), arch()?)
}

fn only_known() -> Result<SeccompFilter, seccompiler::BackendError> {
    let own_pid = u64::from(std::process::id());
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = FREE.iter().chain(OLDER).map(|&call| (call, Vec::new())).collect();
    rules.insert(libc::SYS_clone3, Vec::new());
    rules.insert(
        libc::SYS_clone,
        vec![rule([SeccompCondition::new(0, Qword, SeccompCmpOp::MaskedEq(NAMESPACES), 0)?])?],
    );
    rules.insert(libc::SYS_tgkill, vec![equals(0, own_pid)?]);
    rules.insert(libc::SYS_prlimit64, vec![equals(0, 0)?, equals(0, own_pid)?]);
    rules.insert(libc::SYS_socketpair, vec![equals(0, libc::AF_UNIX as u64)?]);
    rules.insert(libc::SYS_prctl, PRCTL.into_iter().map(|option| equals(0, option)).collect::<Result<_, _>>()?);
    rules.insert(libc::SYS_fcntl, vec![none_of(1, SIGNALLING)?]);
    rules.insert(libc::SYS_ioctl, vec![none_of(1, REQUESTS)?]);
    // Of the calling thread alone.
    rules.insert(libc::SYS_sched_setscheduler, vec![equals(0, 0)?]);
    let [of_one, itself] = [(0, libc::PRIO_PROCESS as u64), (1, 0)].map(|(argument, value)| is(argument, value));
    rules.insert(libc::SYS_setpriority, vec![rule([of_one?, itself?])?]);
    SeccompFilter::new(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow, arch()?)
}

fn equals(argument: u8, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    rule([is(argument, value)?])
}

fn is(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, value)
}

fn none_of<const N: usize>(argument: u8, values: [u64; N]) -> Result<SeccompRule, seccompiler::BackendError> {
    let other = |value| SeccompCondition::new(argument, Dword, SeccompCmpOp::Ne, value);
    SeccompRule::new(values.into_iter().map(other).collect::<Result<_, _>>()?)
}

fn rule<const N: usize>(conditions: [SeccompCondition; N]) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(conditions.into())
}

fn arch() -> Result<seccompiler::TargetArch, seccompiler::BackendError> {
    std::env::consts::ARCH.try_into()
}
