//! Regions and images of clips.

use crate::abi::{self, Clip, Rect};
use crate::host::{Set, Suites};
use crate::names;
use std::ffi::{CStr, c_void};
use std::ptr;
use wuerst_client::Format;

/// Writes the region of definition: a generator's picture fills the project.
pub fn whole(suites: &Suites, handle: *mut abi::Effect, wanted: Set) -> Option<()> {
    wanted.put_numbers(names::REGION_OF_DEFINITION_PROP, &project(suites, handle)?);
    Some(())
}

/// The project's rectangle in canonical coordinates.
pub fn project(suites: &Suites, handle: *mut abi::Effect) -> Option<Rect> {
    // SAFETY: the host's own handle.
    let set = suites.set(suites.ask(|out| unsafe { (suites.effect.properties)(handle, out) })?);
    let [x, y] = set.numbers(names::PROJECT_OFFSET).unwrap_or_default();
    let size = set.numbers(names::PROJECT_SIZE).or_else(|| set.numbers(names::PROJECT_EXTENT));
    let [width, height] = size.filter(|[w, h]| *w >= 1. && *h >= 1.)?;
    Some([x, y, x + width, y + height])
}

/// Writes the region of interest: a filter reads the whole frame, whatever part is rendered.
pub fn interest(suites: &Suites, handle: *mut abi::Effect, (given, wanted): (Set, Set)) -> Option<()> {
    let time = given.number(names::PROP_TIME)?;
    wanted.put_numbers(names::SOURCE_INTEREST, &region(suites, clip(suites, handle, names::SOURCE)?, time)?);
    Some(())
}

/// A clip's region of definition.
pub fn region(suites: &Suites, clip: *mut Clip, time: f64) -> Option<Rect> {
    let mut rect = Rect::default();
    // SAFETY: the host's own handle.
    let status = unsafe { (suites.effect.region_of_definition)(clip, time, &raw mut rect) };
    (status == abi::OK && rect[2] > rect[0] && rect[3] > rect[1]).then_some(rect)
}

/// A clip of an instance.
pub fn clip(suites: &Suites, handle: *mut abi::Effect, name: &CStr) -> Option<*mut Clip> {
    // SAFETY: the host's own handle, and a name that is valid until the call returns.
    suites.ask(|out| unsafe { (suites.effect.clip)(handle, name.as_ptr(), out, ptr::null_mut()) })
}

/// An image of a clip, released when dropped.
pub struct Frame<'a> {
    suites: &'a Suites,
    set: *mut abi::Properties,
    /// The first byte of the bottom row.
    pub data: *mut c_void,
    /// Distance from a row to the one above it, in bytes.
    pub row_bytes: isize,
    /// In pixels: x1, y1, x2, y2.
    pub bounds: [i32; 4],
    /// Channels and numbers.
    pub format: Format,
}

impl Frame<'_> {
    /// Fetches the image of a clip at a time.
    pub fn fetch(suites: &Suites, clip: *mut Clip, time: f64) -> Option<Frame<'_>> {
        // SAFETY: the host's own handle; without a region, the host returns the region that the effect requested.
        let set = suites.ask(|out| unsafe { (suites.effect.image)(clip, time, ptr::null(), out) })?;
        let look = suites.set(set);
        let read = || {
            let depth = look.text(names::DEPTH, 0)?;
            let components = look.text(names::COMPONENTS, 0)?;
            let is = |name: &CStr, text: &str| name.to_bytes() == text.as_bytes();
            let format = match (is(names::DEPTH_FLOAT, &depth), is(names::DEPTH_BYTE, &depth)) {
                (true, _) if is(names::RGBA, &components) => Format::Rgba32F,
                (true, _) if is(names::RGB, &components) => Format::Rgb32F,
                (_, true) if is(names::RGBA, &components) => Format::Rgba8,
                (_, true) if is(names::RGB, &components) => Format::Rgb8,
                _ => return None,
            };
            let data = look.pointer(names::IMAGE_DATA)?;
            let row_bytes = look.int(names::IMAGE_ROW_BYTES)? as isize;
            let bounds = look.ints(names::IMAGE_BOUNDS)?;
            Some((data, row_bytes, bounds, format))
        };
        let Some((data, row_bytes, bounds, format)) = read() else {
            // SAFETY: fetched above.
            unsafe { (suites.effect.release_image)(set) };
            return None;
        };
        Some(Frame { suites, set, data, row_bytes, bounds, format })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> [u32; 2] {
        let [x1, y1, x2, y2] = self.bounds;
        [x2.saturating_sub(x1), y2.saturating_sub(y1)].map(|side| u32::try_from(side).unwrap_or(0))
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        // SAFETY: fetched once, and released once.
        unsafe { (self.suites.effect.release_image)(self.set) };
    }
}
