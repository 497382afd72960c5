//! The host's suites, and its properties as Rust types.

use crate::abi::{
    EffectSuite, Host, MessageSuite, OK, ParameterSuite, ProgressSuite, Properties, PropertySuite, Status,
};
use crate::names;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

/// Suites of the host. Optional suites may be missing.
pub struct Suites {
    pub property: &'static PropertySuite,
    pub effect: &'static EffectSuite,
    pub parameter: &'static ParameterSuite,
    pub progress: Option<&'static ProgressSuite>,
    /// With `true`: version 2, which has persistent messages.
    pub message: Option<(&'static MessageSuite, bool)>,
}

static SUITES: OnceLock<Suites> = OnceLock::new();

/// The suites; `None` until the host has provided all required ones.
pub fn suites() -> Option<&'static Suites> {
    SUITES.get()
}

/// Stores a host's suites; a process has one host.
pub fn keep(host: Option<&'static Host>) {
    let Some(host) = host else { return };
    // SAFETY: a host returns the struct of the suite's name and version, valid as long as the process, or NULL.
    let found = unsafe {
        let v2 = fetch::<MessageSuite>(host, names::MESSAGE_SUITE, 2).map(|suite| (suite, true));
        let message = v2.or_else(|| fetch(host, names::MESSAGE_SUITE, 1).map(|suite| (suite, false)));
        (|| {
            Some(Suites {
                property: fetch(host, names::PROPERTY_SUITE, 1)?,
                effect: fetch(host, names::EFFECT_SUITE, 1)?,
                parameter: fetch(host, names::PARAMETER_SUITE, 1)?,
                progress: fetch(host, names::PROGRESS_SUITE, 1),
                message,
            })
        })()
    };
    if let Some(found) = found {
        let _ = SUITES.set(found);
    }
}

/// # Safety
/// The suite of that name and version is a `T`.
unsafe fn fetch<T>(host: &Host, name: &CStr, version: c_int) -> Option<&'static T> {
    // SAFETY: promised by the caller.
    unsafe { (host.fetch_suite)(host.host, name.as_ptr(), version).cast::<T>().as_ref() }
}

/// A property set of the host. Missing and refused properties read as `None`.
#[derive(Clone, Copy)]
pub struct Set {
    suite: &'static PropertySuite,
    handle: *mut Properties,
}

impl Suites {
    /// The properties behind a handle.
    pub fn set(&self, handle: *mut Properties) -> Set {
        Set { suite: self.property, handle }
    }

    /// Calls a host function with an output, and returns the output.
    pub fn ask<T>(&self, function: impl FnOnce(*mut *mut T) -> Status) -> Option<*mut T> {
        let mut handle = ptr::null_mut();
        (function(&raw mut handle) == OK && !handle.is_null()).then_some(handle)
    }
}

/// Every call passes the host's handle, and texts and outputs that are valid until it returns.
impl Set {
    pub fn text(self, name: &CStr, at: c_int) -> Option<String> {
        let mut out: *mut c_char = ptr::null_mut();
        // SAFETY: see above; a text of the host stays valid until the property changes.
        unsafe {
            let status = (self.suite.get_string)(self.handle, name.as_ptr(), at, &raw mut out);
            (status == OK && !out.is_null()).then(|| CStr::from_ptr(out).to_string_lossy().into_owned())
        }
    }

    pub fn pointer(self, name: &CStr) -> Option<*mut c_void> {
        let mut out = ptr::null_mut();
        // SAFETY: see above.
        let status = unsafe { (self.suite.get_pointer)(self.handle, name.as_ptr(), 0, &raw mut out) };
        (status == OK && !out.is_null()).then_some(out)
    }

    pub fn number(self, name: &CStr) -> Option<f64> {
        self.numbers::<1>(name).map(|[number]| number)
    }

    pub fn int(self, name: &CStr) -> Option<c_int> {
        self.ints::<1>(name).map(|[number]| number)
    }

    pub fn numbers<const N: usize>(self, name: &CStr) -> Option<[f64; N]> {
        let mut out = [0.; N];
        for (at, place) in (0..).zip(&mut out) {
            // SAFETY: see above.
            let status = unsafe { (self.suite.get_double)(self.handle, name.as_ptr(), at, place) };
            (status == OK).then_some(())?;
        }
        Some(out)
    }

    pub fn ints<const N: usize>(self, name: &CStr) -> Option<[c_int; N]> {
        let mut out = [0; N];
        for (at, place) in (0..).zip(&mut out) {
            // SAFETY: see above.
            let status = unsafe { (self.suite.get_int)(self.handle, name.as_ptr(), at, place) };
            (status == OK).then_some(())?;
        }
        Some(out)
    }

    /// Sets a property; a host without this property refuses, which is not a fault.
    pub fn put(self, name: &CStr, at: c_int, text: &CStr) {
        // SAFETY: see above; the host copies the text.
        unsafe { (self.suite.set_string)(self.handle, name.as_ptr(), at, text.as_ptr()) };
    }

    pub fn put_text(self, name: &CStr, text: &str) {
        self.put(name, 0, &terminated(text));
    }

    pub fn put_int(self, name: &CStr, number: c_int) {
        // SAFETY: see above.
        unsafe { (self.suite.set_int)(self.handle, name.as_ptr(), 0, number) };
    }

    pub fn put_numbers(self, name: &CStr, numbers: &[f64]) {
        for (at, number) in (0..).zip(numbers) {
            // SAFETY: see above.
            unsafe { (self.suite.set_double)(self.handle, name.as_ptr(), at, *number) };
        }
    }

    pub fn put_pointer(self, name: &CStr, pointer: *mut c_void) {
        // SAFETY: see above.
        unsafe { (self.suite.set_pointer)(self.handle, name.as_ptr(), 0, pointer) };
    }
}

/// Text for C, without inner NULs.
pub fn terminated(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).unwrap_or_default()
}
