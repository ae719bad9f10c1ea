//! A device with its kernels and staging buffers: what goes up, what is done with it there, and what comes down.

use std::sync::{Mutex, PoisonError};

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindingResource, Buffer, BufferBinding, BufferSize, BufferUsages,
    CommandEncoder, CommandEncoderDescriptor, ComputePassDescriptor, ComputePipeline, Device, MapMode, SubmissionIndex,
};

use super::context::{Context, Fault};
use super::kernels::{FLAWS, PARAMS, Params, Pipelines, TARGET, groups};
use super::passes::{Inputs, Pass, Place, between_bytes, target_bytes};
use super::staging::{Grown, Mapping, Ring, Set};
use crate::filter::{Filter, TapsKept, TapsPlace};
use crate::frame::{Frame, PixelFormat, Size, aligned_planes};
use crate::tensor::Finite;

/// What kernels read and write, and what is copied to and from.
const STORED: BufferUsages = BufferUsages::STORAGE.union(BufferUsages::COPY_DST).union(BufferUsages::COPY_SRC);

/// A device, its kernels and its staging buffers. Any number of threads may use it at once.
#[derive(Debug)]
pub struct Workshop {
    context: Context,
    pipelines: Pipelines,
    ring: Ring,
    /// [`Place::Between`], for all runs: the card does one after the other, and none looks for what another left there.
    between: Mutex<Vec<Grown>>,
    taps: Mutex<Taps>,
}

/// The weights that planes are resized by: they go up once.
#[derive(Debug, Default)]
struct Taps {
    kept: TapsKept,
    on_card: Grown,
    words_on_card: usize,
}

/// What a run leaves on the card for the next one: the bytes that came down, and behind them a word that is not 0 if the run met
/// what is no number. It belongs to one device.
#[derive(Debug, Default)]
pub struct Kept(Grown);

/// A run that the card has been given, and has not given back yet.
#[derive(Debug)]
pub struct Flight {
    set: Set,
    mapping: Mapping,
    submitted: SubmissionIndex,
    target_bytes: usize,
}

/// Where things lie in the buffer that goes up, which holds `params` first.
struct Cargo {
    upload: Buffer,
    table: usize,
    frame: usize,
    tensor: usize,
    end: usize,
}

impl Workshop {
    /// With `context` to itself.
    pub fn new(context: Context) -> Self {
        Self {
            context,
            pipelines: Pipelines::default(),
            ring: Ring::default(),
            between: Mutex::default(),
            taps: Mutex::default(),
        }
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

    /// Brings `inputs` up, runs `passes` one after the other, and lets `read` have the bytes that they leave in
    /// [`Place::Target`]. Says whether all values that they met were numbers.
    ///
    /// # Errors
    /// The fault of the device; it is of no use any more.
    pub fn run(&self, inputs: Inputs<'_>, passes: &[Pass], read: impl FnOnce(&[u8])) -> Result<Finite, Fault> {
        let flight = self.begin(inputs, passes, None)?;
        self.finish(flight, read)
    }

    /// The first half of [`Self::run`]: what is begun later is done later. What comes down goes to `kept`, too, once the passes
    /// have read what stood there.
    ///
    /// # Errors
    /// See [`Self::run`].
    pub fn begin(&self, inputs: Inputs<'_>, passes: &[Pass], kept: Option<&mut Kept>) -> Result<Flight, Fault> {
        if let Some(fault) = self.context.fault() {
            return Err(fault);
        }
        let mut set = self.ring.lend();
        let cargo = self.load(&mut set, inputs, passes)?;
        let target_bytes = target_bytes(passes);
        let submitted = self.submit(&mut set, &cargo, passes, target_bytes, kept);
        let whole = (target_bytes + 4) as u64;
        let mapping = Mapping::of(self.readback(&mut set, whole), MapMode::Read, whole);
        Ok(Flight { set, mapping, submitted, target_bytes })
    }

    /// The second half of [`Self::run`].
    ///
    /// # Errors
    /// See [`Self::run`].
    pub fn finish(&self, flight: Flight, read: impl FnOnce(&[u8])) -> Result<Finite, Fault> {
        let Flight { mut set, mapping, submitted, target_bytes } = flight;
        mapping.wait(&self.context, Some(submitted))?;
        let whole = (target_bytes + 4) as u64;
        let readback = self.readback(&mut set, whole);
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

    /// Where the weights by which `from` values become `to` stand in [`Place::Taps`].
    pub fn taps(&self, from: u32, to: u32, filter: Filter) -> TapsPlace {
        self.taps.lock().unwrap_or_else(PoisonError::into_inner).kept.get(from, to, filter)
    }

    /// The buffer with all of them that were asked for.
    fn taps_on_card(&self) -> Buffer {
        let mut taps = self.taps.lock().unwrap_or_else(PoisonError::into_inner);
        let Taps { kept, on_card, words_on_card } = &mut *taps;
        let words = kept.words();
        let buffer = on_card.sized(self.context.device(), (4 * words.len()).max(4) as u64, STORED);
        if *words_on_card < words.len() {
            self.context.queue().write_buffer(buffer, 0, bytemuck::cast_slice(words));
            *words_on_card = words.len();
        }
        buffer.clone()
    }

    /// The buffers between `passes`.
    fn between(&self, passes: &[Pass]) -> Vec<Buffer> {
        let needed = between_bytes(passes);
        let mut between = self.between.lock().unwrap_or_else(PoisonError::into_inner);
        let count = between.len().max(needed.len());
        between.resize_with(count, Grown::default);
        let buffers = between.iter_mut().zip(needed);
        buffers.map(|(grown, bytes)| grown.sized(self.context.device(), bytes as u64, STORED).clone()).collect()
    }

    fn readback<'a>(&self, set: &'a mut Set, bytes: u64) -> &'a Buffer {
        set.readback.sized(self.context.device(), bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST)
    }

