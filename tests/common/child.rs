//! Programs at work, and what is done to them.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::HANG;

pub fn wait_until(mut ready: impl FnMut() -> bool) {
    let since = Instant::now();
    while !ready() {
        assert!(since.elapsed() < HANG, "nothing happens");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
}

pub fn code(child: &mut Child) -> Option<i32> {
    let mut status = None;
    wait_until(|| {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap().code()
}
