//! One run of a network from memory of ours into memory of ours.
//!
//! `ort` offers no safe way to do both: `Session::run` borrows inputs but allocates outputs, an `IoBinding` takes borrowed
//! outputs but deadlocks on borrowed inputs (rc.15). So this file calls ONNX Runtime itself. (So does
//! `assignment.rs`, for what `ort` does not offer at all.)
#![expect(unsafe_code, reason = "the only way to run without copying a frame; see above")]

use std::ffi::CStr;
use std::ptr;

use ort::AsPointer;
use ort::session::Session;
use ort::value::{DynValue, DynValueRefMut};

/// Runs `session` on `inputs` and writes the output called `output_name` into the memory behind `output`.
///
/// # Errors
/// Whatever ONNX Runtime says: a wrong name, a shape or type that does not fit, no memory.
pub(super) fn run_into<'a>(
    session: &mut Session,
    inputs: impl ExactSizeIterator<Item = (&'a CStr, &'a DynValue)>,
    output_name: &CStr,
    output: &mut DynValueRefMut<'_>,
) -> ort::Result<()> {
    let (names, values): (Vec<_>, Vec<_>) = inputs.map(|(name, value)| (name.as_ptr(), value.ptr())).unzip();
    let output_names = [output_name.as_ptr()];
    let mut outputs = [output.ptr().cast_mut()];
    // SAFETY: `session` and all values are alive for the whole call, being borrowed by this function; the session is
    // borrowed exclusively, since `Run` is not safe to call at the same time. Names end in NUL (`CStr`), and the lengths
    // are those of the arrays. ONNX Runtime reads the inputs, and writes to the output only after it has checked that
    // type and shape are those it computes; `output` borrows its memory exclusively. With an output given, the array of
    // outputs is left as it is, so nothing is handed over that would have to be released. No run options: null is allowed.
    let status = unsafe {
        (ort::api().Run)(
            session.ptr().cast_mut(),
            ptr::null(),
            names.as_ptr(),
            values.as_ptr(),
            values.len(),
            output_names.as_ptr(),
            output_names.len(),
            outputs.as_mut_ptr(),
        )
    };
    // SAFETY: `status` is what ONNX Runtime just returned and is given away here, once.
    unsafe { ort::Error::result_from_status(status) }
}
