//! Opens a model: a session on the first device that takes it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use ort::session::Session;
use ort::session::builder::SessionBuilder;
use wuerst_core::{Cancel, Error};

use crate::device::{Device, Placement, RECORD, Request, assigned};
use crate::prepared::{Prepared, as_it_is};
use crate::runtime::Runtime;
use crate::sessions::{Level, Log};
use crate::stage::ran_out;

/// A model to open, and how.
pub(crate) struct Opening<'a> {
    pub(crate) path: &'a Path,
    pub(crate) request: Request,
    /// In order of preference.
    pub(crate) devices: &'a [Device],
    /// Whether the first refusal is an error.
    pub(crate) strict: bool,
    /// Where the CPU's form of the model is kept.
    pub(crate) prepared: Option<Prepared>,
    pub(crate) log: Option<Log>,
}

impl Opening<'_> {
    /// A session on the first device that takes the model, with what the devices before it said.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] when that is what keeps the last one from it, else [`Error::Model`].
    pub(crate) fn open(&self, cancel: &Cancel) -> Result<(Session, Placement), Error> {
        let mut refused = vec![];
        for device in self.devices {
            match self.on(device, cancel) {
                Ok((session, mut placement)) => {
                    placement.refused = refused;
                    return Ok((session, placement));
                }
                Err(why) => refused.push((device.clone(), why)),
            }
            if self.strict {
                break;
            }
        }
        if refused.last().is_some_and(|(_, why)| ran_out(why)) {
            return Err(Error::OutOfMemory { node: String::new() });
        }
        let said: Vec<String> = match refused.as_slice() {
            [(_, only)] if self.devices.len() == 1 => vec![only.clone()],
            several => several.iter().map(|(device, message)| format!("{device}: {message}")).collect(),
        };
        let only =
            if refused.len() < self.devices.len() { ", and `strict` lets no other device" } else { "" };
        let source = format!("cannot be loaded{only}: {}", said.join("; ")).into();
        Err(Error::Model { path: self.path.to_owned(), source })
    }

    fn on(&self, device: &Device, cancel: &Cancel) -> Result<(Session, Placement), String> {
        let session = match &self.prepared {
            Some(prepared) if *device == Device::Cpu => self.prepared(prepared, cancel),
            _ => self.session(device, self.path, cancel, Ok),
        }?;
        let operators = assigned(&session).map_err(|error| error.message().to_owned())?;
        // A provider may be there and yet leave everything to the CPU.
        if *device != Device::Cpu && operators.keys().all(|provider| provider == "cpu") {
            return Err("it took none of the model's operators".to_owned());
        }
        let (model, device, threads) = (self.path.to_owned(), device.clone(), self.request.threads);
        Ok((session, Placement { model, device, threads, bytes: 0, operators, refused: vec![] }))
    }

    /// A session on the CPU, of what an earlier one left, or of the model itself, which then is left for later ones.
    fn prepared(&self, prepared: &Prepared, cancel: &Cancel) -> Result<Session, String> {
        if let Some(path) = prepared.find() {
            match self.session(&Device::Cpu, &path, cancel, as_it_is) {
                Err(_) if !cancel.is_cancelled() => prepared.remove(),
                session => return session,
            }
        }
        let unfinished = match prepared.begin() {
            Ok(unfinished) => unfinished,
            Err(error) => {
                self.warn(&format!("{} cannot be kept in the cache folder: {error}", self.path.display()));
                return self.session(&Device::Cpu, self.path, cancel, Ok);
            }
        };
        let session = match self.session(&Device::Cpu, self.path, cancel, |builder| unfinished.write(builder))
        {
            // The disk may be full.
            Err(_) if !cancel.is_cancelled() => return self.session(&Device::Cpu, self.path, cancel, Ok),
            session => session?,
        };
        if let Err(error) = prepared.finish(unfinished) {
            self.warn(&format!("{} cannot be kept in the cache folder: {error}", self.path.display()));
        }
        Ok(session)
    }

    fn warn(&self, message: &str) {
        if let Some(log) = &self.log {
            log(Level::Warning, message);
        }
    }

    fn session(
        &self,
        device: &Device,
        path: &Path,
        cancel: &Cancel,
        more: impl FnOnce(SessionBuilder) -> ort::Result<SessionBuilder>,
    ) -> Result<Session, String> {
        let said = |error: ort::Error| error.message().to_owned();
        let builder = builder(self.request.runtime, self.request.threads, self.log.clone()).map_err(said)?;
        let builder = device.register(&self.request, more(builder).map_err(said)?)?;
        session(path, builder, cancel).map_err(said)
    }
}

fn session(path: &Path, mut builder: SessionBuilder, cancel: &Cancel) -> ort::Result<Session> {
    let canceler = builder.canceler();
    let _guard = cancel.on_cancel(move || {
        // A load that cannot be stopped ends by itself.
        let _ = canceler.cancel();
    });
    builder.commit_from_file(path)
}

fn builder(runtime: &'static Runtime, threads: usize, log: Option<Log>) -> ort::Result<SessionBuilder> {
    let builder = Session::builder(runtime.environment())?
        .with_intra_threads(threads)?
        // A host has better things to do with its cores than to wait for our next step.
        .with_intra_op_spinning(false)?
        .with_deterministic_compute(true)?
        // A pattern is one more block for a run's values, beside those in which the first run found its own: up to twice
        // the memory, for nothing that was measurable (see PERFORMANCE.md).
        .with_memory_pattern(false)?
        .with_config_entry("session.x64quantprecision", if sums_are_cut_off() { "1" } else { "0" })?
        .with_config_entry(RECORD.0, RECORD.1)?
        .with_logger(logger(log))?
        .with_log_level(ort::logging::LogLevel::Warning)?;
    Ok(builder)
}

/// Whether ONNX Runtime's products of eight bits cut off large sums of two on this processor, unless it is told to take
/// a slower way. With VNNI that way is wrong: it would be four times as slow, for the same numbers.
fn sums_are_cut_off() -> bool {
    #[cfg(target_arch = "x86_64")]
    let exact = {
        let (wide, narrow) = (is_x86_feature_detected!("avx512vnni"), is_x86_feature_detected!("avxvnni"));
        wide || narrow
    };
    #[cfg(not(target_arch = "x86_64"))]
    let exact = true;
    !exact
}

fn logger(log: Option<Log>) -> ort::logging::LoggerFunction {
    use ort::logging::LogLevel;
    Arc::new(move |level: LogLevel, _: &str, _: &str, _: &str, message: &str| {
        let Some(log) = &log else { return };
        let level = match level {
            LogLevel::Error | LogLevel::Fatal => Level::Error,
            LogLevel::Warning => Level::Warning,
            LogLevel::Info | LogLevel::Verbose => Level::Info,
        };
        // A panic must not unwind into ONNX Runtime.
        let _ = catch_unwind(AssertUnwindSafe(|| log(level, message)));
    })
}
