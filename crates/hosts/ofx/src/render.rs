//! Rendering: collects the inputs at the frame's time, computes the picture if it has changed, and writes its pixels.

use crate::abi::{self, FAILED, OK, REPLY_NO, Status};
use crate::clip::{self, Frame};
use crate::effects::Effect;
use crate::host::{Set, Suites, terminated};
use crate::instance::{Instance, Picture};
use crate::names;
use crate::parameters::Values;
use crate::pixels::{self, Placed};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;
use wuerst_client::fit::{Fit, fitted};
use wuerst_client::{Error, Format, Image, Run, Value};

/// Interval of checks whether the host cancels.
const PACE: Duration = Duration::from_millis(20);

/// Handles the render action: one frame, or a part of it.
pub fn render(
    suites: &Suites,
    effect: &Effect,
    instance: &Instance,
    (handle, given): (*mut abi::Effect, Set),
) -> Status {
    match frame(suites, effect, instance, (handle, given)) {
        Ok(()) => {
            clear(suites, handle);
            OK
        }
        // The host cancelled, and discards the frame.
        Err(error) if error.is_cancelled() => OK,
        Err(error) => {
            say(suites, handle, &error.to_string());
            FAILED
        }
    }
}

fn frame(
    suites: &Suites,
    effect: &Effect,
    instance: &Instance,
    (handle, given): (*mut abi::Effect, Set),
) -> Result<(), Error> {
    let lacking = |what: &str| Error::new(format!("the host does not say {what}"));
    let time = given.number(names::PROP_TIME).ok_or_else(|| lacking("the time of a frame"))?;
    let window =
        given.ints::<4>(names::RENDER_WINDOW).ok_or_else(|| lacking("which part of a frame to render"))?;
    let scale = given.numbers::<2>(names::RENDER_SCALE).unwrap_or([1., 1.]);
    // SAFETY: the host's own handle.
    let params = suites.ask(|out| unsafe { (suites.effect.params)(handle, out) });
    let values = Values::at(suites, params.ok_or_else(|| lacking("the parameters"))?, time);
    let output = clip::clip(suites, handle, names::OUTPUT).ok_or_else(|| lacking("where its output is"))?;

    let picture = picture(suites, effect, instance, (handle, &values, time))?;
    let region = if effect.is_filter() {
        let source = clip::clip(suites, handle, names::SOURCE);
        source.and_then(|source| clip::region(suites, source, time))
    } else {
        clip::project(suites, handle)
    };
    let region = region.ok_or_else(|| lacking("the size of the project"))?;
    let [x1, y1, x2, y2] = [0, 1, 2, 3].map(|at| (region[at] * scale[at % 2]).round() as i32);
    let size =
        [x2.saturating_sub(x1), y2.saturating_sub(y1)].map(|side| u32::try_from(side).unwrap_or(0).max(1));
    let fit = if effect.is_filter() { Fit::Fill } else { Fit::Inside };
    let rgba = fitted(picture.rgba.clone(), picture.size, size, fit)?;

    let frame = Frame::fetch(suites, output, time)
        .ok_or_else(|| lacking("where a frame of RGB or RGBA, in bytes or floats, is to go"))?;
    // SAFETY: the host's image, to write to.
    unsafe {
        pixels::write(&Placed { rect: [x1, y1, x2, y2], rgba: &rgba }, &frame, window, values.linear())
    };
    Ok(())
}

/// The picture for the present inputs: the stored one, or a new one.
fn picture(
    suites: &Suites,
    effect: &Effect,
    instance: &Instance,
    (handle, values, time): (*mut abi::Effect, &Values<'_>, f64),
) -> Result<Arc<Picture>, Error> {
    let job = instance.job()?;
    let made = effect.made.as_ref().map_err(Clone::clone)?;
    for port in &made.inputs {
        match values.text(port) {
            Some(text) => job.set_text(&port.name, &text)?,
            None if Some(&port.name) == made.frame.as_ref() => {
                job.set(&port.name, &source(suites, effect, (handle, values, time))?)?;
            }
            None => job.unset(&port.name)?,
        }
    }
    let digest = job.digest(&made.picture)?;
    if let Some(kept) = instance.kept(digest) {
        return Ok(kept);
    }
    let run = job.start(&made.picture)?;
    watch(suites, effect, handle, &run)?;
    let (rgba, size) = run.take()?.rgba()?;
    Ok(instance.keep(digest, Picture { size, rgba }))
}

/// The frame given to a filter.
fn source(
    suites: &Suites,
    effect: &Effect,
    (handle, values, time): (*mut abi::Effect, &Values<'_>, f64),
) -> Result<Value, Error> {
    let lacking =
        || Error::new("the filter has no source at this time, or none of RGB or RGBA in bytes or floats");
    let clip = clip::clip(suites, handle, names::SOURCE).ok_or_else(lacking)?;
    let frame = Frame::fetch(suites, clip, time).ok_or_else(lacking)?;
    let library = effect.library.ok_or_else(lacking)?;
    let [width, height] = frame.size();
    if width == 0 || height == 0 {
        return Err(lacking());
    }
    // SAFETY: the host's image, to read.
    let mut rgb = unsafe { pixels::read(&frame, values.linear()) };
    let data = rgb.as_mut_ptr().cast();
    let image = Image { data, row_bytes: 0, width, height, format: Format::Rgb8, linear: false };
    // SAFETY: the vector has three bytes for each pixel.
    unsafe { Value::of_image(library, image) }
}

/// Waits for a run, shows its progress, and cancels it if the host or its user requests that.
fn watch(suites: &Suites, effect: &Effect, handle: *mut abi::Effect, run: &Run) -> Result<(), Error> {
    let label = terminated(&effect.label);
    // SAFETY: the host's own handle, here and below.
    let shown = suites.progress.filter(|suite| unsafe { (suite.start)(handle, label.as_ptr()) } == OK);
    let stopped = loop {
        if run.wait(PACE) {
            break Ok(());
        }
        // SAFETY: as above.
        let stop = unsafe { (suites.effect.abort)(handle) } != 0;
        let fraction = match run.poll() {
            Ok(status) => status.fraction,
            Err(error) => break Err(error),
        };
        // SAFETY: as above.
        if stop || shown.is_some_and(|suite| unsafe { (suite.update)(handle, fraction) } == REPLY_NO) {
            run.cancel();
        }
    };
    if let Some(suite) = shown {
        // SAFETY: as above.
        unsafe { (suite.end)(handle) };
    }
    stopped
}

/// Shows an error on the effect until it renders again; only once if the host cannot keep messages.
fn say(suites: &Suites, handle: *mut abi::Effect, text: &str) {
    let Some((suite, stays)) = suites.message else { return };
    let (kind, format, text) = (names::MESSAGE_ERROR.as_ptr(), c"%s".as_ptr(), terminated(text));
    let function = if stays { suite.set_persistent } else { suite.message };
    // SAFETY: the host's own handle, a format, and the text that it requires.
    unsafe { function(handle, kind, ptr::null(), format, text.as_ptr()) };
}

fn clear(suites: &Suites, handle: *mut abi::Effect) {
    if let Some((suite, true)) = suites.message {
        // SAFETY: as above.
        unsafe { (suite.clear_persistent)(handle) };
    }
}
