//! Loaded models, shared by all nodes and jobs of an engine.

use std::any::{Any, TypeId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use wuerst_core::{CancellationToken, Ctx, Digest, Error, Lora, Model, Result, Usage, memory};
use wuerst_model::contract::Contract;
use wuerst_model::metadata::{self, Metadata};

use crate::device::{Device, Placement, Request};
use crate::library::Runtime;
use crate::loras;
use crate::model::fit;
use crate::model::load::LoadRequest;
use crate::model::prepared::Prepared;
use crate::model::{self, LoadedModel};
use crate::model_header::ModelHeader;
use crate::options::{Level, RuntimeOptions, threads};
use crate::per_stage::StageOptions;
use crate::recent::{Keyed, Recent};

/// Loaded models, and headers of checked ones.
///
/// Neither models nor ONNX Runtime are loaded before a node runs, so graphs can be checked without them.
#[derive(Debug)]
pub struct ModelCache {
    options: RuntimeOptions,
    headers: Recent<Digest, ModelHeader>,
    /// Facts about models whose contract was checked.
    checked: Recent<(Digest, Contract), Checked>,
    /// Objects that nodes made from files next to models.
    companions: Recent<(Digest, usize, TypeId), Companion>,
    /// In order of use, the longest unused first.
    loaded: Mutex<Vec<Entry>>,
    /// Locks models being loaded, so that two jobs do not load the same one.
    loading: Keyed<Digest>,
    /// Memory of models being loaded.
    pending: Mutex<Pending>,
    /// Last reported reason why models cannot be cached: all models share the folder, so the reason would repeat.
    said: Mutex<String>,
}

type Companion = Arc<dyn Any + Send + Sync>;

/// Memory use of models, in bytes.
#[derive(Debug, Default)]
struct Pending {
    /// While they are being loaded, see [`ModelHeader::loading`].
    loading: u64,
    /// Once they are loaded, see [`ModelHeader::memory`].
    memory: u64,
}

/// Budget for remembered headers, in bytes.
const HEADERS: usize = 8 << 20;
/// Budget for remembered facts about checked models, in bytes.
const CHECKED: usize = 4 << 20;
/// Budget for objects that nodes made from files next to models, in bytes.
const COMPANIONS: usize = 256 << 20;

/// Facts about a model that fits a contract.
#[derive(Debug)]
struct Checked {
    metadata: Metadata,
    /// See [`ModelCache::lengths`]; nodes ask for them in every run.
    lengths: Vec<(String, usize)>,
}

#[derive(Debug)]
struct Entry {
    model: Digest,
    wish: StageOptions,
    loaded: Arc<LoadedModel>,
}

impl ModelCache {
    /// An empty cache.
    pub fn new(options: RuntimeOptions) -> ModelCache {
        let (headers, checked) = (Recent::new(HEADERS), Recent::new(CHECKED));
        let companions = Recent::new(COMPANIONS);
        let (loaded, loading, pending, said) = Default::default();
        ModelCache { options, headers, checked, companions, loaded, loading, pending, said }
    }

    /// Finds and starts ONNX Runtime now; otherwise the first model loaded does so.
    ///
    /// # Errors
    /// As [`Runtime::start`].
    pub fn start(&self) -> Result<&'static Runtime> {
        match self.options.api {
            Some(api) => Runtime::start_with(api),
            None => Runtime::start(self.options.runtime.as_deref()),
        }
    }

    /// Checks a model against a contract without loading it, and returns its metadata.
    ///
    /// # Errors
    /// [`Error::Model`] if the file cannot be read or violates the contract.
    pub fn metadata<T: TryFrom<Metadata>>(&self, model: &Model, contract: Contract) -> Result<T> {
        let checked = self.checked(model, contract)?;
        let other = || {
            Error::Internal(format!("the metadata of a {contract} were requested as those of another model"))
        };
        T::try_from(checked.metadata.clone()).map_err(|_| other())
    }

    fn checked(&self, model: &Model, contract: Contract) -> Result<Arc<Checked>> {
        let key = model.key().map(|key| (key, contract));
        self.checked.get(key.as_ref(), &CancellationToken::new(), || {
            let header = self.header(model)?;
            let metadata = header.check(contract, model.path())?;
            // The text form has about the size of the parsed form.
            let bytes = metadata.pairs().iter().map(|(key, text)| key.len() + text.len()).sum::<usize>();
            Ok((Checked { metadata, lengths: header.lengths(contract)? }, bytes + 512))
        })
    }

    /// Lengths of the contract's named dimensions that the model fixes: channels, tokens and features. Excludes batch and
    /// size, which nodes handle.
    ///
    /// # Errors
    /// As [`ModelCache::metadata`].
    pub fn lengths(&self, model: &Model, contract: Contract) -> Result<Vec<(String, usize)>> {
        self.checked(model, contract).map(|checked| checked.lengths.clone())
    }

    /// Whether a model has an input or output of this name.
    ///
    /// # Errors
    /// As [`ModelCache::metadata`].
    pub fn has(&self, model: &Model, contract: Contract, name: &str) -> Result<bool> {
        self.checked(model, contract)?;
        Ok(self.header(model)?.has(name))
    }

    /// The reason why a model's input does not accept a tensor with these partly known lengths.
    ///
    /// # Errors
    /// As [`ModelCache::metadata`].
    pub fn misfit(
        &self,
        model: &Model,
        contract: Contract,
        input: &str,
        lengths: &[Option<usize>],
    ) -> Result<Option<String>> {
        self.checked(model, contract)?;
        let header = self.header(model)?;
        let outlet = header.inputs.iter().find(|outlet| outlet.name == input);
        let why = outlet.and_then(|outlet| fit::differing(outlet, lengths));
        let takes = |why| outlet.map(|outlet| format!("{} takes {outlet}: {why}", model.path().display()));
        Ok(why.and_then(takes))
    }

    fn header(&self, model: &Model) -> Result<Arc<ModelHeader>> {
        self.headers.get(model.key().as_ref(), &CancellationToken::new(), || {
            let failed = |e: crate::model_header::HeaderError| Error::Model {
                path: model.path().into(),
                source: e.into(),
            };
            let mut header = ModelHeader::of(model).map_err(failed)?;
            // ONNX Runtime would wait for a pipe.
            model.data()?;
            // A model may contain megabytes of notes that no stage reads.
            header.properties.retain(|(key, _)| key.starts_with(metadata::PREFIX));
            let bytes = header.held();
            Ok((header, bytes))
        })
    }

    /// An object made from a file next to a model, such as its tokenizer; `make` returns it with its size in bytes.
    /// Remembered by the file's digest, a number and its type, until [`ModelCache::release`] or an eviction.
    ///
    /// # Errors
    /// Errors of `make`, which are not remembered; and [`Error::Cancelled`].
    pub fn companion<T: Any + Send + Sync>(
        &self,
        (file, number): (Digest, usize),
        cancel: &CancellationToken,
        make: impl FnOnce() -> Result<(T, usize)>,
    ) -> Result<Arc<T>> {
        let made = self.companions.get(Some(&(file, number, TypeId::of::<T>())), cancel, || {
            let (value, bytes) = make()?;
            Ok((Arc::new(value) as Companion, bytes))
        })?;
        Companion::clone(&made).downcast().map_err(|_| Error::Internal("a companion of another type".into()))
    }

    /// A model loaded for a stage.
    ///
    /// Unloads others to keep the budget; a model that is running stays in memory until it has finished.
    ///
    /// # Errors
    /// [`Error::Model`] if it violates the contract or no device accepts it, errors of starting ONNX Runtime, or
    /// [`Error::Cancelled`].
    pub fn get(&self, ctx: &mut Ctx<'_>, model: &Model, contract: Contract) -> Result<Arc<LoadedModel>> {
        self.checked(model, contract)?;
        let wish = self.wish(ctx, contract)?;
        let identity = model.identify(ctx.cancel())?;
        let loras = self.loras(ctx, contract)?;
        let identity = loras::identity(identity, &loras, ctx.cancel())?;
        if let Some(loaded) = self.find(identity, &wish) {
            return Ok(loaded);
        }
        self.loading.hold(&identity, |mutex| {
            let _guard = mutex.lock(ctx.cancel())?;
            match self.find(identity, &wish) {
                Some(loaded) => Ok(loaded),
                None => self.load(ctx, (model, identity), contract, (wish, &loras)),
            }
        })
    }

    fn load(
        &self,
        ctx: &mut Ctx<'_>,
        (model, identity): (&Model, Digest),
        contract: Contract,
        (wish, loras): (StageOptions, &[Lora]),
    ) -> Result<Arc<LoadedModel>> {
        let begun = Instant::now();
        let runtime = self.start()?;
        let header = self.header(model)?;
        let merged = loras::merged(ctx, (model, &header), contract, loras)?;
        // If ONNX Runtime cannot create a thread, it waits for ever for those it has created. At some moments of loading
        // it also frees memory that it never allocated, which ends the process.
        let threads = threads(wish.threads);
        let (stepwise, beside) = (contract.stepwise(), threads - 1);
        let begun_threads = if stepwise.is_empty() { beside } else { 2 * beside };
        let _pending = self.begin([header.loading(), header.memory()], begun_threads)?;
        // Merged weights are written nowhere.
        let prepared = self.options.prepared.as_deref().filter(|_| merged.is_none()).and_then(|folder| {
            Prepared::new(folder, self.options.prepared_bytes, runtime, identity, header.memory())
        });
        let not_kept = Mutex::new(vec![]);
        let load = LoadRequest {
            prepared,
            warn: &|message| locked(&not_kept).push(message),
            path: model.path(),
            memory: model.memory(),
            request: Request { runtime, model: identity, threads, merged: merged.is_some() },
            devices: &wish.devices,
            domains: &header.domains,
            strict: self.options.strict,
            stepwise,
            log: self.options.log.clone(),
            plain: (merged.is_none() && model.memory().is_none()).then(|| model.clone()),
            merged,
        };
        let loaded = LoadedModel::load(Arc::clone(&header), &load, ctx.cancel());
        locked(&not_kept).drain(..).for_each(|message| self.warn_once(ctx, message));
        let loaded = loaded?;
        loras.iter().try_for_each(|lora| lora.file.content().map(drop))?;
        if !model.is_unchanged() {
            load.forget();
            let source = "changed while it was loaded: run the graph again".into();
            return Err(Error::Model { path: model.path().to_owned(), source });
        }
        ctx.used(&Usage::loading(begun.elapsed()));
        model::report(ctx, &self.options, &loaded.placement());
        let loaded = Arc::new(loaded);
        let entry = Entry { model: identity, wish, loaded: Arc::clone(&loaded) };
        locked(&self.loaded).push(entry);
        Ok(loaded)
    }

    /// Logs and reports the reason why models cannot be cached, unless it equals the last one.
    fn warn_once(&self, ctx: &mut Ctx<'_>, message: String) {
        let mut said = locked(&self.said);
        if *said == message {
            return;
        }
        ctx.warn_once(&message);
        if let Some(log) = &self.options.log {
            log(Level::Warning, &message);
        }
        *said = message;
    }

    /// Reserves memory for a model, while and after it is loaded, in addition to other models being loaded. The
    /// reservation lasts until the result is dropped.
    fn begin(&self, bytes: [u64; 2], threads: usize) -> Result<impl Drop> {
        struct Begun<'a>(&'a Mutex<Pending>, [u64; 2]);
        impl Drop for Begun<'_> {
            fn drop(&mut self) {
                let mut pending = locked(self.0);
                pending.loading -= self.1[0];
                pending.memory -= self.1[1];
            }
        }
        // Sizes beyond all memory are refused below.
        let bytes = bytes.map(|bytes| bytes.min(u64::MAX >> 8));
        let mut pending = locked(&self.pending);
        self.make_room(pending.memory.saturating_add(bytes[1]));
        let loading = usize::try_from(pending.loading.saturating_add(bytes[0])).unwrap_or(usize::MAX);
        memory::check_with(loading, threads)?;
        pending.loading += bytes[0];
        pending.memory += bytes[1];
        Ok(Begun(&self.pending, bytes))
    }

    /// Devices and threads of a stage: the engine's options for the stage, then its options for all stages, then the
    /// graph's preference, then the CPU.
    fn wish(&self, ctx: &Ctx<'_>, contract: Contract) -> Result<StageOptions> {
        let own = self.options.each.get(&contract).cloned().unwrap_or_default();
        let threads = own.threads.or(self.options.threads);
        let given = [own.devices, self.options.devices.clone()].into_iter().find(|list| !list.is_empty());
        let devices = match given {
            Some(devices) => devices,
            None => ctx.devices().iter().map(|name| Device::of_graph(name)).collect::<Result<_>>()?,
        };
        let devices = if devices.is_empty() { vec![Device::Cpu] } else { devices };
        Ok(StageOptions { devices, threads, loras: vec![] })
    }

    /// LoRAs of a stage: those of the engine's options, or else those of the graph's node, in their present state on disk.
    fn loras(&self, ctx: &Ctx<'_>, contract: Contract) -> Result<Vec<Lora>> {
        let own = self.options.each.get(&contract).map_or(&[][..], |own| &own.loras);
        if own.is_empty() {
            let now = |lora: &Lora| Ok(Lora { file: lora.file.reopen()?, strength: lora.strength });
            return ctx.loras().iter().map(now).collect();
        }
        own.iter().map(loras::opened).collect()
    }

    /// The LoRAs that the engine's options give each stage, if any, in their present state on disk.
    ///
    /// # Errors
    /// If a file cannot be opened.
    pub fn stage_loras(&self) -> Result<Vec<(Contract, Vec<Lora>)>> {
        let given = self.options.each.iter().filter(|(_, own)| !own.loras.is_empty());
        given
            .map(|(stage, own)| Ok((*stage, own.loras.iter().map(loras::opened).collect::<Result<_>>()?)))
            .collect()
    }

    /// Digest of the LoRAs that the engine's options give a stage, for [`NodeKind::state`](wuerst_core::NodeKind::state);
    /// `None` without any.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn lora_digest(&self, contract: Contract) -> Result<Option<Digest>> {
        let Some(own) = self.options.each.get(&contract).filter(|own| !own.loras.is_empty()) else {
            return Ok(None);
        };
        let opened: Vec<Lora> = own.loras.iter().map(loras::opened).collect::<Result<_>>()?;
        Lora::identify_all(&opened, &CancellationToken::new())
    }

    fn find(&self, model: Digest, wish: &StageOptions) -> Option<Arc<LoadedModel>> {
        let mut entries = locked(&self.loaded);
        // Dropped models are loaded again; a damaged cache entry is made again.
        entries.retain(|entry| entry.loaded.is_intact());
        let at = entries.iter().position(|entry| entry.model == model && entry.wish == *wish)?;
        let entry = entries.remove(at);
        let loaded = Arc::clone(&entry.loaded);
        entries.push(entry);
        Some(loaded)
    }

    fn make_room(&self, bytes: u64) {
        let mut loaded = locked(&self.loaded);
        let mut sum = loaded.iter().map(|entry| entry.loaded.bytes()).sum::<u64>().saturating_add(bytes);
        while sum > self.options.model_bytes && !loaded.is_empty() {
            sum -= loaded.remove(0).loaded.bytes();
        }
    }

    pub(crate) fn options(&self) -> &RuntimeOptions {
        &self.options
    }

    /// Loaded models with their devices, the longest unused first.
    pub fn placements(&self) -> Vec<Placement> {
        locked(&self.loaded).iter().map(|entry| entry.loaded.placement()).collect()
    }

    /// Unloads models that are not running, and forgets headers, metadata and tokenizers.
    pub fn release(&self) {
        locked(&self.loaded).clear();
        self.headers.clear();
        self.checked.clear();
        self.companions.clear();
    }
}

/// The tables are whole at every moment, so a panic elsewhere while one was locked means nothing.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
