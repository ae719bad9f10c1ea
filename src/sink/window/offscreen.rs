//! What a window of a given size would show, as a picture in memory: for tests, and for pictures of the window.

use std::fmt;
use std::sync::mpsc;
use std::time::Duration;

use wgpu::{
    BufferDescriptor, BufferUsages, CommandEncoderDescriptor, Extent3d, MapMode, PollType, TexelCopyBufferInfo,
    TexelCopyBufferLayout, Texture, TextureDescriptor, TextureDimension, TextureFormat, TextureUsages,
    TextureViewDescriptor,
};

use super::overlay::{View, cards};
use super::scene::{By, Canvas, Scene};
use crate::control::Status;
use crate::error::{Error, Result};
use crate::frame::{Painted, Size};
use crate::gpu::context::{Choice, Context, Wanted};

const FORMAT: TextureFormat = TextureFormat::Rgba8Unorm;
const PIXEL_BYTES: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(60);

/// A window that is nowhere.
pub struct Offscreen {
    scene: Scene,
    texture: Texture,
    canvas: Canvas,
}

impl fmt::Debug for Offscreen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offscreen").field("texture", &self.texture).finish_non_exhaustive()
    }
}

impl Offscreen {
    /// One of `size` pixels, of which a point of the overlay has `scale`; the picture is brought to it by whom it says.
    ///
    /// # Errors
    /// When no graphics adapter is there.
    pub fn open(size: Size, scale: f32, by: By) -> Result<Self> {
        let choice = Choice { wanted: Wanted::Best, software: true };
        let context = Context::open(&Context::instance(), &choice, None).map_err(failed)?;
        let texture = context.device().create_texture(&TextureDescriptor {
            label: Some("offscreen"),
            size: Extent3d { width: size.width, height: size.height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: TextureDimension::D2,
            format: FORMAT,
            usage: TextureUsages::RENDER_ATTACHMENT | TextureUsages::COPY_SRC | TextureUsages::COPY_DST,
            view_formats: &[],
        });
        Ok(Self { scene: Scene::new(context, FORMAT, by), texture, canvas: Canvas { size, scale } })
    }

    /// Rows of red, green, blue and an unused byte, as they would stand on the screen.
    ///
    /// # Errors
    /// When the card does not do its work.
    pub fn draw(
        &mut self,
        frames: Option<&Painted>,
        view: &View,
        status: &Status,
        note: Option<&str>,
    ) -> Result<Vec<u8>> {
        if let Some(frames) = frames {
            self.scene.take(frames, view.split.is_some());
        }
        let target = self.texture.create_view(&TextureViewDescriptor::default());
        self.scene.draw(&target, self.canvas, view, cards(status, view, note, frames.is_none()))?;
        self.read()
    }

    fn read(&self) -> Result<Vec<u8>> {
        let Size { width, height } = self.canvas.size;
        let (context, row_bytes) = (self.scene.context(), width * PIXEL_BYTES);
        let stride_bytes = row_bytes.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = context.device().create_buffer(&BufferDescriptor {
            label: Some("readback"),
            size: u64::from(stride_bytes) * u64::from(height),
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = context.device().create_command_encoder(&CommandEncoderDescriptor::default());
        let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(stride_bytes), rows_per_image: None };
        let to = TexelCopyBufferInfo { buffer: &buffer, layout };
        encoder.copy_texture_to_buffer(self.texture.as_image_copy(), to, self.texture.size());
        context.queue().submit([encoder.finish()]);
        let (done, is_done) = mpsc::sync_channel(1);
        buffer.map_async(MapMode::Read, .., move |mapped| drop(done.send(mapped)));
        let wait = PollType::Wait { submission_index: None, timeout: Some(PATIENCE) };
        context.device().poll(wait).map_err(failed)?;
        is_done.recv().map_err(failed)?.map_err(failed)?;
        let bytes = buffer.get_mapped_range(..).map_err(failed)?;
        Ok(bytes.chunks(stride_bytes as usize).flat_map(|row| &row[..row_bytes as usize]).copied().collect())
    }
}

fn failed(error: impl std::error::Error) -> Error {
    Error::Device(format!("nothing can be drawn: {error}"))
}
