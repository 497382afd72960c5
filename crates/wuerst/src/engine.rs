//! The engine: node kinds, models and remembered results, shared by all graphs and jobs.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use wuerst_core::{Assets, Diagnostic, Files, NodeKind, Registry, Result, memory};
use wuerst_graph::{AddGraphError, Cache, Change, Folder, Graph};
use wuerst_stages::{Level, Log, ModelCache, Outputs, Runtime, check_threads};

use crate::graph_kind::GraphKind;
use crate::holds::EngineReport;
use crate::job::Job;
use crate::options::Options;
use crate::{graph_kind, models, plugin};

/// The node kinds, and how often they have changed.
struct Kinds {
    registry: Registry,
    changes: u64,
}

/// Runs graphs. Cheap to clone; clones share one engine, also between threads.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    registry: RwLock<Kinds>,
    models: Arc<ModelCache>,
    cache: Cache,
    assets: Assets,
    log: Option<Log>,
}

impl Engine {
    /// An engine with the built-in nodes, and the plug-ins and graphs named in the options. Loads neither ONNX Runtime
    /// nor models yet.
    ///
    /// # Errors
    /// [`wuerst_core::Error::Invalid`] for more threads than [`wuerst_stages::MOST_THREADS`]. For plug-ins and graphs of
    /// the options, also the errors of [`Engine::load_plugin`] and [`Engine::add_graph`], with the file's name.
    pub fn new(options: Options) -> Result<Engine> {
        let mut stages = options.stages;
        check_threads("threads", stages.threads.unwrap_or(0))?;
        for (stage, own) in &stages.each {
            check_threads(&format!("threads of `{stage}`"), own.threads.unwrap_or(0))?;
        }
        if let Some(folder) = options.cache_folder.as_ref().filter(|_| stages.prepared.is_none()) {
            stages.prepared = Some(folder.clone());
            stages.prepared_bytes = options.cache_folder_bytes;
        }
        let cache = match options.cache_folder {
            Some(path) => {
                let folder = Folder::new(path, options.cache_folder_bytes, &salt(&stages));
                Cache::with_folder(options.cache_bytes, folder)
            }
            None => Cache::new(options.cache_bytes),
        };
        let log = stages.log.clone();
        let models = Arc::new(ModelCache::new(stages));
        let mut registry = Registry::new();
        let files = options.files.map(Files::in_folder).unwrap_or_default();
        let outputs = Outputs::new(options.outputs).with_limits(options.outputs_files, options.outputs_bytes);
        let outputs = outputs.with_marks(options.mark);
        let assets = Assets::default();
        registry.set_models(models::in_folder(options.models).with_files(files).with_assets(assets.clone()));
        wuerst_stages::register(&mut registry, &models, outputs)?;
        let kinds = Kinds { registry, changes: 0 };
        let engine = Engine(Arc::new(Inner { registry: RwLock::new(kinds), models, cache, assets, log }));
        options.plugins.iter().try_for_each(|path| engine.load_plugin(path))?;
        graph_kind::add_files(&options.subgraphs, |graphs| engine.add_graphs(graphs))?;
        Ok(engine)
    }

    /// Adds a node kind for graphs loaded from now on.
    ///
    /// # Errors
    /// If the kind's name is taken.
    pub fn add(&self, node: Arc<dyn NodeKind>) -> Result<()> {
        self.change(|registry| registry.add_shared(Arc::clone(&node)))
    }

    /// Changes the node kinds, completely or, after an error, not at all. The change works on a copy without holding a
    /// lock, since it calls nodes, which may call the engine. It is repeated if another change came first.
    fn change<E>(&self, change: impl Fn(&mut Registry) -> Result<(), E>) -> Result<(), E> {
        loop {
            let (mut with, changes) = {
                let kinds = self.0.registry.read().unwrap_or_else(PoisonError::into_inner);
                (kinds.registry.clone(), kinds.changes)
            };
            change(&mut with)?;
            let mut kinds = self.0.registry.write().unwrap_or_else(PoisonError::into_inner);
            if kinds.changes == changes {
                *kinds = Kinds { registry: with, changes: changes + 1 };
                return Ok(());
            }
        }
    }

