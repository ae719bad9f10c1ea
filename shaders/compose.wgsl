// Mixes the original into the styled picture; planar R', G', B' in 0..=1 come out. Twin: `compose::cpu::mix`.

// The luma of `styled` with the chroma of `original`, made smaller where it leaves the gamut.
fn with_colour_of(original: vec3<f32>, styled: vec3<f32>) -> vec3<f32> {
    let weights = params.mixing.xyz;
    let chroma = original - dot(weights, original);
    let luma = clamp(dot(weights, styled), 0.0, 1.0);
    // How far chroma can go before the first channel meets white or black. The small number keeps grey from 0/0.
    let up = max(max(chroma.r, max(chroma.g, chroma.b)), 1e-6);
    let down = max(max(-chroma.r, max(-chroma.g, -chroma.b)), 1e-6);
    return luma + min(min((1.0 - luma) / up, luma / down), 1.0) * chroma;
}

@compute @workgroup_size(64)
fn compose(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = number(id, groups);
    if index >= params.invocations {
        return;
    }
    let pixel = vec2<u32>(index % params.size.x, index / params.size.x);
    let original = clamp(frame_rgb(pixel), vec3<f32>(0.0), vec3<f32>(1.0));
    let values = tensor_rgb(pixel) * params.gain.xyz + params.bias.xyz;
    var styled = clamp(values, vec3<f32>(0.0), vec3<f32>(1.0));
    if KEEP_COLOUR {
        styled = clamp(with_colour_of(original, styled), vec3<f32>(0.0), vec3<f32>(1.0));
    }
    let mixed = original + params.mixing.w * (styled - original);
    let plane_len = params.size.x * params.size.y;
    target_words[index] = bitcast<u32>(mixed.r);
    target_words[plane_len + index] = bitcast<u32>(mixed.g);
    target_words[2u * plane_len + index] = bitcast<u32>(mixed.b);
    tell_flaws();
}
