// By how much the texture of each block is enlarged, by what there is in it and in its neighbours. Twin: `stabilise::texture`, `weigh`.
//
// `earlier_words` is what `texture` found. params.lookup[0]: columns and rows of blocks, then how much of what is missing is given back
// and the most that a difference is enlarged by, in 256ths; [1].x: the texture of nine blocks that is next to none. Of each block come
// two words: its means, and its enlargement in 256ths.

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
    for (var row = first.y; row < end.y; row++) {
        for (var column = first.x; column < end.x; column++) {
            let at = 3u * (row * grid.x + column);
            mixed += earlier_words[at + 1u];
            painted += earlier_words[at + 2u];
        }
    }
    let missing = max(painted, mixed) - mixed;
    target_words[2u * index] = earlier_words[3u * index];
    target_words[2u * index + 1u] = min(params.lookup[0].z * missing / (mixed + params.lookup[1].x), params.lookup[0].w);
}
