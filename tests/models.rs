//! Models of a few kB (`data/models/make_models.py`): what they give, and how the wrong ones are refused. ONNX Runtime is
//! found as the programs find it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use half::f16;
use stylize::Error;
use stylize::error::ModelError;
use stylize::flow::Stage;
use stylize::frame::{Colour, Frame, FrameFormat, PixelFormat, Size, Stamp, Timed, tight_planes};
use stylize::model::{
    Infer, Inspection, Model, ModelSource, Runtime, Session, SessionOptions, SpecOverrides, ValueRange, provider, zoo,
};
use stylize::options::Provider;
use stylize::report::Meter;
use stylize::tensor::{Border, Channels, DType, Layout, Packed, Tensor, TensorPool, Values};

fn runtime() -> Runtime {
    Runtime::load(None).unwrap()
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(format!("{name}.onnx"))
}

fn open_with(name: &str, flags: &SpecOverrides) -> Result<Model, ModelError> {
    Model::open(&runtime(), ModelSource::File(data(name)), flags)
}

fn open(name: &str) -> Result<Model, ModelError> {
    open_with(name, &SpecOverrides::default())
}

fn options() -> SessionOptions {
    SessionOptions {
        provider: Provider::Cpu,
        threads: 1,
        first_run_limit: Duration::from_secs(60),
        ..SessionOptions::default()
    }
}

/// A different number in every place, within `low..=high`.
fn picture(session: &Session) -> Tensor {
    let mut tensor = TensorPool::new().lend(session.input_format(), session.input_size());
    let (gain, bias) = (session.input_format().gain[0], session.input_format().bias[0]);
    let values = |index: usize| gain * ((index * 37 % 101) as f32 / 100.0) + bias;
    match &mut tensor.values {
        Values::U8(out) => out.iter_mut().enumerate().for_each(|(i, out)| *out = values(i) as u8),
        Values::F16(out) => out.iter_mut().enumerate().for_each(|(i, out)| *out = f16::from_f32(values(i))),
        Values::F32(out) => out.iter_mut().enumerate().for_each(|(i, out)| *out = values(i)),
    }
    tensor
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    match &tensor.values {
        Values::U8(values) => values.iter().map(|&v| f32::from(v)).collect(),
        Values::F16(values) => values.iter().map(|&v| v.to_f32()).collect(),
        Values::F32(values) => values.to_vec(),
    }
}

/// Runs twice, to see that the second run is not the first one's picture.
fn run(session: &mut Session) -> (Vec<f32>, Vec<f32>) {
    let input = picture(session);
    let mut output = TensorPool::new().lend(session.output_format(), session.output_size());
    session.run(&input, &mut output).unwrap();
    let first = numbers(&output);
    let mut again = TensorPool::new().lend(session.output_format(), session.output_size());
    session.run(&input, &mut again).unwrap();
    assert!(first.iter().zip(&numbers(&again)).all(|(a, b)| a.to_bits() == b.to_bits()));
    (numbers(&input), first)
}

/// Runs `name` at 12x8 and checks each value against `expected` of the input's value in the same place.
fn gives(name: &str, expected: impl Fn(f32) -> f32) {
    let mut session = open(name).unwrap().session(Size::new(12, 8), &options()).unwrap();
    let (input, output) = run(&mut session);
    assert_eq!(output, input.into_iter().map(expected).collect::<Vec<_>>(), "{name}");
}

#[test]
fn good_models_give_what_they_compute() {
    gives("identity", |v| v);
    gives("invert", |v| 1.0 - v);
    gives("free_batch", |v| 1.0 - v);
    gives("signed", |v| -v);
    gives("identity_nhwc_u8", |v| v);
    gives("identity_f16", |v| v);
    gives("two_inputs_stated", |v| v * 0.25);
    gives("default_input", |v| v * 0.5);
    gives("external_inside", |v| v * 0.5);
    gives("large_sums", |v| v);
}

#[test]
fn the_result_lies_in_the_memory_that_was_given() {
    let mut session = open("invert").unwrap().session(Size::new(12, 8), &options()).unwrap();
    let input = picture(&session);
    let mut output = TensorPool::new().lend(session.output_format(), session.output_size());
    let Values::F32(values) = &mut output.values else { panic!() };
    values.fill(-7.0);
    let address = values.as_ptr();
    session.run(&input, &mut output).unwrap();
    let Values::F32(values) = &output.values else { panic!() };
    assert_eq!((values.as_ptr(), values[0]), (address, 1.0));
}

