//! Checks outputs before a run: each has a file of its own, in a format for its type.

use std::path::PathBuf;

use anyhow::{Result, bail};
use wuerst::Graph;
use wuerst::core::{DType, Dim, Ty};

use crate::encode::{Format, no_picture, no_tensor, no_text};
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
            Format::Png if is_list(ty) => lists.push((*name, *target)),
            _ => fits(name, *format, ty)?,
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

/// Refuses an output whose type the format cannot hold, as far as that is certain.
pub(crate) fn fits(name: &str, format: Format, ty: &Ty) -> Result<()> {
    let tensor = matches!(ty, Ty::Tensor { .. });
    match format {
        Format::Png if !may_be_picture(ty) => Err(no_picture(name, ty)),
        Format::Npy if !tensor => Err(no_tensor(name, ty)),
        Format::Txt if tensor => Err(no_text(name, ty)),
        _ => Ok(()),
    }
}

fn may_be_picture(ty: &Ty) -> bool {
    let Ty::Tensor { dtype, dims } = ty else { return false };
    match (dtype, dims.as_slice()) {
        (DType::U8, [_, _, Dim::Fixed(4)]) | (DType::F32, [_, _]) => true,
        (DType::U8 | DType::F32, [_, _, colours]) => may_be_colours(colours),
        _ => false,
    }
}

fn is_list(ty: &Ty) -> bool {
    matches!(ty, Ty::Tensor { dtype: DType::U8, dims } if dims.len() == 4 && may_be_colours(&dims[3]))
}

fn may_be_colours(dim: &Dim) -> bool {
    !matches!(dim, Dim::Fixed(length) if *length != 3)
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

    #[test]
    fn types_fit_their_files() {
        let ty = |text: &str| wuerst::core::Port::parse("x", text).unwrap().ty;
        for (format, text, good) in [
            (Format::Png, "u8[h,w,3]", true),
            (Format::Png, "f32[h,w,c]", true),
            (Format::Png, "f32[h,w]", true),
            (Format::Png, "u8[h,w,4]", true),
            (Format::Png, "f32[h,w,4]", false),
            (Format::Png, "u8[h,w]", false),
            (Format::Png, "text", false),
            (Format::Npy, "f16[n]", true),
            (Format::Npy, "int", false),
            (Format::Txt, "float", true),
            (Format::Txt, "u8[h,w,3]", false),
        ] {
            assert_eq!(fits("x", format, &ty(text)).is_ok(), good, "{format:?} {text}");
        }
        assert!(is_list(&ty("u8[n,h,w,3]")) && !is_list(&ty("u8[n,h,w,4]")));
    }
}
