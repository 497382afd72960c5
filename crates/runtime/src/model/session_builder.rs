//! Builds sessions of ONNX Runtime with the options that all models share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ort::session::Session;
use ort::session::builder::SessionBuilder;

use crate::device::RECORD;
use crate::library::Runtime;
use crate::options::{Level, Log};

/// The builder of a session that computes with so many threads and writes its messages into a log.
pub(super) fn builder(
    runtime: &'static Runtime,
    threads: usize,
    log: Option<Log>,
) -> ort::Result<SessionBuilder> {
    let builder = Session::builder(runtime.environment())?
        .with_intra_threads(threads)?
        // Spinning would waste the host's cores between steps.
        .with_intra_op_spinning(false)?
        .with_deterministic_compute(true)?
        // Memory patterns allocate another block, in addition to those of the first run: up to twice the memory, without
        // a measurable gain (see PERFORMANCE.md).
        .with_memory_pattern(false)?
        .with_config_entry("session.x64quantprecision", if sums_are_cut_off() { "1" } else { "0" })?
        .with_config_entry(RECORD.0, RECORD.1)?
        .with_logger(logger(log))?
        .with_log_level(ort::logging::LogLevel::Warning)?;
    Ok(builder)
}

/// Whether ONNX Runtime's int8 products saturate on this processor, unless a slower kernel is selected. With VNNI they do
/// not, and that kernel would take four times as long for the same numbers.
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
