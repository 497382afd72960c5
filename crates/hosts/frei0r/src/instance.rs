//! One generator or filter in a host's project.

use crate::card;
use crate::parameters::terminated;
use crate::plugin::{Loaded, Plugin};
use std::env;
use std::ffi::CString;
use std::path::Path;
use std::time::Instant;
use wuerst_client::fit::{Fit, fitted};
use wuerst_client::{Digest, Error, Format, Image, Job, Value};
use wuerst_read::regular;

/// Prefix of a value that names a file with the text, since hosts reserve some characters, such as FFmpeg the vertical
/// bar. Doubled, it stands for itself.
const FROM_FILE: char = '@';

/// Maximum length of such a file, in bytes.
const LONGEST: u64 = 16 << 20;

/// If set, each computed picture is reported on stderr.
const VERBOSE: &str = "WUERST_VERBOSE";

/// One instance: its parameters, and the last frame.
pub struct Instance {
    plugin: &'static Plugin,
    size: [u32; 2],
    values: Vec<CString>,
    job: Option<Job>,
    shown: Shown,
}

/// Content of the last frame, RGBA.
#[derive(Default)]
struct Shown {
    made: Option<Made>,
    pixels: Vec<u8>,
}

#[derive(PartialEq)]
enum Made {
    Picture(Digest),
    Card(String),
}

impl Instance {
    /// An instance for frames of this width and height.
    pub fn new(plugin: &'static Plugin, size: [u32; 2]) -> Instance {
        let values = plugin.parameters().iter().map(|parameter| parameter.initial.clone()).collect();
        Instance { plugin, size, values, job: None, shown: Shown::default() }
    }

    /// Bytes of a frame.
    pub fn frame_bytes(&self) -> usize {
        self.size[0] as usize * self.size[1] as usize * 4
    }

    /// Sets a parameter; hosts do so for every frame.
    pub fn set(&mut self, index: usize, text: String) {
        if let Some(value) = self.values.get_mut(index) {
            *value = terminated(&text);
        }
    }

    /// The value of a parameter.
    pub fn get(&self, index: usize) -> &CString {
        &self.values[index]
    }

    /// Writes the frame; reuses the last one if nothing has changed.
    pub fn update(&mut self, input: Option<&[u8]>, output: &mut [u8]) {
        if let Err(error) = self.make(input) {
            let card = Made::Card(error.to_string());
            if self.shown.made.as_ref() != Some(&card) {
                // Hosts have no other place for errors.
                eprintln!("{}: {error}", self.plugin.name.to_string_lossy());
                self.shown = Shown { made: Some(card), pixels: card::draw(self.size, &error.to_string()) };
            }
        }
        output.copy_from_slice(&self.shown.pixels);
    }

    fn make(&mut self, input: Option<&[u8]>) -> Result<(), Error> {
        let loaded = self.plugin.loaded.as_ref().map_err(Clone::clone)?;
        if self.job.is_none() {
            self.job = Some(loaded.made.graph.job()?);
        }
        let Some(job) = &self.job else { return Ok(()) };
        for (parameter, value) in self.plugin.parameters().iter().zip(&self.values) {
            let (name, text) = (parameter.name.to_string_lossy(), value.to_string_lossy());
            if text.is_empty() && parameter.initial.is_empty() {
                job.unset(&name)?;
            } else {
                job.set_text(&name, &meant(&text)?)?;
            }
        }
        if let Some(name) = loaded.made.frame.as_ref().filter(|_| self.plugin.is_filter) {
            job.set(name, &given(loaded, self.size, input)?)?;
        }
        let made = Made::Picture(job.digest(&loaded.made.picture)?);
        if self.shown.made.as_ref() != Some(&made) {
            let begun = Instant::now();
            let (pixels, size) = job.get(&loaded.made.picture)?.rgba()?;
            if env::var_os(VERBOSE).is_some() {
                let name = self.plugin.name.to_string_lossy();
                eprintln!("{name}: made a picture in {} ms", begun.elapsed().as_millis());
            }
            let fit = if self.plugin.is_filter { Fit::Fill } else { Fit::Inside };
            self.shown = Shown { made: Some(made), pixels: fitted(pixels, size, self.size, fit)? };
        }
        Ok(())
    }
}

/// The frame given to a filter, as a value.
fn given(loaded: &Loaded, [width, height]: [u32; 2], input: Option<&[u8]>) -> Result<Value, Error> {
    let input = input.ok_or_else(|| Error::new("the host gave a filter no frame"))?;
    let data = input.as_ptr().cast_mut().cast();
    let image = Image { data, row_bytes: 0, width, height, format: Format::Rgba8, linear: false };
    // SAFETY: the host's frame has four bytes for each pixel, and is only read.
    unsafe { Value::of_image(loaded.library, image) }
}

/// The text for a parameter's value, which may name a file.
fn meant(value: &str) -> Result<String, Error> {
    match value.strip_prefix(FROM_FILE) {
        Some(rest) if rest.starts_with(FROM_FILE) => Ok(rest.to_owned()),
        Some(path) => {
            let text = regular::read_text(Path::new(path), LONGEST)
                .map_err(|e| Error::new(format!("reading {path}: {e}")))?;
            // Editors end a file with a line break that is not part of the text.
            Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
        }
        None => Ok(value.to_owned()),
    }
}
