//! `wst_api`: the functions that plug-ins call, and the collection of their nodes.

use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use wuerst_core::{Error, Result};
pub use wuerst_sys::Plugin;

use crate::boundary::{At, Out, fallible};
use crate::call::{
    Call, call_argument, call_has, call_node, call_preview, call_result, call_step, call_wants_preview,
    call_warn,
};
use crate::digest::{Digest, value_digest};
use crate::error::{Failure, ForeignError, error_code, error_free, error_message, error_new, error_place};
use crate::image::{Image, value_copy, value_image, value_read};
use crate::node::{Foreign, RawKind};
use crate::tensor::View;
use crate::text::{Read, Str};
use crate::value::{
    Value, value_as_bool, value_as_float, value_as_int, value_as_path, value_as_tensor, value_as_text,
    value_as_uint, value_bool, value_clone, value_float, value_free, value_int, value_tensor, value_text,
    value_type, value_uint,
};

/// The entry of a plug-in, `wst_plugin_init_1`.
pub type Init = unsafe extern "C" fn(api: *const Api, plugin: *mut Plugin) -> *mut Failure;

macro_rules! api {
    ($($field:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// `wst_api` of the header.
        #[repr(C)]
        #[allow(missing_docs, reason = "the header says what each field means")]
        pub struct Api {
            pub struct_size: usize,
            pub abi_version: u32,
            pub reserved: u32,
            $(pub $field: extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        /// The table passed to every plug-in.
        pub static API: Api = Api {
            struct_size: size_of::<Api>(),
            abi_version: crate::ABI_VERSION,
            reserved: 0,
            $($field,)*
        };

        /// The offsets of the table's fields.
        #[doc(hidden)]
        pub const API_LAYOUT: &[(&str, usize)] = &[
            ("struct_size", std::mem::offset_of!(Api, struct_size)),
            ("abi_version", std::mem::offset_of!(Api, abi_version)),
            ("reserved", std::mem::offset_of!(Api, reserved)),
            $((stringify!($field), std::mem::offset_of!(Api, $field)),)*
        ];
    };
}

api! {
    add: fn(*mut Plugin, *const RawKind) -> *mut Failure;
    error_new: fn(u32, Str) -> *mut Failure;
    error_code: fn(Option<&Failure>) -> u32;
    error_message: fn(Option<&Failure>) -> Str;
    error_free: fn(Option<Box<Failure>>);
    value_bool: fn(c_int) -> *mut Value;
    value_int: fn(i64) -> *mut Value;
    value_float: fn(f64) -> *mut Value;
    value_text: fn(Str, Out<*mut Value>) -> *mut Failure;
    value_tensor: fn(Option<&View>, Out<*mut Value>) -> *mut Failure;
    value_type: fn(Option<&Value>) -> u32;
    value_as_bool: fn(Option<&Value>, Out<c_int>) -> *mut Failure;
    value_as_int: fn(Option<&Value>, Out<i64>) -> *mut Failure;
    value_as_float: fn(Option<&Value>, Out<f64>) -> *mut Failure;
    value_as_text: fn(Option<&Value>, Out<Str>) -> *mut Failure;
    value_as_tensor: fn(Option<&Value>, Out<View>) -> *mut Failure;
    value_as_path: fn(Option<&Value>, Out<Str>) -> *mut Failure;
    value_clone: fn(Option<&Value>) -> *mut Value;
    value_free: fn(Option<Box<Value>>);
    call_argument: fn(*const Call, usize, Out<*const Value>) -> *mut Failure;
    call_result: fn(*mut Call, usize, Option<&Value>) -> *mut Failure;
    call_step: fn(*mut Call, u32, u32) -> c_int;
    call_wants_preview: fn(*const Call) -> c_int;
    call_preview: fn(*mut Call, Option<&View>) -> *mut Failure;
    call_warn: fn(*mut Call, Str) -> *mut Failure;
    call_node: fn(*const Call) -> Str;
    add_graph: fn(*mut Plugin, Str, Str) -> *mut Failure;
    open_graph: fn(*mut Plugin, Str, Str) -> *mut Failure;
    error_place: fn(Option<&Failure>, usize, Out<u32>, Out<u32>, Out<Str>, Out<Str>) -> c_int;
    value_uint: fn(u64) -> *mut Value;
    value_as_uint: fn(Option<&Value>, Out<u64>) -> *mut Failure;
    value_read: fn(Option<&Value>, u32, *mut c_void, usize) -> *mut Failure;
    value_copy: fn(Option<&Value>, At<Image>) -> *mut Failure;
    value_image: fn(At<Image>, Out<*mut Value>) -> *mut Failure;
    value_digest: fn(Option<&Value>, Out<Digest>) -> *mut Failure;
    call_has: fn(*const Call, usize) -> c_int;
}

/// Nodes and graphs that a plug-in adds.
#[derive(Default)]
pub struct Added {
    /// Added nodes.
    pub nodes: Vec<Foreign>,
    /// Added graphs.
    pub graphs: Vec<AddedGraph>,
}

/// A graph that a plug-in adds as a node kind.
pub struct AddedGraph {
    /// The kind.
    pub kind: String,
    /// Source of its text.
    pub from: GraphFrom,
}

/// Source of a plug-in's graph.
pub enum GraphFrom {
    /// The text itself.
    Text(String),
    /// A file.
    File(PathBuf),
}

thread_local! {
    /// Plug-ins that this thread is loading, with their additions so far.
    static LOADING: RefCell<Vec<(usize, Added)>> = const { RefCell::new(Vec::new()) };
}

/// Calls a plug-in's entry and returns its additions.
///
/// # Errors
/// The plug-in's error; nothing is added then.
pub fn gather(init: impl FnOnce(&'static Api, *mut Plugin) -> *mut Failure) -> Result<Added, ForeignError> {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    LOADING.with_borrow_mut(|loading| loading.push((number, Added::default())));
    let failure = init(&API, ptr::without_provenance_mut(number));
    let added = LOADING.with_borrow_mut(Vec::pop).map(|(_, added)| added).unwrap_or_default();
    // SAFETY: the header requires NULL or an error made by this library.
    unsafe { Failure::take(failure) }.map_or(Ok(added), Err)
}

/// Changes the additions of a plug-in that is being loaded.
fn loading(plugin: *mut Plugin, body: impl FnOnce(&mut Added) -> Result<()>) -> *mut Failure {
    fallible(|| {
        LOADING.with_borrow_mut(|loading| {
            let Some((_, added)) = loading.iter_mut().find(|(number, _)| *number == plugin.addr()) else {
                let message = "is valid only in the plug-in's entry, in its thread, until it returns";
                return Err(Error::invalid("plugin", message));
            };
            body(added)
        })
    })
}

extern "C" fn add(plugin: *mut Plugin, node: *const RawKind) -> *mut Failure {
    loading(plugin, |added| {
        // SAFETY: the header requires NULL or a struct begun with its _INIT macro, valid strings, and functions that obey
        // their contracts.
        added.nodes.push(unsafe { Foreign::read(node)? });
        Ok(())
    })
}

extern "C" fn add_graph(plugin: *mut Plugin, kind: Str, yaml: Str) -> *mut Failure {
    graph(plugin, kind, (yaml, "yaml"), GraphFrom::Text)
}

extern "C" fn open_graph(plugin: *mut Plugin, kind: Str, path: Str) -> *mut Failure {
    graph(plugin, kind, (path, "path"), |path| GraphFrom::File(path.into()))
}

fn graph(
    plugin: *mut Plugin,
    kind: Str,
    (text, name): (Str, &str),
    from: impl FnOnce(String) -> GraphFrom,
) -> *mut Failure {
    loading(plugin, |added| {
        // SAFETY: the header requires strings valid during the call.
        let (kind, text) = unsafe { (kind.read("kind")?, text.read(name)?) };
        added.graphs.push(AddedGraph { kind: kind.to_owned(), from: from(text.to_owned()) });
        Ok(())
    })
}
