// From the planes of a frame to the tensor of a network, with a reflected border. Twin: `convert::cpu::pack`.

// Where a position falls when `0..len` is continued by reflection; the edge is not repeated.
fn reflected(position: i32, len: u32) -> u32 {
    let period = 2 * (i32(len) - 1);
    let whole = max(period, 1);
    let phase = ((position % whole) + whole) % whole;
    return u32(min(phase, period - phase));
}

// Value `index` of the tensor.
fn packed_value(index: u32) -> f32 {
    let plane_len = params.outer.x * params.outer.y;
    var place = index / plane_len;
    var pixel = index % plane_len;
    if LAYOUT == NHWC {
        place = index % 3u;
        pixel = index / 3u;
    }
    let at = vec2<i32>(i32(pixel % params.outer.x), i32(pixel / params.outer.x)) - vec2<i32>(params.origin);
    let rgb = frame_rgb(vec2<u32>(reflected(at.x, params.size.x), reflected(at.y, params.size.y)));
    // The order is its own inverse: only the outer two change places.
    let channel = params.order[min(place, 2u)];
    return clamp(rgb, params.low.xyz, params.high.xyz)[channel];
}

@compute @workgroup_size(64)
fn pack(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = number(id, groups);
    if word >= params.invocations {
        return;
    }
    if VALUE_BYTES == 1u {
        let first = 4u * word;
        target_words[word] = bytes_of(vec4<f32>(
            packed_value(first),
            packed_value(first + 1u),
            packed_value(first + 2u),
            packed_value(first + 3u),
        ));
    } else if VALUE_BYTES == 2u {
        target_words[word] = pack2x16float(vec2<f32>(packed_value(2u * word), packed_value(2u * word + 1u)));
    } else {
        target_words[word] = bitcast<u32>(packed_value(word));
    }
}
