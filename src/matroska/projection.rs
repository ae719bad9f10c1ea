//! How the picture lies (RFC 9559, 5.1.4.1.28.41 to 46), which GStreamer 1.22 does not tell.
//!
//! A flat picture is mirrored by a yaw of half a turn, then turned counterclockwise by its roll. That is what remains of
//! the orientation of a phone's video that was put into Matroska.

use super::Head;

const VIDEO: u32 = 0xE0;
const PROJECTION: u32 = 0x7670;
const PROJECTION_TYPE: u32 = 0x7671;
const POSE_YAW: u32 = 0x7673;
const POSE_PITCH: u32 = 0x7674;
const POSE_ROLL: u32 = 0x7675;

impl Head {
    /// How the picture of the first video track lies, as the matrix of an MP4 file would say it: `a b c d`, in units of 1.
    /// None where nothing is said, and of what is no picture on a plane or no quarter turn.
    pub(crate) fn matrix(&self) -> Option<[i32; 4]> {
        let video = self.tracks().find_map(|track| self.child(&track, VIDEO))?;
        let projection = self.child(&video, PROJECTION)?;
        let degrees = |id| self.content(&projection, id).map_or(Some(0.0), float);
        let is_flat = self.content(&projection, PROJECTION_TYPE).is_none_or(|kind| kind.iter().all(|&byte| byte == 0));
        let mirrored = match degrees(POSE_YAW)? {
            0.0 => false,
            180.0 | -180.0 => true,
            _ => return None,
        };
        if !is_flat || degrees(POSE_PITCH)? != 0.0 {
            return None;
        }
        let [a, b, c, d] = match degrees(POSE_ROLL)? {
            0.0 => [1, 0, 0, 1],
            90.0 | -270.0 => [0, -1, 1, 0],
            180.0 | -180.0 => [-1, 0, 0, -1],
            -90.0 | 270.0 => [0, 1, -1, 0],
            _ => return None,
        };
        Some(if mirrored { [-a, -b, c, d] } else { [a, b, c, d] })
    }
}

/// A number of EBML with a point: of four or eight bytes, or of none, which is 0.
fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        0 => Some(0.0),
        4 => bytes.try_into().ok().map(f32::from_be_bytes).map(f64::from),
        8 => bytes.try_into().ok().map(f64::from_be_bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::element;
    use super::super::head::tests::file;
    use super::*;

    fn matrix(kind: u8, pose: &[(u32, f32)]) -> Option<[i32; 4]> {
        let pose = pose.iter().flat_map(|(id, degrees)| element(*id, &degrees.to_be_bytes()));
        let projection: Vec<u8> = element(PROJECTION_TYPE, &[kind]).into_iter().chain(pose).collect();
        Head::of(file(&element(VIDEO, &[element(0xB0, &[64]), element(PROJECTION, &projection)].concat()))).matrix()
    }

    #[test]
    fn quarter_turns_and_mirrors_are_told() {
        assert_eq!(matrix(0, &[]), Some([1, 0, 0, 1]));
        assert_eq!(matrix(0, &[(POSE_ROLL, -90.0)]), Some([0, 1, -1, 0]), "clockwise");
        assert_eq!(matrix(0, &[(POSE_ROLL, 90.0)]), Some([0, -1, 1, 0]), "counterclockwise");
        assert_eq!(matrix(0, &[(POSE_ROLL, 270.0)]), matrix(0, &[(POSE_ROLL, -90.0)]));
        assert_eq!(matrix(0, &[(POSE_ROLL, -180.0)]), Some([-1, 0, 0, -1]));
        assert_eq!(matrix(0, &[(POSE_YAW, 180.0)]), Some([-1, 0, 0, 1]), "left to right");
        assert_eq!(matrix(0, &[(POSE_YAW, -180.0), (POSE_ROLL, 180.0)]), Some([1, 0, 0, -1]), "top to bottom");
    }

    #[test]
    fn what_is_no_flat_picture_is_left_alone() {
        assert_eq!(matrix(1, &[(POSE_ROLL, 90.0)]), None, "a sphere");
        for (id, degrees) in [(POSE_ROLL, 3.0), (POSE_YAW, 90.0), (POSE_PITCH, 90.0), (POSE_ROLL, f32::NAN)] {
            assert_eq!(matrix(0, &[(id, degrees)]), None, "{id:#x} {degrees}");
        }
        assert_eq!(Head::of(file(&[])).matrix(), None);
        assert_eq!(Head::of(file(&element(VIDEO, &[]))).matrix(), None);
    }

    #[test]
    fn numbers_have_four_or_eight_bytes_or_none() {
        assert_eq!([&[][..], &(-90.0f64).to_be_bytes(), &[1]].map(float), [Some(0.0), Some(-90.0), None]);
    }
}
