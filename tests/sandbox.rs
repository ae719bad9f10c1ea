//! Confinement, proven from inside: a process of its own confines itself and then tries what it must not do.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says where it failed")]

mod common;

#[path = "sandbox/syscall.rs"]
mod syscall;

use std::fs;
use std::io::ErrorKind::{self, PermissionDenied};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::Folder;
use common::child::{send, try_send, wait_until};
use common::clip::{AAC, Clip};
use common::kernel::can_confine;
use common::read::decode;
use nix::libc;
use stylize::sandbox::{Access, confine};
use syscall::syscall;

/// Set for the process that is confined: the folder that it may work in.
const INSIDE: &str = "STYLIZE_TEST_INSIDE";

/// Runs `test` of this program in a process of its own, in which `body` is done instead, in a folder with `in` (to read),
/// `out/` (to write in) and `secret`.
fn inside(test: &str, body: impl FnOnce(&Path)) {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return body(Path::new(&folder));
    }
    if !can_confine() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in"), "input").unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    fs::create_dir(folder.path().join("out")).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", test, "--nocapture"]).env(INSIDE, folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert_eq!(fs::read_to_string(folder.path().join("secret")).unwrap(), "secret");
    assert!(!folder.path().join("new").exists());
}

fn confined(folder: &Path) {
    let read = vec![folder.join("in"), "/usr".into(), "/nowhere/at/all".into()];
    if let Err(error) = confine(&Access { read, write: vec![folder.join("out")] }) {
        panic!("{error}");
    }
}

fn kind<T: std::fmt::Debug>(result: std::io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn files_beyond_the_input_and_the_output_are_out_of_reach() {
    inside("files_beyond_the_input_and_the_output_are_out_of_reach", |folder| {
        let home = PathBuf::from(std::env::var_os("HOME").unwrap_or("/".into()));
        confined(folder);
        assert_eq!(fs::read_to_string(folder.join("in")).unwrap(), "input");
        for hidden in [folder.join("secret"), "/etc/passwd".into(), home.join(".ssh/id_rsa"), home.join(".bashrc")] {
            let kind = kind(fs::read(&hidden));
            assert!([PermissionDenied, ErrorKind::NotFound].contains(&kind), "{hidden:?}: {kind:?}");
        }
        assert_eq!(kind(fs::read(folder.join("secret"))), PermissionDenied);
        assert_eq!(kind(fs::read_dir(folder)), PermissionDenied);
        assert_eq!(kind(fs::write(folder.join("in"), "")), PermissionDenied);
        assert_eq!(kind(fs::write(folder.join("new"), "")), PermissionDenied);
        assert_eq!(kind(fs::remove_file(folder.join("secret"))), PermissionDenied);
        assert_eq!(kind(fs::create_dir(folder.join("new"))), PermissionDenied);
        assert_eq!(kind(std::os::unix::fs::symlink("/", folder.join("out/root"))), PermissionDenied);
        assert_eq!(
            kind(fs::set_permissions(folder.join("secret"), fs::metadata(folder).unwrap().permissions())),
            PermissionDenied
        );
        fs::write(folder.join("out/a"), "a").unwrap();
        fs::rename(folder.join("out/a"), folder.join("out/b")).unwrap();
        fs::remove_file(folder.join("out/b")).unwrap();
        assert!(fs::rename(folder.join("secret"), folder.join("out/secret")).is_err());
        assert!(fs::hard_link(folder.join("secret"), folder.join("out/secret")).is_err());
    });
}

#[test]
fn there_is_no_network() {
    inside("there_is_no_network", |folder| {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = std::os::unix::net::UnixListener::bind(folder.join("out/socket")).unwrap();
        let address = server.local_addr().unwrap();
        confined(folder);
        assert_eq!(kind(TcpStream::connect(address)), PermissionDenied);
        assert_eq!(kind(TcpStream::connect("[::1]:80")), PermissionDenied);
        assert_eq!(kind(UdpSocket::bind("127.0.0.1:0")), PermissionDenied);
        assert_eq!(kind(UnixStream::connect(folder.join("out/socket"))), PermissionDenied);
        assert_eq!(kind(server.accept()), PermissionDenied);
        drop(socket);
    });
}

#[test]
fn there_are_no_other_programs_or_processes() {
    inside("there_are_no_other_programs_or_processes", |folder| {
        let own = nix::unistd::getpid();
        let parent = nix::unistd::getppid();
        confined(folder);
        assert_eq!(kind(Command::new("/usr/bin/true").stdout(Stdio::null()).spawn()), PermissionDenied);
        let kill = |pid| nix::sys::signal::kill(pid, None);
        assert_eq!((kill(own), kill(parent)), (Err(nix::Error::EPERM), Err(nix::Error::EPERM)));
        assert!(fs::read(format!("/proc/{parent}/environ")).is_err());
        assert!(nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_CORE) == Ok((0, 0)));
    });
}

