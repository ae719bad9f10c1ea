// Planes of f32 brought to another width, or to another height: each value is a weighted sum of some along that axis.
// Twin: `convert::resize::Resizer`.
//
// params.lookup:
//   [0]: columns and rows of the planes that are read, and of those that are written
//   [1]: first word of the weights, how many for each place (the first value that is taken goes before them); first word that is
//        written

@compute @workgroup_size(64)
fn resample(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = number(id, groups);
    if index >= params.invocations {
        return;
    }
    let read_size = params.lookup[0].xy;
    let write_size = params.lookup[0].zw;
    let plane = index / (write_size.x * write_size.y);
    let at = vec2<u32>(index % write_size.x, index / write_size.x % write_size.y);
    let taps = params.lookup[1].y;
    let entry = params.lookup[1].x + (taps + 1u) * select(at.y, at.x, ALONG_ROWS);
    let first = table_words[entry];
    let begin = plane * read_size.x * read_size.y;
    var sum = 0.0;
    for (var tap = 0u; tap < taps; tap++) {
        // Behind the last value all weights are 0.
        let taken = select(vec2<u32>(at.x, first + tap), vec2<u32>(first + tap, at.y), ALONG_ROWS);
        let place = min(taken, read_size - 1u);
        let value = bitcast<f32>(tensor_words[begin + place.y * read_size.x + place.x]);
        sum += bitcast<f32>(table_words[entry + 1u + tap]) * value;
    }
    target_words[params.lookup[1].z + index] = bitcast<u32>(sum);
}
