//! Resolution of model names to files in one folder.

use std::fs;
use std::path::{Path, PathBuf};

use wuerst_core::{Models, stays_inside};

/// Names in a graph resolve within `folder`, with or without `.onnx`: graphs may come from strangers, and the host chose
/// the folder for them. The caller of a graph may name any file.
pub(crate) fn in_folder(folder: PathBuf) -> Models {
    let host = folder.clone();
    Models::new(move |name| find(&folder, name)).for_host(move |name| find_any(&host, name))
}

/// Names resolve within `folder` if it has such a model, otherwise through `then`.
pub(crate) fn first_in(folder: PathBuf, then: Models) -> Models {
    let next = then.clone();
    then.found_by(move |name| {
        find(&folder, name).or_else(|_| {
            next.find(name).map_err(|why| {
                format!("{why}; the folder of the graph, {}, has none either", folder.display())
            })
        })
    })
}

/// Resolves a name in a graph. Follows only links to files, which download caches use.
fn find(folder: &Path, name: &str) -> Result<PathBuf, String> {
    if !stays_inside(name) {
        return Err(
            "a graph names models in the models folder, without `..`: wire an input of the type `model` for \
                    others"
                .into(),
        );
    }
    let mut within = folder.to_owned();
    for part in Path::new(name).parent().into_iter().flat_map(Path::components) {
        within.push(part);
        if within.is_symlink() {
            return Err(format!("{} is a link to a folder, which a graph does not follow", within.display()));
        }
    }
    there(&folder.join(name)).ok_or_else(|| missing(folder))
}

/// Resolves a name given by the host: a file in the folder, otherwise a path.
fn find_any(folder: &Path, name: &str) -> Result<PathBuf, String> {
    if name.is_empty() {
        return Err("a model is a file in the models folder, or a path".into());
    }
    // Joining an absolute path returns that path.
    there(&folder.join(name)).or_else(|| there(Path::new(name))).ok_or_else(|| missing(folder))
}

/// The file at a path, with or without `.onnx`.
fn there(path: &Path) -> Option<PathBuf> {
    let mut with_suffix = path.as_os_str().to_owned();
    with_suffix.push(".onnx");
    let both = [path.to_owned(), with_suffix.into()];
    let found = both.iter().find(|path| path.is_file()).or_else(|| both.iter().find(|path| path.exists()));
    found.cloned()
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
    fn names_lead_into_folder() {
        let folder = tempfile::tempdir().unwrap();
        let prior = folder.path().join("prior.onnx");
        fs::write(&prior, "").unwrap();
        for name in ["prior", "prior.onnx", "./prior"] {
            assert_eq!(find(folder.path(), name), Ok(prior.clone()));
            assert_eq!(find_any(folder.path(), name), Ok(prior.clone()));
        }
        let error = find(folder.path(), "priest").unwrap_err();
        assert!(error.ends_with("holds prior.onnx"), "{error}");
        let error = find(Path::new("/nowhere"), "prior").unwrap_err();
        assert!(error.contains("/nowhere") && error.contains("option"), "{error}");

        let beside = tempfile::tempdir().unwrap();
        let own = beside.path().join("prior.onnx");
        let names = first_in(beside.path().to_owned(), in_folder(folder.path().to_owned()));
        assert_eq!(names.find("prior"), Ok(prior));
        fs::write(&own, "").unwrap();
        assert_eq!(names.find("prior"), Ok(own));
        let error = names.find("priest").unwrap_err();
        let end = format!(
            "holds prior.onnx; the folder of the graph, {}, has none either",
            beside.path().display()
        );
        assert!(error.ends_with(&end), "{error}");
    }
    #[test]
    fn graphs_name_no_paths() {
        let tree = tempfile::tempdir().unwrap();
        let folder = tree.path().join("models");
        fs::create_dir(&folder).unwrap();
        let prior = folder.join("prior.onnx");
        fs::write(&prior, "").unwrap();
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let [there, gone] = [path(&prior), path(&tree.path().join("gone"))];
        let said = find(&folder, &gone).unwrap_err();
        assert!(said.contains("type `model`") && !said.contains("gone"), "{said}");
        for name in [&there, "/etc/shadow", "..", "../models/prior.onnx", "x/../prior.onnx", ""] {
            assert_eq!(find(&folder, name), Err(said.clone()), "{name}");
        }
        assert_eq!(find_any(&folder, &there), Ok(prior));
        assert!(find_any(&folder, "../models/prior").is_ok() && find_any(&folder, "").is_err());
        assert!(find_any(&folder, &gone).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn graphs_follow_links_to_files_alone() {
        use std::os::unix::fs::symlink;
        let tree = tempfile::tempdir().unwrap();
        let folder = tree.path().join("models");
        fs::create_dir_all(folder.join("own")).unwrap();
        fs::write(tree.path().join("blob"), "").unwrap();
        symlink(tree.path().join("blob"), folder.join("own/prior.onnx")).unwrap();
        symlink(tree.path(), folder.join("out")).unwrap();
        symlink("circle", folder.join("circle")).unwrap();
        assert_eq!(find(&folder, "own/prior"), Ok(folder.join("own/prior.onnx")));
        let said = |name: &str| find(&folder, name).unwrap_err();
        assert!(said("out/blob").contains("out is a link to a folder"), "{}", said("out/blob"));
        assert_eq!(said("out/blob"), said("out/gone"));
        assert!(said("circle").contains("holds no models"), "{}", said("circle"));
    }
}
