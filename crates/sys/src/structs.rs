//! Structs of the header.
#![allow(missing_docs, reason = "the header says what each field means")]

use std::ffi::{c_int, c_void};

use crate::declare::structs;
use crate::handles::{Call, Error, Value};
use crate::text::Str;

structs! {
    #[derive(Clone, Copy)]
    wst_tensor Tensor {
        dtype: u32,
        rank: u32,
        shape: *const i64,
        data: *const c_void,
    }

    #[derive(Clone, Copy)]
    wst_image Image from 48 {
        struct_size: usize,
        data: *mut c_void,
        row_bytes: isize,
        width: u32,
        height: u32,
        format: u32,
        flags: u32,
        index: u32,
        reserved: u32,
    }

    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    wst_digest Digest {
        bytes: [u8; 32],
    }

    #[derive(Clone, Copy)]
    wst_options Options from 96 {
        struct_size: usize,
        runtime: Str,
        models: Str,
        devices: Str,
        model_bytes: u64,
        cache_bytes: u64,
        threads: u32,
        reserved: u32,
        log: Option<unsafe extern "C" fn(user: *mut c_void, level: c_int, message: Str)>,
        user: *mut c_void,
        cache_folder: Str,
        cache_folder_bytes: u64,
        ort_api_base: *const c_void,
        files: Str,
        outputs: Str,
        stage_devices: Str,
        stage_threads: Str,
        strict: u32,
        reserved2: u32,
        outputs_bytes: u64,
        outputs_files: u32,
        reserved3: u32,
        settings: Str,
        lora: Str,
    }

    #[derive(Clone, Copy)]
    wst_asset Asset from 48 {
        struct_size: usize,
        size: u64,
        data: *const c_void,
        read: Option<unsafe extern "C" fn(user: *mut c_void, offset: u64, into: *mut c_void, bytes: usize) -> c_int>,
        drop: Option<unsafe extern "C" fn(user: *mut c_void)>,
        user: *mut c_void,
    }

    #[derive(Clone, Copy)]
    wst_batch Batch from 56 {
        struct_size: usize,
        over: Str,
        each: Str,
        counts: Str,
    }

    #[derive(Clone, Copy)]
    wst_node_kind NodeKind from 112 {
        struct_size: usize,
        kind: Str,
        signature: Str,
        about: Str,
        ports: Str,
        version: u32,
        flags: u32,
        run: Option<unsafe extern "C" fn(user: *mut c_void, call: *mut Call) -> *mut Error>,
        check: Option<unsafe extern "C" fn(user: *mut c_void, known: *mut Call) -> *mut Error>,
        drop: Option<unsafe extern "C" fn(user: *mut c_void)>,
        user: *mut c_void,
        state: Option<unsafe extern "C" fn(user: *mut c_void, known: *mut Call, out: *mut Digest) -> *mut Error>,
        batch: Option<unsafe extern "C" fn(user: *mut c_void, given: *mut Call, out: *mut Batch) -> c_int>,
        expected_ms: f64,
    }

    #[derive(Clone, Copy)]
    wst_port Port from 120 {
        struct_size: usize,
        name: Str,
        kind as r#type: u32,
        flags: u32,
        type_text: Str,
        declaration: Str,
        initial: *const Value,
        minimum: f64,
        maximum: f64,
        choices: *const Str,
        choice_count: usize,
        about: Str,
        role: u32,
        reserved: u32,
        title: Str,
    }

    #[derive(Clone, Copy)]
    wst_kind Kind from 80 {
        struct_size: usize,
        kind: Str,
        signature: Str,
        about: Str,
        version: u32,
        flags: u32,
        input_count: usize,
        output_count: usize,
    }

    #[derive(Clone, Copy)]
    wst_change Change {
        name: Str,
        text: Str,
        value: *const Value,
    }

    #[derive(Clone, Copy)]
    wst_node Node from 72 {
        struct_size: usize,
        name: Str,
        kind: Str,
        devices: Str,
        arguments: *const Change,
        argument_count: usize,
    }

    #[derive(Clone, Copy)]
    wst_observer Observer from 40 {
        struct_size: usize,
        progress: Option<unsafe extern "C" fn(user: *mut c_void, node: Str, done: u32, of: u32)>,
        preview: Option<unsafe extern "C" fn(user: *mut c_void, node: Str, rgb: *const Tensor)>,
        warning: Option<unsafe extern "C" fn(user: *mut c_void, node: Str, message: Str)>,
        user: *mut c_void,
        overall: Option<unsafe extern "C" fn(user: *mut c_void, node: Str, fraction: f64)>,
        preview_every: u32,
        reserved: u32,
        part: Option<unsafe extern "C" fn(user: *mut c_void, output: Str, index: u32, of: u32, value: *const Value)>,
    }

    #[derive(Clone, Copy)]
    wst_status Status from 64 {
        struct_size: usize,
        state: u32,
        reserved: u32,
        fraction: f64,
        node: Str,
        done: u32,
        of: u32,
        previews: u64,
        warnings: u64,
    }
}
