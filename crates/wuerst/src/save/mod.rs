//! Encodes values as files: pictures as PNG, tensors as .npy, texts and numbers as text.

pub mod picture;

use std::path::Path;

use ndarray_npy::WriteNpyExt;
use wuerst_core::{ArcArrayD, DType, Error, Tensor, Ty, Value};

/// Why a value has no such file, in a sentence that names the value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SaveError(String);

impl From<SaveError> for Error {
    fn from(error: SaveError) -> Error {
        Error::invalid("path", error.0)
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Format {
    /// A picture or mask.
    Png,
    /// A tensor.
    Npy,
    /// A text or a number.
    Txt,
}

impl Format {
    /// The format that a file's name asks for.
    ///
    /// # Errors
    /// The name ends otherwise.
    pub fn of(path: &Path) -> Result<Format, SaveError> {
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        match end.to_ascii_lowercase().as_str() {
            "png" => Ok(Format::Png),
            "npy" => Ok(Format::Npy),
            "txt" => Ok(Format::Txt),
            _ => Err(SaveError(format!(
                "{}: outputs are written as .png, .npy or .txt; give the file such a name",
                path.display()
            ))),
        }
    }

    /// Refuses an output called `what` whose type files of this format do not hold, as far as that is certain.
    ///
    /// # Errors
    /// The sentence that [`Format::encode`] would give after the run.
    pub fn holds(self, what: &str, ty: &Ty) -> Result<(), SaveError> {
        let tensor = matches!(ty, Ty::Tensor { .. });
        match self {
            Format::Png if !picture::may_be_one(ty) => Err(no_picture(what, ty)),
            Format::Npy if !tensor => Err(no_tensor(what, ty)),
            Format::Txt if tensor => Err(no_text(what, ty)),
            _ => Ok(()),
        }
    }

    /// A value called `what` as a file; `about` are pairs of keyword and text for a picture.
    ///
    /// # Errors
    /// Files of this format do not hold values of its type.
    pub fn encode(self, what: &str, value: &Value, about: &[(&str, String)]) -> Result<Vec<u8>, SaveError> {
        match self {
            Format::Png => picture::encode(what, value, about),
            Format::Npy => npy(what, value),
            Format::Txt => txt(what, value),
        }
    }
}

/// An error for a type that picture files cannot contain.
fn no_picture(what: &str, ty: &Ty) -> SaveError {
    SaveError(format!(
        "{what} is {ty}, no picture u8[h,w,3], f32[h,w,3] or u8[h,w,4] and no mask f32[h,w]: write it as {}",
        other(ty)
    ))
}

/// An error for a type that .npy files cannot contain.
fn no_tensor(what: &str, ty: &Ty) -> SaveError {
    SaveError(format!("{what} is {ty}, no tensor, and cannot be written as .npy: write it as .txt"))
}

/// An error for a type that text files cannot contain.
fn no_text(what: &str, ty: &Ty) -> SaveError {
    SaveError(format!("{what} is {ty}: write it as .npy, or a picture as .png"))
}

fn other(ty: &Ty) -> &'static str {
    if matches!(ty, Ty::Tensor { .. }) { ".npy" } else { ".txt" }
}

/// A text or a number as a line of text.
fn txt(what: &str, value: &Value) -> Result<Vec<u8>, SaveError> {
    match value {
        Value::Tensor(_) => Err(no_text(what, &value.ty())),
        Value::Text(text) => Ok(format!("{text}\n").into_bytes()),
        other => Ok(format!("{other}\n").into_bytes()),
    }
}

/// A tensor as a .npy file. f16 is widened, since readers of the format in Rust lack it.
fn npy(what: &str, value: &Value) -> Result<Vec<u8>, SaveError> {
    fn bytes<T: ndarray_npy::WritableElement>(
        array: Option<ArcArrayD<T>>,
    ) -> Option<Result<Vec<u8>, SaveError>> {
        let mut file = Vec::new();
        Some(array?.write_npy(&mut file).map(|()| file).map_err(|e| SaveError(e.to_string())))
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
        assert!(
            Format::of(Path::new("a.jpg")).is_err() && Format::of(Path::new("A.PNG")).unwrap() == Format::Png
        );
    }

    #[test]
    fn types_fit_their_files() {
        let ty = |text: &str| wuerst_core::Port::parse("x", text).unwrap().ty;
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
            assert_eq!(format.holds("x", &ty(text)).is_ok(), good, "{format:?} {text}");
        }
        assert!(picture::may_be_list(&ty("u8[n,h,w,3]")) && !picture::may_be_list(&ty("u8[n,h,w,4]")));
    }
}
