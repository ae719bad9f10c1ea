// From the tensor of a network to the planes of a frame. Twin: `convert::cpu::unpack`.

// Cb and Cr of a chroma sample: the matrix is linear, so the mean of the colours round it is brought through that once.
fn chroma_of(sample: vec2<u32>) -> vec2<f32> {
    let last = vec2<i32>(params.size) - 1;
    let first = 2 * vec2<i32>(sample) - 1;
    var mean = vec3<f32>(0.0);
    for (var j = 0; j < 4; j++) {
        for (var i = 0; i < 4; i++) {
            let weight = params.along[j] * params.across[i];
            if weight > 0.0 {
                let pixel = clamp(first + vec2<i32>(i, j), vec2<i32>(0), last);
                mean += weight * tensor_rgb(vec2<u32>(pixel));
            }
        }
    }
    return mapped(mean).yz;
}

// Codes of the four bytes that begin at `byte` of a row of luma.
fn luma_codes(byte: u32, row: u32) -> vec4<f32> {
    var codes = vec4<f32>(0.0);
    for (var k = 0u; k < 4u; k++) {
        if byte + k < params.size.x {
            codes[k] = mapped(tensor_rgb(vec2<u32>(byte + k, row))).x;
        }
    }
    return codes;
}

// The same of a row of chroma.
fn chroma_codes(plane: u32, byte: u32, row: u32) -> vec4<f32> {
    let width = (params.size.x + 1u) / 2u;
    var codes = vec4<f32>(0.0);
    if PIXELS == NV12 {
        for (var k = 0u; k < 2u; k++) {
            if byte / 2u + k < width {
                let pair = chroma_of(vec2<u32>(byte / 2u + k, row));
                codes[2u * k] = pair.x;
                codes[2u * k + 1u] = pair.y;
            }
        }
        return codes;
    }
    for (var k = 0u; k < 4u; k++) {
        if byte + k < width {
            let pair = chroma_of(vec2<u32>(byte + k, row));
            codes[k] = select(pair.y, pair.x, plane == 1u);
        }
    }
    return codes;
}

@compute @workgroup_size(64)
fn unpack(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = number(id, groups);
    if word >= params.invocations {
        return;
    }
    let at = standing_of(4u * word);
    var codes: vec4<f32>;
    if PIXELS == RGBX {
        codes = vec4<f32>(mapped(tensor_rgb(vec2<u32>(at.byte / 4u, at.row))), 255.0);
    } else if at.plane == 0u {
        codes = luma_codes(at.byte, at.row);
    } else {
        codes = chroma_codes(at.plane, at.byte, at.row);
    }
    target_words[word] = bytes_of(codes);
    tell_flaws();
}
