//! A loaded model: an ONNX Runtime session for a stage.

pub(crate) mod cost;
pub(crate) mod fit;
mod in_place;
pub(crate) mod invariant;
pub(crate) mod load;
pub(crate) mod prepared;
mod session_builder;
pub(crate) mod sized;
pub(crate) mod time;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use half::f16;
use ort::session::{RunOptions, Session};
use wuerst_core::{
    CancellableMutex, CancellationToken, Ctx, DType, Dim, Error, NotFinite, Result, Tensor, Ty, Unavailable,
    Usage,
};
use wuerst_model::contract::Sizes;
use wuerst_model::count;
use wuerst_model::network::Network;

use self::cost::{CostModel, Counted};
use self::in_place::InPlace;
use self::invariant::{Feed, InvariantOutputs, InvariantPart, taken};
use self::load::{LoadRequest, Opened};
use self::prepared::Mapped;
use self::sized::{Resizer, SizedSession};
use self::time::TimeInput;
use crate::arena::ArenaStats;
use crate::device::{Device, Placement};
use crate::model_header::ModelHeader;
use crate::options::{Level, RuntimeOptions};
use crate::tensor::{lost, ran_out, tensor};

/// A model in memory. Shared by the nodes that use it; runs of one model happen one after another.
pub struct LoadedModel {
    path: PathBuf,
    header: Arc<ModelHeader>,
    time: TimeInput,
    /// Its operators are those of the latest session.
    placement: Mutex<Placement>,
    device: Device,
    bytes: u64,
    cost_model: CostModel,
    /// Allocator statistics between evaluations.
    idle: Option<ArenaStats>,
    /// Peak bytes of evaluations in addition to `idle`; 0 if unknown.
    held: AtomicU64,
    /// Held by the current run. Separate from the lock below, which a cancellation cannot interrupt.
    mutex: CancellableMutex,
    session: Mutex<SizedSession>,
    /// Makes sessions for other sizes, if the device wants one for each.
    resizer: Option<Resizer>,
    /// The step-invariant part, if the model was split.
    invariant: Option<InvariantPart>,
    /// Files whose pages an evaluation may read.
    mapped: Vec<Mapped>,
    /// Dropped after the sessions, which stand above.
    _in_place: Vec<InPlace>,
}

impl LoadedModel {
    /// Loads a model on the first device that accepts it.
    ///
    /// # Errors
    /// [`Error::Model`] if no device accepts it, [`Error::OutOfMemory`] if the last one lacks memory, and
    /// [`Error::Cancelled`].
    pub(crate) fn load(
        header: Arc<ModelHeader>,
        load: &LoadRequest<'_>,
        cancel: &CancellationToken,
    ) -> Result<LoadedModel> {
        // The first session of a process sets the floating-point state of the thread that creates it.
        let opened = thread::scope(|scope| {
            let opener = thread::Builder::new().name("wuerst-load".into());
            let opener = opener.spawn_scoped(scope, || load.open(cancel));
            let opener = opener.map_err(|e| Error::Runtime(format!("no thread to load models in: {e}")))?;
            opener.join().map_err(|_| Error::Internal("loading a model panicked".into()))
        })?;
        cancel.check()?;
        let path = load.path;
        let Opened { session, invariant, mapped, in_place, mut placement } = opened?;
        placement.bytes = header.memory_on(&placement.device)
            + invariant.as_ref().map_or(0, |invariant| 4 * invariant.shared);
        let (path, mutex) = (path.to_owned(), CancellableMutex::new());
        let (cost_model, idle) = (CostModel::new(&header), ArenaStats::of(&session));
        let plain = load.plain.clone().filter(|_| Resizer::is_for(&placement.device));
        let resizer = plain.map(|model| {
            let (request, log) = (load.request, load.log.clone());
            Resizer { model, request, device: placement.device.clone(), log }
        });
        let session = Mutex::new(SizedSession::free(session));
        let time = TimeInput::of(&header);
        Ok(LoadedModel {
            path,
            header,
            time,
            device: placement.device.clone(),
            bytes: placement.bytes,
            placement: Mutex::new(placement),
            cost_model,
            idle,
            held: AtomicU64::new(0),
            mutex,
            session,
            resizer,
            invariant,
            mapped,
            _in_place: in_place,
        })
    }

