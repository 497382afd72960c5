//! Pictures as PNG files, with texts about their origin.

use std::borrow::Cow;

use wuerst_core::colour::byte;
use wuerst_core::{DType, Dim, Origin, Tensor, Ty, Value};
use wuerst_stages::{XMP_KEYWORD, png_file};

use super::{SaveError, no_picture};

/// Encodes a picture, `u8[h,w,3]`, `u8[h,w,4]` with alpha, or `f32[h,w,3]` in 0..1, or a mask, `f32[h,w]`, as a PNG file;
/// `about` are pairs of keyword and text.
///
/// # Errors
/// The value is no picture, or has no pixels.
pub fn encode(what: &str, picture: &Value, about: &[(&str, String)]) -> Result<Vec<u8>, SaveError> {
    let (width, height, rgb) = pixels(picture).ok_or_else(|| no_picture(what, &picture.ty()))?;
    if rgb.is_empty() {
        return Err(SaveError(format!("{what} is a picture without pixels")));
    }
    png_file([width, height], &rgb, about).map_err(|e| SaveError(e.to_string()))
}

/// The text that marks a picture of this origin, if wanted.
pub fn mark(origin: Option<Origin>, wanted: bool) -> Option<(&'static str, String)> {
    origin.filter(|_| wanted).map(|origin| (XMP_KEYWORD, origin.xmp()))
}

/// Whether values of a type may be pictures or masks.
pub fn may_be_one(ty: &Ty) -> bool {
    let Ty::Tensor { dtype, dims } = ty else { return false };
    match (dtype, dims.as_slice()) {
        (DType::U8, [_, _, Dim::Fixed(4)]) | (DType::F32, [_, _]) => true,
        (DType::U8 | DType::F32, [_, _, colours]) => may_be_colours(colours),
        _ => false,
    }
}

/// Whether values of a type may be lists of pictures.
pub fn may_be_list(ty: &Ty) -> bool {
    matches!(ty, Ty::Tensor { dtype: DType::U8, dims } if dims.len() == 4 && may_be_colours(&dims[3]))
}

fn may_be_colours(dim: &Dim) -> bool {
    !matches!(dim, Dim::Fixed(length) if *length != 3)
}

/// The pictures of a list, `u8[b,h,w,3]`; `None` for other values.
pub fn list(value: &Value) -> Option<Vec<Value>> {
    let Value::Tensor(tensor) = value else { return None };
    let (&[_, height, width, 3], Some(bytes)) = (tensor.shape(), tensor.values::<u8>()) else { return None };
    let one = |bytes: &[u8]| Some(Value::from(Tensor::from_vec(&[height, width, 3], bytes.to_vec()).ok()?));
    bytes.chunks((height * width * 3).max(1)).map(one).collect()
}

fn pixels(picture: &Value) -> Option<(u32, u32, Cow<'_, [u8]>)> {
    let Value::Tensor(tensor) = picture else { return None };
    let (height, width) = match (tensor.shape(), tensor.dtype()) {
        (&[height, width, 3], _) | (&[height, width, 4], DType::U8) | (&[height, width], DType::F32) => {
            (height, width)
        }
        _ => return None,
    };
    let samples = match tensor.values::<f32>() {
        Some(colours) => Cow::Owned(colours.iter().map(|colour| byte(*colour)).collect()),
        None => Cow::Borrowed(tensor.values::<u8>()?),
    };
    Some((width.try_into().ok()?, height.try_into().ok()?, samples))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn pixels_and_text_are_restored() {
        let rgb: Vec<u8> = (0..18).collect();
        let picture = Value::from(Tensor::from_vec(&[2, 3, 3], rgb.clone()).unwrap());
        let file = encode("image", &picture, &[("prompt", "ein Würstchen 🌭".to_owned())]).unwrap();
        let mut reader = png::Decoder::new(Cursor::new(file)).read_info().unwrap();
        let mut back = vec![0; 18];
        reader.next_frame(&mut back).unwrap();
        assert_eq!((back, reader.info().size()), (rgb, (3, 2)));
        let text = &reader.info().utf8_text[0];
        assert_eq!(
            (text.keyword.as_str(), text.get_text().unwrap().as_str()),
            ("prompt", "ein Würstchen 🌭")
        );
    }

    #[test]
    fn colours_are_rounded_to_bytes() {
        let picture = |colours: Tensor| encode("image", &Value::from(colours), &[]).unwrap();
        let floats = Tensor::from_vec(&[1, 2, 3], vec![0f32, 0.5, 1., -1., 2., 0.1]).unwrap();
        let bytes = Tensor::from_vec(&[1, 2, 3], vec![0u8, 128, 255, 0, 255, 26]).unwrap();
        assert_eq!(picture(floats), picture(bytes));
    }

    #[test]
    fn masks_are_grey_and_opaqueness_is_kept() {
        let read = |picture: Tensor| {
            let mut reader = png::Decoder::new(Cursor::new(encode("x", &picture.into(), &[]).unwrap()))
                .read_info()
                .unwrap();
            let mut back = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut back).unwrap();
            (reader.info().color_type, back)
        };
        let mask = Tensor::from_vec(&[1, 3], vec![0f32, 0.5, 7.]).unwrap();
        assert_eq!(read(mask), (png::ColorType::Grayscale, vec![0, 128, 255]));
        let picture = Tensor::from_vec(&[1, 1, 4], vec![9u8, 8, 7, 60]).unwrap();
        assert_eq!(read(picture), (png::ColorType::Rgba, vec![9, 8, 7, 60]));
    }

    #[test]
    fn only_pictures_are_encoded() {
        let floats = Value::from(Tensor::from_vec(&[1, 1, 4], vec![0f32; 4]).unwrap());
        assert!(
            encode("embedding", &floats, &[]).unwrap_err().to_string().contains("embedding is f32[1,1,4]")
        );
        let none = Value::from(Tensor::from_vec(&[0, 1, 3], Vec::<u8>::new()).unwrap());
        assert!(encode("image", &none, &[]).is_err());
    }
}
