//! What the names of models mean: files in one folder.

use std::fs;
use std::path::{Component, Path, PathBuf};

use wuerst_core::Models;

/// Names lead into `folder`, with or without `.onnx`; an absolute path leads where it says.
///
/// A name with `..` is refused: a graph is data from somewhere, and the folder is what its host gave it.
pub(crate) fn in_folder(folder: PathBuf) -> Models {
    Models::new(move |name| find(&folder, name))
}

/// Names lead into `folder` if it has such a model, and else where `then` leads.
pub(crate) fn first_in(folder: PathBuf, then: Models) -> Models {
    let next = then.clone();
    then.found_by(move |name| {
        find(&folder, name).or_else(|_| {
            next.find(name)
                .map_err(|why| format!("{why}, and {} beside the graph has none", folder.display()))
        })
    })
}

fn find(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let path = Path::new(name);
    if name.is_empty() || path.components().any(|part| part == Component::ParentDir) {
        return Err("a model is a file in the models folder, or an absolute path".into());
    }
    // Joining an absolute path gives just that.
    let path = folder.join(path);
    let mut with_suffix = path.clone().into_os_string();
    with_suffix.push(".onnx");
    [path, with_suffix.into()].into_iter().find(|path| path.exists()).ok_or_else(|| missing(folder))
}

fn missing(folder: &Path) -> String {
    let shown = folder.display();
    let Ok(entries) = fs::read_dir(folder) else {
        return format!("the models folder {shown} cannot be read: give the folder as the option `models`");
    };
    let mut there: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".onnx"))
        .collect();
    there.sort();
    match there.as_slice() {
        [] => format!("the models folder {shown} holds no models"),
        _ => format!("the models folder {shown} holds {}", there.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_into_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let prior = folder.path().join("prior.onnx");
        fs::write(&prior, "").unwrap();
        for name in ["prior", "prior.onnx", prior.to_str().unwrap()] {
            assert_eq!(find(folder.path(), name), Ok(prior.clone()));
        }
        let error = find(folder.path(), "priest").unwrap_err();
        assert!(error.ends_with("holds prior.onnx"), "{error}");
        assert!(find(folder.path(), "../prior.onnx").is_err() && find(folder.path(), "").is_err());
        let error = find(Path::new("/nowhere"), "prior").unwrap_err();
        assert!(error.contains("/nowhere") && error.contains("option"), "{error}");

        let beside = tempfile::tempdir().unwrap();
        let own = beside.path().join("prior.onnx");
        let names = first_in(beside.path().to_owned(), in_folder(folder.path().to_owned()));
        assert_eq!(names.find("prior"), Ok(prior));
        fs::write(&own, "").unwrap();
        assert_eq!(names.find("prior"), Ok(own));
        let error = names.find("priest").unwrap_err();
        let end = format!("holds prior.onnx, and {} beside the graph has none", beside.path().display());
        assert!(error.ends_with(&end), "{error}");
    }
}
