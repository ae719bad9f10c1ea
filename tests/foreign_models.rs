//! Other people's models, by the contract: each gives the picture that ONNX Runtime gives directly.
//!
//! They are not part of the project. `STYLIZE_TEST_DATA` names a folder that holds `models_thirdparty/`; without it the
//! test says that it was skipped. With `STYLIZE_DUMP=FOLDER` the pictures are written there, and
//! `tests/tools/judge_models.py` compares them with what ONNX Runtime gives to Python.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use half::f16;
use stylize::frame::Size;
use stylize::model::{Model, ModelSource, Runtime, SessionOptions, SpecOverrides, ValueRange};
use stylize::options::Provider;
use stylize::tensor::{Channels, Layout, Tensor, TensorPool, Values};

/// What each model does not say: range, range of the output, channels, further inputs; and a size to run it at where it
/// is free. From the notes on where they were published.
fn conventions(name: &str) -> Option<(SpecOverrides, Size)> {
    let said = |range, output_range, channels, inputs: &[(&str, f32)]| SpecOverrides {
        range: Some(range),
        output_range: Some(output_range),
        channels: Some(channels),
        inputs: inputs.iter().map(|&(name, value)| (name.to_owned(), value)).collect(),
        ..SpecOverrides::default()
    };
    let bytes = |channels| said(ValueRange::Byte, ValueRange::Byte, channels, &[]);
    let unit = |output, inputs: &[_]| said(ValueRange::Unit, output, Channels::Rgb, inputs);
    let flags = match name {
        _ if name.starts_with("winml_") => bytes(Channels::Bgr),
        _ if name.starts_with("obs_zero_dce") => unit(ValueRange::Byte, &[]),
        _ if name.starts_with("obs_uretinex") => unit(ValueRange::Unit, &[("exposure_ratio_3to5", 3.0)]),
        _ if name.starts_with("obs_semantic") => unit(ValueRange::Unit, &[]),
        _ if ["cjmills_", "gnsmrky_", "lengstrom_", "ncnn_"].iter().any(|start| name.starts_with(start)) => {
            bytes(Channels::Rgb)
        }
        _ => return None,
    };
    Some((flags, Size::new(160, 96)))
}

/// The picture that goes in: red, green or blue (0, 1, 2) of a pixel, in 0..=1.
fn wanted(channel: usize, y: usize, x: usize) -> f32 {
    ((x * 7 + y * 13 + channel * 29) % 256) as f32 / 255.0
}

/// Place of a value in a tensor.
fn index(tensor: &Tensor, channel: usize, y: usize, x: usize) -> usize {
    let (width, height) = (tensor.size.width as usize, tensor.size.height as usize);
    let channel = tensor.format.channel_order()[channel];
    match tensor.format.layout {
        Layout::Nchw => (channel * height + y) * width + x,
        Layout::Nhwc => (y * width + x) * 3 + channel,
        Layout::Blocks4 => unreachable!("a layout of our own"),
    }
}

/// Calls `visit` with channel, row, column of every value.
fn each(size: Size, mut visit: impl FnMut(usize, usize, usize)) {
    for channel in 0..3 {
        for y in 0..size.height as usize {
            (0..size.width as usize).for_each(|x| visit(channel, y, x));
        }
    }
}

fn fill(tensor: &mut Tensor) {
    each(tensor.size, |channel, y, x| {
        let at = index(tensor, channel, y, x);
        let value = tensor.format.gain[channel] * wanted(channel, y, x) + tensor.format.bias[channel];
        match &mut tensor.values {
            Values::U8(values) => values[at] = value.round() as u8,
            Values::F16(values) => values[at] = f16::from_f32(value),
            Values::F32(values) => values[at] = value,
        }
    });
}

/// Red, green and blue plane in 0..=1 (what is outside stays outside).
fn planes(tensor: &Tensor) -> Vec<f32> {
    let mut planes = Vec::new();
    each(tensor.size, |channel, y, x| {
        let at = index(tensor, channel, y, x);
        let value = match &tensor.values {
            Values::U8(values) => f32::from(values[at]),
            Values::F16(values) => values[at].to_f32(),
            Values::F32(values) => values[at],
        };
        planes.push((value - tensor.format.bias[channel]) / tensor.format.gain[channel]);
    });
    planes
}

fn paint(path: &Path, flags: &SpecOverrides, free: Size) -> (Size, Vec<f32>) {
    let runtime = Runtime::load(None).unwrap();
    let model = Model::open(&runtime, ModelSource::File(path.into()), flags).unwrap();
    let options = SessionOptions { provider: Provider::Cpu, threads: 2, ..SessionOptions::default() };
    let mut session = model.session(model.picture_size(free), &options).unwrap();
    let pool = TensorPool::new();
    let mut input = pool.lend(session.input_format(), session.input_size());
    fill(&mut input);
    let mut output = pool.lend(session.output_format(), session.output_size());
    session.run(&input, &mut output).unwrap();
    (output.size, planes(&output))
}

#[test]
fn every_foreign_model_is_served() {
    let Some(folder) = std::env::var_os("STYLIZE_TEST_DATA").map(PathBuf::from) else {
        eprintln!("skipped: STYLIZE_TEST_DATA names no folder with models_thirdparty/");
        return;
    };
    let dump = std::env::var_os("STYLIZE_DUMP").map(PathBuf::from);
    let mut paths: Vec<_> = fs::read_dir(folder.join("models_thirdparty"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let (flags, free) = conventions(&name).unwrap_or_else(|| panic!("{name}: no convention known"));
        if name == "winml_old_Candy" {
            let refusal = Model::open(&Runtime::load(None).unwrap(), ModelSource::File(path), &flags).unwrap_err();
            eprintln!("{name}: refused: {refusal}");
            assert!(!refusal.to_string().contains('\n'));
            continue;
        }
        let (size, values) = paint(&path, &flags, free);
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        eprintln!("{name}: {size}, mean {mean:.3}");
        assert!(values.iter().all(|value| value.is_finite()) && (0.02..0.98).contains(&mean), "{name}");
        if let Some(dump) = &dump {
            let bytes: Vec<_> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            fs::write(dump.join(format!("{name}.{size}.f32")), bytes).unwrap();
        }
    }
}
