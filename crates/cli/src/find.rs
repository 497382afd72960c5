//! Finds files that are installed with the command, and neighbours of a file.

use std::env;
use std::path::{Component, Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};

/// Candidates for `relative`, in order: the current folder, the repository of the build, and `../share/wuerst` of an
/// installed program.
pub(crate) fn places(relative: &str) -> Vec<PathBuf> {
    let program = env::current_exe().and_then(|path| path.canonicalize()).ok();
    around(program.as_deref().and_then(Path::parent), relative)
}

fn around(folder: Option<&Path>, relative: &str) -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from(relative)];
    if let Some(folder) = folder {
        // target/release/wuerst
        places.extend(folder.ancestors().nth(2).map(|root| root.join(relative)));
        places.extend(folder.parent().map(|prefix| prefix.join("share/wuerst").join(relative)));
    }
    places
}

/// The first existing candidate.
pub(crate) fn first(relative: &str) -> Option<PathBuf> {
    places(relative).into_iter().find(|path| path.exists())
}

/// The first existing candidate relative to the program only: for code, which must not be loaded from the user's current
/// folder.
pub(crate) fn first_around_program(relative: &str) -> Option<PathBuf> {
    places(relative).into_iter().skip(1).find(|path| path.exists())
}

/// Parses an argument that names a graph: a file, or a shipped graph such as `graphs/upscale.yaml` or `upscale`.
pub(crate) fn graph() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().map(|named| graph_among(&named, first).unwrap_or(named))
}

fn graph_among(named: &Path, first: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let parts: Vec<Component<'_>> = named.components().collect();
    match parts[..] {
        _ if named.exists() => None,
        [Component::Normal(name)] => {
            let name = name.to_str()?;
            first(&format!("graphs/{name}.yaml")).or_else(|| first(&format!("graphs/{name}")))
        }
        [Component::Normal(folder), Component::Normal(name)] if folder == "graphs" => {
            first(&format!("graphs/{}", name.to_str()?))
        }
        _ => None,
    }
}

/// A list of places, for messages.
pub(crate) fn listed(places: &[PathBuf]) -> String {
    let shown: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
    shown.join(", ")
}

/// The folder of a file.
pub(crate) fn folder_of(file: &Path) -> Option<PathBuf> {
    // The parent of a file in the current folder is the empty path.
    file.parent().map(|folder| Path::new(".").join(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_graphs_have_short_names() {
        let ships =
            |relative: &str| (relative == "graphs/upscale.yaml").then(|| Path::new("/usr").join(relative));
        let found = |named: &str| graph_among(Path::new(named), ships);
        for named in ["upscale", "upscale.yaml", "graphs/upscale.yaml"] {
            assert_eq!(found(named), Some("/usr/graphs/upscale.yaml".into()), "{named}");
        }
        for named in
            ["other", "./graphs/upscale.yaml", "mine/upscale.yaml", "../graphs/upscale.yaml", "src", ""]
        {
            assert_eq!(found(named), None, "{named}");
        }
    }

    #[test]
    fn builds_and_installations_are_found() {
        let places = around(Some(Path::new("/repo/target/release")), "models/icons");
        assert_eq!(
            listed(&places),
            "models/icons, /repo/models/icons, /repo/target/share/wuerst/models/icons"
        );
        assert_eq!(around(None, "a"), [PathBuf::from("a")]);
    }
}