    /// Loads a plug-in: a shared library that adds node kinds, all or, after an error, none. A loaded plug-in is never
    /// unloaded. Its code runs with the rights of the process, so load only trusted files. All its symbols are bound at
    /// once.
    ///
    /// # Errors
    /// [`wuerst_core::Error::Plugin`]: the file is missing, is not a library, cannot be bound, is not a plug-in, or needs
    /// a later version of the interface; a kind's name is taken; or the plug-in itself failed.
    pub fn load_plugin(&self, path: &Path) -> Result<()> {
        plugin::load(path)?.keep(|added| {
            let nodes: Vec<Arc<dyn NodeKind>> =
                added.nodes.into_iter().map(|node| Arc::new(node) as Arc<dyn NodeKind>).collect();
            let graphs = added.graphs.into_iter().map(plugin::PluginGraph::read).collect::<Result<Vec<_>>>();
            let graphs = graphs.map_err(|error| plugin::failed(path, error))?;
            let added = self.change(|registry| {
                nodes.iter().try_for_each(|node| registry.add_shared(Arc::clone(node)))?;
                let graphs: Vec<_> =
                    graphs.iter().map(|graph| graph.kind().resolved(registry.models())).collect();
                wuerst_graph::add_graphs(registry, &graphs).map_err(|refused| refused.error)
            });
            added.map_err(|error| plugin::failed(path, error))?;
            graphs.iter().for_each(|graph| self.warn_of_kind(graph.kind().kind));
            Ok(())
        })
    }

    /// Adds a graph, given as the text of a graph file, as a node kind. Its inputs and outputs become the node's ports;
    /// reports and progress call its nodes `outer/inner`. Its names of models and files resolve as in any graph of this
    /// engine; for a file on disk see [`GraphKind::in_folder`].
    ///
    /// # Errors
    /// The kind's name is taken, the graph uses itself, an output is optional, or [`wuerst_core::Error::Graph`] with all
    /// problems of the graph.
    pub fn add_graph(&self, kind: &str, text: &str) -> Result<()> {
        self.add_graphs(&[GraphKind::new(kind, text)]).map_err(|refused| refused.error)
    }

