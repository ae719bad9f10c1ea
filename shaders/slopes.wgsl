// The slope of each channel over luma in windows of 3x3 blocks. Twin: `compose::slopes`, `window_means` and `regress`.
//
// params.lookup[0]: columns and rows of blocks.
// params.mixing: variance of luma that passes for noise, greatest slope, variance of a channel that is none.

// Mean `mean` over the window round a block; edges are repeated.
fn window_mean(mean: u32, block: vec2<i32>) -> f32 {
    let size = params.lookup[0].xy;
    let begin = mean * params.invocations;
    var sum = 0.0;
    for (var x = -1; x <= 1; x++) {
        var column = 0.0;
        for (var y = -1; y <= 1; y++) {
            let at = vec2<u32>(clamp(block + vec2<i32>(x, y), vec2<i32>(0), vec2<i32>(size) - 1));
            column += bitcast<f32>(tensor_words[begin + at.y * size.x + at.x]);
        }
        sum += column / 3.0;
    }
    return sum / 3.0;
}

@compute @workgroup_size(64)
fn slopes(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = number(id, groups);
    if index >= params.invocations {
        return;
    }
    let columns = params.lookup[0].x;
    let block = vec2<i32>(vec2<u32>(index % columns, index / columns));
    let luma = window_mean(0u, block);
    let luma_variance = max(window_mean(1u, block) - luma * luma, 0.0);
    for (var channel = 0u; channel < 3u; channel++) {
        let first = 2u + 3u * channel;
        let value = window_mean(first, block);
        let variance = max(window_mean(first + 1u, block) - value * value, 0.0);
        let covariance = window_mean(first + 2u, block) - luma * value;
        let steepness = covariance / (luma_variance + params.mixing.x);
        // The part of the channel's variance that luma explains.
        let explained = min(steepness * covariance / (variance + params.mixing.z), 1.0);
        let slope = explained * clamp(steepness, -params.mixing.y, params.mixing.y);
        target_words[channel * params.invocations + index] = bitcast<u32>(slope);
    }
}
