//! Recordings and streams of a live run.

mod record;
mod stream;

pub(crate) use record::record;
pub(crate) use stream::{Order as StreamOrder, REPORTED as STREAM_REPORTED, check as check_stream, stream};
