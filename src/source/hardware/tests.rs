use std::sync::atomic::Ordering;

use super::*;
use crate::flow::Stop;
use crate::frame::Size;
use crate::media::pipeline;
use crate::options::Part;
use crate::source::Request;

fn factory(name: &str) -> gst::ElementFactory {
    pipeline::init().unwrap();
    gst::ElementFactory::find(name).unwrap()
}

#[test]
fn what_does_not_come_up_is_said_and_the_next_is_taken() {
    let meter = Meter::new();
    // A source of V4L2 opens its device, which is not there, on its way to READY.
    let taken = first_that_comes_up(&[factory("v4l2sink"), factory("identity")], &meter);
    assert_eq!(taken.and_then(|element| element.factory()).map(|factory| factory.name()), Some("identity".into()));
    if !Path::new("/dev/video0").exists() {
        let said = "the decoder v4l2sink does not work here (its device does not open); another one decodes";
        assert_eq!(meter.warnings(), [said]);
    }
}

#[test]
fn a_chip_for_several_codecs_is_listed_once() {
    let listed = each_once(["identity", "queue", "identity", "tee", "queue"].map(factory).into_iter());
    assert_eq!(listed, ["identity", "queue", "tee"].map(factory));
}

#[test]
fn a_name_must_be_that_of_a_decoder_for_the_stream() {
    let caps = || {
        factory("identity");
        "video/x-h264, stream-format=byte-stream, alignment=au".parse::<gst::Caps>().unwrap()
    };
    let refusal = |name| named(name, &caps()).unwrap_err().to_string();
    assert_eq!(
        refusal("nosuchdec"),
        "--decoder nosuchdec: GStreamer has no such element; name another, or leave it at auto"
    );
    assert!(refusal("vp9dec").contains("does not decode the video of this input"));
    assert!(refusal("identity").contains("does not decode the video of this input"));
    assert!(named("avdec_h264", &caps()).is_ok());
}

#[test]
fn a_named_decoder_is_taken_for_pictures_with_alpha_and_what_it_leaves_out_is_said() {
    factory("vp9dec");
    let pad = gst::Pad::builder(gst::PadDirection::Src).build();
    let caps = "video/x-vp9, codec-alpha=(boolean)true".parse::<gst::Caps>().unwrap();
    let (stream, meter) = (Stream::live(pad, caps), Meter::new());
    let wanted = CodecChoice::Named("vp9dec".into());
    let chosen = choose(Path::new("in.webm"), &stream, &wanted, &meter).unwrap();
    assert_eq!(chosen.element.factory().map(|factory| factory.name()), Some("vp9dec".into()));
    let said = "--decoder vp9dec does not decode the alpha channel: the picture is painted without it";
    assert_eq!(meter.warnings(), [said]);
}

/// A chip that opens and then decodes nothing, or nothing any more once it was sent elsewhere. It is made for Microsoft's MPEG-4 alone, which no other test decodes in this process.
mod broken {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    use gst::glib;
    use gst::prelude::*;
    use gst::subclass::prelude::*;

    const CAPS: &str = "video/x-msmpeg";

    /// Whether it decodes.
    pub static WORKS: AtomicBool = AtomicBool::new(false);

    #[derive(Debug, Default)]
    pub struct Chip;

    #[glib::object_subclass]
    impl ObjectSubclass for Chip {
        const NAME: &'static str = "StylizeBrokenChip";
        type Type = Element;
        type ParentType = gst::Element;
    }

    glib::wrapper! {
        pub struct Element(ObjectSubclass<Chip>) @extends gst::Element, gst::Object;
    }

    impl ObjectImpl for Chip {
        fn constructed(&self) {
            self.parent_constructed();
            let element = self.obj();
            let [sink, source] = ["sink", "src"].map(|name| element.pad_template(name).unwrap());
            let sink = gst::Pad::builder_from_template(&sink)
                .chain_function(|_, parent, coded| decode(parent, coded.pts()))
                .event_function(hear)
                .build();
            element.add_pad(&sink).unwrap();
            element.add_pad(&gst::Pad::from_template(&source)).unwrap();
        }
    }

    fn decode(parent: Option<&gst::Object>, pts: Option<gst::ClockTime>) -> Result<gst::FlowSuccess, gst::FlowError> {
        let element = parent.and_then(|parent| parent.downcast_ref::<gst::Element>()).unwrap();
        if !WORKS.load(Ordering::Relaxed) {
            gst::element_error!(element, gst::StreamError::Decode, ["the chip is out of order"]);
            return Err(gst::FlowError::Error);
        }
        let mut grey = gst::Buffer::from_slice([128; 64 * 48 * 3 / 2]);
        grey.get_mut().unwrap().set_pts(pts);
        element.static_pad("src").unwrap().push(grey)
    }

    fn hear(pad: &gst::Pad, parent: Option<&gst::Object>, event: gst::Event) -> bool {
        match event.view() {
            gst::EventView::Caps(_) => {
                let caps = "video/x-raw, format=I420, width=64, height=48, framerate=25/1".parse().unwrap();
                let element = parent.and_then(|parent| parent.downcast_ref::<gst::Element>()).unwrap();
                return element.static_pad("src").unwrap().push_event(gst::event::Caps::new(&caps));
            }
            gst::EventView::FlushStop(_) => WORKS.store(false, Ordering::Relaxed),
            _ => {}
        }
        gst::Pad::event_default(pad, parent, event)
    }

    impl GstObjectImpl for Chip {}

    impl ElementImpl for Chip {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                let text = "Stands for a broken chip";
                gst::subclass::ElementMetadata::new(text, "Codec/Decoder/Video/Hardware", text, "stylize")
            });
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<[gst::PadTemplate; 2]> = LazyLock::new(|| {
                let ends = [("sink", gst::PadDirection::Sink, CAPS), ("src", gst::PadDirection::Src, "video/x-raw")];
                ends.map(|(name, direction, caps)| {
                    let caps = caps.parse::<gst::Caps>().unwrap();
                    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).unwrap()
                })
            });
            &*TEMPLATES
        }
    }
}

#[test]
fn a_chip_that_fails_before_the_first_frame_makes_way_for_software() {
    factory("identity");
    gst::Element::register(None, "nvbrokendec", gst::Rank::NONE, broken::Element::static_type()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.mkv");
    pipeline::play_out(&format!(
        "videotestsrc num-buffers=105 ! video/x-raw,width=64,height=48,framerate=25/1 ! videoconvert ! avenc_msmpeg4 ! matroskamux \
         ! filesink location={}",
        path.display()
    ));

    // At once, and where it is sent to the part that is wanted after it has decoded a frame.
    for (works, start_nanos, count) in [(false, None, 105), (true, Some(4_000_000_000), 5)] {
        broken::WORKS.store(works, Ordering::Relaxed);
        let (stop, meter) = (Stop::new(), Meter::new());
        let request = Request {
            part: Part { start_nanos, ..Part::default() },
            audio: true,
            priming: false,
            deinterlace: true,
            room_bytes: None,
            decoder: &CodecChoice::Auto,
        };
        let mut opened = crate::source::file::open(&path, None, request, &stop, &meter).unwrap();
        let frames = std::iter::from_fn(|| opened.source.next().unwrap()).count();
        assert_eq!((frames, opened.format.size), (count, Size::new(64, 48)));
        let warnings = meter.warnings();
        assert!(warnings[0].starts_with("the decoder nvbrokendec failed before the first frame ("), "{warnings:?}");
        assert!(warnings[0].ends_with("): software decodes"), "{warnings:?}");
    }
}
