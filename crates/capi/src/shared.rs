//! Functions of the plug-in table, also exported under their names in the header.

use std::ffi::{c_int, c_void};

use wuerst_abi::call::{
    Call, call_argument, call_has, call_node, call_preview, call_result, call_step, call_wants_preview,
    call_warn,
};
use wuerst_abi::digest::{Digest, value_digest};
use wuerst_abi::error::{error_code, error_free, error_message, error_new, error_place};
use wuerst_abi::float::Plain;
use wuerst_abi::image::{Image, value_copy, value_image, value_read};
use wuerst_abi::value::{
    value_as_bool, value_as_float, value_as_int, value_as_path, value_as_tensor, value_as_text,
    value_as_uint, value_bool, value_clone, value_float, value_free, value_int, value_tensor, value_text,
    value_type, value_uint,
};

use crate::boundary::{At, Out, quiet};
use crate::error::Failure;
use crate::tensor::View;
use crate::text::Str;
use crate::value::Value;

macro_rules! export {
    ($($name:ident = $function:ident($($argument:ident: $ty:ty),*) $(-> $result:ty)?;)*) => {$(
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $ty),*) $(-> $result)? {
            quiet();
            let _plain = Plain::set();
            $function($($argument),*)
        }
    )*};
}

export! {
    wst_error_new = error_new(code: u32, message: Str) -> *mut Failure;
    wst_error_code = error_code(error: Option<&Failure>) -> u32;
    wst_error_message = error_message(error: Option<&Failure>) -> Str;
    wst_error_place = error_place(
        error: Option<&Failure>,
        index: usize,
        line: Out<u32>,
        column: Out<u32>,
        path: Out<Str>,
        message: Out<Str>
    ) -> c_int;
    wst_error_free = error_free(error: Option<Box<Failure>>);

    wst_value_bool = value_bool(value: c_int) -> *mut Value;
    wst_value_int = value_int(value: i64) -> *mut Value;
    wst_value_uint = value_uint(value: u64) -> *mut Value;
    wst_value_float = value_float(value: f64) -> *mut Value;
    wst_value_text = value_text(text: Str, out: Out<*mut Value>) -> *mut Failure;
    wst_value_tensor = value_tensor(tensor: Option<&View>, out: Out<*mut Value>) -> *mut Failure;
    wst_value_type = value_type(value: Option<&Value>) -> u32;
    wst_value_as_bool = value_as_bool(value: Option<&Value>, out: Out<c_int>) -> *mut Failure;
    wst_value_as_int = value_as_int(value: Option<&Value>, out: Out<i64>) -> *mut Failure;
    wst_value_as_uint = value_as_uint(value: Option<&Value>, out: Out<u64>) -> *mut Failure;
    wst_value_as_float = value_as_float(value: Option<&Value>, out: Out<f64>) -> *mut Failure;
    wst_value_as_text = value_as_text(value: Option<&Value>, out: Out<Str>) -> *mut Failure;
    wst_value_as_path = value_as_path(value: Option<&Value>, out: Out<Str>) -> *mut Failure;
    wst_value_as_tensor = value_as_tensor(value: Option<&Value>, out: Out<View>) -> *mut Failure;
    wst_value_read = value_read(value: Option<&Value>, dtype: u32, data: *mut c_void, bytes: usize) -> *mut Failure;
    wst_value_copy = value_copy(value: Option<&Value>, into: At<Image>) -> *mut Failure;
    wst_value_image = value_image(from: At<Image>, out: Out<*mut Value>) -> *mut Failure;
    wst_value_digest = value_digest(value: Option<&Value>, out: Out<Digest>) -> *mut Failure;
    wst_value_clone = value_clone(value: Option<&Value>) -> *mut Value;
    wst_value_free = value_free(value: Option<Box<Value>>);

    wst_call_argument = call_argument(call: *const Call, index: usize, out: Out<*const Value>) -> *mut Failure;
    wst_call_has = call_has(call: *const Call, index: usize) -> c_int;
    wst_call_result = call_result(call: *mut Call, index: usize, value: Option<&Value>) -> *mut Failure;
    wst_call_step = call_step(call: *mut Call, done: u32, of: u32) -> c_int;
    wst_call_wants_preview = call_wants_preview(call: *const Call) -> c_int;
    wst_call_preview = call_preview(call: *mut Call, rgb: Option<&View>) -> *mut Failure;
    wst_call_warn = call_warn(call: *mut Call, message: Str) -> *mut Failure;
    wst_call_node = call_node(call: *const Call) -> Str;
}
