// Adds to an enlarged picture the detail of its original that the network did not see, times the picture's slope over luma.
// Twin: `compose::cpu::add_scaled`.
//
// The tensor has four planes, red, green, blue and the luma that the network saw. The table is the slopes of the three channels,
// as wide as the picture. params.lookup[0]: rows of them.

@compute @workgroup_size(64)
fn detail(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = number(id, groups);
    if index >= params.invocations {
        return;
    }
    let width = params.size.x;
    let pixel = vec2<u32>(index % width, index / width);
    let plane_len = width * params.size.y;
    let rows = params.lookup[0].x;
    let position = (f32(pixel.y) + 0.5) * f32(rows) / f32(params.size.y) - 0.5;
    let held = clamp(position, 0.0, f32(rows - 1u));
    let above = u32(held);
    let below = min(above + 1u, rows - 1u);
    let part = held - f32(above);
    let luma = dot(params.mixing.xyz, picture_rgb(pixel));
    let unseen = luma - bitcast<f32>(tensor_words[3u * plane_len + index]);
    for (var channel = 0u; channel < 3u; channel++) {
        let slopes = vec2<f32>(
            bitcast<f32>(table_words[(channel * rows + above) * width + pixel.x]),
            bitcast<f32>(table_words[(channel * rows + below) * width + pixel.x]),
        );
        let at = channel * plane_len + index;
        let slope = (1.0 - part) * slopes.x + part * slopes.y;
        target_words[at] = bitcast<u32>(bitcast<f32>(tensor_words[at]) + slope * unseen);
    }
}
