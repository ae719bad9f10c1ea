//! Numbers as people read them.

use std::time::Duration;

/// `0:07`, `12:34`, `1:02:03`.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_grow_hours_when_needed() {
        assert_eq!([7, 754, 3723].map(|s| clock(Duration::from_secs(s))), ["0:07", "12:34", "1:02:03"]);
    }
}
