//! Encodes values as files: formats chosen by file name, except for pictures.

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use ndarray_npy::WriteNpyExt;
use wuerst::core::{ArcArrayD, DType, Ty};
use wuerst::{Tensor, Value};

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Format {
    Png,
    Npy,
    Txt,
}

pub(crate) fn format(path: &Path) -> Result<Format> {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
    match end.to_ascii_lowercase().as_str() {
        "png" => Ok(Format::Png),
        "npy" => Ok(Format::Npy),
        "txt" => Ok(Format::Txt),
        _ => {
            bail!("{}: outputs are written as .png, .npy or .txt; give the file such a name", path.display())
        }
    }
}

/// An error for a type that picture files cannot contain.
pub(crate) fn no_picture(what: &str, ty: &Ty) -> anyhow::Error {
    anyhow!(
        "{what} is {ty}, no picture u8[h,w,3], f32[h,w,3] or u8[h,w,4] and no mask f32[h,w]: write it as {}",
        other(ty)
    )
}

/// An error for a type that .npy files cannot contain.
pub(crate) fn no_tensor(what: &str, ty: &Ty) -> anyhow::Error {
    anyhow!("{what} is {ty}, no tensor, and cannot be written as .npy: write it as .txt")
}

/// An error for a type that text files cannot contain.
pub(crate) fn no_text(what: &str, ty: &Ty) -> anyhow::Error {
    anyhow!("{what} is {ty}: write it as .npy, or a picture as .png")
}

fn other(ty: &Ty) -> &'static str {
    if matches!(ty, Ty::Tensor { .. }) { ".npy" } else { ".txt" }
}

/// A text or a number as a line of text.
pub(crate) fn txt(what: &str, value: &Value) -> Result<Vec<u8>> {
    match value {
        Value::Tensor(_) => Err(no_text(what, &value.ty())),
        Value::Text(text) => Ok(format!("{text}\n").into_bytes()),
        other => Ok(format!("{other}\n").into_bytes()),
    }
}

/// A tensor as a .npy file. f16 is widened, since readers of the format in Rust lack it.
pub(crate) fn npy(what: &str, value: &Value) -> Result<Vec<u8>> {
    fn bytes<T: ndarray_npy::WritableElement>(array: Option<ArcArrayD<T>>) -> Option<Result<Vec<u8>>> {
        let mut file = Vec::new();
        Some(array?.write_npy(&mut file).map(|()| file).map_err(Into::into))
    }
    let written = match value {
        Value::Tensor(tensor) => match tensor.dtype() {
            DType::F32 | DType::F16 => bytes(Tensor::to_f32(tensor)),
            DType::I64 => bytes(tensor.array::<i64>().cloned()),
            DType::U8 => bytes(tensor.array::<u8>().cloned()),
        },
        _ => None,
    };
    written.unwrap_or_else(|| Err(no_tensor(what, &value.ty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_keep_their_type_and_shape() {
        let tensor = Value::from(Tensor::from_vec(&[2, 1], vec![1i64, -1]).unwrap());
        let file = npy("ids", &tensor).unwrap();
        let header = String::from_utf8_lossy(&file[10..80]).into_owned();
        assert!(header.contains("'<i8'") && header.contains("(2, 1)"), "{header}");
        assert_eq!(txt("n", &Value::from("a \"b\"")).unwrap(), b"a \"b\"\n");
        assert_eq!(txt("n", &Value::from(0.5)).unwrap(), b"0.5\n");
        assert!(txt("ids", &tensor).unwrap_err().to_string().contains(".npy"));
        assert!(npy("n", &Value::from(1i64)).unwrap_err().to_string().contains("n is int"));
        assert!(format(Path::new("a.jpg")).is_err() && format(Path::new("A.PNG")).unwrap() == Format::Png);
    }
}
