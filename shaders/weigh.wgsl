// How much of the painting of now comes back to each block, and by how much its texture is enlarged, by what there is in it and in its
// neighbours. Twin: `stabilise::texture`, `weigh`.
//
// `earlier_words` is what `texture` found. params.lookup[0]: columns and rows of blocks, then how much of what is missing is given back
// and the most that a difference is enlarged by, in 256ths; [1]: the texture of nine blocks that is next to none, how far apart mix and
// painting may be in 256ths of the texture, and how much comes back for each 256th more. Of each block come two words: its means, and in
// two bytes, in 256ths, what comes back and the enlargement.

@compute @workgroup_size(64)
fn weigh(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = number(id, groups);
    if index >= params.invocations {
        return;
    }
    let grid = params.lookup[0].xy;
    let block = vec2<u32>(index % grid.x, index / grid.x);
    let first = max(block, vec2<u32>(1u)) - 1u;
    let end = min(block + 2u, grid);
    var mixed = 0u;
    var painted = 0u;
    var apart = 0u;
    for (var row = first.y; row < end.y; row++) {
        for (var column = first.x; column < end.x; column++) {
            let at = 4u * (row * grid.x + column);
            mixed += earlier_words[at + 1u];
            painted += earlier_words[at + 2u];
            apart += earlier_words[at + 3u];
        }
    }
    let most = params.lookup[0].w;
    let told = params.lookup[1];
    let far = 256u * apart / (painted + told.x);
    let back = min(told.z * (max(far, told.y) - told.y), most);
    let missing = max(painted, mixed) - mixed;
    let more = min(params.lookup[0].z * missing / (mixed + told.x), most);
    target_words[2u * index] = earlier_words[4u * index];
    target_words[2u * index + 1u] = back | (((more * (most - back)) >> 8u) << 8u);
}