/// What `fcntl` and `ioctl` know by these numbers on every machine.
const SIGNALLING: [(&str, i64, i32); 5] = [
    ("F_SETOWN", libc::SYS_fcntl, libc::F_SETOWN),
    ("F_SETSIG", libc::SYS_fcntl, 10),
    ("F_SETOWN_EX", libc::SYS_fcntl, 15),
    ("FIOSETOWN", libc::SYS_ioctl, 0x8901),
    ("SIOCSPGRP", libc::SYS_ioctl, 0x8902),
];

#[test]
fn the_kernel_sends_no_signals_for_it() {
    inside("the_kernel_sends_no_signals_for_it", |folder| {
        let (socket, _other) = UnixStream::pair().unwrap();
        let ask = |call, request| syscall(call, [socket.as_raw_fd(), request, 0]);
        for (name, call, request) in SIGNALLING {
            assert_ne!(ask(call, request), Err(nix::Error::EPERM), "{name} is refused to everybody");
        }
        confined(folder);
        for (name, call, request) in SIGNALLING {
            assert_eq!(ask(call, request), Err(nix::Error::EPERM), "{name}");
        }
        assert_eq!(ask(libc::SYS_ioctl, 0x5410), Err(nix::Error::EPERM), "TIOCSPGRP");
        // What every program asks of its files.
        assert_eq!(ask(libc::SYS_fcntl, libc::F_SETFD), Ok(0));
        socket.set_nonblocking(true).unwrap();
        fs::File::create(folder.join("out/locked")).unwrap().lock().unwrap();
    });
}

#[test]
fn other_processes_keep_their_priority() {
    inside("other_processes_keep_their_priority", |folder| {
        let parent = nix::unistd::getppid().as_raw();
        confined(folder);
        let priority = |which, whose| syscall(libc::SYS_setpriority, [which, whose, 19]);
        // Of a process, of a group of them, of all that a user has.
        let others = [priority(0, parent), priority(1, 0), priority(2, 0)];
        assert_eq!(others, [Err(nix::Error::EPERM); 3]);
        assert_eq!(priority(0, 0), Ok(0));
        let scheduler = |whose| syscall(libc::SYS_sched_setscheduler, [whose, libc::SCHED_IDLE, 0]);
        assert_eq!((scheduler(parent), scheduler(0)), (Err(nix::Error::EPERM), Err(nix::Error::EINVAL)));
        // As those are set who help.
        let thread = nix::unistd::gettid();
        let cores = nix::sched::sched_getaffinity(thread).unwrap();
        nix::sched::sched_setaffinity(thread, &cores).unwrap();
    });
}

#[test]
fn threads_that_are_made_later_are_confined_too() {
    inside("threads_that_are_made_later_are_confined_too", |folder| {
        confined(folder);
        let secret = folder.join("secret");
        let thread = std::thread::Builder::new().spawn(move || kind(fs::read(secret))).unwrap();
        assert_eq!(thread.join().unwrap(), PermissionDenied);
    });
}

