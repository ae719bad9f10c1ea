// Shows a picture, however its planes lie, on a part of the window.
//
// What its numbers mean is told by the uniforms alone: each plane has a matrix, and red, green and blue are the sum of
// what the planes give. What is written is gamma-coded as the picture is.

struct Show {
    rgb_from_planes: array<mat3x3f, 3>,
    // Red, green and blue where all samples are 0.
    rgb_at_zero: vec3f,
    // How many samples a pixel of the window averages, in each direction.
    taps: f32,
    // The picture at the left upper corner of its part of the window, and from there to the right lower one: (0, 0) and
    // (1, 1) are the corners of the picture.
    origin: vec2f,
    span: vec2f,
    // What one pixel of the window takes of it.
    pixel: vec2f,
    // From a place in the picture to that in the planes of chroma.
    chroma_scale: vec2f,
    chroma_shift: vec2f,
}

@group(0) @binding(0) var<uniform> show: Show;
@group(0) @binding(1) var show_filter: sampler;
@group(0) @binding(2) var first_plane: texture_2d<f32>;
@group(0) @binding(3) var second_plane: texture_2d<f32>;
@group(0) @binding(4) var third_plane: texture_2d<f32>;

struct ShowCorner {
    @builtin(position) position: vec4f,
    @location(0) place: vec2f,
}

// One triangle that covers all of it.
@vertex
fn show_corner(@builtin(vertex_index) index: u32) -> ShowCorner {
    let corner = vec2f(f32(index & 1u), f32(index >> 1u)) * 2.0;
    return ShowCorner(vec4f(corner.x * 2.0 - 1.0, 1.0 - corner.y * 2.0, 0.0, 1.0), show.origin + show.span * corner);
}

fn rgb_at(place: vec2f) -> vec3f {
    let chroma_place = place * show.chroma_scale + show.chroma_shift;
    return show.rgb_at_zero
        + show.rgb_from_planes[0] * textureSampleLevel(first_plane, show_filter, place, 0.0).rgb
        + show.rgb_from_planes[1] * textureSampleLevel(second_plane, show_filter, chroma_place, 0.0).rgb
        + show.rgb_from_planes[2] * textureSampleLevel(third_plane, show_filter, chroma_place, 0.0).rgb;
}

@fragment
fn show_pixel(in: ShowCorner) -> @location(0) vec4f {
    var sum = vec3f(0.0);
    for (var y = 0.5; y < show.taps; y += 1.0) {
        for (var x = 0.5; x < show.taps; x += 1.0) {
            sum += rgb_at(in.place + (vec2f(x, y) / show.taps - 0.5) * show.pixel);
        }
    }
    return vec4f(sum / (show.taps * show.taps), 1.0);
}