#[test]
fn dtype_layout_batch_and_range_may_differ_between_input_and_output() {
    let mut session = open("hwc_bytes_out").unwrap().session(Size::new(12, 8), &options()).unwrap();
    let format = session.output_format();
    assert_eq!((format.dtype, format.layout, format.gain), (DType::U8, Layout::Nhwc, [255.0; 3]));
    let (input, output) = run(&mut session);
    for (index, value) in output.iter().enumerate() {
        let (pixel, channel) = (index / 3, index % 3);
        assert_eq!(*value, (input[channel * 96 + pixel] * 255.0).round_ties_even());
    }
}

#[test]
fn border_and_multiple_are_stated_and_make_the_model_run() {
    let model = open("multiple_of").unwrap();
    let session = model.session(Size::new(21, 10), &options()).unwrap();
    assert_eq!(session.border(), Border { left: 4, top: 4, right: 7, bottom: 10 });
    assert_eq!((session.input_size(), session.output_size()), (Size::new(32, 24), Size::new(32, 24)));
    assert_eq!(session.output_border(), session.border());
}

#[test]
fn other_sizes_out_than_in_are_found_and_cropped() {
    let session = open("upscale2").unwrap().session(Size::new(10, 6), &options()).unwrap();
    assert_eq!(session.output_size(), Size::new(36, 28));
    assert_eq!(session.output_border(), Border { left: 8, top: 8, right: 8, bottom: 8 });
    let session = open("rounds_up").unwrap().session(Size::new(10, 7), &options()).unwrap();
    assert_eq!(session.output_size(), Size::new(12, 8));
    assert_eq!(session.output_border(), Border { right: 2, bottom: 1, ..Border::default() });
}

#[test]
fn a_fixed_size_is_stated_and_kept() {
    let model = open("fixed").unwrap();
    let own = model.picture_size(Size::new(1920, 1080));
    assert_eq!(own, Size::new(64, 48));
    assert!(model.session(own, &options()).is_ok());
    refused(model.session(Size::new(65, 48), &options()), "takes pictures of 64x48 only");
}

#[test]
fn further_inputs_take_their_value_from_a_flag() {
    let flags = |name: &str, value| SpecOverrides { inputs: vec![(name.into(), value)], ..SpecOverrides::default() };
    for (model, name, value) in [
        ("two_inputs", "strength", 0.75),
        ("two_inputs_stated", "strength", 0.75),
        ("default_input", "strength", 0.75),
        ("integer_input", "steps", 3.0),
    ] {
        let opened = open_with(model, &flags(name, value)).unwrap();
        let (input, output) = run(&mut opened.session(Size::new(12, 8), &options()).unwrap());
        assert!(input.iter().zip(&output).all(|(i, o)| *o == i * value), "{model}");
    }
}

#[test]
fn what_a_model_does_not_say_a_flag_or_a_sidecar_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.onnx");
    std::fs::copy(data("no_range"), &path).unwrap();
    let source = || ModelSource::File(path.clone());
    let message = refused(
        Model::open(&runtime(), source(), &SpecOverrides::default()),
        "nothing says which values its pictures take; add --model-range 0..255 (or 0..1, or -1..1)",
    );
    assert!(message.ends_with(", or the line `range = \"0..255\"` to mine.toml"), "{message}");
    for sidecar in ["mine.toml", "mine.onnx.toml"] {
        let sidecar = folder.path().join(sidecar);
        std::fs::write(&sidecar, "range = \"0..255\"\nchannels = \"bgr\"\n").unwrap();
        let model = Model::open(&runtime(), source(), &SpecOverrides::default()).unwrap();
        assert_eq!((model.spec().input.range, model.spec().input.channels), (ValueRange::Byte, Channels::Bgr));
        let flags = SpecOverrides { range: Some(ValueRange::Signed), ..SpecOverrides::default() };
        let model = Model::open(&runtime(), source(), &flags).unwrap();
        assert_eq!((model.spec().input.range, model.spec().input.channels), (ValueRange::Signed, Channels::Bgr));
        std::fs::write(&sidecar, "rang = 1").unwrap();
        refused(Model::open(&runtime(), source(), &SpecOverrides::default()), "no key \"rang\"");
        std::fs::write(&sidecar, "#".repeat(100_000)).unwrap();
        refused(Model::open(&runtime(), source(), &SpecOverrides::default()), "longer than");
        std::fs::remove_file(sidecar).unwrap();
    }
}