    /// Writes all that goes up to the one buffer that it goes up in.
    fn load(&self, set: &mut Set, inputs: Inputs<'_>, passes: &[Pass]) -> Result<Cargo, Fault> {
        let table = passes.len() * Params::BYTES;
        let words: &[u8] = bytemuck::cast_slice(inputs.table);
        let frame = table + words.len();
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
            view.slice(table..frame).copy_from_slice(words);
            if let Some(source) = inputs.frame {
                rows_of(source, |at, row| view.slice(frame + at..frame + at + row.len()).copy_from_slice(row));
            }
            view.slice(tensor..tensor + values.len()).copy_from_slice(values);
        }
        upload.unmap();
        Ok(Cargo { upload, table, frame, tensor, end })
    }

    /// Records the copies and the passes, and hands them to the card.
    fn submit(
        &self,
        set: &mut Set,
        cargo: &Cargo,
        passes: &[Pass],
        target_bytes: usize,
        kept: Option<&mut Kept>,
    ) -> SubmissionIndex {
        let device = self.context.device();
        let whole = (target_bytes + 4) as u64;
        let kept = kept.map(|kept| kept.0.sized(device, whole, STORED).clone());
        let resident = Resident { between: self.between(passes), taps: self.taps_on_card(), kept };
        let buffers = Buffers::of(set, device, cargo, resident, target_bytes);
        let mut encoder = device.create_command_encoder(&CommandEncoderDescriptor { label: Some("stylize") });
        let bring = |encoder: &mut CommandEncoder, from: usize, until: usize, to: &Buffer| {
            if until > from {
                encoder.copy_buffer_to_buffer(&cargo.upload, from as u64, to, 0, (until - from) as u64);
            }
        };
        bring(&mut encoder, 0, cargo.table, &buffers.params);
        bring(&mut encoder, cargo.table, cargo.frame, &buffers.table);
        bring(&mut encoder, cargo.frame, cargo.tensor, &buffers.frame);
        bring(&mut encoder, cargo.tensor, cargo.end, &buffers.tensor);
        encoder.clear_buffer(&buffers.flaws, 0, None);
        for (index, pass) in passes.iter().enumerate() {
            let pipeline = self.pipelines.get(device, pass.variant);
            let group = buffers.bind(device, index, pass, &pipeline);
            let mut compute = encoder.begin_compute_pass(&ComputePassDescriptor::default());
            compute.set_pipeline(&pipeline);
            compute.set_bind_group(0, &group, &[]);
            let [across, along] = groups(pass.params.invocations);
            compute.dispatch_workgroups(across, along, 1);
        }
        for copy in [Some(self.readback(set, whole)), buffers.resident.kept.as_ref()].into_iter().flatten() {
            encoder.copy_buffer_to_buffer(&buffers.target, 0, copy, 0, target_bytes as u64);
            encoder.copy_buffer_to_buffer(&buffers.flaws, 0, copy, target_bytes as u64, 4);
        }
        self.context.queue().submit([encoder.finish()])
    }
}

