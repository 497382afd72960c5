//! Checks outputs before a run: each has a file of its own, in a format for its type.

use std::path::PathBuf;

use anyhow::{Result, bail};
use wuerst::Graph;
use wuerst::save::{Format, picture};

use crate::target::{Target, numbered};

/// Refuses two outputs, or an output and the report, with the same file.
pub(crate) fn distinct(files: &[(&str, &Target)]) -> Result<()> {
    let mut seen: Vec<(&str, PathBuf)> = Vec::new();
    for (name, target) in files {
        let Some(file) = target.file() else { continue };
        if let Some((other, _)) = seen.iter().find(|(_, path)| *path == file) {
            bail!(
                "{} cannot hold both {other} and {name}: give each a file of its own",
                target.path().display()
            );
        }
        seen.push((name, file));
    }
    Ok(())
}

/// Refuses an output whose file cannot hold its type, as far as that is certain, and a file that is also one of a list of
/// pictures.
pub(crate) fn fitting(graph: &Graph, outputs: &[(&str, Format, &Target)]) -> Result<()> {
    let mut lists = Vec::new();
    for (name, format, target) in outputs {
        let ty = &graph.outputs()[graph.output(name)?].ty;
        match format {
            Format::Png if picture::may_be_list(ty) => lists.push((*name, *target)),
            _ => format.holds(name, ty)?,
        }
    }
    for (name, _, target) in outputs {
        let listed = lists.iter().filter(|(list, _)| list != name);
        let taken = |list: &Target| {
            let (stem, path) = (list.path().file_stem(), target.path());
            let number = stem
                .and_then(|stem| path.file_stem()?.to_str()?.strip_prefix(stem.to_str()?)?.strip_prefix('-'));
            let number = number.and_then(|number| number.parse().ok());
            number.is_some_and(|number| numbered(list.path(), number) == path)
        };
        for (list, one) in listed {
            if taken(one) {
                let path = target.path().display();
                bail!("{path} cannot hold both {name} and a picture of {list}: give each a file of its own");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn files_are_compared_by_identity() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| Target::new(&folder.path().join(name)).unwrap();
        let (a, same, b) = (at("a.png"), at("./a.png"), at("b.png"));
        assert!(distinct(&[("x", &a), ("y", &b)]).is_ok());
        let said = distinct(&[("x", &a), ("y", &same)]).unwrap_err().to_string();
        assert!(said.contains("a.png cannot hold both x and y"), "{said}");
        #[cfg(unix)]
        {
            let null = Target::new(Path::new("/dev/null")).unwrap();
            assert!(distinct(&[("x", &null), ("y", &null)]).is_ok(), "a device takes any number");
        }
    }
}
