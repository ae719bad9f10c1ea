//! A device with its kernels and staging buffers: what goes up, what is done with it there, and what comes down.

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindingResource, Buffer, BufferBinding, BufferSize, BufferUsages,
    CommandEncoderDescriptor, ComputePassDescriptor, ComputePipeline, MapMode, SubmissionIndex,
};

use super::context::{Context, Fault};
use super::kernels::{Params, Pipelines, Variant, groups};
use super::staging::{Mapping, Ring, Set};
use crate::convert::Finite;
use crate::frame::{Frame, PixelFormat, Size, aligned_planes};
use crate::tensor::Tensor;

/// One kernel over one picture.
pub struct Pass {
    /// Which kernel.
    pub variant: Variant,
    /// What it is told.
    pub params: Params,
    /// Bytes that it writes.
    pub target_bytes: usize,
}

/// What goes up.
#[derive(Clone, Copy, Default)]
pub struct Inputs<'a> {
    /// For kernels that read a frame.
    pub frame: Option<&'a Frame>,
    /// For the first kernel that reads a tensor; each later one reads what the one before it wrote.
    pub tensor: Option<&'a Tensor>,
}

/// A device, its kernels and its staging buffers. Any number of threads may use it at once.
pub struct Workshop {
    context: Context,
    pipelines: Pipelines,
    ring: Ring,
}

/// Where things lie in the buffer that goes up.
struct Cargo {
    upload: Buffer,
    frame: usize,
    tensor: usize,
    end: usize,
}

impl Workshop {
    /// With `context` to itself.
    pub fn new(context: Context) -> Self {
        Self { context, pipelines: Pipelines::default(), ring: Ring::default() }
    }

    /// The device.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Greatest number of bytes that a kernel can be given at once.
    pub fn most_bytes(&self) -> u64 {
        let limits = self.context.device().limits();
        limits.max_buffer_size.min(limits.max_storage_buffer_binding_size)
    }