/// It is an error of exit code 5, in one line that names the cause.
fn refused<T>(result: Result<T, ModelError>, expected: &str) -> String {
    let error = Error::from(result.err().unwrap_or_else(|| panic!("accepted, but: {expected}")));
    let message = error.to_string();
    assert_eq!(error.exit_code(), 5, "{message}");
    assert!(message.contains(expected), "{message}\nlacks {expected}");
    assert!(!message.contains('\n') && message.len() < 600, "{message}");
    message
}

#[test]
fn row_50_wrong_models_are_refused_each_for_its_reason() {
    for (name, expected) in [
        ("wrong_rank", "a picture has 3 or 4 dimensions, not 2"),
        ("wrong_int64", "a picture of i64 values is not supported"),
        ("wrong_double", "a picture of f64 values is not supported"),
        ("wrong_string", "is not supported"),
        ("wrong_grey", "no dimension is of 3 channels"),
        ("wrong_batch", "it wants 4 pictures at once"),
        ("wrong_layout", "the metadata says nhwc, which contradicts these dimensions"),
        ("wrong_range", "range = \"0..2\": it must be one of 0..1, 0..255, -1..1"),
        ("wrong_version", "this program knows version 1"),
        ("wrong_std", "std is never 0"),
        ("wrong_pad", "it must be a whole number"),
        ("wrong_key_input", "there is no such input"),
        ("half_fixed", "one side of the picture is fixed and the other is not"),
        ("two_inputs", "input \"strength\" has no value; add --model-input strength=1, or the line `inputs = {"),
        ("two_outputs", "outputs \"styled\" and \"negative\" could each be the picture"),
        ("two_pictures", "inputs \"image\" and \"other\" could each be the picture"),
        ("grey_out", "no dimension is of 3 channels"),
        ("external_outside", "escapes model directory"),
        ("unknown_operator", "No Op registered for Paint"),
        ("future_opset", "Opset 99 is under development"),
    ] {
        let message = refused(open(name), expected);
        assert!(message.starts_with(&data(name).display().to_string()), "{message}");
    }
}

#[test]
fn row_49_files_that_are_no_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(data("identity")).unwrap();
    let mut absurd = whole.clone();
    absurd.iter_mut().skip(20).step_by(3).for_each(|byte| *byte = 0xff);
    let cases: [(&str, &[u8], &str); 5] = [
        ("empty.onnx", b"", "is empty"),
        ("text.onnx", b"this is no model\n", "is not an ONNX model"),
        ("cut.onnx", &whole[..whole.len() / 2], "is not an ONNX model, or is cut"),
        ("absurd.onnx", &absurd, ""),
        ("zeros.onnx", &[0; 4096], ""),
    ];
    for (name, bytes, expected) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        refused(Model::open(&runtime(), ModelSource::File(path), &SpecOverrides::default()), expected);
    }
    let open = |path: &Path| Model::open(&runtime(), ModelSource::File(path.into()), &SpecOverrides::default());
    refused(open(folder.path()), "is a folder");
    refused(open(Path::new("/nowhere/x.onnx")), "cannot be read");
}

#[test]
#[cfg(unix)]
fn row_52_external_data_behind_a_link_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(data("external_inside"), folder.path().join("m.onnx")).unwrap();
    let inside = data("external_inside").with_extension("bin");
    std::os::unix::fs::symlink(&inside, folder.path().join("external_inside.bin")).unwrap();
    let source = ModelSource::File(folder.path().join("m.onnx"));
    refused(Model::open(&runtime(), source, &SpecOverrides::default()), "ONNX Runtime refuses it");
}

/// Opens `name` and a session of it.
fn made_ready(name: &str, options: &SessionOptions) -> Result<Session, ModelError> {
    open(name)?.session(Size::new(12, 8), options)
}

#[test]
fn row_50_what_shows_only_when_it_runs_is_refused_before_the_first_frame() {
    refused(made_ready("grey_out_unsaid", &options()), "gives [1, 1, 8, 12] for a picture of 12x8");
}

#[test]
fn row_53_a_model_that_wants_all_memory_is_refused() {
    refused(made_ready("memory_bomb", &options()), "Failed to allocate memory");
}

#[test]
fn row_54_a_model_that_runs_for_ever_is_refused() {
    let soon = SessionOptions { first_run_limit: Duration::from_millis(200), ..options() };
    refused(made_ready("endless", &soon), "is not done with its first picture (12x8) after 200ms");
}

#[test]
fn not_a_number_is_handed_on_for_others_to_see() {
    let (_, output) = run(&mut open("nan").unwrap().session(Size::new(12, 8), &options()).unwrap());
    assert!(output.iter().all(|value| value.is_nan()));
}

