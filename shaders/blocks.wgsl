// Means over blocks of pixels: what the regression of a picture over its luma is made of. Twin: `compose::slopes`,
// `block_means`.
//
// params.lookup[0]: columns and rows of the picture, whose planes are red, green, blue and luma; columns of blocks, side of one.

@compute @workgroup_size(64)
fn blocks(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = number(id, groups);
    if index >= params.invocations {
        return;
    }
    let size = params.lookup[0].xy;
    let columns = params.lookup[0].z;
    let side = params.lookup[0].w;
    let first = side * vec2<u32>(index % columns, index / columns);
    let end = min(first + side, size);
    let plane_len = size.x * size.y;
    // Of luma, then of red, green and blue: itself, its square; of the colours its product with luma.
    var luma_sums = vec2<f32>(0.0);
    var sums = array<vec3<f32>, 3>();
    for (var y = first.y; y < end.y; y++) {
        for (var x = first.x; x < end.x; x++) {
            let at = y * size.x + x;
            let luma = bitcast<f32>(tensor_words[3u * plane_len + at]);
            luma_sums += vec2<f32>(luma, luma * luma);
            for (var channel = 0u; channel < 3u; channel++) {
                let value = bitcast<f32>(tensor_words[channel * plane_len + at]);
                sums[channel] += vec3<f32>(value, value * value, luma * value);
            }
        }
    }
    let count = f32((end.x - first.x) * (end.y - first.y));
    let len = params.invocations;
    target_words[index] = bitcast<u32>(luma_sums.x / count);
    target_words[len + index] = bitcast<u32>(luma_sums.y / count);
    for (var channel = 0u; channel < 3u; channel++) {
        for (var mean = 0u; mean < 3u; mean++) {
            target_words[(2u + 3u * channel + mean) * len + index] = bitcast<u32>(sums[channel][mean] / count);
        }
    }
}
