//! That outputs without sound let that of the input go by.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::*;
use crate::error::{Error, SourceError};
use crate::flow::Stop;
use crate::media::{Media, pipeline};
use crate::options::{CodecChoice, Input, Part};
use crate::pattern::Pattern;
use crate::source::{self, Request};

/// Writes a clip of two seconds with sound.
fn write_clip(path: &Path) {
    pipeline::play_out(&format!(
        "matroskamux name=mux ! filesink location={} \
         videotestsrc num-buffers=50 ! video/x-raw,width=64,height=48,framerate=25/1 ! jpegenc ! mux. \
         audiotestsrc num-buffers=90 ! audioconvert ! avenc_aac ! mux.",
        path.display()
    ));
}

/// Buffers in the queues of `media`.
fn waiting(media: &Media) -> u32 {
    let elements = media.input.iterate_recurse().into_iter().flatten();
    let queues = elements.filter(|element| element.factory().is_some_and(|factory| factory.name().as_str() == "queue"));
    queues.map(|queue| queue.property::<u32>("current-level-buffers")).sum()
}

#[test]
fn sound_that_an_output_does_not_hold_does_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.mkv");
    write_clip(&path);
    let pictures = Pattern::parse(&folder.path().join("%d.png")).unwrap();
    for output in [None, Some(&pictures)] {
        let (input, meter) = (Input::File(path.clone()), Meter::new());
        let request = Request {
            part: Part::default(),
            audio: true,
            priming: false,
            deinterlace: true,
            room_bytes: None,
            decoder: &CodecChoice::Software,
        };
        let mut opened = source::open(&input, request, &Stop::new(), &meter).unwrap();
        let media = Arc::clone(&opened.media.as_ref().unwrap().media);
        let _sink: Box<dyn Sink> = match output {
            None => Box::new(nowhere(opened.media)),
            Some(pattern) => {
                let place = Pictures::claim(pattern, &input, false).unwrap();
                open_pictures(place, 1, opened.media, &meter)
            }
        };
        while opened.source.next().unwrap().is_some() {}
        let since = Instant::now();
        while waiting(&media) > 0 {
            assert!(since.elapsed() < Duration::from_secs(30), "{} buffers wait", waiting(&media));
            std::thread::sleep(Duration::from_millis(10));
        }
        let said = meter.warnings().iter().any(|text| text.starts_with("left out: the sound"));
        assert_eq!(said, output.is_some(), "{:?}", meter.warnings());
    }
}

#[test]
fn a_still_without_its_frame_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::claim(&folder.path().join("out.png"), Path::new(""), Claim::default()).unwrap();
    let mut sink = still::StillSink::new(place);
    assert!(matches!(sink.finish(), Err(Error::Source(SourceError::Stopped))));
    drop(sink);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
