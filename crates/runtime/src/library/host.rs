//! An ONNX Runtime loaded by the host, given by its `OrtApiBase`.
#![allow(unsafe_code, reason = "ONNX Runtime's own entry, called as its header says")]

use std::ffi::{CStr, c_void};
use std::path::PathBuf;
use std::ptr::NonNull;

use ort::environment::EnvironmentBuilder;
use ort::sys::{ORT_API_VERSION, OrtApiBase};
use wuerst_core::{Error, Result};

use crate::library::find;

/// Result of `OrtGetApiBase` of a host's ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostApi(NonNull<OrtApiBase>);

// SAFETY: `OrtApiBase` is a constant table of functions that any thread may call.
unsafe impl Send for HostApi {}
// SAFETY: see `Send`.
unsafe impl Sync for HostApi {}

impl HostApi {
    /// Wraps the table at a pointer; `None` for NULL.
    ///
    /// # Safety
    /// The pointer is NULL or the result of `OrtGetApiBase` of a library that is never unloaded.
    pub unsafe fn new(base: *const c_void) -> Option<HostApi> {
        NonNull::new(base.cast_mut().cast()).map(HostApi)
    }

    /// The library's file.
    pub(crate) fn library(self) -> Option<PathBuf> {
        // SAFETY: promised to `new`.
        let function = unsafe { self.0.as_ref() }.GetApi;
        find::holding(function as usize)?.canonicalize().ok()
    }

    /// Makes `ort` use this library.
    pub(crate) fn adopt(self) -> Result<EnvironmentBuilder> {
        // SAFETY: promised to `new`.
        let (base, version) =
            unsafe { (self.0.as_ref(), CStr::from_ptr((self.0.as_ref().GetVersionString)())) };
        let version = version.to_string_lossy();
        let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
        // Checked first: for an unknown version, `GetApi` writes to stderr, which belongs to the host.
        let api = match minor {
            // SAFETY: as above.
            Some(minor) if minor >= ORT_API_VERSION => unsafe { (base.GetApi)(ORT_API_VERSION) },
            _ => std::ptr::null(),
        };
        if api.is_null() {
            return Err(Error::Runtime(format!(
                "the host's ONNX Runtime is {version}, and 1.{ORT_API_VERSION} or later is needed"
            )));
        }
        // SAFETY: a table of at least this version, which is constant and stays loaded.
        if !ort::set_api(unsafe { std::ptr::read(api) }) {
            return Err(Error::Runtime("another ONNX Runtime was begun with before".to_owned()));
        }
        Ok(ort::init())
    }
}