#[test]
fn a_confined_run_gives_what_another_gives() {
    if !can_confine() {
        return;
    }
    let folder = Folder::new();
    let clip = Clip::new(30).size(160, 120).sound(AAC);
    for name in ["in.mp4", "in.mkv", "in.ts"] {
        clip.write(&folder.path(name));
    }
    fs::create_dir(folder.path("out")).unwrap();
    for (from, to) in [("in.mp4", "a.mp4"), ("in.mkv", "b.mkv"), ("in.ts", "c.webm"), ("in.mp4", "d.mov")] {
        folder.run(&format!("{from} out/{to} --sandbox")).good(30);
        folder.run(&format!("{from} {to}")).good(30);
        let (confined, free) = (decode(&folder.path(&format!("out/{to}"))), decode(&folder.path(to)));
        assert_eq!((confined.numbers(), confined.times()), (free.numbers(), free.times()), "{to}");
        assert_eq!(confined.sound.len(), 1, "{to}");
    }
    folder.run("in.mp4 out/e.mkv --sandbox --codec hevc --frames 5").good(5);
    folder.run("in.mp4 out/f.mkv --sandbox --lossless --start 0.4 --frames 5").good(5);
    folder.run("in.mp4 out/g.png --sandbox --frames 1").good(1);
    folder.run("in.mp4 out/h.mp4 --sandbox --style wave --frames 2").good(2);
    folder.run("-o out/all --sandbox in.mp4 in.mkv");
    assert_eq!(fs::read_dir(folder.path("out/all")).unwrap().count(), 2);
}

#[test]
fn errors_and_codes_come_through() {
    if !can_confine() {
        return;
    }
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    fs::write(folder.path("text.mp4"), "this is no video").unwrap();
    folder.run("text.mp4 out.mp4 --sandbox").refused(3, "text.mp4");
    folder.run("missing.mp4 out.mp4 --sandbox").refused(3, "no such file");
    folder.run("in.mp4 out.mp4 --sandbox --style missing.onnx").refused(5, "missing.onnx");
    folder.run("in.mp4 no/out.mp4 --sandbox").refused(4, "folder");
    folder.run("in.mp4 in.mp4 --sandbox --force").refused(2, "same file");
    let output = folder.command("in.mp4 out.mp4 --sandbox").env("HOME", folder.path(".")).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && text.contains("a folder of its own"), "{text}");
    // GStreamer keeps its list of plugins there.
    let names = folder.names().into_iter().filter(|name| name != ".cache");
    assert_eq!(names.collect::<Vec<_>>(), ["in.mp4", "text.mp4"]);
}

/// The processes whose parent is `pid`.
fn children_of(pid: u32) -> Vec<u32> {
    let numbers = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let line = format!("PPid:\t{pid}\n");
    let is_child = |number: &u32| fs::read_to_string(format!("/proc/{number}/status")).is_ok_and(|s| s.contains(&line));
    numbers.filter(is_child).collect()
}

fn is_there(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// A confined run at work, and its child.
fn begun(folder: &Folder) -> (std::process::Child, u32) {
    let parent = folder.process("long.mp4 out/out.mp4 --sandbox").stderr(Stdio::piped()).spawn().unwrap();
    let part = folder.path("out/out.mp4.stylize-part");
    wait_until("the output", || fs::metadata(&part).is_ok_and(|meta| meta.len() > 20_000));
    let [child] = children_of(parent.id())[..] else { panic!("one child") };
    (parent, child)
}

#[test]
fn the_child_is_confined_hears_signals_and_dies_with_its_parent() {
    if !can_confine() {
        return;
    }
    let folder = Folder::new();
    Clip::new(3000).size(320, 240).write(&folder.path("long.mp4"));
    fs::create_dir(folder.path("out")).unwrap();

    let (mut parent, child) = begun(&folder);
    for task in fs::read_dir(format!("/proc/{child}/task")).unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap_or_default();
        let says = |line: &str| status.is_empty() || status.contains(line);
        assert!(says("Seccomp:\t2") && says("NoNewPrivs:\t1"), "{status}");
    }
    send("TERM", &parent);
    assert_eq!(parent.wait().unwrap().code(), Some(143));
    assert!(!is_there(child));
    assert!(!decode(&folder.path("out/out.mp4")).video.is_empty());
    fs::remove_file(folder.path("out/out.mp4")).unwrap();

    let (mut parent, child) = begun(&folder);
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until("the end of the child", || !is_there(child));
    fs::remove_file(folder.path("out/out.mp4.stylize-part")).unwrap();

    let (parent, child) = begun(&folder);
    assert!(try_send("ABRT", child));
    let output = parent.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let errors: Vec<_> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!((output.status.code(), errors.len()), (Some(3), 1), "{text}");
    assert!(errors[0].contains("SIGABRT") && errors[0].contains("long.mp4"), "{text}");
}
