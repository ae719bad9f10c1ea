//! How inner loops are written, and those of them that know nothing of pictures.

/// Defines functions whose loops are compiled for the least processor and again for the wide instructions of better
/// ones; each call runs the best that this one can. They take a [`pulp::Arch`] as first argument; what they call in their
/// loops must be `#[inline(always)]`. All references share one lifetime, to be named.
///
/// Passing a closure to [`pulp::Arch::dispatch`] would be shorter, but a large closure stays a function of its own and
/// is then compiled without the wide instructions; the method of a structure can be made to go in.
macro_rules! kernels {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident<$life:lifetime>($($argument:ident: $type:ty),* $(,)?) $body:block
    )*) => {$(
        $(#[$attribute])*
        $visibility fn $name<$life>(arch: pulp::Arch, $($argument: $type),*) {
            struct Call<$life> {
                $($argument: $type),*
            }
            impl pulp::NullaryFnOnce for Call<'_> {
                type Output = ();

                #[inline(always)]
                fn call(self) {
                    let Self { $($argument),* } = self;
                    $body
                }
            }
            arch.dispatch(Call { $($argument),* });
        }
    )*};
}
pub(crate) use kernels;

/// `value` held in `low..=high`. NaN becomes `low`; written so that it compiles to two instructions.
#[inline(always)]
pub fn clamped(value: f32, low: f32, high: f32) -> f32 {
    let value = if value > low { value } else { low };
    if value < high { value } else { high }
}

/// The nearest byte. NaN becomes 0.
#[inline(always)]
pub fn byte_from(value: f32) -> u8 {
    // From 2^23 on a float has no fraction: the sum is rounded to nearest, and its lowest bits are the integer.
    const ROUND: f32 = 8_388_608.0;
    (clamped(value, 0.0, 255.0) + ROUND).to_bits() as u8
}

/// Collects whether values were numbers: NaN and infinity are the greatest bit patterns but for the sign.
#[derive(Clone, Copy, Debug, Default)]
pub struct Greatest(u32);

impl Greatest {
    /// Looks at a value.
    #[inline(always)]
    pub fn see(&mut self, value: f32) {
        self.0 = self.0.max(value.to_bits() & 0x7fff_ffff);
    }

    /// Whether all values seen were finite.
    pub fn is_finite(self) -> bool {
        self.0 < f32::INFINITY.to_bits()
    }
}

kernels! {
    /// Bytes as floats.
    pub fn floats_from_bytes<'a>(bytes: &'a [u8], floats: &'a mut [f32]) {
        for (float, &byte) in floats.iter_mut().zip(bytes) {
            *float = f32::from(byte);
        }
    }

    /// Floats as the nearest bytes.
    pub fn bytes_from_floats<'a>(floats: &'a [f32], bytes: &'a mut [u8]) {
        for (byte, &float) in bytes.iter_mut().zip(floats) {
            *byte = byte_from(float);
        }
    }

    /// Takes triples apart.
    pub fn split_triples<'a>(triples: &'a [f32], rows: [&'a mut [f32]; 3]) {
        split(triples, rows);
    }

    /// Takes triples of bytes apart.
    pub fn split_bytes<'a>(triples: &'a [u8], rows: [&'a mut [u8]; 3]) {
        split(triples, rows);
    }

    /// Puts triples together.
    pub fn join_triples<'a>(rows: [&'a [f32]; 3], triples: &'a mut [f32]) {
        join(rows, triples);
    }

    /// Puts triples of bytes together.
    pub fn join_bytes<'a>(rows: [&'a [u8]; 3], triples: &'a mut [u8]) {
        join(rows, triples);
    }
}

#[inline(always)]
fn split<T: Copy>(triples: &[T], [a, b, c]: [&mut [T]; 3]) {
    for (((triple, a), b), c) in triples.chunks_exact(3).zip(a).zip(b).zip(c) {
        (*a, *b, *c) = (triple[0], triple[1], triple[2]);
    }
}

#[inline(always)]
fn join<T: Copy>([a, b, c]: [&[T]; 3], triples: &mut [T]) {
    for (((triple, &a), &b), &c) in triples.chunks_exact_mut(3).zip(a).zip(b).zip(c) {
        triple.copy_from_slice(&[a, b, c]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_rounded_to_nearest_and_saturate() {
        let given = [-3.0, 0.4, 0.6, 127.49, 127.51, 254.6, 255.5, 1e9, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        assert_eq!(given.map(byte_from), [0, 0, 1, 127, 128, 255, 255, 255, 0, 255, 0]);
    }

    #[test]
    fn what_is_no_number_is_seen() {
        for (value, finite) in [(f32::MAX, true), (-0.0, true), (f32::NAN, false), (f32::NEG_INFINITY, false)] {
            let mut greatest = Greatest::default();
            greatest.see(1.0);
            greatest.see(value);
            assert_eq!(greatest.is_finite(), finite, "{value}");
        }
    }
}
