//! What MP4 and QuickTime files say of Dolby Vision ("Dolby Vision Streams Within the ISO Base Media File Format", 3.2).

use super::{atoms, descend, handler, traks};

/// Boxes that hold the configuration: for profiles up to 7, for 8 to 10, and for those beyond.
const CONFIGURATIONS: [[u8; 4]; 3] = [*b"dvcC", *b"dvvC", *b"dvwC"];

/// Bytes of a visual sample entry before the boxes in it (ISO/IEC 14496-12, 12.1.3).
const ENTRY_BYTES: usize = 78;

/// The configuration of a Dolby Vision stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DolbyVision {
    /// Profile.
    pub(crate) profile: u8,
    /// What the base layer is without Dolby's metadata: 1 HDR10, 2 SDR, 4 HLG, 6 HDR10 of a Blu-ray; 0 nothing.
    compatibility: u8,
}

impl DolbyVision {
    /// Whether the base layer is a picture that can be shown. Profiles 4 and 7 have one by definition, whatever their
    /// early configurations say.
    pub(crate) fn has_compatible_base(self) -> bool {
        self.profile != 5 && (self.compatibility != 0 || matches!(self.profile, 4 | 7))
    }

    /// That of the first track of a `moov` box that has one.
    pub(super) fn in_moov(bytes: &[u8]) -> Option<Self> {
        traks(bytes).iter().filter(|trak| handler(bytes, trak) == Some(b"vide")).find_map(|trak| {
            let entries = descend(bytes, trak, &[b"mdia", b"minf", b"stbl", b"stsd"])?.body;
            // Version, flags and a count come before the entries.
            let entries = entries.start.checked_add(8).filter(|&start| start <= entries.end)?..entries.end;
            atoms(bytes, entries).find_map(|entry| {
                let inside = entry.body.start + ENTRY_BYTES..entry.body.end;
                atoms(bytes, inside).find_map(|atom| Self::of_box(&atom.name, bytes.get(atom.body)?))
            })
        })
    }

    /// That in a box, if it is one: version, then 7 bits of profile, 6 of level, 3 flags, 4 bits of compatibility.
    pub(crate) fn of_box(name: &[u8; 4], body: &[u8]) -> Option<Self> {
        let [_, _, profile, _, compatibility, ..] = body else { return None };
        CONFIGURATIONS.contains(name).then_some(Self { profile: profile >> 1, compatibility: compatibility >> 4 })
    }
}

#[cfg(test)]
mod tests {
    use super::super::finish::boxed;
    use super::*;

    fn movie(entry: &[u8; 4], configuration: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut visual = vec![0; ENTRY_BYTES];
        visual.extend(boxed(b"hvcC", &[1; 23]));
        visual.extend(boxed(configuration, body));
        let table = boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed(entry, &visual)].concat());
        let handler = boxed(b"hdlr", &[&[0; 8][..], b"vide", &[0; 12]].concat());
        let media = boxed(b"mdia", &[handler, boxed(b"minf", &boxed(b"stbl", &table))].concat());
        boxed(b"moov", &boxed(b"trak", &media))
    }

    #[test]
    fn profiles_are_found_and_told_apart() {
        for (profile, compatibility, fine) in [
            (4, 0, true),
            (4, 2, true),
            (5, 0, false),
            (7, 0, true),
            (7, 6, true),
            (8, 1, true),
            (8, 4, true),
            (8, 0, false),
            (10, 0, false),
        ] {
            let body = [1, 0, profile << 1, 0x35, compatibility << 4, 0, 0, 0];
            let found = DolbyVision::in_moov(&movie(b"hvc1", b"dvvC", &body)).unwrap();
            assert_eq!(found, DolbyVision { profile, compatibility });
            assert_eq!(found.has_compatible_base(), fine, "{found:?}");
        }
    }

    #[test]
    fn what_is_cut_or_strange_says_nothing() {
        let whole = movie(b"dvh1", b"dvcC", &[1, 0, 5 << 1, 0, 0, 0]);
        assert!(DolbyVision::in_moov(&whole).is_some());
        for len in 0..whole.len() {
            let _ = DolbyVision::in_moov(&whole[..len]);
        }
        assert_eq!(DolbyVision::in_moov(&movie(b"hvc1", b"dvcC", &[1, 0, 10, 0])), None);
        assert_eq!(DolbyVision::in_moov(&movie(b"hvc1", b"free", &[1, 0, 10, 0, 0])), None);
    }
}
