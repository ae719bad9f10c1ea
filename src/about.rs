//! What a file says of itself and of its tracks, beside their data.

/// What is said of a track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Label {
    /// Its title, such as "Commentary".
    pub(crate) title: Option<String>,
    /// Its language, in the letters of ISO 639-1 or 639-2.
    pub(crate) language: Option<String>,
    /// It plays unless the user chooses another of its kind.
    pub(crate) chosen: bool,
}

/// A chapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chapter {
    /// Its begin.
    pub(crate) start_nanos: u64,
    /// Its end; none: the begin of the next.
    pub(crate) end_nanos: Option<u64>,
    /// What it is called; may be empty.
    pub(crate) title: String,
}

/// The chapters of a file of which the part from `start_nanos` to `end_nanos` is kept, in the time of that part.
pub(crate) fn chapters_within(chapters: &[Chapter], start_nanos: u64, end_nanos: Option<u64>) -> Vec<Chapter> {
    let ends = chapters.iter().skip(1).map(|next| Some(next.start_nanos)).chain([None]);
    let begun = |chapter: &Chapter| end_nanos.is_none_or(|end| chapter.start_nanos < end);
    let whole = chapters.iter().zip(ends).filter(|(chapter, _)| begun(chapter));
    let kept = whole.filter_map(|(chapter, next)| {
        let end = chapter.end_nanos.or(next);
        let cut = end.map_or(end_nanos, |end| Some(end_nanos.map_or(end, |last| last.min(end))));
        cut.is_none_or(|end| end > start_nanos).then(|| Chapter {
            start_nanos: chapter.start_nanos.saturating_sub(start_nanos),
            end_nanos: cut.map(|end| end - start_nanos),
            title: chapter.title.clone(),
        })
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_follow_the_part_that_is_kept() {
        let chapter = |start_nanos, end_nanos, title: &str| Chapter { start_nanos, end_nanos, title: title.into() };
        let all = [chapter(0, Some(10), "a"), chapter(10, None, "b"), chapter(20, None, "c")];
        assert_eq!(chapters_within(&all, 0, None), [all[0].clone(), chapter(10, Some(20), "b"), all[2].clone()]);
        assert_eq!(chapters_within(&all, 12, Some(20)), [chapter(0, Some(8), "b")]);
        assert_eq!(chapters_within(&all, 5, Some(15)), [chapter(0, Some(5), "a"), chapter(5, Some(10), "b")]);
        assert_eq!(chapters_within(&all, 25, None), [chapter(0, None, "c")]);
    }
}
