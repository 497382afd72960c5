//! Where an adapter finds the engine, graphs and models: what the environment says, else what lies around it in an
//! installed tree.

use std::env;
use std::ffi::c_void;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::library::folder_of;

/// Names the graph's file.
pub const GRAPH: &str = "WUERST_GRAPH";
/// Names the folder of the models.
pub const MODELS: &str = "WUERST_MODELS";

/// Names the settings file.
pub const CONFIG: &str = "WUERST_CONFIG";

/// Names the folder of graphs.
pub const GRAPHS: &str = "WUERST_GRAPHS";

/// What lies around an adapter.
pub struct Installed {
    /// The adapter's own file, as the host named it.
    pub file: PathBuf,
    /// Folders that may hold `libwuerst.so`.
    pub libraries: Vec<PathBuf>,
    /// Folders that may hold graphs and models: `share/wuerst` of an installed tree.
    shares: Vec<PathBuf>,
}

impl Installed {
    /// Looks around the library that holds `address`, and at most so many folders above its own.
    pub fn around(address: *const c_void, above: usize) -> Installed {
        let (file, folder) = folder_of(address).unwrap_or_default();
        let around: Vec<PathBuf> = folder.ancestors().take(above + 1).map(Path::to_owned).collect();
        let shares = around.iter().flat_map(|at| [at.join("share/wuerst"), at.clone()]).collect();
        let libraries = around.iter().flat_map(|at| [at.clone(), at.join("lib")]).collect();
        Installed { file, libraries, shares }
    }

    /// The graph that the environment names, or the installed one of a name.
    ///
    /// # Errors
    /// There is none; the message lists where it was looked for.
    pub fn graph(&self, name: &str) -> Result<PathBuf, Error> {
        said(GRAPH).map_or_else(|| self.find(&format!("graphs/{name}.yaml"), GRAPH), Ok)
    }

    /// The folder of graphs that the environment names, or the installed one.
    ///
    /// # Errors
    /// As for [`graph`](Installed::graph).
    pub fn graphs(&self) -> Result<PathBuf, Error> {
        said(GRAPHS).map_or_else(|| self.find("graphs", GRAPHS), Ok)
    }

    /// The folder of models that the environment names; the empty path, which means that of the settings file, where the
    /// environment names one; or the installed folder.
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

    /// The settings file that the environment names.
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
