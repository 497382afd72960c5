//! The ten functions of frei0r 1.2. Nothing unwinds into the host.

use crate::instance::Instance;
use crate::parameters::Parameter;
use crate::plugin::plugin;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;

/// `F0R_PLUGIN_TYPE_FILTER` and `F0R_PLUGIN_TYPE_SOURCE`.
const FILTER: c_int = 0;
const SOURCE: c_int = 1;
/// `F0R_COLOR_MODEL_RGBA8888`.
const RGBA8888: c_int = 1;
/// `FREI0R_MAJOR_VERSION`.
const FREI0R: c_int = 1;
/// `F0R_PARAM_BOOL`, `F0R_PARAM_DOUBLE` and `F0R_PARAM_STRING`.
const BOOL: c_int = 0;
const DOUBLE: c_int = 1;
const STRING: c_int = 4;

/// `f0r_plugin_info_t`.
#[repr(C)]
pub struct PluginInfo {
    name: *const c_char,
    author: *const c_char,
    plugin_type: c_int,
    color_model: c_int,
    frei0r_version: c_int,
    major_version: c_int,
    minor_version: c_int,
    num_params: c_int,
    explanation: *const c_char,
}

/// `f0r_param_info_t`.
#[repr(C)]
pub struct ParamInfo {
    name: *const c_char,
    kind: c_int,
    explanation: *const c_char,
}

/// A panic, a bug of ours, leaves the host alone.
fn guarded<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(fallback)
}

#[unsafe(no_mangle)]
extern "C" fn f0r_init() -> c_int {
    1
}

#[unsafe(no_mangle)]
extern "C" fn f0r_deinit() {}

/// # Safety
/// The host passes a struct to fill.
#[unsafe(no_mangle)]
unsafe extern "C" fn f0r_get_plugin_info(info: *mut PluginInfo) {
    guarded((), || {
        let plugin = plugin();
        let filled = PluginInfo {
            name: plugin.name.as_ptr(),
            author: c"the wuerst authors".as_ptr(),
            plugin_type: if plugin.is_filter { FILTER } else { SOURCE },
            color_model: RGBA8888,
            frei0r_version: FREI0R,
            major_version: 0,
            minor_version: 1,
            num_params: c_int::try_from(plugin.parameters().len()).unwrap_or(0),
            explanation: plugin.explanation.as_ptr(),
        };
        // SAFETY: promised by the host.
        unsafe { info.write(filled) }
    });
}

/// # Safety
/// The host passes a struct to fill.
#[unsafe(no_mangle)]
unsafe extern "C" fn f0r_get_param_info(info: *mut ParamInfo, index: c_int) {
    guarded((), || {
        let Some(parameter) = parameter(index) else { return };
        let kind = match parameter.slider {
            Some(crate::parameters::Slider::Switch) => BOOL,
            Some(crate::parameters::Slider::Share) => DOUBLE,
            None => STRING,
        };
        let filled =
            ParamInfo { name: parameter.name.as_ptr(), kind, explanation: parameter.explanation.as_ptr() };
        // SAFETY: promised by the host.
        unsafe { info.write(filled) }
    });
}

fn parameter(index: c_int) -> Option<&'static Parameter> {
    plugin().parameters().get(usize::try_from(index).ok()?)
}

#[unsafe(no_mangle)]
extern "C" fn f0r_construct(width: u32, height: u32) -> *mut c_void {
    guarded(ptr::null_mut(), || Box::into_raw(Box::new(Instance::new(plugin(), [width, height]))).cast())
}

/// # Safety
/// An instance of `f0r_construct`, not used afterwards.
#[unsafe(no_mangle)]
unsafe extern "C" fn f0r_destruct(instance: *mut c_void) {
    if !instance.is_null() {
        // SAFETY: promised by the host.
        guarded((), || drop(unsafe { Box::from_raw(instance.cast::<Instance>()) }));
    }
}

/// # Safety
/// An instance that no other thread uses; a value of the parameter's type.
#[unsafe(no_mangle)]
unsafe extern "C" fn f0r_set_param_value(instance: *mut c_void, value: *const c_void, index: c_int) {
    guarded((), || {
        let Some(parameter) = parameter(index) else { return };
        // SAFETY: promised by the host: a string is a pointer to one, the others are doubles.
        unsafe {
            let Some(instance) = instance.cast::<Instance>().as_mut() else { return };
            let text = if parameter.slider.is_some() {
                parameter.text_of(value.cast::<f64>().read_unaligned())
            } else {
                let text = value.cast::<*const c_char>().read_unaligned();
                if text.is_null() {
                    return;
                }
                CStr::from_ptr(text).to_string_lossy().into_owned()
            };
            instance.set(index.unsigned_abs() as usize, text);
        }
    });
}

/// # Safety
/// An instance that no other thread uses; memory for a value of the parameter's type.
#[unsafe(no_mangle)]
unsafe extern "C" fn f0r_get_param_value(instance: *mut c_void, value: *mut c_void, index: c_int) {
    guarded((), || {
        let Some(parameter) = parameter(index) else { return };
        // SAFETY: promised by the host.
        unsafe {
            let Some(instance) = instance.cast::<Instance>().as_mut() else { return };
            let text: &CString = instance.get(index.unsigned_abs() as usize);
            if parameter.slider.is_some() {
                value.cast::<f64>().write_unaligned(parameter.number_of(text));
            } else {
                value.cast::<*const c_char>().write_unaligned(text.as_ptr());
            }
        }
    });
}

/// # Safety
/// An instance that no other thread uses, and frames of its size; `input` may be NULL for a generator.
#[unsafe(no_mangle)]
unsafe extern "C" fn f0r_update(instance: *mut c_void, _time: f64, input: *const u32, output: *mut u32) {
    guarded((), || {
        // SAFETY: promised by the host; frames do not overlap.
        unsafe {
            let Some(instance) = instance.cast::<Instance>().as_mut() else { return };
            if output.is_null() {
                return;
            }
            let bytes = instance.frame_bytes();
            let input = (!input.is_null()).then(|| slice::from_raw_parts(input.cast::<u8>(), bytes));
            instance.update(input, slice::from_raw_parts_mut(output.cast::<u8>(), bytes));
        }
    });
}
