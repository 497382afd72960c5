//! `wst_image`: pictures in the caller's memory, in the caller's layout.

use std::ffi::c_void;

use half::f16;
use wuerst_core::colour::byte;
use wuerst_core::{DType, Error, Result, Tensor, memory};
pub use wuerst_sys::Image;
use wuerst_sys::Versioned;

use crate::boundary::{At, Out, fallible, non_null};
use crate::error::Failure;
use crate::grow::{Grows, zero};
use crate::value::Value;

/// `WST_IMAGE_LINEAR` of the header.
const LINEAR: u32 = wuerst_sys::numbers::IMAGE_LINEAR;

/// How a pixel lies in memory.
#[derive(Clone, Copy)]
struct Layout {
    channels: usize,
    /// Blue before red.
    swapped: bool,
    number: Number,
}

#[derive(Clone, Copy, PartialEq)]
enum Number {
    U8,
    F16,
    F32,
}

impl Layout {
    fn of(format: u32) -> Result<Layout> {
        let (channels, swapped, number) = match format {
            1 => (3, false, Number::U8),
            2 => (4, false, Number::U8),
            3 => (4, true, Number::U8),
            4 => (3, false, Number::F32),
            5 => (4, false, Number::F32),
            6 => (4, false, Number::F16),
            other => return Err(wrong(format!("its format {other} is none of WST_RGB8 to WST_RGBA16F"))),
        };
        Ok(Layout { channels, swapped, number })
    }

    fn number_bytes(self) -> usize {
        match self.number {
            Number::U8 => 1,
            Number::F16 => 2,
            Number::F32 => 4,
        }
    }

    fn pixel_bytes(self) -> usize {
        self.channels * self.number_bytes()
    }

    /// Byte offsets of red, green and blue within a pixel.
    fn colours(self) -> [usize; 3] {
        let places = if self.swapped { [2, 1, 0] } else { [0, 1, 2] };
        places.map(|place| place * self.number_bytes())
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::invalid("image", message)
}

/// A checked picture in the caller's memory.
struct Canvas {
    top: *mut u8,
    row_bytes: isize,
    size: [usize; 2],
    layout: Layout,
    linear: bool,
}

impl Canvas {
    fn of(image: &Image) -> Result<Canvas> {
        zero(Image::NAME, &[image.reserved])?;
        let layout = Layout::of(image.format)?;
        let linear = match image.flags {
            0 => false,
            LINEAR if layout.number != Number::U8 => true,
            LINEAR => return Err(wrong("WST_IMAGE_LINEAR is for formats of floats")),
            other => return Err(wrong(format!("its flags {other:#x} have a bit that is not known"))),
        };
        let size = [image.height, image.width].map(|length| length as usize);
        let tight = size[1].checked_mul(layout.pixel_bytes()).and_then(|bytes| isize::try_from(bytes).ok());
        let tight = tight.ok_or_else(|| wrong("it is wider than memory can be"))?;
        let row_bytes = if image.row_bytes == 0 { tight } else { image.row_bytes };
        if row_bytes.unsigned_abs() < tight.unsigned_abs() {
            return Err(wrong(format!("its row_bytes are {row_bytes}, but a row needs {tight}")));
        }
        if image.data.is_null() && size[0] * size[1] > 0 {
            return Err(wrong("its data is NULL"));
        }
        Ok(Canvas { top: image.data.cast(), row_bytes, size, layout, linear })
    }

    /// Addresses of the pixels.
    fn pixels(&self) -> impl Iterator<Item = *mut u8> {
        let [height, width] = self.size;
        let bytes = self.layout.pixel_bytes();
        (0..height).flat_map(move |y| {
            let row = self.top.wrapping_offset(self.row_bytes.wrapping_mul(y as isize));
            (0..width).map(move |x| row.wrapping_add(x * bytes))
        })
    }

    /// # Safety
    /// The memory is as the header requires, and `at` is an address of a number in it.
    unsafe fn write(&self, at: *mut u8, value: f32) {
        let value = if self.linear { to_linear(value) } else { value };
        // SAFETY: promised by the caller; no alignment is assumed.
        unsafe {
            match self.layout.number {
                Number::U8 => at.write(byte(value)),
                Number::F16 => at.cast::<f16>().write_unaligned(f16::from_f32(value)),
                Number::F32 => at.cast::<f32>().write_unaligned(value),
            }
        }
    }

    /// # Safety
    /// As [`Canvas::write`].
    unsafe fn read(&self, at: *const u8) -> f32 {
        // SAFETY: promised by the caller.
        let value = unsafe {
            match self.layout.number {
                Number::U8 => f32::from(at.read()) / 255.,
                Number::F16 => at.cast::<f16>().read_unaligned().to_f32(),
                Number::F32 => at.cast::<f32>().read_unaligned(),
            }
        };
        if self.linear { to_coded(value) } else { value }
    }