/// The buffers of one run on the card.
struct Buffers {
    params: Buffer,
    table: Buffer,
    frame: Buffer,
    tensor: Buffer,
    target: Buffer,
    flaws: Buffer,
    resident: Resident,
}

/// Those of them that are not of one run alone.
struct Resident {
    between: Vec<Buffer>,
    taps: Buffer,
    kept: Option<Buffer>,
}

impl Buffers {
    /// Those of `set`, grown to what the run needs.
    fn of(set: &mut Set, device: &Device, cargo: &Cargo, resident: Resident, target_bytes: usize) -> Self {
        let sized = |grown: &mut Grown, bytes: usize| grown.sized(device, bytes.max(4) as u64, STORED).clone();
        let uniform = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
        Self {
            params: set.params.sized(device, cargo.table as u64, uniform).clone(),
            table: sized(&mut set.table, cargo.frame - cargo.table),
            frame: sized(&mut set.frame, cargo.tensor - cargo.frame),
            tensor: sized(&mut set.tensor, cargo.end - cargo.tensor),
            target: sized(&mut set.target, target_bytes),
            flaws: sized(&mut set.flaws, 4),
            resident,
        }
    }

    fn at(&self, place: Place) -> &Buffer {
        match place {
            Place::Frame => &self.frame,
            Place::Tensor => &self.tensor,
            Place::Table => &self.table,
            // A run that keeps nothing has nothing that was kept.
            Place::Kept => self.resident.kept.as_ref().unwrap_or(&self.flaws),
            Place::Taps => &self.resident.taps,
            Place::Between(number) => &self.resident.between[number],
            Place::Target => &self.target,
        }
    }

    /// As pass `index` sees them.
    fn bind(&self, device: &Device, index: usize, pass: &Pass, pipeline: &ComputePipeline) -> BindGroup {
        let params = BufferBinding {
            buffer: &self.params,
            offset: (index * Params::BYTES) as u64,
            size: BufferSize::new(Params::BYTES as u64),
        };
        let kernel = pass.variant.kernel;
        let mut entries = vec![BindGroupEntry { binding: PARAMS, resource: BindingResource::Buffer(params) }];
        let places = kernel.reads().iter().zip(&pass.reads).map(|(binding, place)| (*binding, self.at(*place)));
        let flaws = kernel.tells_flaws().then_some((FLAWS, &self.flaws));
        let written = [(TARGET, self.at(pass.writes))];
        entries.extend(
            places
                .chain(written)
                .chain(flaws)
                .map(|(binding, buffer)| BindGroupEntry { binding, resource: buffer.as_entire_binding() }),
        );
        device.create_bind_group(&BindGroupDescriptor {
            label: Some("stylize"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        })
    }
}

/// Bytes of a frame on the card.
pub fn frame_bytes(pixels: PixelFormat, size: Size) -> usize {
    let (_, len) = aligned_planes(pixels, size);
    len
}

/// Hands out the rows of `frame`, each with the byte at which it begins on the card.
fn rows_of(frame: &Frame, mut put: impl FnMut(usize, &[u8])) {
    let pixels = frame.format().pixels;
    let (planes, _) = aligned_planes(pixels, frame.size());
    for (index, plane) in planes.iter().enumerate().take(pixels.planes()) {
        let (_, rows) = pixels.plane_extent(index, frame.size());
        (0..rows).for_each(|y| put(plane.offset_bytes + y * plane.stride_bytes, frame.row(index, y)));
    }
}

fn refused(error: &dyn std::fmt::Display) -> Fault {
    Fault::Refused(error.to_string())
}
