// Where a mix is far from the painting of now, some of that comes back; where it has less texture, what it differs from its means is
// enlarged. All in integers: bit for bit what its twin gives. Twin: `stabilise::texture`, `enlarge`.
//
// `frame_words` is the mix, `table_words` the painting, `earlier_words` what `weigh` found. params.lookup[0]: columns and rows of blocks.

const BLOCK: u32 = 8u;

// The means of a block; what comes back to it, and its enlargement, in 256ths.
struct Block {
    means: u32,
    back: u32,
    more: u32,
}

fn block_at(block: vec2<u32>) -> Block {
    let at = 2u * (block.y * params.lookup[0].x + block.x);
    let shares = earlier_words[at + 1u];
    return Block(earlier_words[at], extractBits(shares, 0u, 8u), extractBits(shares, 8u, 8u));
}

// Of two rows or columns of blocks, the first, and how far from it a pixel is in 16ths.
fn nearest(at: vec2<u32>) -> vec2<u32> {
    return max(2u * at + 1u, vec2<u32>(BLOCK)) - BLOCK;
}

fn mix_of(first: u32, second: u32, share: u32) -> u32 {
    return first * (16u - share) + second * share;
}

@compute @workgroup_size(64)
fn restore(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = number(id, groups);
    if word >= params.invocations {
        return;
    }
    let bytes = frame_words[word];
    let painting = table_words[word];
    let at = standing_of(4u * word);
    let step = step_of(0u);
    // A word lies in one half of a block. Behind the last pixel of the row nobody looks.
    let pixel = vec2<u32>(min(at.byte / step, params.size.x - 1u), at.row);
    if at.plane > 0u {
        target_words[word] = bytes;
        return;
    }
    let last = params.lookup[0].xy - 1u;
    let low = min(nearest(pixel) / (2u * BLOCK), last);
    let high = min(low + 1u, last);
    let a = block_at(low);
    let b = block_at(vec2<u32>(high.x, low.y));
    let c = block_at(vec2<u32>(low.x, high.y));
    let d = block_at(high);
    var out = 0u;
    for (var k = 0u; k < 4u; k++) {
        let share = nearest(vec2<u32>((at.byte + k) / step, pixel.y)) % (2u * BLOCK);
        let channel = 8u * (k % step);
        let left = mix_of(extractBits(a.means, channel, 8u), extractBits(c.means, channel, 8u), share.y);
        let right = mix_of(extractBits(b.means, channel, 8u), extractBits(d.means, channel, 8u), share.y);
        let mean = i32(mix_of(left, right, share.x));
        let back = mix_of(mix_of(a.back, c.back, share.y), mix_of(b.back, d.back, share.y), share.x) >> 8u;
        let more = i32(mix_of(mix_of(a.more, c.more, share.y), mix_of(b.more, d.more, share.y), share.x) >> 8u);
        let mixed = extractBits(bytes, 8u * k, 8u);
        let now = extractBits(painting, 8u * k, 8u);
        let steadied = i32((mixed * (256u - back) + now * back + 128u) >> 8u);
        let enlarged = ((steadied << 16u) + ((steadied << 8u) - mean) * more + (1i << 15u)) >> 16u;
        out |= u32(clamp(enlarged, 0, 255)) << (8u * k);
    }
    target_words[word] = out;
}
