// Boxes with round corners, one an instance: what stands behind words, bars, lines.

struct Window {
    // In pixels.
    size: vec2f,
}

@group(0) @binding(0) var<uniform> window: Window;

struct BoxCorner {
    @builtin(position) position: vec4f,
    // From the middle of the box, in pixels.
    @location(0) place: vec2f,
    @location(1) @interpolate(flat) half_size: vec2f,
    @location(2) @interpolate(flat) colour: vec4f,
    // Radius of the corners, and how far the edge fades to both sides, in pixels.
    @location(3) @interpolate(flat) edge: vec2f,
}

@vertex
fn box_corner(
    @builtin(vertex_index) index: u32,
    // Left, top, width, height in pixels.
    @location(0) area: vec4f,
    @location(1) colour: vec4f,
    @location(2) edge: vec2f,
) -> BoxCorner {
    let half_size = area.zw * 0.5;
    let side = vec2f(f32(index & 1u), f32(index >> 1u)) * 2.0 - 1.0;
    let place = side * (half_size + edge.y);
    let at = (area.xy + half_size + place) / window.size * 2.0 - 1.0;
    return BoxCorner(vec4f(at.x, -at.y, 0.0, 1.0), place, half_size, colour, edge);
}

@fragment
fn box_pixel(in: BoxCorner) -> @location(0) vec4f {
    let beyond = abs(in.place) - in.half_size + in.edge.x;
    let distance = length(max(beyond, vec2f(0.0))) + min(max(beyond.x, beyond.y), 0.0) - in.edge.x;
    let inside = 1.0 - smoothstep(-in.edge.y, in.edge.y, distance);
    return vec4f(in.colour.rgb, in.colour.a * inside);
}
