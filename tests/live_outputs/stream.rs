//! Streams to a server on this machine.

use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::child::wait_until;
use crate::common::{Folder, ffmpeg, skip};
use crate::filter::{self, Filter};
use crate::session::Daemon;

/// A port that nobody listens at.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server for one client that writes what it gets into `path`.
fn rtmp_server(port: u16, path: &Path) -> Daemon {
    let mut command = Command::new("ffmpeg");
    let address = format!("rtmp://127.0.0.1:{port}/live/key");
    command.args([
        "-v",
        "error",
        "-y",
        "-nostdin",
        "-listen",
        "1",
        "-i",
        &address,
        "-c",
        "copy",
        "-flush_packets",
        "1",
    ]);
    Daemon::start(command.arg(path).stdout(Stdio::null()).stderr(Stdio::null()))
}

/// Waits until a server has a socket at `port`. Who calls instead, to try, takes the place of its only client.
fn wait_for_server(protocol: &str, port: u16) {
    if !cfg!(target_os = "linux") {
        return std::thread::sleep(std::time::Duration::from_secs(2));
    }
    let port = format!(":{port:04X}");
    let sockets = || std::fs::read_to_string(format!("/proc/net/{protocol}")).unwrap();
    let is_its_own = |line: &str| line.split_whitespace().nth(1).is_some_and(|address| address.ends_with(&port));
    wait_until("the server's socket", || sockets().lines().any(is_its_own));
}

fn has_written(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.len() > 150_000)
}

#[test]
fn rtmp_has_picture_and_silence_and_a_server_that_is_back_gets_them_again() {
    if !ffmpeg::is_here() {
        return;
    }
    let (files, port) = (Folder::new(), free_port());
    let (first, second) = (files.path("a.flv"), files.path("b.flv"));
    let server = rtmp_server(port, &first);
    wait_for_server("tcp", port);
    let mut filter = Filter::start(&format!("--stream rtmp://127.0.0.1:{port}/live/key"));
    filter.wait_until("the server", |_| has_written(&first));
    drop(server);
    let _server = rtmp_server(port, &second);
    filter.wait_until("the next server", |_| has_written(&second));
    let ended = filter.interrupt();
    assert_eq!((ended.code, ended.warned("broke off")), (Some(130), 1), "{}", ended.report);
    // While there was no server, nothing went there.
    assert!(ended.report["frames_left_out"]["stream"].as_u64() > Some(0), "{}", ended.report);
    for path in [first, second] {
        let codec = |kind: &str| ffmpeg::streams(&path, kind)[0]["codec_name"].as_str().unwrap().to_owned();
        assert_eq!((codec("video").as_str(), codec("audio").as_str()), ("h264", "aac"));
        let times = ffmpeg::times_s(&path, "v:0");
        assert!(times.len() > 10 && times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    }
}

#[test]
fn srt_has_picture_and_the_sound_of_the_microphone() {
    gst::init().unwrap();
    if gst::ElementFactory::find("srtsrc").is_none() {
        return skip("srtsrc is not installed");
    }
    if !ffmpeg::is_here() {
        return;
    }
    let files = Folder::new();
    let path = files.path("a.ts");
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let words = format!(
        "-q srtsrc uri=srt://127.0.0.1:{port}?mode=listener ! filesink buffer-mode=2 location={}",
        path.display()
    );
    let mut command = Command::new("gst-launch-1.0");
    let _server = Daemon::start(command.args(words.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null()));
    wait_for_server("udp", port);
    let mut filter = Filter::start(&format!("--stream srt://127.0.0.1:{port} --microphone test"));
    filter.wait_until("the server", |_| has_written(&path));
    let ended = filter.interrupt();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ffmpeg::times_s(&path, "v:0").len() > 10 && ffmpeg::times_s(&path, "a:0").len() > 10);
}

#[test]
fn who_wants_to_end_does_not_wait_for_a_server_that_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut filter = Filter::start(&format!("--stream rtmp://{}/live/key", listener.local_addr().unwrap()));
    listener.set_nonblocking(true).unwrap();
    let mut caller = None;
    filter.wait_until("a call", |_| {
        caller = listener.accept().ok();
        caller.is_some()
    });
    let ended = filter.interrupt();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
}

#[test]
fn a_server_that_does_not_answer_is_told_in_one_line() {
    let folder = Folder::new();
    for address in [format!("rtmp://127.0.0.1:{}/live/key", free_port()), format!("srt://127.0.0.1:{}", free_port())] {
        let output = filter::command(&folder, &format!("--stream {address}")).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(4), 1), "{stderr}");
        assert!(stderr.contains(&address) && stderr.contains("that it listens"), "{stderr}");
        assert!(!stderr.contains("/Gst"), "{stderr}");
    }
}