    /// Brings `inputs` up, runs `passes` one after the other, and lets `read` have the bytes that the last one wrote.
    /// Says whether all values that they met were numbers.
    ///
    /// # Errors
    /// The fault of the device; it is of no use any more.
    pub fn run(&self, inputs: Inputs<'_>, passes: &[Pass], read: impl FnOnce(&[u8])) -> Result<Finite, Fault> {
        if let Some(fault) = self.context.fault() {
            return Err(fault);
        }
        let mut set = self.ring.lend();
        let cargo = self.load(&mut set, inputs, passes)?;
        let target_bytes = passes.last().map_or(0, |pass| pass.target_bytes).next_multiple_of(4);
        let submitted = self.submit(&mut set, &cargo, inputs, passes, target_bytes);
        let whole = (target_bytes + 4) as u64;
        let readback =
            set.readback.sized(self.context.device(), whole, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        Mapping::of(readback, MapMode::Read, whole).wait(&self.context, Some(submitted))?;
        let finite = {
            let view = readback.slice(..whole).get_mapped_range().map_err(|error| refused(&error))?;
            let (bytes, flaws) = view.split_at(target_bytes);
            read(bytes);
            if flaws == [0; 4] { Finite::Yes } else { Finite::No }
        };
        readback.unmap();
        set.upload.map_again();
        self.ring.take_back(set);
        Ok(finite)
    }

    /// Writes all that goes up to the one buffer that it goes up in.
    fn load(&self, set: &mut Set, inputs: Inputs<'_>, passes: &[Pass]) -> Result<Cargo, Fault> {
        let frame = passes.len() * Params::BYTES;
        let tensor = frame + inputs.frame.map_or(0, |frame| frame_bytes(frame.format().pixels, frame.size()));
        let values = inputs.tensor.map(|tensor| tensor.values.bytes()).unwrap_or_default();
        let end = tensor + values.len().next_multiple_of(4);
        let upload = set.upload.mapped(&self.context, end as u64)?.clone();
        {
            let mut view = upload.slice(..end as u64).get_mapped_range_mut().map_err(|error| refused(&error))?;
            for (index, pass) in passes.iter().enumerate() {
                let start = index * Params::BYTES;
                view.slice(start..start + Params::BYTES).copy_from_slice(&pass.params.bytes());
            }
            if let Some(source) = inputs.frame {
                let pixels = source.format().pixels;
                let (planes, _) = aligned_planes(pixels, source.size());
                for (index, plane) in planes.iter().enumerate().take(pixels.planes()) {
                    let (row_bytes, rows) = pixels.plane_extent(index, source.size());
                    for y in 0..rows {
                        let start = frame + plane.offset_bytes + y * plane.stride_bytes;
                        view.slice(start..start + row_bytes).copy_from_slice(source.row(index, y));
                    }
                }
            }
            view.slice(tensor..tensor + values.len()).copy_from_slice(values);
        }
        upload.unmap();
        Ok(Cargo { upload, frame, tensor, end })
    }

    /// Records the copies and the passes, and hands them to the card.
    fn submit(
        &self,
        set: &mut Set,
        cargo: &Cargo,
        inputs: Inputs<'_>,
        passes: &[Pass],
        target_bytes: usize,
    ) -> SubmissionIndex {
        let device = self.context.device();
        let stored = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
        let between_bytes = passes.iter().rev().skip(1).map(|pass| pass.target_bytes.next_multiple_of(4)).max();
        let whole = (target_bytes + 4) as u64;
        let uniform = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
        let buffers = Buffers {
            params: set.params.sized(device, cargo.frame as u64, uniform),
            frame: set.frame.sized(device, (cargo.tensor - cargo.frame).max(4) as u64, stored),
            tensor: set.tensor.sized(device, (cargo.end - cargo.tensor).max(4) as u64, stored),
            between: set.between.sized(device, between_bytes.unwrap_or(4) as u64, stored),
            target: set.target.sized(device, target_bytes as u64, stored),
            flaws: set.flaws.sized(device, 4, stored),
        };
        let mut encoder = device.create_command_encoder(&CommandEncoderDescriptor { label: Some("stylize") });
        let mut bring = |from: usize, until: usize, to: &Buffer| {
            if until > from {
                encoder.copy_buffer_to_buffer(&cargo.upload, from as u64, to, 0, (until - from) as u64);
            }
        };
        bring(0, cargo.frame, buffers.params);
        if inputs.frame.is_some() {
            bring(cargo.frame, cargo.tensor, buffers.frame);
        }
        bring(cargo.tensor, cargo.end, buffers.tensor);
        encoder.clear_buffer(buffers.flaws, 0, None);
        for (index, pass) in passes.iter().enumerate() {
            let pipeline = self.pipelines.get(device, pass.variant);
            let group = self.bind(&buffers, (index, passes.len()), pass.variant, &pipeline);
            let mut compute = encoder.begin_compute_pass(&ComputePassDescriptor::default());
            compute.set_pipeline(&pipeline);
            compute.set_bind_group(0, &group, &[]);
            let [across, along] = groups(pass.params.invocations);
            compute.dispatch_workgroups(across, along, 1);
        }
        let readback = set.readback.sized(device, whole, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        encoder.copy_buffer_to_buffer(buffers.target, 0, readback, 0, target_bytes as u64);
        encoder.copy_buffer_to_buffer(buffers.flaws, 0, readback, target_bytes as u64, 4);
        self.context.queue().submit([encoder.finish()])
    }

    /// The buffers as pass `index` of `count` sees them.
    fn bind<'a>(
        &self,
        buffers: &Buffers<'a>,
        (index, count): (usize, usize),
        variant: Variant,
        pipeline: &ComputePipeline,
    ) -> BindGroup {
        let params = BufferBinding {
            buffer: buffers.params,
            offset: (index * Params::BYTES) as u64,
            size: BufferSize::new(Params::BYTES as u64),
        };
        let kernel = variant.kernel;
        let mut entries = vec![BindGroupEntry { binding: 0, resource: BindingResource::Buffer(params) }];
        let mut add = |binding: u32, buffer: &'a Buffer| {
            entries.push(BindGroupEntry { binding, resource: buffer.as_entire_binding() });
        };
        if kernel.reads_frame() {
            add(1, buffers.frame);
        }
        if kernel.reads_tensor() {
            add(2, if index == 0 { buffers.tensor } else { buffers.between });
            add(4, buffers.flaws);
        }
        add(3, if index + 1 == count { buffers.target } else { buffers.between });
        self.context.device().create_bind_group(&BindGroupDescriptor {
            label: Some("stylize"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        })
    }
}

/// The buffers of one frame on the card.
struct Buffers<'a> {
    params: &'a Buffer,
    frame: &'a Buffer,
    tensor: &'a Buffer,
    between: &'a Buffer,
    target: &'a Buffer,
    flaws: &'a Buffer,
}

/// Bytes of a frame on the card.
pub fn frame_bytes(pixels: PixelFormat, size: Size) -> usize {
    let (_, len) = aligned_planes(pixels, size);
    len
}

fn refused(error: &dyn std::fmt::Display) -> Fault {
    Fault::Refused(error.to_string())
}