    /// Memory use: [`ModelHeader::memory`], plus weights held twice.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the files that it reads weights from are unchanged. Reading from a truncated file would end the process.
    pub(crate) fn is_intact(&self) -> bool {
        self.mapped.iter().all(Mapped::is_intact)
    }

    /// Device, threads and memory of the model.
    pub fn placement(&self) -> Placement {
        self.placement.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Number of channels of the model's `latents`, if it is fixed.
    pub fn channels(&self) -> Option<usize> {
        self.length("latents", 1)
    }

    /// The length of an input's dimension, if it is fixed.
    pub fn length(&self, input: &str, axis: usize) -> Option<usize> {
        let input = self.header.inputs.iter().find(|outlet| outlet.name == input)?;
        match input.dims.get(axis) {
            Some(Dim::Fixed(length)) => Some(*length),
            _ => None,
        }
    }

    /// The network that it holds, if it says so.
    pub fn network(&self) -> Option<Network> {
        self.header.network()
    }

    /// The bytes that an evaluation with an input of this shape takes from the system for values of its own, as predicted from
    /// the network; none where the model does not say which it holds.
    pub fn predicted_memory(&self, input: &str, shape: &[usize]) -> Option<u64> {
        let graph = self.header.network()?.graph(&Sizes::of_inputs([(input, shape)])).ok()?;
        Some(count::cost_as(&graph, self.header.written_as()).arena_bytes)
    }

    /// Whether it has an input or output of this name.
    pub fn has(&self, name: &str) -> bool {
        self.header.has(name)
    }

    /// Runs the model once and gives its output called `output`, f16 widened to f32.
    ///
    /// `feeds` are matched by name; f32 is narrowed for an f16 input, and `timestep` is embedded for an input
    /// `time_embedding`. Stops early when the run is cancelled.
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::OutOfMemory`], or [`Error::Model`] with ONNX Runtime's message.
    pub fn run(&self, ctx: &Ctx<'_>, feeds: &[(&str, &Tensor)], output: &str) -> Result<Tensor> {
        self.run_for(ctx, feeds, [output]).map(|[tensor]| tensor)
    }

    /// [`LoadedModel::run`] for several outputs at once.
    ///
    /// # Errors
    /// As [`LoadedModel::run`].
    pub fn run_for<const N: usize>(
        &self,
        ctx: &Ctx<'_>,
        feeds: &[(&str, &Tensor)],
        outputs: [&str; N],
    ) -> Result<[Tensor; N]> {
        self.evaluate(ctx, feeds, outputs, &InvariantOutputs::default())
    }

    fn evaluate<const N: usize>(
        &self,
        ctx: &Ctx<'_>,
        feeds: &[(&str, &Tensor)],
        wanted: [&str; N],
        constant: &InvariantOutputs,
    ) -> Result<[Tensor; N]> {
        let embedding = self.time.embedded(feeds)?;
        let feeds = &time::with(feeds, embedding.as_ref())[..];
        feeds.iter().try_for_each(|(name, tensor)| self.takes(name, tensor))?;
        let narrowed: Vec<Feed<'_>> =
            feeds.iter().map(|(name, tensor)| (*name, self.narrowed(name, tensor))).collect();
        let failed = |error| self.failed(ctx, error);
        let options = Arc::new(RunOptions::new().map_err(failed)?);
        let stop = Arc::clone(&options);
        let _guard = ctx.cancel().on_cancel(move || {
            // If the flag cannot be set, the evaluation ends by itself.
            let _ = stop.terminate();
        });
        let _guard = self.mutex.lock(ctx.cancel())?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_intact() {
            let why = "the file of its weights was changed while it was in use; run it again, and replace such files \
                       instead of writing into them";
            return Err(self.broken(why.to_owned()));
        }
        let session = self.fitted(ctx, &mut session, &narrowed)?;
        let begun = Instant::now();
        let fresh = match &self.invariant {
            Some(invariant) => invariant.fill(constant, &narrowed, &options).map_err(failed)?,
            None => true,
        };
        let mut inputs = taken(session, &narrowed).map_err(failed)?;
        inputs.extend(constant.inputs());
        let outputs = session.run_with_options(inputs, &*options).map_err(failed)?;
        let usage = Usage::inference(self.device.to_string(), begun.elapsed());
        let value = |output: &str| {
            let value = outputs.get(output).ok_or_else(|| self.broken(format!("gave no `{output}`")))?;
            tensor(value)
        };
        let tensors = wanted.iter().map(|output| value(output)).collect::<Result<Vec<_>>>()?;
        drop(outputs);
        let reads =
            |parameter: &str| self.invariant.as_ref().is_some_and(|invariant| invariant.reads(parameter));
        let (cost, first) = self.cost_model.cost(feeds, reads);
        // Queried once per set of sizes, since equal sizes use equal memory.
        if let Some((idle, now)) =
            self.idle.filter(|_| first).and_then(|idle| Some((idle, ArenaStats::of(session)?)))
        {
            let own = now.most.saturating_sub(idle.in_use) + constant.bytes();
            let invariant = self.invariant.as_ref().map_or(0, InvariantPart::held);
            self.held.fetch_max(own.max(invariant), Ordering::Relaxed);
        }
        let (work, memory) = cost.map_or((0, 0), |Counted { cost, invariant }| {
            let done = if fresh { 0 } else { invariant };
            let kept = if self.invariant.is_some() { cost.kept_bytes } else { 0 };
            (cost.macs - done, cost.activation_bytes + kept)
        });
        ctx.used(&usage.counting(work).holding(self.held.load(Ordering::Relaxed), memory));
        let read = |(output, tensor): (&&str, Option<Tensor>)| {
            let tensor = tensor
                .ok_or_else(|| self.broken(format!("gave `{output}` in a type that no stage reads")))?;
            if let Some(odd) = tensor.not_finite() {
                return Err(self.overflowed(output, &odd));
            }
            Ok(match tensor.dtype() {
                DType::F16 => tensor.to_f32().map_or(tensor, Tensor::from),
                _ => tensor,
            })
        };
        let tensors = wanted.iter().zip(tensors).map(read).collect::<Result<Vec<_>>>()?;
        tensors.try_into().map_err(|_| Error::Internal("as many outputs as were wanted".into()))
    }

    /// The session for feeds of these sizes, made anew where the device wants one for each.
    fn fitted<'s>(
        &self,
        ctx: &Ctx<'_>,
        session: &'s mut SizedSession,
        feeds: &[Feed<'_>],
    ) -> Result<&'s mut Session> {
        let begun = Instant::now();
        let lengths = || sized::lengths(&self.header, feeds);
        let fitted = session.of(self.resizer.as_ref(), lengths, ctx.cancel());
        let (session, operators) = fitted.map_err(|why| self.said(ctx, &why))?;
        if let Some(operators) = operators {
            self.placement.lock().unwrap_or_else(PoisonError::into_inner).operators = operators;
            ctx.used(&Usage::loading(begun.elapsed()));
        }
        Ok(session)
    }

    /// An error for NaN and infinities in an output, with possible reasons.
    fn overflowed(&self, output: &str, odd: &NotFinite) -> Error {
        let why = self.header.why_not_finite();
        self.broken(format!("gave `{output}`, which {odd}; {why}"))
    }

    /// Checks the tensor's size against the model's input. A mismatch usually means a model of another family.
    fn takes(&self, name: &str, tensor: &Tensor) -> Result<()> {
        let Some(outlet) = self.header.inputs.iter().find(|input| input.name == name) else { return Ok(()) };
        let fits = |(dim, length): (&Dim, &usize)| !matches!(dim, Dim::Fixed(fixed) if fixed != length);
        if outlet.dims.len() == tensor.shape().len() && outlet.dims.iter().zip(tensor.shape()).all(fits) {
            return Ok(());
        }
        let (got, path) = (Ty::of_tensor(tensor), self.path.display());
        let why = fit::why(name, &outlet.dims, tensor.shape());
        Err(Error::invalid(name, format!("is {got}, but {path} takes {outlet}: {why}")))
    }

    fn narrowed<'t>(&self, name: &str, tensor: &'t Tensor) -> Cow<'t, Tensor> {
        let half = self.header.inputs.iter().any(|i| i.name == name && i.dtype == Some(DType::F16));
        match tensor.array::<f32>() {
            Some(array) if half => Cow::Owned(array.mapv(f16::from_f32).into()),
            _ => Cow::Borrowed(tensor),
        }
    }

    /// The noise predicted by a prior or decoder for the given latents. `constant` holds the step-invariant outputs, and
    /// is filled if empty.
    ///
    /// # Errors
    /// As [`LoadedModel::run`]; [`Error::Model`] if the result has another shape.
    pub fn noise(
        &self,
        ctx: &Ctx<'_>,
        feeds: &[(&str, &Tensor)],
        constant: &InvariantOutputs,
    ) -> Result<Tensor> {
        let noise = self.evaluate(ctx, feeds, ["noise"], constant).map(|[noise]| noise)?;
        let latents = feeds.iter().find(|(name, _)| *name == "latents");
        match latents.filter(|(_, latents)| latents.shape() != noise.shape()) {
            Some((_, latents)) => Err(self.gave("noise", &noise, &Ty::of_tensor(latents).to_string())),
            None => Ok(noise),
        }
    }

    /// Checks that an output has this shape.
    ///
    /// # Errors
    /// [`Error::Model`], with `why` as the reason for the expected shape.
    pub fn shaped(&self, output: &str, tensor: &Tensor, want: &[usize], why: &str) -> Result<()> {
        if tensor.shape() == want && tensor.dtype() == DType::F32 {
            return Ok(());
        }
        let (got, want) = (Ty::of_tensor(tensor), want.iter().map(usize::to_string).collect::<Vec<_>>());
        Err(self
            .broken(format!("gave `{output}` as {got}, where f32[{}] is expected: {why}", want.join(","))))
    }

    /// An error for an output whose type or shape differs from the contract.
    pub fn gave(&self, output: &str, tensor: &Tensor, want: &str) -> Error {
        self.broken(format!("gave `{output}` as {}, where {want} is expected", Ty::of_tensor(tensor)))
    }

    /// The file's name.
    pub fn file_name(&self) -> std::path::Display<'_> {
        Path::new(self.path.file_name().unwrap_or_default()).display()
    }

    fn broken(&self, message: String) -> Error {
        Error::Model { path: self.path.clone(), source: message.into() }
    }

    fn failed(&self, ctx: &Ctx<'_>, error: ort::Error) -> Error {
        self.said(ctx, error.message())
    }

    fn said(&self, ctx: &Ctx<'_>, message: &str) -> Error {
        if ctx.cancel().is_cancelled() {
            Error::Cancelled
        } else if ran_out(message) {
            Error::OutOfMemory { node: ctx.id().to_owned() }
        } else if self.device != Device::Cpu && lost(message) {
            let source = Unavailable::Device(message.to_owned()).into();
            Error::Model { path: self.path.clone(), source }
        } else {
            self.broken(message.to_owned())
        }
    }
}

impl std::fmt::Debug for LoadedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LoadedModel({} on {})", self.path.display(), self.device)
    }
}

/// Logs and reports the preferred devices that refused a model.
pub(crate) fn report(ctx: &mut Ctx<'_>, options: &RuntimeOptions, placement: &Placement) {
    for (device, why) in &placement.refused {
        let message = format!(
            "{} runs on {} because {device} refused: {why}",
            placement.model.display(),
            placement.device
        );
        ctx.warn_once(&message);
        if let Some(log) = &options.log {
            log(Level::Warning, &message);
        }
    }
}
