//! The effects of this library: one for each graph in the folder that makes a picture.

use crate::host::terminated;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs};
use wuerst_client::{Engine, Error, Installed, Library, PictureGraph, Setup};

/// OpenFX 1 calls an effect's entry without identifying the effect. So each effect has an entry of its own, and their
/// number is limited.
pub const MOST: usize = 32;

/// Environment variable with a folder that keeps results beyond the process.
const CACHE: &str = "WUERST_CACHE";

/// An OpenFX effect, made from a graph.
pub struct Effect {
    /// Identifier for the host.
    pub identifier: CString,
    /// Label for the user.
    pub label: String,
    /// The graph to run, or the reason why there is none.
    pub made: Result<PictureGraph, Error>,
    /// The library, for values.
    pub library: Option<Library>,
}

impl Effect {
    fn new(name: &str, library: Option<Library>, made: Result<PictureGraph, Error>) -> Effect {
        let identifier = terminated(&format!("wuerst.graph.{name}"));
        let label = format!("Würstchen {}", name.replace('-', " "));
        Effect { identifier, label, made, library }
    }

    /// Whether it is a filter, which gets frames.
    pub fn is_filter(&self) -> bool {
        self.made.as_ref().is_ok_and(|made| made.frame.is_some())
    }
}

/// The effects, found at the host's first query. Unusable graphs are skipped; if there is none at all, a single effect
/// reports the reason.
pub fn effects() -> &'static [Effect] {
    static EFFECTS: OnceLock<Vec<Effect>> = OnceLock::new();
    EFFECTS.get_or_init(|| found().unwrap_or_else(|e| vec![Effect::new("text-to-image", None, Err(e))]))
}

fn found() -> Result<Vec<Effect>, Error> {
    static INSIDE: u8 = 0;
    // Bundle, Contents, platform: and the installed tree's `OFX` or `lib` around them.
    let installed = Installed::around((&raw const INSIDE).cast(), 5);
    let (graphs, models) = (installed.graphs()?, installed.models()?);
    let library = Library::find(&installed.libraries)?;
    let cache = env::var(CACHE).unwrap_or_default();
    let settings = installed.settings().unwrap_or_default();
    let setup = Setup {
        models: &models.to_string_lossy(),
        cache_folder: &cache,
        settings: &settings.to_string_lossy(),
        ..Setup::default()
    };
    let engine = Engine::new(library, &setup)?;
    let files = files(&graphs)?;
    let open = |file: &PathBuf| PictureGraph::open(&engine, file).map(|made| (file.clone(), made));
    let (good, bad): (Vec<_>, Vec<_>) = files.iter().map(open).partition(Result::is_ok);
    if good.is_empty() {
        return Err(bad.into_iter().find_map(Result::err).unwrap_or_else(|| Error::new("no graphs")));
    }
    let effect = |(file, made): (PathBuf, PictureGraph)| {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Effect::new(&name, Some(library), Ok(made))
    };
    Ok(good.into_iter().flatten().take(MOST).map(effect).collect())
}

/// Sorted by name, so that effects keep their numbers while the folder is unchanged.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let told = |e: std::io::Error| Error::new(format!("{}: {e}", folder.display()));
    let entries = fs::read_dir(folder).map_err(told)?.filter_map(Result::ok).map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    if files.is_empty() {
        return Err(Error::new(format!("{} holds no graphs, *.yaml", folder.display())));
    }
    Ok(files)
}
