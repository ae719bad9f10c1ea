//! Draws the picture and what lies over it, on whatever texture.

use glyphon::{
    Cache, Color, ColorMode, FontSystem, Resolution, SwashCache, TextArea, TextAtlas, TextBounds, TextRenderer,
    Viewport,
};
use wgpu::{
    AddressMode, Color as Clear, ColorTargetState, CommandEncoderDescriptor, FilterMode, FragmentState, LoadOp,
    MultisampleState, Operations, PipelineCompilationOptions, PrimitiveState, Queue, RenderPass,
    RenderPassColorAttachment, RenderPassDescriptor, RenderPipeline, RenderPipelineDescriptor, Sampler,
    SamplerDescriptor, StoreOp, TexelCopyBufferLayout, Texture, TextureFormat, TextureView, VertexState, include_wgsl,
};

use super::boxes::Boxes;
use super::fit::{Area, fit};
use super::overlay::{Card, View};
use super::picture::Picture;
use super::sheet::{self, Desk};
use super::sketch::{Part, Sketch};
use crate::error::{Error, Result};
use crate::frame::{Frame, Painted, Size};
use crate::gpu::context::Context;

/// Who brings a picture to the colours and the size of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The graphics card.
    Card,
    /// The processor.
    Processor,
}

/// The painting, and what it was painted from.
struct Pair<T> {
    painted: Option<T>,
    original: Option<T>,
}

impl<T> Pair<T> {
    const NONE: Self = Self { painted: None, original: None };

    /// What is seen, each with its columns: the original up to the column `split`, from there on the painting.
    fn seen(&self, area: Area, split: Option<f32>) -> impl Iterator<Item = (&T, (f32, f32))> {
        let begin = split.filter(|_| self.original.is_some()).unwrap_or(area.left);
        let original = self.original.as_ref().map(|original| (original, (area.left, begin)));
        let painted = self.painted.as_ref().map(|painted| (painted, (begin, area.left + area.width)));
        original.into_iter().chain(painted)
    }
}

/// The pictures, as they who bring them to the window need them.
enum Pictures {
    Card { pipeline: RenderPipeline, filter: Sampler, pair: Pair<Picture> },
    Processor { sketch: Box<Sketch>, pair: Pair<Frame> },
}

const PIXEL_BYTES: u32 = 4;

/// Everything that is drawn, and what it takes.
pub(super) struct Scene {
    context: Context,
    pictures: Pictures,
    boxes: Boxes,
    letters: Letters,
    /// What lies over the picture now.
    set: Option<(Vec<Card>, Desk)>,
}

/// Where a scene is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Canvas {
    /// In pixels.
    pub(super) size: Size,
    /// Pixels in a point.
    pub(super) scale: f32,
}

impl Scene {
    /// To draw on textures of this format, whose values are gamma-coded.
    pub(super) fn new(context: Context, target: TextureFormat, by: By) -> Self {
        let pictures = match by {
            By::Card => {
                Pictures::Card { pipeline: pipeline(&context, target), filter: filter(&context), pair: Pair::NONE }
            }
            By::Processor => Pictures::Processor { sketch: Box::new(Sketch::new(target)), pair: Pair::NONE },
        };
        let (boxes, letters) = (Boxes::new(&context, target), Letters::new(&context, target));
        Self { context, pictures, boxes, letters, set: None }
    }

    /// The device that it draws with.
    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Takes the frames that are shown next; the original only where it is needed.
    pub(super) fn take(&mut self, frames: &Painted, with_original: bool) {
        match &mut self.pictures {
            Pictures::Card { pipeline, filter, pair } => {
                let layout = pipeline.get_bind_group_layout(0);
                let take = |frame: &Frame, before: Option<Picture>| {
                    let picture = before
                        .filter(|picture| picture.format() == frame.format())
                        .unwrap_or_else(|| Picture::new(&self.context, &layout, filter, frame.format()));
                    picture.upload(self.context.queue(), frame);
                    picture
                };
                pair.painted = Some(take(&frames.frame, pair.painted.take()));
                if with_original {
                    pair.original = Some(take(&frames.original, pair.original.take()));
                }
            }
            Pictures::Processor { pair, .. } => {
                let original = with_original.then(|| frames.original.clone());
                *pair = Pair { painted: Some(frames.frame.clone()), original };
            }
        }
    }

    /// Size of the painting; none while there is none.
    fn painted(&self) -> Option<Size> {
        match &self.pictures {
            Pictures::Card { pair, .. } => pair.painted.as_ref().map(|picture| picture.format().size),
            Pictures::Processor { pair, .. } => pair.painted.as_ref().map(Frame::size),
        }
    }

    /// Where the picture lies in a window of this `size`; all of it while there is none.
    pub(super) fn picture_in(&self, size: Size) -> Area {
        fit(self.painted().unwrap_or(size), size)
    }

