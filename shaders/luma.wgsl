// Luma of a frame, a plane of f32. Twin: `compose::cpu::luma`.

@compute @workgroup_size(64)
fn luma(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = number(id, groups);
    if index >= params.invocations {
        return;
    }
    let pixel = vec2<u32>(index % params.size.x, index / params.size.x);
    target_words[index] = bitcast<u32>(dot(params.mixing.xyz, picture_rgb(pixel)));
}
