//! What the tags of GStreamer say of a file and its tracks.

use gst::prelude::*;

use crate::about::{Chapter, Label, chapters_within};

/// What a file says of itself.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// Title, artist, date and the like of the whole.
    pub(crate) tags: gst::TagList,
    /// Of the video.
    pub(crate) video: Label,
    /// Chapters, in the time of the part that is read.
    pub(crate) chapters: Vec<Chapter>,
}

impl About {
    /// Where it was filmed, as ISO 6709 writes it.
    pub(crate) fn location(&self) -> Option<String> {
        let latitude = self.tags.get::<gst::tags::GeoLocationLatitude>()?.get();
        let longitude = self.tags.get::<gst::tags::GeoLocationLongitude>()?.get();
        Some(format!("{latitude:+08.4}{longitude:+09.4}/"))
    }
}

/// What the events that wait on `pad` say of its track.
pub(super) fn label(pad: &gst::Pad) -> Label {
    let mut label = Label::default();
    each_tag_list(pad, |tags| read(tags, &mut label));
    label.chosen = pad.stream().is_some_and(|stream| stream.stream_flags().contains(gst::StreamFlags::SELECT));
    label
}

/// Adds to `label` what `tags` say of a track.
pub(super) fn read(tags: &gst::TagListRef, label: &mut Label) {
    if tags.scope() == gst::TagScope::Stream {
        let text = |value: &str| Some(value.to_owned()).filter(|text| !text.trim().is_empty());
        label.title = tags.get::<gst::tags::Title>().and_then(|t| text(t.get())).or(label.title.take());
        label.language = tags.get::<gst::tags::LanguageCode>().and_then(|l| text(l.get())).or(label.language.take());
    }
}

/// What a file says of itself, as far as the events that wait on its `pads`, the first of which is of the video, have
/// told; or, of chapters, its index. Of these those count that lie in the part that begins at `begin_nanos`.
pub(crate) fn about(pads: &[gst::Pad], indexed: &[Chapter], begin_nanos: u64, duration_nanos: Option<u64>) -> About {
    let mut tags = gst::TagList::new();
    tags.make_mut().set_scope(gst::TagScope::Global);
    pads.iter().for_each(|pad| add_tags(pad, &mut tags));
    let told = pads.iter().map(chapters).find(|found| !found.is_empty());
    let end_nanos = duration_nanos.map(|duration| begin_nanos.saturating_add(duration));
    let chapters = chapters_within(told.as_deref().unwrap_or(indexed), begin_nanos, end_nanos);
    About { tags, video: pads.first().map(label).unwrap_or_default(), chapters }
}

/// Adds to `all` what the events that wait on `pad` say of the whole file.
fn add_tags(pad: &gst::Pad, all: &mut gst::TagList) {
    each_tag_list(pad, |tags| {
        if tags.scope() == gst::TagScope::Global {
            all.make_mut().insert(tags, gst::TagMergeMode::Keep);
        }
    });
}

fn each_tag_list(pad: &gst::Pad, mut with: impl FnMut(&gst::TagListRef)) {
    pad.sticky_events_foreach(|event| {
        if let gst::EventView::Tag(tag) = event.view() {
            with(tag.tag());
        }
        std::ops::ControlFlow::Continue(gst::EventForeachAction::Keep)
    });
}

/// The chapters that the events that wait on `pad` tell.
fn chapters(pad: &gst::Pad) -> Vec<Chapter> {
    let mut chapters = Vec::new();
    pad.sticky_events_foreach(|event| {
        if let gst::EventView::Toc(toc) = event.view() {
            chapters = toc.toc().0.entries().iter().flat_map(chapters_of).collect();
        }
        std::ops::ControlFlow::Continue(gst::EventForeachAction::Keep)
    });
    chapters
}

/// An edition holds chapters, which may hold others: those of the first level count.
fn chapters_of(entry: &gst::TocEntry) -> Vec<Chapter> {
    if entry.entry_type() != gst::TocEntryType::Chapter {
        return entry.sub_entries().iter().flat_map(chapters_of).collect();
    }
    let (start, stop) = entry.start_stop_times().unwrap_or((0, -1));
    let title = entry.tags().and_then(|tags| tags.get::<gst::tags::Title>().map(|title| title.get().to_owned()));
    vec![Chapter {
        start_nanos: u64::try_from(start).unwrap_or(0),
        end_nanos: u64::try_from(stop).ok().filter(|&stop| stop > 0),
        title: title.unwrap_or_default(),
    }]
}
