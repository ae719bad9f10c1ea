//! What a file says of Dolby Vision (RFC 9559 and its registry: `BlockAdditionMapping` of types `dvcC` and `dvvC`).

use super::Head;
use crate::isobmff::DolbyVision;

const BLOCK_ADDITION_MAPPING: u32 = 0x41E4;
const BLOCK_ADD_ID_EXTRA_DATA: u32 = 0x41ED;
const BLOCK_ADD_ID_TYPE: u32 = 0x41E7;

impl Head {
    /// The Dolby Vision configuration of the first track that has one.
    pub(crate) fn dolby_vision(&self) -> Option<DolbyVision> {
        let fields = self.tracks().flat_map(|track| self.elements(track));
        fields.filter(|field| field.id == BLOCK_ADDITION_MAPPING).find_map(|mapping| {
            let kind = self.content(&mapping, BLOCK_ADD_ID_TYPE)?;
            let configuration = self.content(&mapping, BLOCK_ADD_ID_EXTRA_DATA)?;
            DolbyVision::of_box(kind.last_chunk()?, configuration)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::element;
    use super::super::head::tests::file;
    use super::*;

    fn configured(kind: &[u8; 4], configuration: &[u8]) -> Vec<u8> {
        let mapping =
            [element(0x41F0, &[4]), element(BLOCK_ADD_ID_TYPE, kind), element(BLOCK_ADD_ID_EXTRA_DATA, configuration)];
        file(&[element(0xD7, &[1]), element(BLOCK_ADDITION_MAPPING, &mapping.concat())].concat())
    }

    fn found(kind: &[u8; 4], configuration: &[u8]) -> Option<DolbyVision> {
        Head::of(configured(kind, configuration)).dolby_vision()
    }

    #[test]
    fn a_configuration_is_found() {
        let said = found(b"dvcC", &[1, 0, 5 << 1, 0, 0, 0]).unwrap();
        assert_eq!((said.profile, said.has_compatible_base()), (5, false));
        let said = found(b"dvvC", &[1, 0, 8 << 1, 0, 0x10, 0]).unwrap();
        assert_eq!((said.profile, said.has_compatible_base()), (8, true));
        assert_eq!(found(b"hvcE", &[1, 0, 10, 0, 0]), None);
    }

    #[test]
    fn what_is_cut_or_strange_says_nothing() {
        let whole = configured(b"dvcC", &[1, 0, 5 << 1, 0, 0, 0]);
        for len in 0..whole.len() {
            let _ = Head::of(whole[..len].to_vec()).dolby_vision();
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x40, 0x80, 0xFF] {
                let mut changed = whole.clone();
                changed[at] = value;
                let _ = Head::of(changed).dolby_vision();
            }
        }
    }
}
