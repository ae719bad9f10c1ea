//! Shows the progress of a run that is made up, to look at: `cargo run --example progress -- [auto|plain|json] [unknown]`.

use std::env;
use std::thread::sleep;
use std::time::Duration;

use clap::ValueEnum;
use stylize::convert::Convert;
use stylize::flow::Stop;
use stylize::frame::Size;
use stylize::job::{Observer, Plan};
use stylize::progress::{Mode, Progress, Voice};
use stylize::report::Meter;

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let mode = words.first().and_then(|word| Mode::from_str(word, true).ok()).unwrap_or(Mode::Auto);
    let is_known = !words.iter().any(|word| word == "unknown");
    let size = Size::new(1280, 720);
    let plan = Plan {
        size,
        net_size: size,
        out_size: size,
        style: "wave (live fp32)".into(),
        provider: "cpu".into(),
        device: String::new(),
        convert: Convert::Cpu,
        convert_excuse: String::new(),
        duration_nanos: is_known.then_some(12_000_000_000),
        frames: is_known.then_some(300),
        fps: Some(25.0),
        frames_resumed: 0,
    };
    let (voice, stop, meter) = (Voice::new(mode == Mode::Json, false), Stop::new(), Meter::new());
    let mut progress = Progress::new(mode, &voice, stop.clone());
    sleep(Duration::from_secs(1));
    progress.started(&plan);
    for frame in 0..300 {
        for (stage, ms) in [("decode", 1), ("pack", 2), ("infer", 63), ("compose", 1), ("unpack", 2), ("encode", 8)] {
            meter.spent(stage, Duration::from_millis(ms));
        }
        meter.frame_in();
        meter.frame_out(Some(frame * 40_000_000));
        sleep(Duration::from_millis(30));
        if frame % 3 == 0 {
            progress.tick(&meter);
        }
        if frame == 150 {
            voice.note("a line past the bar");
        }
        if frame == 270 {
            stop.ask();
        }
    }
    progress.close();
    voice.warning("a warning at the end");
    voice.note("made-up.mp4: 300 frames in 9.0 s (33.3 fps)");
}