    /// Writes colours, three per pixel, and full opacity.
    ///
    /// # Safety
    /// The memory is as the header requires.
    unsafe fn paint(&self, colours: impl Iterator<Item = [f32; 3]>) {
        let (places, alpha) = (self.layout.colours(), 3 * self.layout.number_bytes());
        for (pixel, colour) in self.pixels().zip(colours) {
            // SAFETY: promised by the caller.
            unsafe {
                for (place, value) in places.into_iter().zip(colour) {
                    self.write(pixel.wrapping_add(place), value);
                }
                if self.layout.channels == 4 {
                    self.write(pixel.wrapping_add(alpha), 1.);
                }
            }
        }
    }
}

/// From the sRGB transfer function to linear light (IEC 61966-2-1).
fn to_linear(x: f32) -> f32 {
    if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
}

fn to_coded(x: f32) -> f32 {
    if x <= 0.003_130_8 { x * 12.92 } else { 1.055 * x.powf(1. / 2.4) - 0.055 }
}

/// Offset and size of picture `index` in a tensor of pictures.
fn picture(tensor: &Tensor, index: u32) -> Result<(usize, [usize; 2])> {
    let (count, [height, width]) = match *tensor.shape() {
        [height, width, 3] => (1, [height, width]),
        [count, height, width, 3] => (count, [height, width]),
        _ => {
            return Err(Error::invalid(
                "value",
                "is not a picture: [height, width, 3] is expected, or several of them",
            ));
        }
    };
    let index = index as usize;
    if index >= count {
        return Err(wrong(format!(
            "its index is {index}, but there are only {count} pictures, counted from 0"
        )));
    }
    Ok((index * height * width * 3, [height, width]))
}

/// `wst_value_copy`.
pub extern "C" fn value_copy(value: Option<&Value>, into: At<Image>) -> *mut Failure {
    fallible(|| {
        let tensor = tensor(non_null(value, "value")?)?;
        // SAFETY: the header requires NULL or a struct begun with its _INIT macro.
        let image =
            unsafe { Image::read(into.pointer())? }.ok_or_else(|| Error::invalid("into", "is NULL"))?;
        let canvas = Canvas::of(&image)?;
        let (start, size) = picture(tensor, image.index)?;
        if size != canvas.size {
            let ([h, w], [height, width]) = (canvas.size, size);
            return Err(wrong(format!("it is {w} × {h}, but the picture is {width} × {height}")));
        }
        let numbers = size[0] * size[1] * 3;
        // SAFETY: the header requires memory of this size and layout.
        unsafe {
            if let Some(bytes) = tensor.values::<u8>() {
                let of = |c: &[u8]| [c[0], c[1], c[2]].map(|byte| f32::from(byte) / 255.);
                canvas.paint(bytes[start..start + numbers].chunks_exact(3).map(of));
            } else if let Some(floats) = tensor.values::<f32>() {
                canvas.paint(floats[start..start + numbers].chunks_exact(3).map(|c| [c[0], c[1], c[2]]));
            } else {
                return Err(Error::invalid("value", "is not a picture: u8 or f32 is expected"));
            }
        }
        Ok(())
    })
}

/// `wst_value_image`.
pub extern "C" fn value_image(from: At<Image>, out: Out<*mut Value>) -> *mut Failure {
    fallible(|| {
        let out = out.non_null()?;
        // SAFETY: the header requires NULL or a struct begun with its _INIT macro.
        let image =
            unsafe { Image::read(from.pointer())? }.ok_or_else(|| Error::invalid("from", "is NULL"))?;
        if image.index != 0 {
            return Err(wrong("its index is not 0"));
        }
        let canvas = Canvas::of(&image)?;
        let [height, width] = canvas.size;
        let numbers = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(3));
        let mut colours = memory::room(numbers.ok_or_else(|| wrong("is larger than memory can be"))?)?;
        let places = canvas.layout.colours();
        for pixel in canvas.pixels() {
            // SAFETY: the header requires memory of this size and layout.
            colours.extend(places.map(|place| unsafe { canvas.read(pixel.wrapping_add(place)) }));
        }
        let shape = [height, width, 3];
        let tensor = match canvas.layout.number {
            Number::U8 => Tensor::from_vec(&shape, memory::collected(colours.into_iter().map(byte))?)?,
            Number::F16 | Number::F32 => Tensor::from_vec(&shape, colours)?,
        };
        // SAFETY: the header requires a writable output.
        unsafe { out.give(wuerst_core::Value::from(tensor).into()) };
        Ok(())
    })
}

/// `wst_value_read`.
pub extern "C" fn value_read(
    value: Option<&Value>,
    dtype: u32,
    data: *mut c_void,
    bytes: usize,
) -> *mut Failure {
    fallible(|| {
        let tensor = tensor(non_null(value, "value")?)?;
        let wanted = crate::tensor::dtype(dtype)?;
        let tensor = if tensor.dtype() == wanted {
            tensor.clone()
        } else if let (Some(half), DType::F32) = (tensor.values::<f16>(), wanted) {
            Tensor::from_vec(tensor.shape(), memory::collected(half.iter().map(|x| x.to_f32()))?)?
        } else {
            let (want, got) = (wanted.to_string(), tensor.dtype().to_string());
            return Err(Error::Type { what: "value".into(), want, got });
        };
        let needed = tensor.len() * wanted.size();
        if bytes != needed {
            return Err(Error::invalid("bytes", format!("are {bytes}, but the tensor has {needed}")));
        }
        if needed == 0 {
            return Ok(());
        }
        if data.is_null() {
            return Err(Error::invalid("data", "is NULL"));
        }
        let from = crate::tensor::view(&tensor, &[]).data;
        // SAFETY: the header requires this many writable bytes, and the tensor has as many.
        unsafe { std::ptr::copy_nonoverlapping(from.cast::<u8>(), data.cast::<u8>(), needed) };
        Ok(())
    })
}

fn tensor(value: &Value) -> Result<&Tensor> {
    match value.inner() {
        wuerst_core::Value::Tensor(tensor) => Ok(tensor),
        other => {
            Err(Error::Type { what: "value".into(), want: "a tensor".into(), got: other.ty().to_string() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfer_functions_are_inverse() {
        for step in 0..=255u8 {
            let coded = f32::from(step) / 255.;
            assert_eq!(byte(to_coded(to_linear(coded))), step);
        }
        assert!((to_linear(0.5) - 0.214_04).abs() < 1e-4);
    }
}
