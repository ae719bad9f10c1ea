//! What a file says of itself and its tracks, on its way into the output.

use std::io;
use std::path::Path;

use gst::prelude::*;

use super::container::Container;
use crate::about::{Chapter, Label};
use crate::media::{About, Kind, Track};
use crate::report::Meter;
use crate::{isobmff, matroska};

/// Makes one sound track the one that plays: the first that is marked so, else the first; and at most one track of
/// subtitles.
pub(super) fn choose(tracks: &[Track]) {
    for kind in [Kind::Sound, Kind::Text] {
        let of_kind = || tracks.iter().filter(|track| track.kind == kind).enumerate();
        let marked = of_kind().find(|(_, track)| track.label().chosen).map(|(index, _)| index);
        let chosen = marked.or_else(|| (kind == Kind::Sound).then_some(0));
        of_kind().for_each(|(index, track)| track.choose(Some(index) == chosen));
    }
}

/// Says which files within the file do not come along: GStreamer writes pictures into MP4, and nothing else.
pub(super) fn warn_of_attachments(about: &About, container: Container, meter: &Meter) {
    let files = about.tags.iter_tag::<gst::tags::Attachment>().map(|file| name_of(&file.get()));
    let pictures = about.tags.iter_tag::<gst::tags::Image>().map(|file| name_of(&file.get()));
    let lost = files.chain(pictures.filter(|_| !container.is_isobmff())).collect::<Vec<_>>();
    if !lost.is_empty() {
        meter.warn(format!("left out: attached {}: GStreamer cannot write it into {container}", lost.join(", ")));
    }
}

fn name_of(file: &gst::SampleRef) -> String {
    file.info().and_then(|info| info.get("filename").ok()).unwrap_or_else(|| "picture".into())
}

/// Tells `muxer` what is said of the whole file, and what comes from `frames`, what is said of the video; with `room` for
/// what is put right in the finished file.
pub(super) fn tell(about: &About, muxer: &gst::Element, frames: &gst_app::AppSrc, room: bool) {
    tell_video(about, frames.upcast_ref(), room);
    if let Some(setter) = muxer.dynamic_cast_ref::<gst::TagSetter>() {
        setter.merge_tags(&about.tags, gst::TagMergeMode::Keep);
    }
    if let Some(setter) = muxer.dynamic_cast_ref::<gst::TocSetter>()
        && !about.chapters.is_empty()
    {
        setter.set_toc(Some(&toc(&about.chapters)));
    }
}

/// Tells who stands behind `source` what is said of the video.
pub(super) fn tell_video(about: &About, source: &gst::Element, room: bool) {
    source.send_event(event(&about.video, room));
}

fn toc(chapters: &[Chapter]) -> gst::Toc {
    let mut edition = gst::TocEntry::new(gst::TocEntryType::Edition, "0");
    let last = chapters.iter().map(|chapter| chapter.start_nanos).max().unwrap_or(0);
    for (number, chapter) in chapters.iter().enumerate() {
        let mut entry = gst::TocEntry::new(gst::TocEntryType::Chapter, &(number + 1).to_string());
        let entry_mut = entry.make_mut();
        let next = chapters.get(number + 1).map_or(last, |next| next.start_nanos);
        let nanos = |nanos: u64| i64::try_from(nanos).unwrap_or(i64::MAX);
        entry_mut.set_start_stop_times(nanos(chapter.start_nanos), nanos(chapter.end_nanos.unwrap_or(next)));
        let mut tags = gst::TagList::new();
        tags.make_mut().add::<gst::tags::Title>(&chapter.title.as_str(), gst::TagMergeMode::Append);
        entry_mut.set_tags(tags);
        edition.make_mut().append_sub_entry(entry);
    }
    let mut toc = gst::Toc::new(gst::TocScope::Global);
    toc.make_mut().append_entry(edition);
    toc
}

/// The event that tells a muxer what is said of a track.
fn event(label: &Label, room: bool) -> gst::Event {
    let mut tags = gst::TagList::new();
    tags.make_mut().set_scope(gst::TagScope::Stream);
    add(tags.make_mut(), label, room);
    gst::event::Tag::new(tags)
}

fn add(tags: &mut gst::TagListRef, label: &Label, room: bool) {
    let title = if room { Some(matroska::roomy(label.title.as_deref())) } else { label.title.clone() };
    tags.remove::<gst::tags::Title>();
    if let Some(title) = title {
        tags.add::<gst::tags::Title>(&title.as_str(), gst::TagMergeMode::Replace);
    }
    if let Some(language) = &label.language {
        tags.add::<gst::tags::LanguageCode>(&language.as_str(), gst::TagMergeMode::Replace);
    }
}

/// Lets the events of `track` say what its label does.
pub(super) fn relabel(track: &Track, room: bool) {
    track.relabel(move |tags, label| add(tags, label, room));
}

/// Writes into a finished file what its muxer cannot: `tracks` were shifted by `shift_nanos`,
/// and the video, too, so that it begins at `begin_nanos`.
pub(super) fn finish(
    path: &Path,
    container: Container,
    about: Option<&About>,
    tracks: &[Track],
    shift_nanos: u64,
    begin_nanos: u64,
) -> io::Result<()> {
    let video = Label { chosen: true, ..about.map(|about| about.video.clone()).unwrap_or_default() };
    if !container.is_isobmff() {
        let labels: Vec<_> = std::iter::once(video).chain(tracks.iter().map(Track::label)).collect();
        return matroska::finish(path, &labels);
    }
    let finish = isobmff::Finish {
        shift_nanos,
        begin_nanos,
        tracks: tracks.iter().map(|track| (track.label(), track.run_up())).collect(),
        chapters: about.map_or(&[], |about| &about.chapters),
        location: about.and_then(About::location),
    };
    isobmff::finish(path, &finish)
}
