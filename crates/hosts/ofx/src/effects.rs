//! The effects of this library: one for each graph of the folder that makes a picture.

use crate::host::terminated;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs};
use wuerst_client::{Engine, Error, Installed, Library, PictureGraph, Setup};

/// OpenFX 1 calls the entry of an effect without saying which: so each has its own, and their number is limited.
pub const MOST: usize = 32;

/// Names a folder in which results outlive the host.
const CACHE: &str = "WUERST_CACHE";

/// One effect.
pub struct Effect {
    /// As the host knows it.
    pub identifier: CString,
    /// As its user reads it.
    pub label: String,
    /// What there is to run, or why there is nothing.
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

    /// Whether it takes frames.
    pub fn is_filter(&self) -> bool {
        self.made.as_ref().is_ok_and(|made| made.frame.is_some())
    }
}

/// The effects, which are found when the host first asks: it asks once. A graph that cannot be used is none; when there
/// is nothing at all, one effect says why.
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

/// In the order of their names, so that an effect keeps its number as long as the folder stays.
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
