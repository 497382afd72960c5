//! Loads a model: creates a session on the first device that accepts it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ort::session::Session;
use ort::session::builder::SessionBuilder;
use wuerst_core::regular::{self, Links};
use wuerst_core::{CancellationToken, Error, Model, ModelMemory, Unavailable, external_data, memory};
use wuerst_model::onnx::{self, ModelSplit};

use crate::device::{self, Device, Placement, Request, assigned};
use crate::loras::Merged;
use crate::model::in_place::InPlace;
use crate::model::invariant::{InvariantPart, types};
use crate::model::prepared::{Found, Mapped, Prepared, Unmade, as_it_is};
use crate::model::session_builder::builder;
use crate::options::Log;
use crate::tensor::ran_out;

/// Name of the step-invariant part in the cache folder.
const INVARIANT: &str = "invariant";
const STEP: &str = "step";

/// A model to open, and how.
pub(crate) struct LoadRequest<'a> {
    pub(crate) path: &'a Path,
    /// The content of a model that the host keeps in memory.
    pub(crate) memory: Option<&'a ModelMemory>,
    pub(crate) request: Request,
    /// In order of preference.
    pub(crate) devices: &'a [Device],
    /// Operator sets that the model needs in addition to the standard one.
    pub(crate) domains: &'a [String],
    /// Whether the first refusal is an error.
    pub(crate) strict: bool,
    /// Cache of the model's CPU form.
    pub(crate) prepared: Option<Prepared>,
    /// Receives the reason if the model cannot be cached.
    pub(crate) warn: &'a (dyn Fn(String) + Sync),
    /// Inputs that change in each sampling step. The part that depends only on the other inputs becomes a session of its
    /// own on the CPU, if that pays off; on other devices its outputs would have to be copied in each step.
    pub(crate) stepwise: &'static [&'static str],
    pub(crate) log: Option<Log>,
    /// The model with merged weights, in place of the file.
    pub(crate) merged: Option<Merged>,
    /// The model, if it is the file as it is: only then can it be loaded again for other sizes.
    pub(crate) plain: Option<Model>,
}

/// A loaded model.
pub(crate) struct Opened {
    pub(crate) session: Session,
    /// The step-invariant part, if the model was split.
    pub(crate) invariant: Option<InvariantPart>,
    /// Files that both parts may have mapped.
    pub(crate) mapped: Vec<Mapped>,
    /// Memory of the host that both parts use, which is freed after them.
    pub(crate) in_place: Vec<InPlace>,
    pub(crate) placement: Placement,
}

/// A session, and the files and the memory that its weights may lie in.
struct Loaded {
    session: Session,
    mapped: Vec<Mapped>,
    in_place: Option<InPlace>,
}

