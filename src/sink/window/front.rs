//! What stands on the screen: the window itself, its surface, and the scene on it.

use std::sync::Arc;

use wgpu::{
    CompositeAlphaMode, CurrentSurfaceTexture, Instance, PresentMode, Surface, SurfaceColorSpace, SurfaceConfiguration,
    TextureFormat, TextureUsages, TextureViewDescriptor,
};
use winit::dpi::PhysicalSize;
use winit::window;

use super::overlay::{Card, View};
use super::scene::{By, Canvas, Scene};
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::gpu::context::{Choice, Context, Wanted};

/// In a window of this size, in points, letters have their proper size. They grow and shrink with it, within bounds.
const PROPER_POINTS: (f64, f64) = (900.0, 506.0);
const LEAST_ZOOM: f64 = 0.9;
const MOST_ZOOM: f64 = 1.6;

/// What came of drawing.
#[derive(Debug)]
pub(super) enum Drawn {
    /// It is on the screen.
    Shown,
    /// Nobody would see it.
    Unseen,
    /// The window has changed meanwhile: once more.
    Again,
    /// The surface or the device is gone, and why: all of it must be made anew.
    Lost(Error),
}

/// A window that can be drawn on.
pub(super) struct Front {
    surface: Surface<'static>,
    configuration: SurfaceConfiguration,
    scene: Scene,
    window: Arc<window::Window>,
}

impl Front {
    /// Makes what draws on `window`.
    ///
    /// # Errors
    /// When there is no adapter that can, or its driver gives no device.
    pub(super) fn new(instance: &Instance, window: Arc<window::Window>) -> Result<Self> {
        let failed = |reason: String| {
            Error::Device(format!(
                "nothing can draw on the display: {reason}; install a Vulkan driver (mesa-vulkan-drivers)"
            ))
        };
        let surface = instance.create_surface(Arc::clone(&window)).map_err(|error| failed(error.to_string()))?;
        // A window that is drawn in software is better than none.
        let choice = Choice { wanted: Wanted::Best, software: true };
        let context = Context::open(instance, &choice, Some(&surface)).map_err(|error| failed(error.to_string()))?;
        let offered = surface.get_capabilities(context.adapter());
        let (format, target) = formats_of(&offered.formats).ok_or_else(|| failed("it takes no picture".into()))?;
        let copied = TextureUsages::RENDER_ATTACHMENT | TextureUsages::COPY_DST;
        let (by, usage) = match offered.usages.contains(copied) && context.is_software() {
            true => (By::Processor, copied),
            false => (By::Card, TextureUsages::RENDER_ATTACHMENT),
        };
        let PhysicalSize { width, height } = window.inner_size();
        let configuration = SurfaceConfiguration {
            usage,
            format,
            color_space: SurfaceColorSpace::Auto,
            width: width.max(1),
            height: height.max(1),
            // In step with the display: nothing tears, and no picture is drawn that nobody sees.
            present_mode: PresentMode::Fifo,
            desired_maximum_frame_latency: 1,
            alpha_mode: CompositeAlphaMode::Auto,
            view_formats: if format == target { Vec::new() } else { vec![target] },
        };
        surface.configure(context.device(), &configuration);
        Ok(Self { surface, configuration, scene: Scene::new(context, target, by), window })
    }

    pub(super) fn window(&self) -> &Arc<window::Window> {
        &self.window
    }

    pub(super) fn scene(&mut self) -> &mut Scene {
        &mut self.scene
    }

    /// Size of the window in pixels.
    pub(super) fn size(&self) -> Size {
        Size::new(self.configuration.width, self.configuration.height)
    }

    /// Pixels in a point: as the display wants it, more in a large window.
    pub(super) fn scale(&self) -> f32 {
        let factor = self.window.scale_factor();
        let points = |pixels: u32| f64::from(pixels) / factor;
        let zoom = f64::min(
            points(self.configuration.width) / PROPER_POINTS.0,
            points(self.configuration.height) / PROPER_POINTS.1,
        );
        (factor * zoom.clamp(LEAST_ZOOM, MOST_ZOOM)) as f32
    }

