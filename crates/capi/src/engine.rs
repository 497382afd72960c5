//! `wst_engine` and its options.

use std::ffi::{c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wuerst::core::inside::Inside;
use wuerst::stages::{HostApi, Level, Log, StageOptions};
use wuerst::{Device, Engine, Result};
use wuerst_sys::{Options, Versioned};

use crate::boundary::{Out, fallible, infallible};
use crate::error::Failure;
use crate::grow::{Grows, zero};
use crate::handle::{self, Handle, alive, living};
use crate::reserve;
use crate::text::{Read, Str};
use crate::value::Value;

/// # Safety
/// Strings, `log`, `user` and `ort_api_base` are valid as the header requires.
unsafe fn read(given: &Options) -> Result<wuerst::Options> {
    zero(Options::NAME, &[given.reserved, given.reserved2, given.reserved3])?;
    // SAFETY: promised by the caller.
    let text = |text: Str, name| unsafe { text.read(name) };
    // SAFETY: promised by the caller.
    let path = |given: Str, name| unsafe { given.read_path(name) }.map(non_empty);
    let settings = path(given.settings, "settings")?.map(|file| wuerst::Options::from_settings(&file));
    let mut options = settings.transpose()?.unwrap_or_default();
    options.files = path(given.files, "files")?.or(options.files);
    options.outputs = path(given.outputs, "outputs")?.or(options.outputs);
    options.cache_folder = path(given.cache_folder, "cache_folder")?.or(options.cache_folder);
    if let Some(models) = path(given.models, "models")? {
        options.models = models;
    }
    if given.outputs_files > 0 {
        options.outputs_files = u64::from(given.outputs_files);
    }
    if given.outputs_bytes > 0 {
        options.outputs_bytes = given.outputs_bytes;
    }
    if given.cache_folder_bytes > 0 {
        options.cache_folder_bytes = given.cache_folder_bytes;
    }
    if given.cache_bytes > 0 {
        options.cache_bytes = usize::try_from(given.cache_bytes).unwrap_or(usize::MAX);
    }
    let devices = Device::list(text(given.devices, "devices")?)?;
    if !devices.is_empty() {
        options.set_devices(devices);
    }
    if given.threads > 0 {
        options.set_threads(given.threads as usize);
    }
    let stages = &mut options.stages;
    stages.runtime = path(given.runtime, "runtime")?.or(stages.runtime.take());
    // SAFETY: promised by the caller.
    stages.api = unsafe { HostApi::new(given.ort_api_base) };
    StageOptions::read_devices(&mut stages.each, text(given.stage_devices, "stage_devices")?)?;
    StageOptions::read_threads(&mut stages.each, text(given.stage_threads, "stage_threads")?)?;
    StageOptions::read_loras(&mut stages.each, text(given.lora, "lora")?)?;
    stages.strict |= given.strict != 0;
    if given.model_bytes > 0 {
        stages.model_bytes = given.model_bytes;
    }
    stages.log = given.log.map(|log| Logger { log, user: given.user }.closure());
    Ok(options)
}

fn non_empty(path: &Path) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_owned())
}

type LogFn = unsafe extern "C" fn(user: *mut c_void, level: c_int, message: Str);

struct Logger {
    log: LogFn,
    user: *mut c_void,
}

// SAFETY: the header states that the callback may be called from any thread, several at once.
unsafe impl Send for Logger {}
// SAFETY: see `Send`.
unsafe impl Sync for Logger {}

impl Logger {
    fn closure(self) -> Log {
        Arc::new(move |level, message| self.call(level, message))
    }

    fn call(&self, level: Level, message: &str) {
        let level = match level {
            Level::Error => 1,
            Level::Warning => 2,
            Level::Info => 3,
        };
        let _inside = Inside::enter();
        // SAFETY: the host's own function gets the host's own pointer, and a view that is valid until it returns.
        unsafe { (self.log)(self.user, level, Str::of(message)) }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_engine_new(options: *const Options, out: Out<*mut Handle<Engine>>) -> *mut Failure {
    fallible(|| {
        let out = out.non_null()?;
        reserve::watch();
        // SAFETY: the header requires NULL or a struct begun with its _INIT macro, valid strings, a callback that stays
        // valid, and a writable output.
        unsafe {
            let options = match Options::read(options)? {
                Some(options) => read(&options)?,
                None => wuerst::Options::default(),
            };
            out.give(Handle::new(Engine::new(options)?));
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_engine_free(engine: Option<Box<Handle<Engine>>>) {
    handle::free(engine);
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_engine_report(engine: Option<&Handle<Engine>>, out: Out<*mut Value>) -> *mut Failure {
    fallible(|| {
        let (engine, out) = (alive(engine, "engine")?, out.non_null()?);
        let report = wuerst::Value::from(engine.report().to_json().to_string());
        // SAFETY: the header requires a writable output.
        unsafe { out.give(report.into()) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_engine_release(engine: Option<&Handle<Engine>>) {
    infallible((), || living(engine).into_iter().for_each(Engine::release));
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use wuerst::stages::Contract;

    use super::*;

    fn read(options: &Options) -> Result<wuerst::Options> {
        // SAFETY: the strings of the tests live, and there is no callback.
        unsafe { super::read(options) }
    }

    #[test]
    fn fields_count_before_settings() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wuerst.yaml");
        let text = "settings: 1\nmodels: a\nfiles: b\nthreads: 3\nstrict: true\nmemory: 1G\nstages: { prior: { threads: 2 } }\n";
        fs::write(&file, text).unwrap();
        let settings = Str::of(file.to_str().unwrap());
        let options = read(&Options { settings, ..Options::init() }).unwrap();
        assert_eq!((options.models, options.files), (folder.path().join("a"), Some(folder.path().join("b"))));
        assert_eq!((options.stages.threads, options.stages.model_bytes), (Some(3), 1 << 30));
        assert_eq!(options.stages.each[&Contract::Prior].threads, Some(2));
        assert!(options.stages.strict);
        let given = Options {
            settings,
            models: Str::of("c"),
            threads: 1,
            model_bytes: 5,
            stage_threads: Str::of("decoder=4"),
            ..Options::init()
        };
        let options = read(&given).unwrap();
        assert_eq!((options.models.as_path(), options.stages.model_bytes), (Path::new("c"), 5));
        assert_eq!((options.stages.threads, options.stages.each[&Contract::Prior].threads), (Some(1), None));
        assert_eq!(options.stages.each[&Contract::Decoder].threads, Some(4));
    }

    #[test]
    fn wrong_settings_have_places() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wuerst.yaml");
        fs::write(&file, "settings: 1\nmodel: a\n").unwrap();
        let options = Options { settings: Str::of(file.to_str().unwrap()), ..Options::init() };
        let said = read(&options).unwrap_err().to_string();
        assert!(said.ends_with("wuerst.yaml:2:1: no key `model` here; did you mean `models`?"), "{said}");
        assert!(read(&Options { settings: Str::of("/nowhere/wuerst.yaml"), ..Options::init() }).is_err());
    }
}
