//! A camera for other programs: what they see is what is painted.
//!
//! On Linux there are two ways. A v4l2loopback device is a camera to every program; it takes a kernel module. A node of
//! PipeWire is one to those that ask the desktop's portal, browsers first. Elsewhere GStreamer has neither.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::flow::Sink;
use crate::frame::{Frame, FrameFormat, FrameRate, Timed};
use crate::media::pipeline;
use crate::options::VirtualCamera;
use crate::report::Meter;

mod branch;
mod loopback;
mod pipewire;

use branch::Branch;

/// What the report calls it.
pub(crate) const REPORTED: &str = "virtual_camera";

/// Name that other programs show, where nobody says another.
const NAME: &str = "stylize";

/// The command that makes a device. Chrome shows only cameras that claim nothing but to be one.
const LOAD: &str = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=stylize";

/// Opens a camera that gives frames of `format`; returns what messages call it, too. Frames are taken at once: where nobody
/// looks, or too slowly, they are left out.
///
/// # Errors
/// [`Error::Device`] when there is no way to have it, with what to do.
pub(crate) fn open(
    which: &VirtualCamera,
    format: FrameFormat,
    rate: FrameRate,
    meter: &Meter,
) -> Result<(Box<dyn Sink>, String)> {
    // The scene is filmed without GStreamer, which nobody has started then.
    pipeline::init()?;
    let of_device = |path: PathBuf| {
        let name = format!("the virtual camera {}", path.display());
        Branch::open(branch::Kind::Loopback(path), format, rate, meter).map(|branch| (branch, name))
    };
    let of_node = |name: &str| {
        let shown = format!("the virtual camera \"{name}\" of PipeWire");
        Branch::open(branch::Kind::PipeWire(name.into()), format, rate, meter).map(|branch| (branch, shown))
    };
    match which {
        VirtualCamera::Device(path) => {
            loopback::check(path).map_err(Error::Device)?;
            of_device(path.clone()).map(|(branch, name)| (Box::new(branch) as Box<dyn Sink>, name))
        }
        VirtualCamera::Named(name) => {
            pipewire::check().map_err(Error::Device)?;
            of_node(name).map(|(branch, name)| (Box::new(branch) as Box<dyn Sink>, name))
        }
        VirtualCamera::Auto => {
            let devices = loopback::first().map(of_device);
            let nodes = pipewire::check().map(|()| of_node(NAME));
            both(devices, nodes)
        }
    }
}

type Opened = Result<(Branch, String)>;

/// As many as there are of the two; the first error where there is none.
fn both(device: Result<Opened, String>, node: Result<Opened, String>) -> Result<(Box<dyn Sink>, String)> {
    let (device, node) = (device.map_err(Error::Device).flatten(), node.map_err(Error::Device).flatten());
    match (device, node) {
        (Ok((device, a)), Ok((node, b))) => Ok((Box::new(Both(device, node)), format!("{a}, and {b}"))),
        (Ok((one, name)), Err(why)) | (Err(why), Ok((one, name))) => {
            tracing::info!("there is {name} only: {why}");
            Ok((Box::new(one), name))
        }
        (Err(device), Err(node)) => Err(Error::Device(format!("{device}; {node}"))),
    }
}

/// Two cameras at once.
struct Both(Branch, Branch);

impl Sink for Both {
    fn accept(&mut self, frame: Timed<Frame>) -> Result<()> {
        self.0.accept(frame.clone())?;
        self.1.accept(frame)
    }

    fn finish(&mut self) -> Result<()> {
        self.0.finish()?;
        self.1.finish()
    }
}
