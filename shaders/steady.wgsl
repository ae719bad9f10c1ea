// The painting before, each cell of it gone its way, mixed into the painting of now as far as the weights say. All in
// integers: bit for bit what its twin gives. Twin: `stabilise::blend`, `moved` and `mix`.
//
// params.lookup:
//   [0] for luma or RGB, [1] for chroma: first words of the ways, of the places of columns, of the places of rows
//   [2]: first word of the weights, their columns and rows; cells in a row
//   [3]: whether there is a painting before; the word of it that is not 0 if it was spoilt; number of the painting

// Pixels along the sides of a cell.
const CELL: vec2<u32> = vec2<u32>(16u, 8u);

fn weight_at(column: u32, row: u32) -> u32 {
    let at = row * params.lookup[2].y + column;
    return extractBits(table_words[params.lookup[2].x + at / 4u], (at % 4u) * 8u, 8u);
}

// A quarter of the way from `near` to `far`.
fn quarter(near: u32, far: u32) -> u32 {
    return (3u * near + far + 2u) / 4u;
}

// What stays in 256ths, at a place among twice as many weights along each side, linear between those that there are.
fn weight_of(place: vec2<u32>) -> u32 {
    let last = params.lookup[2].yz - 1u;
    let near = min(place / 2u, last);
    let far = select(min(near + 1u, last), max(near, vec2<u32>(1u)) - 1u, place % 2u == vec2<u32>(0u));
    return quarter(
        quarter(weight_at(near.x, near.y), weight_at(near.x, far.y)),
        quarter(weight_at(far.x, near.y), weight_at(far.x, far.y)),
    );
}

// A row of a plane, whose pixels have `step` bytes.
struct Row {
    plane: u32,
    y: u32,
    step: u32,
    last: vec2<i32>,
}

// Byte `channel` of the pixel of the painting before that lies `way` from `x` in the row.
fn moved(row: Row, x: u32, channel: u32, way: vec2<i32>) -> u32 {
    let origin = vec2<u32>(clamp(vec2<i32>(vec2<u32>(x, row.y)) + way, vec2<i32>(0), row.last));
    return earlier_byte(frame_place(row.plane, origin.x * row.step + channel, origin.y));
}

// Of so many bytes one in turn forgets what is next to nothing; the turn of a row is ahead of that of the row above.
const TURNS: u32 = 8u;
const ROW_TURN: u32 = 3u;

fn mixed(was: u32, now: u32, weight: u32, half: u32) -> u32 {
    let more = (max(was, now) - now) * weight;
    let less = (max(was, now) - was) * weight;
    return now + ((more + half) >> 8u) - ((less + half) >> 8u);
}

@compute @workgroup_size(64)
fn steady(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = number(id, groups);
    if word >= params.invocations {
        return;
    }
    let at = standing_of(4u * word);
    let byte = at.byte;
    let kind = min(at.plane, 1u);
    let extent = select(params.size, (params.size + 1u) / 2u, kind == 1u);
    let row = Row(at.plane, at.row, step_of(at.plane), vec2<i32>(extent) - 1);
    // Cells are whole words wide: this word lies in one of them.
    let cell = vec2<u32>(byte / row.step, row.y) / select(CELL, CELL / 2u, kind == 1u);
    let way_at = params.lookup[kind].x + 2u * (cell.y * params.lookup[2].w + cell.x);
    let way = vec2<i32>(bitcast<i32>(table_words[way_at]), bitcast<i32>(table_words[way_at + 1u]));
    let weights_row = table_words[params.lookup[kind].z + row.y];
    let remembers = params.lookup[3].x * select(1u, 0u, earlier_words[params.lookup[3].y] != 0u);
    let bytes = frame_words[word];
    var out = 0u;
    for (var k = 0u; k < 4u; k++) {
        // Behind the last pixel of the row nobody looks.
        let x = min((byte + k) / row.step, extent.x - 1u);
        let now = extractBits(bytes, 8u * k, 8u);
        let was = moved(row, x, (byte + k) % row.step, way);
        let weight = weight_of(vec2<u32>(table_words[params.lookup[kind].y + x], weights_row));
        let is_its_turn = (byte + k + ROW_TURN * row.y + params.lookup[3].z) % TURNS == 0u;
        out |= mixed(was, now, remembers * weight, select(128u, 0u, is_its_turn)) << (8u * k);
    }
    target_words[word] = out;
}
