//! Rows of the graphics card: what is broken here is a real device, or the program that imitates one.

use std::fs;
use std::process::Command;

use serde_json::json;
use stylize::compose::{Controls, LiveControls};
use stylize::convert::{Convert, ConvertChoice, RunCard};
use stylize::flow::{Source, Stage};
use stylize::frame::{Frame, FrameRate, PixelFormat, Size, Stamp, Timed};
use stylize::gpu::card::Card;
use stylize::gpu::context::{Choice, Context, Fault, Wanted};
use stylize::model::{Arithmetic, Model, ModelSource, Runtime, SpecOverrides};
use stylize::options::Provider;
use stylize::report::Meter;
use stylize::source::test_pattern::TestPattern;
use stylize::stylizer::{Order, Stylizer};

use crate::common::clip::Clip;
use crate::common::{Folder, HANG, card, model, skip};

const SIZE: Size = Size::new(66, 42);

/// A way to paint.
#[derive(Clone, Copy, Debug)]
struct Way {
    strength: f32,
    stabilise: f32,
    net: Size,
}

const WAYS: [Way; 4] = [
    Way { strength: 1.0, stabilise: 0.0, net: SIZE },
    Way { strength: 0.5, stabilise: 0.0, net: SIZE },
    Way { strength: 1.0, stabilise: 0.8, net: SIZE },
    Way { strength: 0.5, stabilise: 0.8, net: Size::new(33, 21) },
];

fn stylizer(convert: ConvertChoice, way: Way, meter: &Meter) -> (Stylizer, TestPattern) {
    stylizer_of(&RunCard::default(), convert, way, meter)
}

/// One of several stylizers of a run.
fn stylizer_of(run: &RunCard, convert: ConvertChoice, way: Way, meter: &Meter) -> (Stylizer, TestPattern) {
    let fps = FrameRate { frames: 25.try_into().unwrap(), seconds: 1.try_into().unwrap() };
    let pattern = TestPattern::new(SIZE, fps, Some(9)).unwrap();
    let runtime = Runtime::load(None).unwrap();
    let model = Model::open(&runtime, ModelSource::File(model("invert")), &SpecOverrides::default()).unwrap();
    let order = Order {
        source: pattern.format(),
        net: way.net,
        out: pattern.format(),
        controls: LiveControls::new(Controls { strength: way.strength, keep_colour: false, stabilise: way.stabilise }),
        provider: Provider::Cpu,
        arithmetic: Arithmetic::default(),
        light: false,
        on_card: false,
        convert,
        card: run.clone(),
        threads: Some(1),
        ceiling_bytes: None,
        crew: 1,
        workers: 1,
    };
    (Stylizer::new(&model, &order, meter).unwrap(), pattern)
}

/// All frames of the pattern, painted; `before` is asked before each.
fn paint(stylizer: &mut Stylizer, mut pattern: TestPattern, before: impl Fn(&Stylizer, &mut Stamp)) -> Vec<Frame> {
    let mut painted = Vec::new();
    while let Some(mut frame) = pattern.next().unwrap() {
        before(stylizer, &mut frame.stamp);
        let Timed { item, .. } = stylizer.process(frame).unwrap();
        painted.push(item);
    }
    painted
}

/// Where two paintings differ by a code, their mixes with those before may differ by one more.
fn assert_alike(got: &[Frame], wanted: &[Frame], way: Way) {
    let most = if way.stabilise > 0.0 { 2 } else { 1 };
    assert_eq!((got.len(), wanted.len()), (9, 9));
    for (nth, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert_eq!(got.format().pixels, PixelFormat::I420);
        let furthest = got.bytes().iter().zip(wanted.bytes()).map(|(got, wanted)| got.abs_diff(*wanted)).max();
        assert!(furthest.is_some_and(|codes| codes <= most), "frame {nth}, {way:?}: {furthest:?}");
    }
}

/// Breaks the device before frames 3 and 6: the first time it is opened again, the second time the CPU goes on.
fn two_faults(what: &str, fault: impl Fn(&Context)) {
    let Some(found) = card::shared() else { return };
    let convert = ConvertChoice { convert: Convert::Gpu, gpu: Wanted::Name(found.name().into()) };
    for way in WAYS {
        let (mut on_cpu, pattern) = stylizer(ConvertChoice::default(), way, &Meter::new());
        // The painting before goes with the device: what follows begins anew, and that is all.
        let wanted = paint(&mut on_cpu, pattern, |_, stamp| stamp.discontinuity = [3, 6].contains(&stamp.seq));
        let meter = Meter::new();
        let (mut on_card, pattern) = stylizer(convert.clone(), way, &meter);
        let got = paint(&mut on_card, pattern, |stylizer, Stamp { seq, .. }| {
            let seq = *seq;
            let workshop = stylizer.card().unwrap().workshop();
            assert_eq!(workshop.is_some(), seq <= 6, "frame {seq}");
            assert_eq!(meter.gpu_faults(), (seq / 3).saturating_sub(u64::from(seq % 3 == 0)).min(2), "frame {seq}");
            if [3, 6].contains(&seq) {
                fault(workshop.unwrap().context());
            }
        });
        assert_alike(&got, &wanted, way);
        assert_eq!((meter.gpu_faults(), meter.frames_substituted()), (2, 0));
        let warnings = meter.warnings();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings.iter().all(|warning| warning.contains(what) && !warning.contains('\n')), "{warnings:?}");
        assert!(warnings[0].contains("opened again") && warnings[1].contains("the CPU converts the rest"));
    }
}