#[test]
fn a_tensor_of_another_size_is_refused() {
    let model = open("identity").unwrap();
    let mut session = model.session(Size::new(12, 8), &options()).unwrap();
    let other = picture(&model.session(Size::new(8, 12), &options()).unwrap());
    let mut output = TensorPool::new().lend(session.output_format(), session.output_size());
    refused(session.run(&other, &mut output), "was made ready for pictures of 12x8, not 8x12");
}

#[test]
fn row_55_a_provider_that_is_named_must_run_and_auto_says_why_not_the_others() {
    let model = open("identity").unwrap();
    let there = provider::built_in(&runtime());
    assert!(there.contains(&Provider::Cpu));
    let on = |provider| model.session(Size::new(12, 8), &SessionOptions { provider, ..options() });
    for absent in [Provider::CoreMl, Provider::DirectMl].into_iter().filter(|absent| !there.contains(absent)) {
        let message = refused(on(absent), &format!("provider {absent} does not run here"));
        assert!(message.ends_with(provider::remedy(absent)), "{message}");
    }
    let chosen = on(Provider::Auto).unwrap().choice().clone();
    assert_ne!(chosen.provider, Provider::Auto);
    if chosen.provider == Provider::Cpu {
        let passed_over: Vec<_> = chosen.passed_over.iter().map(|passed| passed.provider).collect();
        assert!(passed_over.contains(&Provider::Cuda) && passed_over.contains(&Provider::OpenVino));
        assert!(chosen.passed_over.iter().all(|passed| !passed.to_string().is_empty()));
    }
}

#[test]
fn what_a_provider_leaves_to_others_is_told() {
    let choice = |name: &str, provider| {
        let options = SessionOptions { provider, ..options() };
        open(name).unwrap().session(Size::new(12, 8), &options).unwrap().choice().clone()
    };
    gives("of_two_minds", |value| if value < 0.5 { 0.0 } else { 1.0 });
    // ONNX Runtime's own kernels take all.
    let own = choice("of_two_minds", Provider::Cpu).leftover;
    assert_eq!((own.nodes, own.of), (0, 3));
    if provider::built_in(&runtime()).contains(&Provider::OpenVino) {
        assert_eq!(choice("invert", Provider::OpenVino).leftover.nodes, 0);
        let left = choice("of_two_minds", Provider::OpenVino).leftover;
        assert!(left.nodes < left.of && left.operators.contains("Binarizer"), "{left}");
        assert!(left.to_string().ends_with(" to the processor"), "{left}");
        // Who takes nothing does not run it.
        let options = SessionOptions { provider: Provider::OpenVino, ..options() };
        let nothing = open("foreign").unwrap().session(Size::new(12, 8), &options);
        refused(nothing, "provider openvino does not run here: it takes none of the 1 nodes of ");
    }
}

#[test]
fn inspection_tells_what_is_known_who_said_it_and_what_is_missing() {
    let inspect = |name: &str, flags: &SpecOverrides| {
        Inspection::of(&runtime(), ModelSource::File(data(name)), flags).unwrap().to_string()
    };
    let whole = inspect("identity", &SpecOverrides { channels: Some(Channels::Bgr), ..SpecOverrides::default() });
    for line in [
        "  input: image [1, 3, height, width] f32\n",
        "  output: styled [1, 3, height, width] f32\n",
        "  range           0..1  (metadata)\n",
        "  channels        bgr  (flag)\n",
        "  output_layout   nchw  (inferred from the graph)\n",
        "  output_range    0..1  (default)\n",
        "  licence         MIT OR Apache-2.0  (metadata)\n",
    ] {
        assert!(whole.contains(line), "{whole}\nlacks {line}");
    }
    assert!(whole.ends_with("\ncan be run"), "{whole}");
    let lacking = inspect("no_range", &SpecOverrides::default());
    assert!(
        lacking.contains("  range           -\n") && lacking.contains("  layout          nchw  (inferred"),
        "{lacking}"
    );
    assert!(lacking.contains("\ncannot be run yet:\n  ") && lacking.ends_with("to no_range.toml"), "{lacking}");
    let two = inspect("two_inputs", &SpecOverrides::default());
    assert!(two.contains("--model-input strength=1") && two.contains("  layout          nchw  (inferred"), "{two}");
    assert!(inspect("wrong_grey", &SpecOverrides::default()).contains("cannot be run yet"));
    assert!(inspect("fixed", &SpecOverrides::default()).contains("  picture: 64x48 only\n"));
    assert!(
        inspect("default_input", &SpecOverrides::default()).contains("  input, with a default: strength [1] f32\n")
    );
}

