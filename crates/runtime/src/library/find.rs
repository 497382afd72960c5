//! Finds ONNX Runtime's library.

use std::path::{Path, PathBuf};
use std::{env, fs};

use wuerst_core::{Error, Result};

use crate::library::modules::{is_of_the_system, modules};

/// Environment variable with the path of the library.
pub const VARIABLE: &str = "ORT_DYLIB_PATH";

/// The absolute path of ONNX Runtime's library.
///
/// Searches in this order: `option`; the variable [`VARIABLE`]; a library that the process has loaded already; the folder
/// of this library or program; `onnxruntime/capi` in that folder (the layout of the Python package); the neighbouring
/// `lib` folder. If one of the first two is given it must exist: a library that the user named is not silently replaced.
///
/// # Errors
/// [`Error::NotFound`], which lists the searched places.
pub fn library(option: Option<&Path>) -> Result<PathBuf> {
    let variable = env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let wanted = match (option, variable) {
        (Some(path), _) => Some((path.to_owned(), "the option `runtime`".to_owned())),
        (None, Some(path)) => Some((path, format!("the environment variable {VARIABLE}"))),
        (None, None) => None,
    };
    match wanted {
        Some((path, by)) => named(&path, &by),
        None => loaded().map_or_else(|| beside(&homes()), Ok),
    }
}

/// The library at `path`; `by` names the source of the path in messages. A folder stands for the library in it.
fn named(path: &Path, by: &str) -> Result<PathBuf> {
    let found = if path.is_dir() { in_folder(path) } else { path.canonicalize().ok() };
    found.ok_or_else(|| Error::NotFound {
        what: "ONNX Runtime library",
        name: path.display().to_string(),
        hint: format!(", which {by} names: give the path of {}", pattern()),
    })
}

fn beside(homes: &[PathBuf]) -> Result<PathBuf> {
    let folders: Vec<PathBuf> = homes
        .iter()
        .flat_map(|home| [home.clone(), home.join("onnxruntime").join("capi"), home.join("../lib")])
        .collect();
    folders.iter().find_map(|folder| in_folder(folder)).ok_or_else(|| {
        let looked: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
        Error::NotFound {
            what: "ONNX Runtime library",
            name: pattern(),
            hint: format!(
                " among the process's libraries or in {}; install ONNX Runtime and give its path as the option \
                 `runtime` or in the environment variable {VARIABLE}",
                looked.join(", ")
            ),
        }
    })
}

/// File name of the library, for messages.
fn pattern() -> String {
    if cfg!(windows) {
        "onnxruntime.dll".into()
    } else if cfg!(target_os = "macos") {
        "libonnxruntime.dylib".into()
    } else {
        "libonnxruntime.so".into()
    }
}

/// Whether a file is ONNX Runtime itself: `libonnxruntime.so.1.31.1`, but not `libonnxruntime_providers_….so`.
fn is_library(name: &str) -> bool {
    if cfg!(windows) {
        name.eq_ignore_ascii_case("onnxruntime.dll")
    } else if cfg!(target_os = "macos") {
        name.starts_with("libonnxruntime.") && name.ends_with(".dylib")
    } else {
        name == "libonnxruntime.so" || name.starts_with("libonnxruntime.so.")
    }
}

fn in_folder(folder: &Path) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_library))
        .filter_map(|entry| entry.path().canonicalize().ok())
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found.pop()
}

/// The folders of this library and of the program, which differ inside a host.
fn homes() -> Vec<PathBuf> {
    let program = env::current_exe().ok().and_then(|path| path.canonicalize().ok());
    let library = this_library().and_then(|path| path.canonicalize().ok());
    let mut homes: Vec<PathBuf> =
        [library, program].into_iter().flatten().filter_map(|path| Some(path.parent()?.into())).collect();
    homes.dedup();
    homes
}

/// The file from which this code was loaded.
fn this_library() -> Option<PathBuf> {
    holding(library as *const () as usize)
}

/// The file mapped at an address.
pub(crate) fn holding(address: usize) -> Option<PathBuf> {
    modules().into_iter().find(|module| module.addresses.contains(&address)).map(|module| module.path)
}

/// An ONNX Runtime already loaded by the host. A second copy would not share device memory, and two copies with GPU
/// providers break each other.
fn loaded() -> Option<PathBuf> {
    let is_it = |path: &Path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_library);
    let usable = |path: &PathBuf| is_it(path) && path.exists() && !is_of_the_system(path);
    modules().into_iter().map(|module| module.path).find(usable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn finds_newest_library_nearby() {
        let tree = tempfile::tempdir().unwrap();
        let (bin, lib) = (tree.path().join("bin"), tree.path().join("lib"));
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(&lib).unwrap();
        let error = beside(std::slice::from_ref(&bin)).unwrap_err().to_string();
        assert!(error.contains(&bin.display().to_string()) && error.contains(VARIABLE), "{error}");
        for name in
            ["libonnxruntime.so.1.30.0", "libonnxruntime.so.1.31.1", "libonnxruntime_providers_shared.so"]
        {
            fs::write(lib.join(name), "").unwrap();
        }
        let found = beside(std::slice::from_ref(&bin)).unwrap();
        assert_eq!(found.file_name().unwrap(), "libonnxruntime.so.1.31.1");
        assert_eq!(named(&lib, "a test").unwrap(), found);
    }

    #[test]
    fn named_library_must_exist() {
        let error = library(Some(Path::new("/nowhere/libonnxruntime.so"))).unwrap_err().to_string();
        assert!(error.contains("/nowhere/libonnxruntime.so") && error.contains("runtime"), "{error}");
    }

    #[test]
    #[cfg(any(target_os = "linux", windows))]
    fn this_program_is_among_modules() {
        let canonical = |path: PathBuf| path.canonicalize().unwrap();
        assert_eq!(this_library().map(canonical), env::current_exe().ok().map(canonical));
    }
}
