//! What a user can ask for, in plain words: no more than what they say, so that every module may know them.

mod encoding;
mod file;
mod live;
mod provider;

pub use encoding::{Codec, CodecChoice, Encoding};
pub use file::{Input, Output, Part, SizeChoice};
pub use live::{ADDRESS_SCHEMES, CameraChoice, LiveInput, Microphone, Mode, VirtualCamera, WindowChoice};
pub use provider::Provider;