    /// The window has another size now.
    pub(super) fn resize(&mut self, size: PhysicalSize<u32>) {
        let most = self.scene.context().device().limits().max_texture_dimension_2d;
        self.configuration.width = size.width.clamp(1, most);
        self.configuration.height = size.height.clamp(1, most);
        // A device that is gone takes no surface; the next one gets it.
        if self.health().is_err() {
            return;
        }
        self.surface.configure(self.scene.context().device(), &self.configuration);
    }

    /// Draws the scene and puts it on the screen.
    ///
    /// # Errors
    /// When the card cannot draw it.
    pub(super) fn draw(&mut self, view: &View, cards: Vec<Card>) -> Result<Drawn> {
        let (texture, fits) = match self.surface.get_current_texture() {
            CurrentSurfaceTexture::Success(texture) => (texture, true),
            CurrentSurfaceTexture::Suboptimal(texture) => (texture, false),
            CurrentSurfaceTexture::Timeout | CurrentSurfaceTexture::Occluded => return Ok(Drawn::Unseen),
            CurrentSurfaceTexture::Outdated => {
                self.resize(self.window.inner_size());
                return Ok(Drawn::Again);
            }
            CurrentSurfaceTexture::Lost | CurrentSurfaceTexture::Validation => {
                let gone = Error::Device("its surface was lost".into());
                return Ok(Drawn::Lost(self.health().err().unwrap_or(gone)));
            }
        };
        let target = TextureViewDescriptor { format: Some(self.target()), ..TextureViewDescriptor::default() };
        let canvas = Canvas { size: self.size(), scale: self.scale() };
        self.scene.draw(&texture.texture.create_view(&target), canvas, view, cards)?;
        if let Err(error) = self.health() {
            return Ok(Drawn::Lost(error));
        }
        self.window.pre_present_notify();
        self.scene.context().queue().present(texture);
        if !fits {
            self.resize(self.window.inner_size());
        }
        Ok(Drawn::Shown)
    }

    fn target(&self) -> TextureFormat {
        self.configuration.view_formats.first().copied().unwrap_or(self.configuration.format)
    }

    /// Whether the device works.
    ///
    /// # Errors
    /// Why it does not.
    pub(super) fn health(&self) -> Result<()> {
        self.scene.context().fault().map_or(Ok(()), |fault| Err(Error::Device(fault.to_string())))
    }
}

/// The format of the surface, and that in which gamma-coded values are written to it unchanged.
fn formats_of(offered: &[TextureFormat]) -> Option<(TextureFormat, TextureFormat)> {
    let plain = [TextureFormat::Bgra8Unorm, TextureFormat::Rgba8Unorm];
    let by_itself = offered.iter().find(|format| plain.contains(format));
    let seen_as = offered.iter().find(|format| plain.contains(&format.remove_srgb_suffix()));
    by_itself.or(seen_as).map(|format| (*format, format.remove_srgb_suffix()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use TextureFormat::{Bgra8Unorm, Bgra8UnormSrgb, Rgba8Unorm, Rgba8UnormSrgb, Rgba16Float};

    #[test]
    fn what_is_written_stays_as_it_is() {
        assert_eq!(formats_of(&[Bgra8UnormSrgb, Rgba8Unorm]), Some((Rgba8Unorm, Rgba8Unorm)));
        assert_eq!(formats_of(&[Rgba16Float, Bgra8UnormSrgb]), Some((Bgra8UnormSrgb, Bgra8Unorm)));
        assert_eq!(formats_of(&[Rgba8UnormSrgb, Bgra8Unorm]), Some((Bgra8Unorm, Bgra8Unorm)));
        assert_eq!(formats_of(&[Rgba16Float]), None);
    }
}
