//! State shared by all instances: the graph, its parameters, the engine.

use crate::parameters::{Parameter, terminated};
use std::ffi::CString;
use std::sync::OnceLock;
use wuerst_client::{Engine, Error, Installed, Library, PictureGraph, Setup};

/// The plug-in of this library.
pub struct Plugin {
    /// Name in the host's list.
    pub name: CString,
    /// A sentence for the host's user.
    pub explanation: CString,
    /// Whether it is a filter, which gets frames; otherwise a generator.
    pub is_filter: bool,
    /// The graph to run, or the reason why there is none.
    pub loaded: Result<Loaded, Error>,
}

/// A graph that can be run.
pub struct Loaded {
    /// The library, for values.
    pub library: Library,
    /// The graph.
    pub made: PictureGraph,
    parameters: Vec<Parameter>,
}

/// A library with this word in its file name is a filter, otherwise a generator: one library is both, under two names.
const FILTER: &str = "filter";

/// The plug-in, loaded at the host's first query. A failure is permanent, since hosts query the parameters only once.
pub fn plugin() -> &'static Plugin {
    static PLUGIN: OnceLock<Plugin> = OnceLock::new();
    PLUGIN.get_or_init(|| {
        static INSIDE: u8 = 0;
        // `lib/frei0r-1` of an installed tree.
        let installed = Installed::around((&raw const INSIDE).cast(), 2);
        let stem =
            installed.file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let is_filter = stem.contains(FILTER);
        let (name, explanation) = if is_filter {
            ("Wuerstchen filter", "Makes frames anew after a prompt.")
        } else {
            ("Wuerstchen", "Makes a picture from a prompt.")
        };
        Plugin {
            name: terminated(name),
            explanation: terminated(explanation),
            is_filter,
            loaded: load(&installed, is_filter),
        }
    })
}

impl Plugin {
    /// Empty if loading failed.
    pub fn parameters(&self) -> &[Parameter] {
        self.loaded.as_ref().map_or(&[], |loaded| &loaded.parameters)
    }
}

fn load(installed: &Installed, is_filter: bool) -> Result<Loaded, Error> {
    let file = installed.graph(if is_filter { "frame-to-frame" } else { "text-to-image" })?;
    let models = installed.models()?;
    let library = Library::find(&installed.libraries)?;
    let settings = installed.settings().unwrap_or_default();
    let (models, settings) = (models.to_string_lossy(), settings.to_string_lossy());
    let engine = Engine::new(library, &Setup { models: &models, settings: &settings, ..Setup::default() })?;
    let made = PictureGraph::open(&engine, &file)?;
    if is_filter && made.frame.is_none() {
        let message = format!("{}: a filter's graph needs an input of the type u8[h,w,3]", file.display());
        return Err(Error::new(message));
    }
    let parameters = made.inputs.iter().filter_map(Parameter::of).collect();
    Ok(Loaded { library, made, parameters })
}
