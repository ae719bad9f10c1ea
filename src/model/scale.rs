//! Where the picture lies in an output of another size than the input: super-resolution, and networks that round sizes.

use crate::frame::Size;
use crate::tensor::Border;

/// A network that rounds sizes up adds less than this, in pixels of its output for each one of its input.
const LARGEST_ROUNDING: u32 = 32;

/// The border in an output of size `output`, given the `border` in an input of size `input`.
pub(super) fn output_border(border: Border, input: Size, output: Size) -> Border {
    let (left, right) = axis(border.left, border.right, input.width, output.width);
    let (top, bottom) = axis(border.top, border.bottom, input.height, output.height);
    Border { left, top, right, bottom }
}

fn axis(before: u32, after: u32, input: u32, output: u32) -> (u32, u32) {
    let times = output / input;
    let surplus = output - times * input;
    if times >= 1 && surplus < LARGEST_ROUNDING * times && u64::from(surplus) * 4 < u64::from(output) {
        // A whole multiple; what is left over was added at the end, as convolutions of a stride do it.
        return (before * times, after * times + surplus);
    }
    let scaled = |part: u32| {
        let part = (u64::from(part) * u64::from(output) + u64::from(input) / 2) / u64::from(input);
        u32::try_from(part).unwrap_or(u32::MAX)
    };
    let before = scaled(before).min(output - 1);
    (before, scaled(after).min(output - 1 - before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_border_grows_with_the_picture() {
        let cases = [
            // (before, after, input, output) → (before, after)
            ((16, 16, 100, 100), (16, 16)),
            ((4, 4, 100, 200), (8, 8)),
            ((0, 0, 722, 724), (0, 2)),
            ((2, 3, 101, 408), (8, 16)),
            ((4, 4, 100, 50), (2, 2)),
            ((0, 0, 722, 720), (0, 0)),
            ((4, 4, 100, 150), (6, 6)),
            ((9, 9, 19, 1), (0, 0)),
        ];
        for ((before, after, input, output), expected) in cases {
            assert_eq!(axis(before, after, input, output), expected, "{before} {after} {input} {output}");
        }
    }

    #[test]
    fn something_of_the_picture_is_always_left() {
        for input in 1..40u32 {
            for output in 1..90u32 {
                for before in 0..input {
                    let after = (input - 1 - before).min(5);
                    let (left, right) = axis(before, after, input, output);
                    assert!(left + right < output, "{before} {after} {input} {output}");
                }
            }
        }
    }
}