#[test]
fn the_stage_keeps_stamp_and_original_and_allocates_no_frame_after_the_first() {
    let session = open("upscale2").unwrap().session(Size::new(10, 6), &options()).unwrap();
    let (format, size, border) = (session.input_format(), session.input_size(), session.output_border());
    let (inputs, outputs) = (TensorPool::new(), TensorPool::new());
    let mut stage = Infer::new(Arc::new(Mutex::new(session)), outputs.clone(), Meter::new());
    let frame_size = Size::new(10, 6);
    let (planes, len) = tight_planes(PixelFormat::I420, frame_size);
    let frame_format =
        FrameFormat { size: frame_size, pixels: PixelFormat::I420, colour: Colour::assumed_for(frame_size) };
    let original = Frame::new(frame_format, planes, Arc::new(vec![9u8; len])).unwrap();
    for seq in 0..5 {
        let stamp = Stamp { seq, pts_nanos: Some(seq * 40), ..Stamp::default() };
        let packed = Packed { original: original.clone(), tensor: inputs.lend(format, size) };
        let styled = stage.process(Timed { stamp, item: packed }).unwrap();
        assert_eq!((styled.stamp, styled.item.border), (stamp, border));
        assert_eq!(styled.item.tensor.size, Size::new(36, 28));
        assert_eq!(styled.item.original.bytes().as_ptr(), original.bytes().as_ptr());
    }
    assert_eq!((inputs.misses(), outputs.misses()), (1, 1));
}

#[test]
fn the_first_style_of_the_zoo_runs() {
    let entry = zoo::find(None, None, None, zoo::best_first(false)).unwrap();
    let model = Model::open(&runtime(), entry.source, &SpecOverrides::default()).unwrap();
    assert_eq!((model.label().as_str(), model.spec().pad, model.spec().multiple_of), ("wave", 68, 8));
    let mut session = model.session(Size::new(50, 30), &options()).unwrap();
    assert_eq!((session.input_size(), session.output_size()), (Size::new(192, 168), Size::new(76, 52)));
    assert_eq!(session.output_border(), Border { left: 10, top: 10, right: 16, bottom: 12 });
    // What it paints, `tests/zoo.rs` compares.
    let (_, output) = run(&mut session);
    let (least, most) = output.iter().fold((f32::MAX, f32::MIN), |(a, b), value| (a.min(*value), b.max(*value)));
    assert!(least >= 0.0 && most <= 255.0 && most - least > 20.0, "{least} {most}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "two sessions at once is what is tested")]
fn two_sessions_of_one_model_run_at_the_same_time() {
    let model = open("invert").unwrap();
    let expected = run(&mut model.session(Size::new(64, 48), &options()).unwrap()).1;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut session = model.session(Size::new(64, 48), &options()).unwrap();
                for _ in 0..50 {
                    assert_eq!(run(&mut session).1, expected);
                }
            });
        }
    });
}

#[test]
fn row_48_a_library_that_is_cut_or_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(runtime().path()).unwrap();
    let cut = folder.path().join("libonnxruntime.so.1.99.0");
    std::fs::write(&cut, &whole[..whole.len() * 2 / 3]).unwrap();
    refused(Runtime::load(Some(&cut)), "is cut");
    refused(Runtime::load(Some(folder.path())), "is cut");
    std::fs::write(&cut, "hello").unwrap();
    refused(Runtime::load(Some(&cut)), "is not a shared library; run `make setup`, or set ORT_DYLIB_PATH");
    refused(Runtime::load(Some(Path::new("/nowhere"))), "does not exist");
}

#[test]
fn a_bench_whose_network_gives_no_pictures_says_so_and_ends_with_7() {
    let mut bench = assert_cmd::Command::new(env!("CARGO_BIN_EXE_stylize"));
    let words = "bench --inside --size 64x48 --frames 10 --provider cpu --precision fp16 --style";
    let output = bench.args(words.split(' ')).arg(data("nan")).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{stderr}");
    assert!(stderr.starts_with("warning: --precision fp16: cpu calculates here in no other numbers than "), "{stderr}");
    // Ten that follow each other, and ten alone.
    assert!(stderr.contains("error: the figures are not those that were asked for: 20 frames passed"), "{stderr}");
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("8 frames of 64x48, "));
}