#[test]
fn row_42_a_card_that_is_out_of_memory_is_opened_again_once_then_the_cpu_goes_on() {
    // No driver is out of memory at will; that its error becomes this fault is tested beside that.
    two_faults("out of graphics memory", |context| context.fail(Fault::OutOfMemory));
}

#[test]
fn row_42_what_a_card_does_not_take_is_no_end_either() {
    two_faults("create_shader_module", |context| {
        let source = wgpu::ShaderSource::Wgsl("this is no shader".into());
        drop(context.device().create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source }));
    });
}

#[test]
fn row_42_a_buffer_that_is_too_large_is_no_end_either() {
    two_faults("greater than the maximum", |context| {
        // Nobody asked for the error, which ends programs.
        let usage = wgpu::BufferUsages::STORAGE;
        let absurd = wgpu::BufferDescriptor { label: None, size: 1 << 50, usage, mapped_at_creation: false };
        drop(context.device().create_buffer(&absurd));
    });
}

#[test]
fn row_42_the_stylizers_of_a_run_have_one_card_which_is_opened_again_once_for_all() {
    let Some(found) = card::shared() else { return };
    let convert = ConvertChoice { convert: Convert::Gpu, gpu: Wanted::Name(found.name().into()) };
    let (run, meter) = (RunCard::default(), Meter::new());
    // As live, where each style that is changed to has a stylizer of its own.
    let stylizer = || stylizer_of(&run, convert.clone(), WAYS[0], &meter);
    let (first, _) = stylizer();
    for faults in 1..=2 {
        let (mut next, pattern) = stylizer();
        let workshop = next.card().unwrap().workshop().unwrap();
        workshop.context().fail(Fault::OutOfMemory);
        assert_eq!(paint(&mut next, pattern, |_, _| ()).len(), 9);
        assert_eq!(meter.gpu_faults(), faults);
    }
    assert!(first.card().unwrap().workshop().is_none(), "it failed for good, for all of the run");
    let (last, _) = stylizer();
    assert_eq!((last.converts_on(), meter.warnings().len()), (Convert::Cpu, 2));
}

#[test]
fn row_43_a_card_that_is_lost_is_opened_again_once_then_the_cpu_goes_on() {
    two_faults("lost", |context| context.device().destroy());
}

/// Where wgpu itself panics: it does so when it asks a device that the driver has lost how far it is.
#[test]
fn row_43_a_device_that_the_driver_loses_in_the_middle_of_a_video_is_no_end() {
    let software = Choice { wanted: Wanted::Kind(wgpu::DeviceType::Cpu), software: true };
    if !cfg!(target_os = "linux") || Card::open(&software).is_err() {
        return skip("Mesa's lavapipe, which imitates a card, is not here");
    }
    let folder = Folder::new();
    Clip::new(9).write(&folder.path("in.mp4"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/lost_device.c");
    let compile = ["-shared", "-fPIC", source, "-o", "lost_device.so", "-ldl"];
    assert!(Command::new("cc").args(compile).current_dir(folder.path("")).status().unwrap().success());
    let driver = json!({"file_format_version": "1.0.0",
        "ICD": {"api_version": "1.3.0", "library_path": folder.path("lost_device.so")}});
    fs::write(folder.path("driver.json"), driver.to_string()).unwrap();

    for (losses, told) in [(1, "and it was opened again"), (2, "failed again: the device was lost")] {
        let mut command = folder.command("in.mp4 out.mp4 --force --convert gpu --gpu software");
        command.envs(["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].map(|name| (name, folder.path("driver.json"))));
        let output = command.env("LOSES", losses.to_string()).timeout(HANG).output().unwrap();
        let (stderr, report) = (String::from_utf8(output.stderr).unwrap(), folder.take_report());
        assert_eq!(output.status.code(), Some(7), "{stderr}");
        assert_eq!((&report["gpu_faults"], &report["frames_out"]), (&losses.into(), &9.into()), "{stderr}");
        assert!(stderr.contains(told) && !stderr.contains("fault of stylize"), "{stderr}");
    }
}

#[test]
fn a_video_is_made_on_a_card_that_is_asked_for() {
    let Some(found) = card::shared() else { return };
    let folder = Folder::new();
    Clip::new(5).write(&folder.path("in.mp4"));
    let software = if found.name().contains("llvmpipe") { "llvmpipe" } else { "best" };
    let ended = folder.run(&format!("in.mp4 out.mp4 --strength 0.5 --convert gpu --gpu {software}"));
    let report = ended.good(5).report;
    assert_eq!((&report["convert"], &report["gpu_faults"]), (&"gpu".into(), &0.into()));
    folder.run("in.mp4 no.mp4 --convert gpu --gpu nowhere").refused(6, "--convert gpu: no graphics adapter is nowhere");
    assert_eq!(folder.names(), ["in.mp4", "out.mp4"]);
}
