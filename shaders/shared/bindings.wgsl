// What every kernel is given. Each kernel binds what it uses; one invocation makes one word, or one pixel, of `target`.

struct Params {
    // Of the picture, in pixels.
    size: vec2<u32>,
    // Of the tensor, border included.
    outer: vec2<u32>,
    // First column and row of the picture in the tensor.
    origin: vec2<u32>,
    // How many invocations have something to do.
    invocations: u32,
    unused: u32,
    // Place in memory of red, green and blue.
    order: vec4<u32>,
    // Of the frame: first byte and bytes in a row, both multiples of four.
    planes: array<vec4<u32>, 3>,
    // Rows of the colour matrix, each with its offset.
    matrix: array<vec4<f32>, 3>,
    // What the values of the tensor are held in.
    low: vec4<f32>,
    high: vec4<f32>,
    // What makes 0..=1 of them.
    gain: vec4<f32>,
    bias: vec4<f32>,
    // Weights of chroma samples along rows and columns. On the way up: two for even pixels, two for odd ones; on the way
    // down: four.
    across: vec4<f32>,
    along: vec4<f32>,
    // Weights of red, green and blue in luma; strength.
    mixing: vec4<f32>,
    // What the kernel looks up, and where in the table: each says for itself.
    lookup: array<vec4<u32>, 4>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> frame_words: array<u32>;
@group(0) @binding(2) var<storage, read> tensor_words: array<u32>;
@group(0) @binding(3) var<storage, read_write> target_words: array<u32>;
// Not 0 when a value of the tensor was no number.
@group(0) @binding(4) var<storage, read_write> flaws: atomic<u32>;

// What a kernel looks up.
@group(0) @binding(5) var<storage, read> table_words: array<u32>;
// What an earlier run left, or an earlier pass.
@group(0) @binding(6) var<storage, read> earlier_words: array<u32>;

const GROUP: u32 = 64u;

// How the samples of a frame lie. Planar: red, green and blue in planes of f32, which may leave 0..=1 a little.
const I420: u32 = 0u;
const NV12: u32 = 1u;
const RGBX: u32 = 2u;
const PLANAR: u32 = 3u;
override PIXELS: u32 = 0u;

// How the values of a tensor lie, and the bytes of one.
const NCHW: u32 = 0u;
const NHWC: u32 = 1u;
const BLOCKS4: u32 = 2u;
override LAYOUT: u32 = 0u;
override VALUE_BYTES: u32 = 4u;

// Whether only lightness is taken from the style.
override KEEP_COLOUR: bool = false;

// Whether it is the width that changes.
override ALONG_ROWS: bool = false;

// Number of this invocation; groups lie in two dimensions, since one holds only 65535 of them.
fn number(id: vec3<u32>, groups: vec3<u32>) -> u32 {
    return id.x + id.y * groups.x * GROUP;
}

// Four codes as the nearest bytes.
fn bytes_of(codes: vec4<f32>) -> u32 {
    let bytes = vec4<u32>(round(clamp(codes, vec4<f32>(0.0), vec4<f32>(255.0))));
    return bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}

// The colour matrix applied.
fn mapped(colour: vec3<f32>) -> vec3<f32> {
    let extended = vec4<f32>(colour, 1.0);
    return vec3<f32>(
        dot(params.matrix[0], extended),
        dot(params.matrix[1], extended),
        dot(params.matrix[2], extended),
    );
}