    /// Draws all of it on `target`, to which the processor must be able to copy where it brings the picture.
    ///
    /// # Errors
    /// When the words cannot be drawn: they take more memory than the card has.
    pub(super) fn draw(&mut self, target: &TextureView, canvas: Canvas, view: &View, cards: Vec<Card>) -> Result<()> {
        let area = self.picture_in(canvas.size);
        let split = view.split.filter(|_| self.painted().is_some()).map(|share| area.column_at(share));
        let desk = Desk { size: canvas.size, scale: canvas.scale, picture: area, split };
        self.lay(cards, desk)?;
        let queue = self.context.queue();
        let load = match &mut self.pictures {
            Pictures::Card { pair, .. } => {
                for (picture, _) in pair.seen(area, split) {
                    picture.place(queue, area, view.mirror);
                }
                LoadOp::Clear(Clear::BLACK)
            }
            Pictures::Processor { sketch, pair } => {
                let mirror = view.mirror;
                let parts = pair.seen(area, split).map(|(frame, columns)| Part { frame, area, columns, mirror });
                copy(queue, sketch.draw(canvas.size, parts)?, target.texture());
                LoadOp::Load
            }
        };
        let mut encoder = self.context.device().create_command_encoder(&CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_render_pass(&RenderPassDescriptor {
                label: Some("scene"),
                color_attachments: &[Some(RenderPassColorAttachment {
                    view: target,
                    depth_slice: None,
                    resolve_target: None,
                    ops: Operations { load, store: StoreOp::Store },
                })],
                ..RenderPassDescriptor::default()
            });
            if let Pictures::Card { pipeline, pair, .. } = &self.pictures {
                for (picture, columns) in pair.seen(area, split) {
                    picture.draw(&mut pass, pipeline, area, columns);
                }
            }
            let Size { width, height } = canvas.size;
            pass.set_viewport(0.0, 0.0, width as f32, height as f32, 0.0, 1.0);
            pass.set_scissor_rect(0, 0, width, height);
            self.boxes.draw(&mut pass);
            self.letters.draw(&mut pass)?;
        }
        queue.submit([encoder.finish()]);
        Ok(())
    }

    /// Sets `cards` in type, if they are not already.
    fn lay(&mut self, cards: Vec<Card>, desk: Desk) -> Result<()> {
        if self.set.as_ref().is_some_and(|(set, on)| *set == cards && *on == desk) {
            return Ok(());
        }
        let sheet = sheet::set(&cards, &desk, &mut self.letters.fonts);
        self.boxes.set(&self.context, desk.size, &sheet.blocks);
        self.letters.set(&self.context, desk.size, &sheet.lines)?;
        self.set = Some((cards, desk));
        Ok(())
    }
}

/// Draws letters.
struct Letters {
    fonts: FontSystem,
    shapes: SwashCache,
    viewport: Viewport,
    atlas: TextAtlas,
    renderer: TextRenderer,
}

impl Letters {
    fn new(context: &Context, target: TextureFormat) -> Self {
        let (device, queue) = (context.device(), context.queue());
        let cache = Cache::new(device);
        // What is drawn on is gamma-coded, as on the web.
        let mut atlas = TextAtlas::with_color_mode(device, queue, &cache, target, ColorMode::Web);
        let renderer = TextRenderer::new(&mut atlas, device, MultisampleState::default(), None);
        let viewport = Viewport::new(device, &cache);
        Self { fonts: sheet::fonts(), shapes: SwashCache::new(), viewport, atlas, renderer }
    }

    fn set(&mut self, context: &Context, size: Size, lines: &[sheet::Line]) -> Result<()> {
        let (device, queue) = (context.device(), context.queue());
        self.viewport.update(queue, Resolution { width: size.width, height: size.height });
        self.atlas.trim();
        let areas = lines.iter().map(|line| TextArea {
            buffer: &line.letters,
            left: line.left,
            top: line.top,
            scale: 1.0,
            bounds: TextBounds::default(),
            default_color: Color::rgb(255, 255, 255),
            custom_glyphs: &[],
        });
        let Self { fonts, shapes, viewport, atlas, renderer } = self;
        renderer
            .prepare(device, queue, fonts, atlas, viewport, areas, shapes)
            .map_err(|error| Error::Device(format!("the overlay cannot be drawn: {error}")))
    }

    fn draw(&self, pass: &mut RenderPass<'_>) -> Result<()> {
        self.renderer
            .render(&self.atlas, &self.viewport, pass)
            .map_err(|error| Error::Device(format!("the overlay cannot be drawn: {error}")))
    }
}

/// Copies rows of pixels to all of `texture`.
fn copy(queue: &Queue, pixels: &[u8], texture: &Texture) {
    let bytes_per_row = Some(texture.width() * PIXEL_BYTES);
    let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row, rows_per_image: None };
    queue.write_texture(texture.as_image_copy(), pixels, layout, texture.size());
}

fn filter(context: &Context) -> Sampler {
    context.device().create_sampler(&SamplerDescriptor {
        label: Some("show"),
        address_mode_u: AddressMode::ClampToEdge,
        address_mode_v: AddressMode::ClampToEdge,
        mag_filter: FilterMode::Linear,
        min_filter: FilterMode::Linear,
        ..SamplerDescriptor::default()
    })
}

fn pipeline(context: &Context, target: TextureFormat) -> RenderPipeline {
    let module = context.device().create_shader_module(include_wgsl!("../../../shaders/show.wgsl"));
    context.device().create_render_pipeline(&RenderPipelineDescriptor {
        label: Some("show"),
        layout: None,
        vertex: VertexState {
            module: &module,
            entry_point: Some("show_corner"),
            compilation_options: PipelineCompilationOptions::default(),
            buffers: &[],
        },
        fragment: Some(FragmentState {
            module: &module,
            entry_point: Some("show_pixel"),
            compilation_options: PipelineCompilationOptions::default(),
            targets: &[Some(ColorTargetState::from(target))],
        }),
        primitive: PrimitiveState::default(),
        depth_stencil: None,
        multisample: MultisampleState::default(),
        multiview_mask: None,
        cache: None,
    })
}
