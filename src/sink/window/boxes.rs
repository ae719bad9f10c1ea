//! Boxes with round corners: what stands behind words, bars, lines.

use wgpu::util::{BufferInitDescriptor, DeviceExt};
use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BlendState, Buffer, BufferUsages, ColorTargetState, ColorWrites,
    FragmentState, MultisampleState, PipelineCompilationOptions, PrimitiveState, PrimitiveTopology, RenderPass,
    RenderPipeline, RenderPipelineDescriptor, TextureFormat, VertexBufferLayout, VertexState, VertexStepMode,
    include_wgsl, vertex_attr_array,
};

use super::fit::Area;
use crate::frame::Size;
use crate::gpu::context::Context;

/// A box, in pixels of the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Block {
    pub(super) area: Area,
    /// Red, green, blue, and how much it covers; each 0..=1.
    pub(super) colour: [f32; 4],
    /// Of its corners.
    pub(super) radius: f32,
    /// How far its edge fades to both sides.
    pub(super) fade: f32,
}

/// A block as the shader reads it.
type Instance = [f32; 12];
const INSTANCE_BYTES: u64 = size_of::<Instance>() as u64;

/// Draws blocks.
pub(super) struct Boxes {
    pipeline: RenderPipeline,
    window: Buffer,
    group: BindGroup,
    instances: Option<(Buffer, u32)>,
}

impl Boxes {
    /// To draw on textures of this format.
    pub(super) fn new(context: &Context, target: TextureFormat) -> Self {
        let device = context.device();
        let pipeline = pipeline(context, target);
        let window = device.create_buffer_init(&BufferInitDescriptor {
            label: Some("window"),
            contents: bytemuck::cast_slice(&[1f32; 4]),
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
        });
        let group = device.create_bind_group(&BindGroupDescriptor {
            label: Some("boxes"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[BindGroupEntry { binding: 0, resource: window.as_entire_binding() }],
        });
        Self { pipeline, window, group, instances: None }
    }

    /// Makes `blocks` ready to be drawn in a window of this `size`, the later over the earlier.
    pub(super) fn set(&mut self, context: &Context, size: Size, blocks: &[Block]) {
        let window = [size.width as f32, size.height as f32, 0.0, 0.0];
        context.queue().write_buffer(&self.window, 0, bytemuck::cast_slice(&window));
        let instances: Vec<Instance> = blocks.iter().map(instance).collect();
        self.instances = (!blocks.is_empty()).then(|| {
            let contents = bytemuck::cast_slice(&instances);
            let descriptor = BufferInitDescriptor { label: Some("boxes"), contents, usage: BufferUsages::VERTEX };
            (context.device().create_buffer_init(&descriptor), blocks.len() as u32)
        });
    }

    /// Draws them.
    pub(super) fn draw(&self, pass: &mut RenderPass<'_>) {
        let Some((instances, count)) = &self.instances else { return };
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.set_vertex_buffer(0, instances.slice(..));
        pass.draw(0..4, 0..*count);
    }
}

fn instance(block: &Block) -> Instance {
    let Area { left, top, width, height } = block.area;
    let [red, green, blue, cover] = block.colour;
    // An edge that does not fade at all would divide by zero.
    [left, top, width, height, red, green, blue, cover, block.radius, block.fade.max(0.01), 0.0, 0.0]
}

fn pipeline(context: &Context, target: TextureFormat) -> RenderPipeline {
    let module = context.device().create_shader_module(include_wgsl!("../../../shaders/show_box.wgsl"));
    context.device().create_render_pipeline(&RenderPipelineDescriptor {
        label: Some("boxes"),
        layout: None,
        vertex: VertexState {
            module: &module,
            entry_point: Some("box_corner"),
            compilation_options: PipelineCompilationOptions::default(),
            buffers: &[Some(VertexBufferLayout {
                array_stride: INSTANCE_BYTES,
                step_mode: VertexStepMode::Instance,
                attributes: &vertex_attr_array![0 => Float32x4, 1 => Float32x4, 2 => Float32x2],
            })],
        },
        fragment: Some(FragmentState {
            module: &module,
            entry_point: Some("box_pixel"),
            compilation_options: PipelineCompilationOptions::default(),
            targets: &[Some(ColorTargetState {
                format: target,
                blend: Some(BlendState::ALPHA_BLENDING),
                write_mask: ColorWrites::ALL,
            })],
        }),
        primitive: PrimitiveState { topology: PrimitiveTopology::TriangleStrip, ..PrimitiveState::default() },
        depth_stencil: None,
        multisample: MultisampleState::default(),
        multiview_mask: None,
        cache: None,
    })
}
