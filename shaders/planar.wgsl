// The picture in a tensor as planar R', G', B' in 0..=1. Twin: `convert::cpu::planar`.

@compute @workgroup_size(64)
fn planar(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = number(id, groups);
    if index >= params.invocations {
        return;
    }
    let rgb = tensor_rgb(vec2<u32>(index % params.size.x, index / params.size.x)) * params.gain.xyz + params.bias.xyz;
    let plane_len = params.size.x * params.size.y;
    target_words[index] = bitcast<u32>(rgb.r);
    target_words[plane_len + index] = bitcast<u32>(rgb.g);
    target_words[2u * plane_len + index] = bitcast<u32>(rgb.b);
    tell_flaws();
}
