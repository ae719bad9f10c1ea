use proptest::prelude::*;

use super::*;
use crate::model::statements::SpecOverrides;
use crate::tensor::DType;

fn port(name: &str, element: Element, dims: &[i64]) -> GraphPort {
    let dims = dims.iter().map(|&len| u64::try_from(len).map_or(Dim::Free(None), Dim::Fixed)).collect();
    GraphPort { name: name.into(), element, dims }
}

fn graph(input: &[i64], output: &[i64]) -> Graph {
    Graph {
        inputs: vec![port("in", Element::F32, input)],
        outputs: vec![port("out", Element::F32, output)],
        optional_inputs: Vec::new(),
    }
}

fn says(lines: &[(&str, &str)]) -> Statements {
    let metadata = lines.iter().map(|(key, value)| (format!("stylize.{key}"), (*value).to_owned()));
    Statements::gather(metadata, None, &SpecOverrides::default()).unwrap()
}

fn resolve(input: &[i64], output: &[i64], lines: &[(&str, &str)]) -> Result<ModelSpec, SpecError> {
    ModelSpec::resolve(&graph(input, output), &says(lines))
}

const UNIT: (&str, &str) = ("range", "0..1");

#[test]
fn only_the_range_must_be_said() {
    let spec = resolve(&[1, 3, -1, -1], &[1, 3, -1, -1], &[("range", "0..255")]).unwrap();
    assert_eq!((spec.multiple_of, spec.pad, spec.fixed_picture()), (1, 0, None));
    assert_eq!((spec.output.range, spec.input.channels), (ValueRange::Byte, Channels::Rgb));
    let format = spec.input.tensor_format();
    assert_eq!((format.gain, format.bias, format.dtype), ([255.0; 3], [0.0; 3], DType::F32));
    assert_eq!(resolve(&[1, 3, -1, -1], &[1, 3, -1, -1], &[]), Err(SpecError::NoRange));
}

#[test]
fn layouts_follow_from_the_graph_for_each_side() {
    type Case = (&'static [i64], &'static [i64], [Layout; 2], [bool; 2]);
    let cases: [Case; 6] = [
        (&[1, 3, -1, -1], &[1, 3, -1, -1], [Layout::Nchw; 2], [true; 2]),
        (&[-1, -1, -1, 3], &[-1, -1, -1, 3], [Layout::Nhwc; 2], [true; 2]),
        (&[1, 3, 180, 320], &[180, 320, 3], [Layout::Nchw, Layout::Nhwc], [true, false]),
        (&[3, -1, -1], &[], [Layout::Nchw; 2], [false; 2]),
        (&[1, 3, 3, 3], &[1, -1, -1, -1], [Layout::Nchw; 2], [true; 2]),
        (&[1, -1, -1, 3], &[-1, -1, -1, -1], [Layout::Nhwc; 2], [true; 2]),
    ];
    for (input, output, layouts, batch) in cases {
        let spec = resolve(input, output, &[UNIT]).unwrap();
        assert_eq!([spec.input.layout, spec.output.layout], layouts, "{input:?} {output:?}");
        assert_eq!([spec.input.batch, spec.output.batch], batch, "{input:?} {output:?}");
    }
}

#[test]
fn an_output_may_lie_in_blocks_without_a_border() {
    let bytes = |dims: &[i64]| port("styled", Element::U8, dims);
    let lines = [UNIT, ("pad", "12"), ("multiple_of", "8"), ("output_layout", "blocks4"), ("output_pad", "0")];
    let of = |output: GraphPort, lines: &[(&str, &str)]| {
        let graph = Graph { outputs: vec![output], ..graph(&[1, -1, -1, 3], &[]) };
        ModelSpec::resolve(&graph, &says(lines))
    };
    let spec = of(bytes(&[1, -1, -1, 48]), &lines).unwrap();
    assert_eq!((spec.output.layout, spec.pad, spec.output_pad), (Layout::Blocks4, 12, 0));
    // 50 x 30 takes 80 x 56, of which 56 x 32 come back.
    let (picture, out) = (Size::new(50, 30), Size::new(56, 32));
    let border = spec.border(picture);
    assert_eq!(border.outer(picture), Size::new(80, 56));
    assert_eq!((spec.output.size_of(&[1, 8, 14, 48]), spec.output.shape(out)), (Some(out), vec![1, 8, 14, 48]));
    assert_eq!(spec.output_border(border, Size::new(80, 56), out), Border { right: 6, bottom: 2, ..Border::default() });
    // As many bytes as a block has, and bytes they must be; nothing takes blocks, and nothing gives more border than it got.
    assert!(of(bytes(&[1, -1, -1, 3]), &lines).is_err());
    assert!(of(port("styled", Element::F32, &[1, -1, -1, 48]), &lines).is_err());
    assert!(of(bytes(&[1, -1, -1, 48]), &[UNIT, ("layout", "blocks4"), ("output_layout", "blocks4")]).is_err());
    assert!(of(bytes(&[1, -1, -1, 3]), &[UNIT, ("pad", "4"), ("output_pad", "8")]).is_err());
}

