//! Finds the engine, graphs and models for an adapter: from environment variables, or from the installed tree around the
//! adapter.

use std::env;
use std::ffi::c_void;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::own_file::folder_of;

/// Names the graph's file.
pub const GRAPH: &str = "WUERST_GRAPH";
/// Names the folder of the models.
pub const MODELS: &str = "WUERST_MODELS";

/// Names the settings file.
pub const CONFIG: &str = "WUERST_CONFIG";

/// Names the folder of graphs.
pub const GRAPHS: &str = "WUERST_GRAPHS";

/// Files around an adapter.
pub struct Installed {
    /// The adapter's own file, as the host named it.
    pub file: PathBuf,
    /// Folders that may contain `libwuerst.so` or `wuerst.dll`.
    pub libraries: Vec<PathBuf>,
    /// Folders that may contain graphs and models: `share/wuerst` of an installed tree.
    shares: Vec<PathBuf>,
}

impl Installed {
    /// Looks around the library that contains `address`, up to `above` folders above its own.
    pub fn around(address: *const c_void, above: usize) -> Installed {
        let (file, folder) = folder_of(address).unwrap_or_default();
        let around: Vec<PathBuf> = folder.ancestors().take(above + 1).map(Path::to_owned).collect();
        let shares = around.iter().flat_map(|at| [at.join("share/wuerst"), at.clone()]).collect();
        // Windows has libraries next to programs.
        let within = if cfg!(windows) { "bin" } else { "lib" };
        let libraries = around.iter().flat_map(|at| [at.clone(), at.join(within)]).collect();
        Installed { file, libraries, shares }
    }

    /// The graph named by the environment, or the installed one with this name.
    ///
    /// # Errors
    /// Not found; the message lists the searched places.
    pub fn graph(&self, name: &str) -> Result<PathBuf, Error> {
        said(GRAPH).map_or_else(|| self.find(&format!("graphs/{name}.yaml"), GRAPH), Ok)
    }

    /// The folder of graphs named by the environment, or the installed one.
    ///
    /// # Errors
    /// As for [`graph`](Installed::graph).
    pub fn graphs(&self) -> Result<PathBuf, Error> {
        said(GRAPHS).map_or_else(|| self.find("graphs", GRAPHS), Ok)
    }

    /// The folder of models named by the environment; the empty path if the environment names a settings file, which then
    /// decides; otherwise the installed folder.
    ///
    /// # Errors
    /// As for [`graph`](Installed::graph).
    pub fn models(&self) -> Result<PathBuf, Error> {
        match (said(MODELS), self.settings()) {
            (Some(folder), _) => Ok(folder),
            (None, Some(_)) => Ok(PathBuf::new()),
            (None, None) => self.find("models/icons", MODELS),
        }
    }

    /// The settings file named by the environment.
    pub fn settings(&self) -> Option<PathBuf> {
        said(CONFIG)
    }

    fn find(&self, what: &str, variable: &str) -> Result<PathBuf, Error> {
        let found = self.shares.iter().map(|share| share.join(what)).find(|path| path.exists());
        found.ok_or_else(|| {
            let looked: Vec<String> = self.shares.iter().map(|share| share.display().to_string()).collect();
            Error::new(format!(
                "{what} is in none of {}: set the variable {variable} to its path",
                looked.join(", ")
            ))
        })
    }
}

fn said(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}
