//! How subtitles get into a container: as they are, as plain text, or not at all.

use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;

use super::container::Container;
use super::encoder::make;
use crate::error::SinkError;

/// Marks of HTML that SubRip files use, and players of them understand.
const MARKS: [&str; 12] = ["i", "b", "u", "s", "em", "strong", "font", "span", "big", "small", "sub", "sup"];

/// How subtitles are held.
enum Way {
    AsTheyAre,
    /// As text, with or without the marks of HTML.
    Text {
        with_marks: bool,
    },
    /// As the text of a kind that says more.
    Unstyled,
}

fn way(caps: &gst::Caps, container: Container) -> Option<Way> {
    match (container, caps.structure(0).map_or("", |s| s.name().as_str())) {
        (Container::WebM, _) => None,
        (Container::Mkv, "text/x-raw") => Some(Way::Text { with_marks: true }),
        (Container::Mkv, "application/x-ass" | "application/x-ssa" | "application/x-usf") => Some(Way::AsTheyAre),
        (Container::Mkv, "subpicture/x-dvd" | "subtitle/x-kate") => Some(Way::AsTheyAre),
        (Container::Mp4 | Container::Mov, "text/x-raw") => Some(Way::Text { with_marks: false }),
        (Container::Mp4 | Container::Mov, "application/x-ass" | "application/x-ssa") => Some(Way::Unstyled),
        _ => None,
    }
}

/// Whether `container` has a kind for subtitles of `caps`.
pub(super) fn is_held(caps: &gst::Caps, container: Container) -> bool {
    way(caps, container).is_some()
}

/// The elements between subtitles of `caps` and the muxer of `container`; and in words what is lost, if anything.
pub(super) fn chain(caps: &gst::Caps, container: Container) -> Result<(Vec<gst::Element>, Option<String>), SinkError> {
    Ok(match way(caps, container) {
        Some(Way::Text { with_marks }) => (vec![plain(with_marks)?], None),
        Some(Way::Unstyled) => {
            let parser = make("ssaparse", "styled subtitles", "gstreamer1.0-plugins-base")?;
            let lost = format!("subtitles converted to plain text: {container} cannot hold how they look");
            (vec![parser, plain(false)?], Some(lost))
        }
        Some(Way::AsTheyAre) | None => (Vec::new(), None),
    })
}

/// Makes text what muxers take: without the escapes of Pango's markup that demuxers add, and with or without marks.
fn plain(with_marks: bool) -> Result<gst::Element, SinkError> {
    let setter = make("capssetter", "subtitles", "gstreamer1.0-plugins-good")?;
    setter.set_property("caps", gst::Caps::builder("text/x-raw").field("format", "utf8").build());
    setter.set_property("replace", true);
    let (Some(sink), Some(src)) = (setter.static_pad("sink"), setter.static_pad("src")) else { return Ok(setter) };
    let end = Arc::new(Mutex::new(None));
    let (line_end, last_end) = (Arc::clone(&end), end);
    src.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data {
            *buffer = line(buffer, with_marks);
            let end = buffer.pts().zip(buffer.duration()).map(|(pts, duration)| pts.saturating_add(duration));
            *line_end.lock().unwrap_or_else(PoisonError::into_inner) = end;
        }
        gst::PadProbeReturn::Ok
    });
    if !with_marks {
        // MP4 knows the end of a line by the begin of the next, which may be empty.
        sink.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            let ended = info.event().is_some_and(|event| event.type_() == gst::EventType::Eos);
            let last = last_end.lock().unwrap_or_else(PoisonError::into_inner).take_if(|_| ended);
            if let Some(last) = last {
                // If it does not arrive, the muxer has failed and says so.
                let _ = src.push(empty_line(last));
            }
            gst::PadProbeReturn::Ok
        });
    }
    Ok(setter)
}

fn line(buffer: &gst::Buffer, with_marks: bool) -> gst::Buffer {
    let bytes = buffer.map_readable().map(|bytes| bytes.to_vec()).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut line = gst::Buffer::from_mut_slice(text_of(text.trim_end_matches('\0'), with_marks).into_bytes());
    if let Some(line) = line.get_mut() {
        line.set_pts(buffer.pts());
        line.set_duration(buffer.duration());
        line.set_flags(buffer.flags());
    }
    line
}

fn empty_line(at: gst::ClockTime) -> gst::Buffer {
    let mut line = gst::Buffer::new();
    if let Some(line) = line.get_mut() {
        line.set_pts(at);
        line.set_duration(gst::ClockTime::from_mseconds(1));
    }
    line
}

/// What `markup` says, its escapes resolved.
fn text_of(markup: &str, with_marks: bool) -> String {
    let mut text = String::with_capacity(markup.len());
    let mut rest = markup;
    while let Some(at) = rest.find(['<', '&', '\r']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let (said, len) = special(rest, with_marks);
        text.push_str(said);
        rest = &rest[len..];
    }
    text + rest
}

/// What the special character that `rest` begins with stands for, and how many bytes that took.
fn special(rest: &str, with_marks: bool) -> (&str, usize) {
    const ESCAPES: [(&str, &str); 7] =
        [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("\r", "")];
    if let Some((escape, meant)) = ESCAPES.iter().find(|(escape, _)| rest.starts_with(escape)) {
        return (meant, escape.len());
    }
    let mark = rest.strip_prefix('<').and_then(|inside| inside.find('>').map(|end| &inside[..end]));
    match mark {
        Some(inside) if is_mark(inside) => (if with_marks { &rest[..inside.len() + 2] } else { "" }, inside.len() + 2),
        _ => (&rest[..1], 1),
    }
}

fn is_mark(inside: &str) -> bool {
    let name = inside.strip_prefix('/').unwrap_or(inside).split_ascii_whitespace().next().unwrap_or_default();
    MARKS.iter().any(|mark| mark.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_escapes_are_told_from_text() {
        let both = |markup| (text_of(markup, true), text_of(markup, false));
        let same = |text: &str| (text.to_owned(), text.to_owned());
        assert_eq!(
            both("<i>late</i> & \"loud\" <3"),
            ("<i>late</i> & \"loud\" <3".into(), "late & \"loud\" <3".into())
        );
        assert_eq!(both("a &amp; b &lt;c&gt; &#39;d&#39;"), same("a & b <c> 'd'"));
        assert_eq!(both("<FONT color=\"#fff\">x</FONT>\r\ny").1, "x\ny");
        assert_eq!(both("1 < 2 > 0 & <unknown> < "), same("1 < 2 > 0 & <unknown> < "));
        assert_eq!(both("größer <"), same("größer <"));
    }
}
