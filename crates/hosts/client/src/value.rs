//! `wst_value`, and pictures in the adapter's own memory.

use crate::error::Error;
use crate::library::Library;
use crate::raw::{self, Str, Versioned};
use std::ffi::c_void;
use std::mem::MaybeUninit;

/// How pixels lie in memory: `wst_format` of the header. Floats are 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Three bytes.
    Rgb8 = 1,
    /// Four bytes.
    Rgba8 = 2,
    /// Four bytes, blue first.
    Bgra8 = 3,
    /// Three floats.
    Rgb32F = 4,
    /// Four floats.
    Rgba32F = 5,
    /// Four halves.
    Rgba16F = 6,
}

/// A picture in memory of the adapter's.
#[derive(Debug, Clone, Copy)]
pub struct Image {
    /// The first pixel of the top row.
    pub data: *mut c_void,
    /// Distance from a row to the one below it, in bytes; negative for rows stored bottom-up, 0 for rows without gaps.
    pub row_bytes: isize,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Channels and numbers.
    pub format: Format,
    /// Floats are in linear light.
    pub linear: bool,
}

impl Image {
    fn raw(self) -> raw::Image {
        raw::Image {
            data: self.data,
            row_bytes: self.row_bytes,
            width: self.width,
            height: self.height,
            format: self.format as u32,
            flags: self.linear.into(),
            ..raw::Image::init()
        }
    }
}

/// An immutable value.
pub struct Value {
    library: Library,
    handle: *mut raw::Value,
}

// SAFETY: the header calls values immutable, and allows every function from any thread.
unsafe impl Send for Value {}
// SAFETY: see `Send`.
unsafe impl Sync for Value {}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: our handle, freed once.
        unsafe { (self.library.functions().wst_value_free)(self.handle) }
    }
}

impl Value {
    pub(crate) fn own(library: Library, handle: *mut raw::Value) -> Value {
        Value { library, handle }
    }

    pub(crate) fn handle(&self) -> *const raw::Value {
        self.handle
    }

    /// A picture copied from pixels.
    ///
    /// # Safety
    /// The image's memory is readable.
    ///
    /// # Errors
    /// An image with contradictory fields.
    pub unsafe fn of_image(library: Library, image: Image) -> Result<Value, Error> {
        let image = image.raw();
        // SAFETY: the caller promises the memory; the struct is valid until the call returns.
        let handle = Error::handle(library, |out| unsafe {
            (library.functions().wst_value_image)(&raw const image, out)
        })?;
        Ok(Value { library, handle })
    }

    /// Height and width of a picture `[height, width, 3]`.
    ///
    /// # Errors
    /// A value that is not a picture.
    pub fn size(&self) -> Result<[u32; 2], Error> {
        let mut view = MaybeUninit::<raw::Tensor>::uninit();
        // SAFETY: the value is alive and owns the view.
        unsafe {
            let failure = (self.library.functions().wst_value_as_tensor)(self.handle, view.as_mut_ptr());
            Error::take_error(self.library, failure)?;
            let view = view.assume_init();
            let shape = std::slice::from_raw_parts(view.shape, view.rank as usize);
            match *shape {
                [height, width, 3] => Ok([height, width].map(|side| u32::try_from(side).unwrap_or(0))),
                _ => Err(Error::new(format!(
                    "the graph's output has the shape {shape:?} and is not a picture"
                ))),
            }
        }
    }

    /// Copies a picture into memory of the adapter, which must have its size.
    ///
    /// # Safety
    /// The image's memory is writable.
    ///
    /// # Errors
    /// A value that is not a picture, or of another size.
    pub unsafe fn copy_into(&self, image: Image) -> Result<(), Error> {
        let image = image.raw();
        // SAFETY: as above.
        Error::take_error(self.library, unsafe {
            (self.library.functions().wst_value_copy)(self.handle, &raw const image)
        })
    }

    /// The pixels of a picture as RGBA, without gaps, with height and width.
    ///
    /// # Errors
    /// A value that is not a picture.
    pub fn rgba(&self) -> Result<(Vec<u8>, [u32; 2]), Error> {
        let [height, width] = self.size()?;
        let mut pixels = vec![0u8; height as usize * width as usize * 4];
        let data = pixels.as_mut_ptr().cast();
        let image = Image { data, row_bytes: 0, width, height, format: Format::Rgba8, linear: false };
        // SAFETY: the vector has height · width · 4 bytes, as the image states.
        unsafe { self.copy_into(image)? };
        Ok((pixels, [height, width]))
    }

    /// A plain value as text that can be set as an input.
    pub(crate) fn text_of(library: Library, value: *const raw::Value) -> Option<String> {
        if value.is_null() {
            return None;
        }
        let f = library.functions();
        // SAFETY: a view of a value that is alive until this returns.
        unsafe {
            match (f.wst_value_type)(value) {
                1 => ask(library, 0, |out| (f.wst_value_as_bool)(value, out)).map(|b| (b != 0).to_string()),
                2 => ask(library, 0, |out| (f.wst_value_as_int)(value, out)).map(|n: i64| n.to_string()),
                3 => ask(library, 0., |out| (f.wst_value_as_float)(value, out)).map(|x: f64| x.to_string()),
                4 | 5 | 7 => ask(library, Str::EMPTY, |out| (f.wst_value_as_text)(value, out))
                    .map(|text| text.text().to_owned()),
                _ => None,
            }
        }
    }
}

fn ask<T>(library: Library, blank: T, function: impl FnOnce(*mut T) -> *mut raw::Failure) -> Option<T> {
    let mut out = blank;
    Error::take_error(library, function(&raw mut out)).ok().map(|()| out)
}
