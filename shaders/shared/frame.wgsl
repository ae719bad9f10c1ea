// Reading a frame.

// Where a byte of a frame stands.
fn frame_place(plane: u32, byte: u32, row: u32) -> u32 {
    return params.planes[plane].x + row * params.planes[plane].y + byte;
}

// The plane that has byte `at`.
fn plane_of(at: u32) -> u32 {
    return select(0u, 1u, at >= params.planes[1].x) + select(0u, 1u, at >= params.planes[2].x);
}

// Where byte `at` of a frame stands: the other way round.
struct Standing {
    plane: u32,
    row: u32,
    byte: u32,
}

fn standing_of(at: u32) -> Standing {
    let plane = plane_of(at);
    let within = at - params.planes[plane].x;
    return Standing(plane, within / params.planes[plane].y, within % params.planes[plane].y);
}

fn frame_byte(at: u32) -> u32 {
    return extractBits(frame_words[at / 4u], (at % 4u) * 8u, 8u);
}

// Of a frame that an earlier run or pass left.
fn earlier_byte(at: u32) -> u32 {
    return extractBits(earlier_words[at / 4u], (at % 4u) * 8u, 8u);
}

// Bytes of a pixel.
fn step_of(plane: u32) -> u32 {
    if PIXELS == RGBX {
        return 4u;
    }
    return select(1u, 2u, PIXELS == NV12 && plane == 1u);
}

fn frame_code(plane: u32, byte: u32, row: u32) -> f32 {
    return f32(frame_byte(frame_place(plane, byte, row)));
}

fn chroma_code(column: u32, row: u32) -> vec2<f32> {
    if PIXELS == NV12 {
        return vec2<f32>(frame_code(1u, 2u * column, row), frame_code(1u, 2u * column + 1u, row));
    }
    return vec2<f32>(frame_code(1u, column, row), frame_code(2u, column, row));
}

// Cb and Cr at a pixel, by linear interpolation at their siting; edges are repeated.
fn chroma_at(pixel: vec2<u32>) -> vec2<f32> {
    let last = (params.size + 1u) / 2u - 1u;
    let here = pixel / 2u;
    let odd = (pixel % 2u) == vec2<u32>(1u);
    let first = select(max(here, vec2<u32>(1u)) - 1u, here, odd);
    let second = select(here, min(here + 1u, last), odd);
    let across = select(params.across.xy, params.across.zw, odd.x);
    let along = select(params.along.xy, params.along.zw, odd.y);
    let above = across.x * chroma_code(first.x, first.y) + across.y * chroma_code(second.x, first.y);
    let below = across.x * chroma_code(first.x, second.y) + across.y * chroma_code(second.x, second.y);
    return along.x * above + along.y * below;
}

// The pixel through the colour matrix.
fn frame_rgb(pixel: vec2<u32>) -> vec3<f32> {
    if PIXELS == PLANAR {
        let plane_len = params.size.x * params.size.y;
        let at = pixel.y * params.size.x + pixel.x;
        return mapped(vec3<f32>(
            bitcast<f32>(frame_words[at]),
            bitcast<f32>(frame_words[plane_len + at]),
            bitcast<f32>(frame_words[2u * plane_len + at]),
        ));
    }
    let luma = frame_code(0u, step_of(0u) * pixel.x, pixel.y);
    if PIXELS == RGBX {
        let byte = 4u * pixel.x;
        return mapped(vec3<f32>(luma, frame_code(0u, byte + 1u, pixel.y), frame_code(0u, byte + 2u, pixel.y)));
    }
    return mapped(vec3<f32>(luma, chroma_at(pixel)));
}

// Red, green and blue as the matrix to 0..=1 gives them: codes are held in there, what was resized overshoots.
fn picture_rgb(pixel: vec2<u32>) -> vec3<f32> {
    let rgb = frame_rgb(pixel);
    return select(clamp(rgb, vec3<f32>(0.0), vec3<f32>(1.0)), rgb, PIXELS == PLANAR);
}