#[test]
fn a_graph_that_says_nothing_of_channels_needs_a_word() {
    let free = [-1, -1, -1, -1];
    assert!(matches!(resolve(&free, &free, &[UNIT]), Err(SpecError::NoLayout { .. })));
    let spec = resolve(&free, &free, &[UNIT, ("layout", "nhwc")]).unwrap();
    assert_eq!([spec.input.layout, spec.output.layout], [Layout::Nhwc; 2]);
}

#[test]
fn what_contradicts_the_graph_is_refused() {
    type Case<'a> = (&'a [i64], &'a [i64], (&'a str, &'a str), &'a str);
    let picture = [1, 3, 48, 64];
    let cases: [Case<'_>; 9] = [
        (&[1, 3, -1, -1], &picture, ("layout", "nhwc"), "the metadata says nhwc, which contradicts"),
        (&picture, &[1, -1, -1, 3], ("output_layout", "nchw"), "the metadata says nchw, which contradicts"),
        (&[1, 1, 48, 64], &picture, UNIT, "no dimension is of 3 channels"),
        (&picture, &[1, 1, 48, 64], UNIT, "no dimension is of 3 channels"),
        (&[2, 3, 48, 64], &picture, UNIT, "2 pictures at once"),
        (&[48, 64], &picture, UNIT, "3 or 4 dimensions, not 2"),
        (&[1, 3, 48, -1], &picture, UNIT, "one side of the picture is fixed"),
        (&[1, 3, 48, 1 << 40], &picture, UNIT, "no picture is of"),
        (&[1, 3, 0, 64], &picture, UNIT, "no picture is of"),
    ];
    for (input, output, line, expected) in cases {
        let message = resolve(input, output, &[UNIT, line]).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn values_that_cannot_be_meant_are_refused() {
    let cases = [
        ("range", "0..2"),
        ("channels", "grb"),
        ("layout", "chw"),
        ("version", "2"),
        ("std", "0"),
        ("std", "1,1"),
        ("mean", "nan"),
        ("mean", ""),
        ("pad", "-1"),
        ("pad", "99999"),
        ("multiple_of", "x"),
        ("kmac_per_pixel", "many"),
        ("sum_bits", "sixteen"),
        ("tier", "large"),
        ("precision", "fp8"),
        ("inputs.missing", "1"),
    ];
    for (key, value) in cases {
        let error = resolve(&[1, 3, -1, -1], &[1, 3, -1, -1], &[UNIT, (key, value)]).unwrap_err();
        assert!(matches!(&error, SpecError::Value { key: said, .. } if said == key), "{error}");
    }
}

#[test]
fn a_style_that_was_trained_here_says_its_tier_and_precision() {
    let of = |lines: &[(&str, &str)]| resolve(&[1, 3, -1, -1], &[1, 3, -1, -1], lines).unwrap().about;
    let said = of(&[UNIT, ("tier", "fine"), ("precision", "int8")]);
    assert_eq!((said.tier, said.precision), (Some(Tier::Fine), Some(Precision::Int8)));
    let foreign = of(&[UNIT]);
    assert_eq!((foreign.tier, foreign.precision), (None, None));
}

#[test]
fn mean_and_deviation_become_gain_and_bias() {
    let lines = [UNIT, ("mean", "0.485, 0.456, 0.406"), ("std", "[0.229,0.224,0.225]"), ("channels", "bgr")];
    let spec = resolve(&[1, 3, -1, -1], &[1, 3, -1, -1], &lines).unwrap();
    let format = spec.input.tensor_format();
    assert!((format.gain[0] - 1.0 / 0.229).abs() < 1e-5 && (format.bias[2] + 0.406 / 0.225).abs() < 1e-5);
    assert_eq!((spec.output.tensor_format().gain, spec.output.tensor_format().bias), ([1.0; 3], [0.0; 3]));
    let signed = resolve(&[1, 3, -1, -1], &[1, 3, -1, -1], &[("range", "-1..1"), ("output_range", "0..255")]).unwrap();
    assert_eq!((signed.input.tensor_format().gain, signed.input.tensor_format().bias), ([2.0; 3], [-1.0; 3]));
    assert_eq!(signed.output.tensor_format().gain, [255.0; 3]);
}

#[test]
fn a_fixed_size_leaves_room_for_the_border() {
    let lines = [UNIT, ("pad", "4"), ("multiple_of", "8")];
    let spec = resolve(&[1, 3, 48, 64], &[1, 3, 48, 64], &lines).unwrap();
    let picture = spec.fixed_picture().unwrap();
    assert_eq!(picture, Size::new(56, 40));
    assert_eq!(spec.border(picture).outer(picture), Size::new(64, 48));
    assert!(resolve(&[1, 3, 48, 64], &[1, 3, 48, 64], &[UNIT, ("pad", "24")]).is_err());
    assert!(resolve(&[1, 3, 48, 64], &[1, 3, 48, 64], &[UNIT, ("multiple_of", "7")]).is_err());
}

#[test]
fn further_inputs_need_a_value_unless_the_graph_has_one() {
    let mut graph = graph(&[1, 3, -1, -1], &[1, 3, -1, -1]);
    graph.inputs.insert(0, port("strength", Element::F32, &[1]));
    graph.optional_inputs.push(port("steps", Element::I64, &[-1, 2]));
    assert_eq!(ModelSpec::resolve(&graph, &says(&[UNIT])), Err(SpecError::NoValue { name: "strength".into() }));
    let spec = ModelSpec::resolve(&graph, &says(&[UNIT, ("inputs.strength", "0.5"), ("inputs.steps", "2")])).unwrap();
    assert_eq!(spec.input.name, "in");
    let steps = spec.constants.iter().find(|constant| constant.name == "steps").unwrap();
    assert_eq!((&steps.element, steps.shape.as_slice(), steps.value), (&Element::I64, [1, 2].as_slice(), 2.0));
    graph.inputs[0] = port("strength", Element::F32, &[1 << 30, 1 << 40]);
    let error = ModelSpec::resolve(&graph, &says(&[UNIT, ("inputs.strength", "1")])).unwrap_err();
    assert!(error.to_string().contains("1 to 65536 elements"), "{error}");
}

#[test]
fn what_could_be_two_pictures_is_refused_and_what_cannot_is_not() {
    let mut two = graph(&[1, 3, -1, -1], &[1, 3, -1, -1]);
    two.outputs.push(port("mask", Element::F32, &[1, 1, 48, 64]));
    assert_eq!(ModelSpec::resolve(&two, &says(&[UNIT])).unwrap().output.name, "out");
    two.outputs.push(port("other", Element::F32, &[1, 3, -1, -1]));
    assert!(matches!(ModelSpec::resolve(&two, &says(&[UNIT])), Err(SpecError::Ambiguous { what: "output", .. })));
    assert!(matches!(
        ModelSpec::resolve(&Graph::default(), &says(&[UNIT])),
        Err(SpecError::NoPicture { what: "input" })
    ));
}

#[test]
fn the_missing_line_is_shown() {
    let hint = SpecError::NoValue { name: "a b".into() }.sidecar_hint("x.toml");
    assert_eq!(hint, ", or the line `inputs = { \"a b\" = 1.0 }` to x.toml");
    assert_eq!(SpecError::NoRange.sidecar_hint("x.toml"), ", or the line `range = \"0..255\"` to x.toml");
    assert_eq!(SpecError::NoRange.sidecar_hint(""), "");
}

proptest! {
    /// Whatever stands in a file of somebody else's: an answer or one line, never a panic.
    #[test]
    fn any_model_and_any_words_are_answered(
        input in proptest::collection::vec(prop_oneof![Just(-1i64), Just(3), 0..20_000i64, Just(i64::MAX)], 0..6),
        output in proptest::collection::vec(prop_oneof![Just(-1i64), Just(3), 0..20_000i64], 0..6),
        words in proptest::collection::vec(("[a-z_.]{1,12}|range|layout|std|mean|pad|multiple_of", ".{0,20}"), 0..6),
        sidecar in ".{0,60}",
    ) {
        let metadata = words.into_iter().map(|(key, value)| (format!("stylize.{key}"), value));
        let told = Statements::gather(metadata, Some(&sidecar), &SpecOverrides::default());
        let resolved = told.and_then(|said| ModelSpec::resolve(&graph(&input, &output), &said.assuming("range", "0..1")));
        match resolved {
            Ok(spec) => {
                let picture = spec.fixed_picture().unwrap_or(Size::new(9, 7));
                let outer = spec.border(picture).outer(picture);
                prop_assert_eq!(spec.input.size_of(&spec.input.shape(outer)), Some(outer));
                prop_assert!(spec.input.tensor_format().gain.iter().all(|gain| *gain != 0.0 && gain.is_finite()));
            }
            Err(error) => prop_assert!(!error.to_string().chars().any(char::is_control), "{}", error),
        }
    }
}
