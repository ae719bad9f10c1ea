// What there is in blocks of 8x8 pixels of luma, or RGB: the means of the mix, its texture beside that of the painting of now, and how far
// they are apart. Twin: `stabilise::texture`, `look`.
//
// `frame_words` is the painting, `earlier_words` the mix. params.lookup[0]: columns of blocks. Of each block come four words: its means,
// a byte for each byte of a pixel, its texture in the mix, that in the painting, and what they differ by.

const BLOCK: u32 = 8u;

fn difference(a: u32, b: u32) -> u32 {
    return max(a, b) - min(a, b);
}

@compute @workgroup_size(64)
fn texture(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = number(id, groups);
    if index >= params.invocations {
        return;
    }
    let columns = params.lookup[0].x;
    let first = BLOCK * vec2<u32>(index % columns, index / columns);
    let end = min(first + BLOCK, params.size);
    let count = (end.x - first.x) * (end.y - first.y);
    let step = step_of(0u);
    var means = 0u;
    var mixed = 0u;
    var painted = 0u;
    var apart = 0u;
    for (var channel = 0u; channel < step; channel++) {
        // Of the mix, and of the painting.
        var sums = vec2<u32>(0u);
        for (var y = first.y; y < end.y; y++) {
            for (var x = first.x; x < end.x; x++) {
                let at = frame_place(0u, x * step + channel, y);
                sums += vec2<u32>(earlier_byte(at), frame_byte(at));
            }
        }
        let mean = (sums + count / 2u) / count;
        for (var y = first.y; y < end.y; y++) {
            for (var x = first.x; x < end.x; x++) {
                let at = frame_place(0u, x * step + channel, y);
                mixed += difference(earlier_byte(at), mean.x);
                painted += difference(frame_byte(at), mean.y);
                apart += difference(earlier_byte(at), frame_byte(at));
            }
        }
        means |= mean.x << (8u * channel);
    }
    target_words[4u * index] = means;
    target_words[4u * index + 1u] = mixed;
    target_words[4u * index + 2u] = painted;
    target_words[4u * index + 3u] = apart;
}
