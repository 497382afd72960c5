//! Structs and suites of OpenFX that are used here.

use std::ffi::{c_char, c_double, c_int, c_uint, c_void};

/// `OfxStatus`.
pub type Status = c_int;
pub const OK: Status = 0;
pub const FAILED: Status = 1;
pub const REPLY_NO: Status = 13;
pub const REPLY_DEFAULT: Status = 14;

macro_rules! handles {
    ($($name:ident),*) => {$(
        /// An opaque handle of the host.
        #[repr(C)]
        pub struct $name {
            _nothing: [u8; 0],
        }
    )*};
}

handles!(Properties, Effect, Clip, ParamSet, Param);

/// `OfxHost`.
#[repr(C)]
pub struct Host {
    pub host: *mut Properties,
    pub fetch_suite: unsafe extern "C" fn(*mut Properties, *const c_char, c_int) -> *const c_void,
}

/// `OfxPlugin`.
#[repr(C)]
pub struct Plugin {
    pub api: *const c_char,
    pub api_version: c_int,
    pub identifier: *const c_char,
    pub version_major: c_uint,
    pub version_minor: c_uint,
    pub set_host: unsafe extern "C" fn(*const Host),
    pub main_entry: EntryPoint,
}

/// `OfxPluginEntryPoint`.
pub type EntryPoint =
    unsafe extern "C" fn(*const c_char, *const c_void, *mut Properties, *mut Properties) -> Status;

// SAFETY: pointers to texts that live as long as the process, and are never changed.
unsafe impl Send for Plugin {}
// SAFETY: see `Send`.
unsafe impl Sync for Plugin {}

type SetN<T> = unsafe extern "C" fn(*mut Properties, *const c_char, c_int, *const T) -> Status;
type GetN<T> = unsafe extern "C" fn(*mut Properties, *const c_char, c_int, *mut T) -> Status;

/// `OfxPropertySuiteV1`.
#[repr(C)]
pub struct PropertySuite {
    pub set_pointer: unsafe extern "C" fn(*mut Properties, *const c_char, c_int, *mut c_void) -> Status,
    pub set_string: unsafe extern "C" fn(*mut Properties, *const c_char, c_int, *const c_char) -> Status,
    pub set_double: unsafe extern "C" fn(*mut Properties, *const c_char, c_int, c_double) -> Status,
    pub set_int: unsafe extern "C" fn(*mut Properties, *const c_char, c_int, c_int) -> Status,
    pub set_pointers: SetN<*mut c_void>,
    pub set_strings: SetN<*const c_char>,
    pub set_doubles: SetN<c_double>,
    pub set_ints: SetN<c_int>,
    // Has an index where the other functions have a count.
    pub get_pointer: GetN<*mut c_void>,
    pub get_string: GetN<*mut c_char>,
    pub get_double: GetN<c_double>,
    pub get_int: GetN<c_int>,
    pub get_pointers: GetN<*mut c_void>,
    pub get_strings: GetN<*mut c_char>,
    pub get_doubles: GetN<c_double>,
    pub get_ints: GetN<c_int>,
    pub reset: unsafe extern "C" fn(*mut Properties, *const c_char) -> Status,
    pub dimension: unsafe extern "C" fn(*mut Properties, *const c_char, *mut c_int) -> Status,
}

/// `OfxRectD`, in canonical coordinates: x1, y1, x2, y2.
pub type Rect = [c_double; 4];

/// The used part of `OfxImageEffectSuiteV1`.
#[repr(C)]
pub struct EffectSuite {
    pub properties: unsafe extern "C" fn(*mut Effect, *mut *mut Properties) -> Status,
    pub params: unsafe extern "C" fn(*mut Effect, *mut *mut ParamSet) -> Status,
    pub define_clip: unsafe extern "C" fn(*mut Effect, *const c_char, *mut *mut Properties) -> Status,
    pub clip:
        unsafe extern "C" fn(*mut Effect, *const c_char, *mut *mut Clip, *mut *mut Properties) -> Status,
    pub clip_properties: unsafe extern "C" fn(*mut Clip, *mut *mut Properties) -> Status,
    pub image: unsafe extern "C" fn(*mut Clip, c_double, *const Rect, *mut *mut Properties) -> Status,
    pub release_image: unsafe extern "C" fn(*mut Properties) -> Status,
    pub region_of_definition: unsafe extern "C" fn(*mut Clip, c_double, *mut Rect) -> Status,
    pub abort: unsafe extern "C" fn(*mut Effect) -> c_int,
}

/// The used part of `OfxParameterSuiteV1`.
#[repr(C)]
pub struct ParameterSuite {
    pub define:
        unsafe extern "C" fn(*mut ParamSet, *const c_char, *const c_char, *mut *mut Properties) -> Status,
    pub handle:
        unsafe extern "C" fn(*mut ParamSet, *const c_char, *mut *mut Param, *mut *mut Properties) -> Status,
    pub set_properties: unsafe extern "C" fn(*mut ParamSet, *mut *mut Properties) -> Status,
    pub properties: unsafe extern "C" fn(*mut Param, *mut *mut Properties) -> Status,
    pub value: unsafe extern "C" fn(*mut Param, ...) -> Status,
    pub value_at: unsafe extern "C" fn(*mut Param, c_double, ...) -> Status,
}

/// `OfxProgressSuiteV1`.
#[repr(C)]
pub struct ProgressSuite {
    pub start: unsafe extern "C" fn(*mut Effect, *const c_char) -> Status,
    pub update: unsafe extern "C" fn(*mut Effect, c_double) -> Status,
    pub end: unsafe extern "C" fn(*mut Effect) -> Status,
}

/// `OfxMessageSuiteV2`; version 1 has the first function alone.
#[repr(C)]
pub struct MessageSuite {
    pub message:
        unsafe extern "C" fn(*mut Effect, *const c_char, *const c_char, *const c_char, ...) -> Status,
    pub set_persistent:
        unsafe extern "C" fn(*mut Effect, *const c_char, *const c_char, *const c_char, ...) -> Status,
    pub clear_persistent: unsafe extern "C" fn(*mut Effect) -> Status,
}
