//! The planes of a frame on the graphics card.

use wgpu::util::{BufferInitDescriptor, DeviceExt};
use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayout, BindingResource, Buffer, BufferUsages, Extent3d,
    Queue, RenderPass, RenderPipeline, Sampler, Texture, TextureDescriptor, TextureDimension, TextureFormat,
    TextureUsages, TextureViewDescriptor,
};

use super::fit::Area;
use crate::colour;
use crate::frame::{ChromaSite, Frame, FrameFormat, PixelFormat};
use crate::gpu::context::Context;

/// Planes that the shader reads; those that a frame has not are black and weigh nothing.
const PLANES: usize = 3;
/// The uniforms of the shader: rows of four numbers.
type Uniforms = [[f32; 4]; 13];
/// More samples than that to a side make no difference that is seen.
const MOST_TAPS: f32 = 8.0;

/// A frame's planes, to be shown. Frames of the same format follow one another in it.
pub(super) struct Picture {
    format: FrameFormat,
    textures: Vec<Texture>,
    uniforms: Buffer,
    group: BindGroup,
}

impl Picture {
    /// Room for frames of this `format`, to be drawn with pipelines of this `layout`.
    pub(super) fn new(context: &Context, layout: &BindGroupLayout, filter: &Sampler, format: FrameFormat) -> Self {
        let textures: Vec<Texture> = (0..PLANES).map(|plane| texture(context, format, plane)).collect();
        let uniforms = context.device().create_buffer_init(&BufferInitDescriptor {
            label: Some("show"),
            contents: bytemuck::cast_slice(&Uniforms::default()),
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
        });
        let views: Vec<_> =
            textures.iter().map(|texture| texture.create_view(&TextureViewDescriptor::default())).collect();
        let mut entries = vec![
            BindGroupEntry { binding: 0, resource: uniforms.as_entire_binding() },
            BindGroupEntry { binding: 1, resource: BindingResource::Sampler(filter) },
        ];
        entries.extend(
            (2..)
                .zip(&views)
                .map(|(binding, view)| BindGroupEntry { binding, resource: BindingResource::TextureView(view) }),
        );
        let group =
            context.device().create_bind_group(&BindGroupDescriptor { label: Some("show"), layout, entries: &entries });
        Self { format, textures, uniforms, group }
    }

    /// What frames it takes.
    pub(super) fn format(&self) -> FrameFormat {
        self.format
    }

    /// Takes the planes of `frame`, which is of its format, as they are.
    pub(super) fn upload(&self, queue: &Queue, frame: &Frame) {
        let FrameFormat { size, pixels, .. } = self.format;
        for (index, plane) in frame.planes().iter().enumerate() {
            let (row_bytes, rows) = pixels.plane_extent(index, size);
            let length = plane.stride_bytes * (rows - 1) + row_bytes;
            let layout = wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(plane.stride_bytes as u32),
                rows_per_image: None,
            };
            let texture = &self.textures[index];
            let bytes = &frame.bytes()[plane.offset_bytes..][..length];
            queue.write_texture(texture.as_image_copy(), bytes, layout, texture.size());
        }
    }

    /// Says where it will be drawn, and whether as a mirror shows it.
    pub(super) fn place(&self, queue: &Queue, area: Area, mirror: bool) {
        queue.write_buffer(&self.uniforms, 0, bytemuck::cast_slice(&uniforms(self.format, area, mirror)));
    }

    /// Draws the part of it that lies within the columns `from..to` of the window.
    pub(super) fn draw(
        &self,
        pass: &mut RenderPass<'_>,
        pipeline: &RenderPipeline,
        area: Area,
        (from, to): (f32, f32),
    ) {
        let (from, to) = (from.max(area.left), to.min(area.left + area.width));
        if to <= from {
            return;
        }
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.set_viewport(area.left, area.top, area.width, area.height, 0.0, 1.0);
        pass.set_scissor_rect(from as u32, area.top as u32, (to - from) as u32, area.height as u32);
        pass.draw(0..3, 0..1);
    }
}

fn texture(context: &Context, format: FrameFormat, plane: usize) -> Texture {
    let FrameFormat { size, pixels, .. } = format;
    let (bytes, (row_bytes, rows)) = if plane < pixels.planes() {
        (pixels.pixel_bytes(plane), pixels.plane_extent(plane, size))
    } else {
        (1, (1, 1))
    };
    let texels = match bytes {
        1 => TextureFormat::R8Unorm,
        2 => TextureFormat::Rg8Unorm,
        _ => TextureFormat::Rgba8Unorm,
    };
    context.device().create_texture(&TextureDescriptor {
        label: Some("plane"),
        size: Extent3d { width: (row_bytes / bytes) as u32, height: rows as u32, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format: texels,
        usage: TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST,
        view_formats: &[],
    })
}

/// What the shader must know of a picture of this `format` that fills `area`.
fn uniforms(format: FrameFormat, area: Area, mirror: bool) -> Uniforms {
    let mut rows = Uniforms::default();
    // Textures give codes as parts of 255.
    let affine = colour::rgb_from_codes(format.pixels, format.colour).after_scaled([1.0 / 255.0; 3], [0.0; 3]);
    let coefficients = affine.coefficients();
    let mut sample = 0;
    for plane in 0..format.pixels.planes() {
        // The fourth byte of a pixel has no meaning.
        for channel in 0..format.pixels.pixel_bytes(plane).min(3) {
            rows[plane * 3 + channel] =
                [coefficients[0][sample], coefficients[1][sample], coefficients[2][sample], 0.0];
            sample += 1;
        }
    }
    let FrameFormat { size, .. } = format;
    let (width, height) = (size.width as f32, size.height as f32);
    let shrunk = f32::max(width / area.width, height / area.height);
    let [red, green, blue] = coefficients.map(|row| row[3]);
    rows[9] = [red, green, blue, shrunk.ceil().clamp(1.0, MOST_TAPS)];
    rows[10] = if mirror { [1.0, 0.0, -1.0, 1.0] } else { [0.0, 0.0, 1.0, 1.0] };
    let (scale, shift) = chroma_place(format);
    rows[11] = [1.0 / area.width, 1.0 / area.height, scale[0], scale[1]];
    rows[12] = [shift[0], shift[1], 0.0, 0.0];
    rows
}

/// Scale and shift from a place in the picture to one in the planes of chroma, which may reach over its edge, and whose
/// samples may sit beside the middle of the pixels that they are for.
fn chroma_place(format: FrameFormat) -> ([f32; 2], [f32; 2]) {
    let FrameFormat { size, pixels, colour } = format;
    if pixels == PixelFormat::Rgbx {
        return ([1.0; 2], [0.0; 2]);
    }
    let (half, sides) = (size.halved(), [size.width, size.height]);
    let halves = [half.width, half.height].map(|side| side as f32);
    let on_even = match colour.chroma_site {
        ChromaSite::Left => [true, false],
        ChromaSite::Centre => [false, false],
        ChromaSite::TopLeft => [true, true],
    };
    let scale = std::array::from_fn(|axis| sides[axis] as f32 / 2.0 / halves[axis]);
    // A sample on the even columns sits a quarter of its width before its middle.
    let shift = std::array::from_fn(|axis| if on_even[axis] { 0.25 / halves[axis] } else { 0.0 });
    (scale, shift)
}
