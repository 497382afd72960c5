//! Thumbnails, for reports and terminals.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wuerst::{Tensor, Value};

use wuerst::save::picture;

/// The longest side, in pixels.
const SIDE: usize = 128;

/// A thumbnail of a picture, `u8[h,w,3]`, as a `data:` address; `None` for other values.
pub(crate) fn address(value: &Value) -> Option<String> {
    let ([height, width], bytes) = small(value)?;
    let picture = Value::from(Tensor::from_vec(&[height, width, 3], bytes).ok()?);
    let file = picture::encode("preview", &picture, &[]).ok()?;
    Some(format!("data:image/png;base64,{}", STANDARD.encode(file)))
}

/// Height, width and pixels of a thumbnail; `None` for values that are not pictures.
pub(crate) fn small(value: &Value) -> Option<([usize; 2], Vec<u8>)> {
    let Value::Tensor(tensor) = value else { return None };
    let (&[height, width, 3], Some(pixels)) = (tensor.shape(), tensor.values::<u8>()) else { return None };
    let step = height.max(width).div_ceil(SIDE).max(1);
    let size = [height.div_ceil(step), width.div_ceil(step)];
    let row = |y: usize| (0..size[1]).flat_map(move |x| [0, 1, 2].map(|c| ((y * width + x) * step, c)));
    Some((size, (0..size[0]).flat_map(row).map(|(at, c)| pixels[at * 3 + c]).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_so_many_pixels_are_kept() {
        let pixels: Vec<u8> =
            (0..200 * 300).flat_map(|at| [(at / 300) as u8, (at % 300 / 2) as u8, 7]).collect();
        let picture = Value::from(Tensor::from_vec(&[200, 300, 3], pixels).unwrap());
        let text = address(&picture).unwrap();
        let file = STANDARD.decode(text.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        assert_eq!(reader.info().size(), (100, 67));
        let mut back = vec![0; 100 * 67 * 3];
        reader.next_frame(&mut back).unwrap();
        let at = |y: usize, x: usize| &back[(y * 100 + x) * 3..][..3];
        assert_eq!((at(0, 0), at(2, 10)), ([0, 0, 7].as_slice(), [6, 15, 7].as_slice()));
        assert_eq!(address(&Value::from(1i64)), None);
    }
}
