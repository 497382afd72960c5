//! Function types, for programs that look functions up in a loaded library.
#![allow(non_camel_case_types, reason = "called as in the header")]

use std::ffi::{c_int, c_void};

use crate::handles::{Call, Engine, Error, Graph, Job, Kinds, Run, Value};
use crate::structs::{
    Asset, Change, Digest, Image, Kind, Node, NodeKind, Observer, Options, Port, Status, Tensor,
};
use crate::text::Str;

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        $(
            #[doc = concat!("`", stringify!($name), "`.")]
            pub type $name = unsafe extern "C" fn($($argument),*) $(-> $result)?;
        )*

        /// Name, parameters and result of each function.
        #[doc(hidden)]
        pub const ALL: &[(&str, &[&str], &str)] =
            &[$((stringify!($name), &[$(stringify!($argument)),*], concat!("" $(, stringify!($result))?)),)*];
    };
}

functions! {
    wst_abi_version: fn() -> u32;
    wst_version: fn() -> Str;
    wst_error_new: fn(u32, Str) -> *mut Error;
    wst_error_code: fn(*const Error) -> u32;
    wst_error_message: fn(*const Error) -> Str;
    wst_error_place: fn(*const Error, usize, *mut u32, *mut u32, *mut Str, *mut Str) -> c_int;
    wst_error_free: fn(*mut Error);
    wst_value_bool: fn(c_int) -> *mut Value;
    wst_value_int: fn(i64) -> *mut Value;
    wst_value_uint: fn(u64) -> *mut Value;
    wst_value_float: fn(f64) -> *mut Value;
    wst_value_text: fn(Str, *mut *mut Value) -> *mut Error;
    wst_value_tensor: fn(*const Tensor, *mut *mut Value) -> *mut Error;
    wst_value_type: fn(*const Value) -> u32;
    wst_value_as_bool: fn(*const Value, *mut c_int) -> *mut Error;
    wst_value_as_int: fn(*const Value, *mut i64) -> *mut Error;
    wst_value_as_uint: fn(*const Value, *mut u64) -> *mut Error;
    wst_value_as_float: fn(*const Value, *mut f64) -> *mut Error;
    wst_value_as_text: fn(*const Value, *mut Str) -> *mut Error;
    wst_value_as_tensor: fn(*const Value, *mut Tensor) -> *mut Error;
    wst_value_as_path: fn(*const Value, *mut Str) -> *mut Error;
    wst_value_read: fn(*const Value, u32, *mut c_void, usize) -> *mut Error;
    wst_value_copy: fn(*const Value, *const Image) -> *mut Error;
    wst_value_image: fn(*const Image, *mut *mut Value) -> *mut Error;
    wst_value_digest: fn(*const Value, *mut Digest) -> *mut Error;
    wst_value_clone: fn(*const Value) -> *mut Value;
    wst_value_free: fn(*mut Value);
    wst_engine_new: fn(*const Options, *mut *mut Engine) -> *mut Error;
    wst_engine_report: fn(*const Engine, *mut *mut Value) -> *mut Error;
    wst_engine_release: fn(*const Engine);
    wst_engine_free: fn(*mut Engine);
    wst_call_argument: fn(*const Call, usize, *mut *const Value) -> *mut Error;
    wst_call_has: fn(*const Call, usize) -> c_int;
    wst_call_result: fn(*mut Call, usize, *const Value) -> *mut Error;
    wst_call_step: fn(*mut Call, u32, u32) -> c_int;
    wst_call_wants_preview: fn(*const Call) -> c_int;
    wst_call_preview: fn(*mut Call, *const Tensor) -> *mut Error;
    wst_call_warn: fn(*mut Call, Str) -> *mut Error;
    wst_call_node: fn(*const Call) -> Str;
    wst_engine_add: fn(*const Engine, *const NodeKind) -> *mut Error;
    wst_engine_add_file: fn(*const Engine, Str, *const Asset) -> *mut Error;
    wst_engine_load: fn(*const Engine, Str) -> *mut Error;
    wst_engine_add_graph: fn(*const Engine, Str, Str) -> *mut Error;
    wst_engine_open_graph: fn(*const Engine, Str, Str) -> *mut Error;
    wst_engine_kinds: fn(*const Engine, *mut *mut Kinds) -> *mut Error;
    wst_kinds_count: fn(*const Kinds) -> usize;
    wst_kinds_at: fn(*const Kinds, usize, *mut Kind) -> *mut Error;
    wst_kinds_input: fn(*const Kinds, usize, usize, *mut Port) -> *mut Error;
    wst_kinds_output: fn(*const Kinds, usize, usize, *mut Port) -> *mut Error;
    wst_kinds_free: fn(*mut Kinds);
    wst_graph_new: fn(*const Engine, Str, *mut *mut Graph) -> *mut Error;
    wst_graph_open: fn(*const Engine, Str, *mut *mut Graph) -> *mut Error;
    wst_graph_open_without_models: fn(*const Engine, Str, *mut *mut Graph) -> *mut Error;
    wst_graph_missing_model: fn(*const Graph, usize, *mut Str, *mut Str) -> c_int;
    wst_graph_left_out: fn(*const Graph, usize, *mut *mut Value) -> *mut Error;
    wst_graph_digest: fn(*const Graph, *mut Digest) -> *mut Error;
    wst_graph_new_with: fn(*const Engine, Str, *const Change, usize, *mut *mut Graph) -> *mut Error;
    wst_graph_input_count: fn(*const Graph) -> usize;
    wst_graph_input: fn(*const Graph, usize, *mut Port) -> *mut Error;
    wst_graph_output_count: fn(*const Graph) -> usize;
    wst_graph_output: fn(*const Graph, usize, *mut Port) -> *mut Error;
    wst_graph_node_count: fn(*const Graph) -> usize;
    wst_graph_node: fn(*const Graph, usize, *mut Node) -> *mut Error;
    wst_graph_free: fn(*mut Graph);
    wst_job_new: fn(*const Graph, *mut *mut Job) -> *mut Error;
    wst_job_set: fn(*mut Job, Str, *const Value) -> *mut Error;
    wst_job_set_text: fn(*mut Job, Str, Str) -> *mut Error;
    wst_job_unset: fn(*mut Job, Str) -> *mut Error;
    wst_job_digest: fn(*const Job, Str, *mut Digest) -> *mut Error;
    wst_job_xmp: fn(*const Job, Str, *mut *mut Value) -> *mut Error;
    wst_job_get: fn(*mut Job, Str, *const Observer, *mut *mut Value) -> *mut Error;
    wst_job_save: fn(*mut Job, Str, Str, *const Observer, u32) -> *mut Error;
    wst_job_get_all: fn(*mut Job, *const Str, usize, *const Observer, *mut *mut Value) -> *mut Error;
    wst_job_cancel: fn(*const Job);
    wst_job_report: fn(*const Job, *mut *mut Value) -> *mut Error;
    wst_job_free: fn(*mut Job);
    wst_job_start: fn(*mut Job, *const Str, usize, *const Observer, *mut *mut Run) -> *mut Error;
    wst_run_poll: fn(*const Run, *mut Status) -> *mut Error;
    wst_run_preview: fn(*const Run, *mut *mut Value) -> *mut Error;
    wst_run_warning: fn(*const Run, usize, *mut Str, *mut Str) -> c_int;
    wst_run_wait: fn(*const Run, i64) -> c_int;
    wst_run_cancel: fn(*const Run);
    wst_run_take: fn(*mut Run, *mut *mut Value, usize) -> *mut Error;
    wst_run_free: fn(*mut Run);
}
