// Reading a tensor.

// Whether this invocation met a value that is no number.
var<private> flawed: bool = false;

// Index of a value; `place` is that of its channel in memory, `at` counts from the border's corner.
fn value_index(place: u32, at: vec2<u32>) -> u32 {
    if LAYOUT == NHWC {
        return (at.y * params.outer.x + at.x) * 3u + place;
    }
    if LAYOUT == BLOCKS4 {
        let block = at / 4u;
        let within = at % 4u;
        return ((block.y * (params.outer.x / 4u) + block.x) * 16u + within.y * 4u + within.x) * 3u + place;
    }
    return (place * params.outer.y + at.y) * params.outer.x + at.x;
}

// A value; numbers are told from others by their bits, since a shader may take it that there are no others.
fn value(index: u32) -> f32 {
    if VALUE_BYTES == 1u {
        return f32(extractBits(tensor_words[index / 4u], (index % 4u) * 8u, 8u));
    }
    if VALUE_BYTES == 2u {
        let bits = extractBits(tensor_words[index / 2u], (index % 2u) * 16u, 16u);
        flawed = flawed || (bits & 0x7c00u) == 0x7c00u;
        return unpack2x16float(bits).x;
    }
    let bits = tensor_words[index];
    flawed = flawed || (bits & 0x7f800000u) == 0x7f800000u;
    return bitcast<f32>(bits);
}

// Red, green and blue of a pixel of the picture, in the tensor's own scale.
fn tensor_rgb(pixel: vec2<u32>) -> vec3<f32> {
    let at = pixel + params.origin;
    let values = vec3<f32>(
        value(value_index(params.order.x, at)),
        value(value_index(params.order.y, at)),
        value(value_index(params.order.z, at)),
    );
    return clamp(values, params.low.xyz, params.high.xyz);
}

fn tell_flaws() {
    if flawed {
        atomicOr(&flaws, 1u);
    }
}