/// Source of a session.
enum ModelSource<'a> {
    File(&'a Path),
    /// A part of the model, or the model with merged weights.
    Bytes(Cow<'a, [u8]>),
    /// A model of the host.
    Memory(&'a [u8]),
}

/// The per-step part; and the step-invariant part with its mapped files and memory.
type Halves = (Loaded, (InvariantPart, Vec<Mapped>, Option<InPlace>));

impl LoadRequest<'_> {
    /// Creates a session on the first device that accepts the model, and collects the refusals of earlier devices.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the last device refuses for that reason, otherwise [`Error::Model`].
    pub(crate) fn open(&self, cancel: &CancellationToken) -> Result<Opened, Error> {
        let mut refused = vec![];
        for device in self.devices {
            match self.on(device, cancel) {
                Ok(mut opened) => {
                    opened.placement.refused = refused;
                    return Ok(opened);
                }
                Err(why) => refused.push((device.clone(), why)),
            }
            if self.strict {
                break;
            }
        }
        if refused.last().is_some_and(|(_, why)| ran_out(why)) {
            return Err(Error::OutOfMemory { node: String::new() });
        }
        let said: Vec<String> = match refused.as_slice() {
            [(_, only)] if self.devices.len() == 1 => vec![only.clone()],
            several => several.iter().map(|(device, message)| format!("{device}: {message}")).collect(),
        };
        let only =
            if refused.len() < self.devices.len() { ", and `strict` lets no other device" } else { "" };
        let message = format!("cannot be loaded{only}: {}", said.join("; "));
        let source =
            if self.is_fit(&refused, cancel) { Unavailable::Device(message).into() } else { message.into() };
        Err(Error::Model { path: self.path.to_owned(), source })
    }

    /// Whether the devices that refused the model are at fault, and not the model: the CPU accepts it.
    fn is_fit(&self, refused: &[(Device, String)], cancel: &CancellationToken) -> bool {
        let tried = refused.iter().any(|(device, _)| *device == Device::Cpu);
        !tried && !cancel.is_cancelled() && self.anew(&Device::Cpu, &self.whole(), cancel, Ok).is_ok()
    }

    fn on(&self, device: &Device, cancel: &CancellationToken) -> Result<Opened, String> {
        if let Some(why) = device::wrong(device, self.domains) {
            return Err(why);
        }
        let halves = if *device == Device::Cpu { self.halves(cancel)? } else { None };
        let (Loaded { session, mut mapped, in_place }, invariant) = match halves {
            Some((loaded, invariant)) => (loaded, Some(invariant)),
            None => (self.load(device, None, || Ok(self.whole()), cancel)?, None),
        };
        let mut in_place = Vec::from_iter(in_place);
        let invariant = invariant.map(|(invariant, files, memory)| {
            mapped.extend(files);
            in_place.extend(memory);
            invariant
        });
        let said = |error: ort::Error| error.message().to_owned();
        let mut operators = assigned(&session).map_err(said)?;
        if let Some(invariant) = &invariant {
            invariant.count(&mut operators).map_err(said)?;
        }
        let all = device::reports_all(device, self.request.runtime);
        // A provider may be available but leave all operators to the CPU.
        let unlisted = operators.keys().all(|provider| provider == "cpu");
        if *device != Device::Cpu
            && unlisted
            && (all || !device::reads_or_writes_elsewhere(&session).map_err(said)?)
        {
            return Err("it accepted none of the model's operators".to_owned());
        }
        if !all {
            operators.insert(device.provider(), BTreeMap::new());
        }
        let (model, device, threads) = (self.path.to_owned(), device.clone(), self.request.threads);
        let placement = Placement { model, device, threads, bytes: 0, operators, refused: vec![] };
        Ok(Opened { session, invariant, mapped, in_place, placement })
    }

    /// The whole model.
    fn whole(&self) -> ModelSource<'_> {
        match &self.merged {
            Some(merged) => ModelSource::Bytes(Cow::Borrowed(&merged.model)),
            None => {
                self.memory.map_or(ModelSource::File(self.path), |memory| ModelSource::Memory(&memory.bytes))
            }
        }
    }

    /// Splits the model into a per-step session and a step-invariant one. `None` if splitting does not pay off.
    fn halves(&self, cancel: &CancellationToken) -> Result<Option<Halves>, String> {
        if self.stepwise.is_empty() {
            return Ok(None);
        }
        // Bounds the size of the model file, which is read, written as a part, and read again; its external data is not.
        let length = match self.memory {
            Some(memory) => memory.bytes.len(),
            None => {
                usize::try_from(fs::metadata(self.path).map_or(0, |about| about.len())).unwrap_or(usize::MAX)
            }
        };
        memory::check(length.saturating_mul(3)).map_err(|error| error.to_string())?;
        let bytes: Cow<'_, [u8]> = match (&self.merged, self.memory) {
            (Some(merged), _) => Cow::Borrowed(&merged.model),
            (None, Some(memory)) => Cow::Borrowed(&memory.bytes),
            (None, None) => {
                let mut bytes = vec![];
                let read = regular::open(self.path, Links::Followed)
                    .and_then(|mut file| file.read_to_end(&mut bytes));
                read.map_err(|error| error.to_string())?;
                Cow::Owned(bytes)
            }
        };
        // Damage is for ONNX Runtime to name.
        let Some(split) = ModelSplit::of(&bytes, self.stepwise) else { return Ok(None) };
        // Errors are reported for the whole model. If memory runs out, loading the whole model may succeed, but its
        // results could differ in the last bits.
        let whole = |why: String| if cancel.is_cancelled() || ran_out(&why) { Err(why) } else { Ok(None) };
        let no_room = |_| Error::OutOfMemory { node: String::new() }.to_string();
        let source = || split.invariant().map(owned).map_err(no_room);
        let invariant = match self.load(&Device::Cpu, Some(INVARIANT), source, cancel) {
            Ok(invariant) => invariant,
            Err(why) => return whole(why),
        };
        let Some(types) = types(&invariant.session) else { return Ok(None) };
        let tensors = split.tensors().into_iter().map(str::to_owned).collect();
        let part = InvariantPart::new(invariant.session, tensors, split.shared());
        let invariant = (part, invariant.mapped, invariant.in_place);
        let Some(step) = split.step(&types).map_err(no_room)? else { return Ok(None) };
        drop(split);
        drop(bytes);
        let session = self.load(&Device::Cpu, Some(STEP), || Ok(owned(step)), cancel);
        session.map(|session| Some((session, invariant))).or_else(whole)
    }

    /// Creates a session for the model or a part of it. On the CPU, uses the form in the cache folder, or stores it there
    /// for later sessions.
    fn load<'s>(
        &self,
        device: &Device,
        part: Option<&str>,
        source: impl FnOnce() -> Result<ModelSource<'s>, String>,
        cancel: &CancellationToken,
    ) -> Result<Loaded, String> {
        let prepared = self.prepared.as_ref().filter(|_| *device == Device::Cpu);
        let Some(prepared) = prepared.map(|whole| part.map_or(whole.clone(), |name| whole.part(name))) else {
            return self.anew(device, &source()?, cancel, Ok);
        };
        match prepared.find() {
            Ok(Found::Model(path, mapped)) => {
                let make = || self.session(device, &ModelSource::File(&path), cancel, as_it_is);
                match prepared.session(mapped.as_ref(), cancel, make) {
                    Ok((session, in_place)) => {
                        return Ok(Loaded { session, mapped: Vec::from_iter(mapped), in_place });
                    }
                    Err(_) if cancel.is_cancelled() => return Err(Error::Cancelled.to_string()),
                    Err(Unmade::Refused) => {
                        if let Err(error) = prepared.remove() {
                            self.not_kept(&error);
                        }
                    }
                    Err(Unmade::Unmapped(error)) => {
                        self.not_kept(&error);
                        return self.anew(device, &source()?, cancel, Ok);
                    }
                }
            }
            Ok(Found::Nothing) => {}
            Ok(Found::TooLarge) => return self.anew(device, &source()?, cancel, Ok),
            Err(error) => {
                self.not_kept(&error);
                return self.anew(device, &source()?, cancel, Ok);
            }
        }
        let source = source()?;
        let unfinished = match prepared.begin() {
            Ok(unfinished) => unfinished,
            Err(error) => {
                self.not_kept(&error);
                return self.anew(device, &source, cancel, Ok);
            }
        };
        let loaded = match self.anew(device, &source, cancel, |builder| unfinished.write(builder)) {
            // The disk may be full.
            Err(why) if !cancel.is_cancelled() => {
                let loaded = self.anew(device, &source, cancel, Ok)?;
                self.not_kept(&io::Error::other(why));
                return Ok(loaded);
            }
            loaded => loaded?,
        };
        if let Err(error) = prepared.finish(unfinished) {
            self.not_kept(&error);
        }
        Ok(loaded)
    }

    /// Removes the cached forms of the model after it turned out to have changed.
    pub(crate) fn forget(&self) {
        let whole = self.prepared.iter().cloned();
        let parts = self.prepared.iter().flat_map(|whole| [whole.part(INVARIANT), whole.part(STEP)]);
        for prepared in whole.chain(parts) {
            if let Err(error) = prepared.remove() {
                self.not_kept(&error);
            }
        }
    }

    fn not_kept(&self, error: &io::Error) {
        (self.warn)(format!(
            "models cannot be kept in the cache folder: {error}; the run continues without it"
        ));
    }

    /// Creates a session of the whole file, with further options.
    pub(crate) fn of_file(
        &self,
        device: &Device,
        cancel: &CancellationToken,
        more: impl FnOnce(SessionBuilder) -> ort::Result<SessionBuilder>,
    ) -> Result<Session, String> {
        self.anew(device, &ModelSource::File(self.path), cancel, more).map(|loaded| loaded.session)
    }

    /// Creates a session from the model's own file or a part of it, whose weights may be external data.
    fn anew(
        &self,
        device: &Device,
        source: &ModelSource<'_>,
        cancel: &CancellationToken,
        more: impl FnOnce(SessionBuilder) -> ort::Result<SessionBuilder>,
    ) -> Result<Loaded, String> {
        let data = match self.memory {
            Some(_) => vec![],
            None => external_data(self.path).map_err(|e| e.to_string())?,
        };
        let open = |path: &PathBuf| {
            Mapped::open(path, Links::Followed).map_err(|e| format!("{}: {e}", path.display())).transpose()
        };
        let mapped = data.iter().filter_map(open).collect::<Result<_, _>>()?;
        let (session, in_place) = self.session(device, source, cancel, more)?;
        Ok(Loaded { session, mapped, in_place })
    }

    fn session(
        &self,
        device: &Device,
        source: &ModelSource<'_>,
        cancel: &CancellationToken,
        more: impl FnOnce(SessionBuilder) -> ort::Result<SessionBuilder>,
    ) -> Result<(Session, Option<InPlace>), String> {
        let said = |error: ort::Error| error.message().to_owned();
        let builder = builder(self.request.runtime, self.request.threads, self.log.clone()).map_err(said)?;
        let builder = device.register(&self.request, more(builder).map_err(said)?)?;
        self.commit(source, builder, cancel).map_err(said)
    }

    fn commit(
        &self,
        source: &ModelSource<'_>,
        mut builder: SessionBuilder,
        cancel: &CancellationToken,
    ) -> ort::Result<(Session, Option<InPlace>)> {
        let mut in_place = None;
        if let Some(memory) = self.memory {
            let bytes = match source {
                // As stored in the cache folder.
                ModelSource::File(_) => None,
                ModelSource::Bytes(bytes) => Some(&bytes[..]),
                ModelSource::Memory(bytes) => Some(*bytes),
            };
            if let Some(bytes) = bytes {
                in_place = Some(InPlace::add(bytes, memory, &mut builder)?);
            }
        } else if let ModelSource::Bytes(_) = source {
            // Folder of a part's external data.
            let folder =
                self.path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            if let Some(folder) = folder.to_str() {
                builder = builder
                    .with_config_entry("session.model_external_initializers_file_folder_path", folder)?;
            }
        }
        let canceler = builder.canceler();
        let _guard = cancel.on_cancel(move || {
            // If the load cannot be stopped, it ends by itself.
            let _ = canceler.cancel();
        });
        if let (ModelSource::Bytes(bytes), Some(merged)) = (source, &self.merged) {
            // A part has some of the weights.
            let own = onnx::initializers(bytes);
            for (name, value) in merged.outside.iter().filter(|(name, _)| own.contains(name.as_str())) {
                builder = builder.with_external_initializer(name, Arc::clone(value))?;
            }
        }
        let session = match source {
            ModelSource::File(path) => builder.commit_from_file(path),
            ModelSource::Bytes(bytes) => builder.commit_from_memory(bytes),
            ModelSource::Memory(bytes) => builder.commit_from_memory(bytes),
        };
        session.map(|session| (session, in_place))
    }
}

fn owned(bytes: Vec<u8>) -> ModelSource<'static> {
    ModelSource::Bytes(Cow::Owned(bytes))
}