    /// Adds graphs that may use each other, in any order, all or none.
    ///
    /// # Errors
    /// The first graph that cannot be added, with the reason: see [`Engine::add_graph`].
    pub fn add_graphs(&self, graphs: &[GraphKind<'_>]) -> Result<(), AddGraphError> {
        self.change(|registry| {
            let graphs: Vec<_> = graphs.iter().map(|graph| graph.resolved(registry.models())).collect();
            wuerst_graph::add_graphs(registry, &graphs)
        })?;
        graphs.iter().for_each(|graph| self.warn_of_kind(graph.kind));
        Ok(())
    }

    /// Logs old names used in a graph that is a node kind.
    fn warn_of_kind(&self, kind: &str) {
        if let Some(node) = self.registry().get(kind) {
            self.warn(&format!("the graph `{kind}`"), wuerst_graph::warnings(&**node));
        }
    }

    /// Logs old names in a graph.
    fn warn(&self, graph: &str, warnings: &[Diagnostic]) {
        if let Some(log) = &self.0.log {
            warnings.iter().for_each(|warning| log(Level::Warning, &format!("{graph}: {warning}")));
        }
    }

    /// Files that the host keeps in memory or reads by a callback, such as packed or encrypted assets: models, their external
    /// data, their tokenizers, and files that graphs read. Names are relative to the models folder, and come before files in
    /// it. Weights in external data are used where they are, without a copy. Counts for graphs read later. A graph is a text
    /// anyway, see [`Engine::graph`].
    pub fn assets(&self) -> &Assets {
        &self.0.assets
    }

    /// A snapshot of the node kinds and the models folder.
    pub fn registry(&self) -> Registry {
        self.0.registry.read().unwrap_or_else(PoisonError::into_inner).registry.clone()
    }

    /// Reads and checks a graph. Old names in it are logged, see [`Graph::warnings`].
    ///
    /// # Errors
    /// [`wuerst_core::Error::Graph`] with all problems.
    pub fn graph(&self, text: &str) -> Result<Graph> {
        self.graph_with(text, &[])
    }

    /// Reads and checks a graph with changed arguments and kinds of nodes.
    ///
    /// # Errors
    /// As [`Engine::graph`]. Problems of a change have no line.
    pub fn graph_with(&self, text: &str, changes: &[Change<'_>]) -> Result<Graph> {
        self.load(text, &self.registry(), changes)
    }

    /// Reads and checks a graph as [`Engine::graph_with`], and accepts missing models: [`Graph::missing_models`] lists them,
    /// and a run that needs one fails with [`wuerst_core::Error::NotFound`]. Tools show a graph this way before its models are
    /// installed.
    ///
    /// # Errors
    /// As [`Engine::graph_with`], except for missing models.
    pub fn graph_without_models(&self, text: &str, changes: &[Change<'_>]) -> Result<Graph> {
        let mut registry = self.registry();
        registry.set_models(registry.models().clone().allowing_missing());
        self.load(text, &registry, changes)
    }

    fn load(&self, text: &str, registry: &Registry, changes: &[Change<'_>]) -> Result<Graph> {
        room_for(text)?;
        let graph = Graph::load_with(text, registry, changes)?;
        self.warn("the graph", graph.warnings());
        Ok(graph)
    }

    /// A job for a graph, with the graph's own input values.
    pub fn job(&self, graph: &Graph) -> Job {
        Job::new(self.0.cache.clone(), graph.clone())
    }

    /// The models in memory.
    pub fn model_cache(&self) -> &ModelCache {
        &self.0.models
    }

    /// Unloads models that are not running, and forgets results that are not in use.
    pub fn release(&self) {
        self.0.models.release();
        self.0.cache.clear();
    }

    /// Reports ONNX Runtime, loaded models and their devices, and remembered results.
    pub fn report(&self) -> EngineReport {
        EngineReport {
            runtime: Runtime::running().map(|runtime| runtime.path().to_owned()),
            models: self.0.models.placements(),
            remembered_bytes: self.0.cache.bytes(),
        }
    }

    /// The remembered results.
    pub fn cache(&self) -> &Cache {
        &self.0.cache
    }
}

/// Checks that memory suffices to read a graph: its tree, the checked graph, and its problems.
fn room_for(text: &str) -> Result<()> {
    memory::check(text.len().saturating_mul(64))
}

/// Everything other than nodes and arguments that results depend on. Constant within a process.
fn salt(stages: &wuerst_stages::RuntimeOptions) -> String {
    let library = Runtime::installed(stages.api, stages.runtime.as_deref());
    let each: Vec<_> = stages.each.iter().map(|(stage, own)| (stage, &own.devices)).collect();
    format!("{} {library} {:?} {each:?}", env!("CARGO_PKG_VERSION"), stages.devices)
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("nodes", &self.registry()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;
    use std::{fs, thread};

    use wuerst_core::{Args, Ctx, NodeSpec, Refusal, Value};

    use super::*;

    /// Uses the engine while a graph with it is checked.
    struct Curious {
        spec: NodeSpec,
        engine: Engine,
    }

    impl NodeKind for Curious {
        fn spec(&self) -> &NodeSpec {
            &self.spec
        }

        fn check(&self, _: &Args<'_>) -> Result<(), Refusal> {
            let engine = self.engine.clone();
            let (done, finished) = mpsc::channel();
            thread::spawn(move || {
                let spec = NodeSpec::new("test.later", 1, "-> n: int", "");
                let node = spec.map(|spec| Curious { spec, engine: engine.clone() });
                // It is there already when the check is the second.
                let _ = node.and_then(|node| engine.add(Arc::new(node)));
                done.send(engine.registry().get("test.later").is_some())
            });
            match finished.recv_timeout(Duration::from_secs(60)) {
                Ok(true) => Ok(()),
                _ => Err("the engine is locked".into()),
            }
        }

        fn run(&self, _: &mut Ctx<'_>, _: &Args<'_>) -> Result<Vec<Value>> {
            Ok(vec![1i64.into()])
        }
    }

    #[test]
    fn checks_lock_nothing() {
        let models = tempfile::tempdir().unwrap();
        fs::write(models.path().join("any.onnx"), "").unwrap();
        let engine = Engine::new(Options { models: models.path().into(), ..Options::default() }).unwrap();
        let spec = NodeSpec::new("test.curious", 1, "x: int = 1 -> n: int", "").unwrap();
        engine.add(Arc::new(Curious { spec, engine: engine.clone() })).unwrap();
        let text = "{wuerstchen: 1, nodes: {c: {use: test.curious}}, outputs: {n: $c.n}}";
        engine.add_graph("test.graph", text).unwrap();
        let kinds = engine.registry();
        assert!(kinds.get("test.graph").is_some() && kinds.get("test.later").is_some());
        let error = engine.add_graph("test.graph", text).unwrap_err().to_string();
        assert!(error.contains("`test.graph` is registered already"), "{error}");
    }
}
