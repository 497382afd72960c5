//! The structs and functions of `include/wuerst.h` that adapters need. A test holds the structs against the header.

use std::ffi::{c_int, c_void};
use std::ptr;

/// `wst_str`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str {
    pub data: *const u8,
    pub len: usize,
}

impl Str {
    pub const EMPTY: Str = Str { data: ptr::null(), len: 0 };

    pub fn of(text: &str) -> Str {
        Str { data: text.as_ptr(), len: text.len() }
    }

    /// # Safety
    /// A view that the library gave, which is UTF-8 and good for `'a`.
    pub unsafe fn text<'a>(self) -> &'a str {
        if self.len == 0 {
            return "";
        }
        // SAFETY: promised by the caller, and by the header.
        unsafe { str::from_utf8_unchecked(std::slice::from_raw_parts(self.data, self.len)) }
    }
}

/// `wst_digest`: the name of some content.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Digest {
    /// 32 bytes.
    pub bytes: [u8; 32],
}

/// `wst_options`.
#[repr(C)]
pub struct Options {
    pub struct_size: usize,
    pub runtime: Str,
    pub models: Str,
    pub devices: Str,
    pub model_bytes: u64,
    pub cache_bytes: u64,
    pub threads: u32,
    pub reserved: u32,
    pub log: Option<unsafe extern "C" fn(*mut c_void, c_int, Str)>,
    pub user: *mut c_void,
    pub cache_folder: Str,
    pub cache_folder_bytes: u64,
    pub ort_api_base: *const c_void,
    pub files: Str,
    pub outputs: Str,
}

/// `wst_port`.
#[repr(C)]
pub struct Port {
    pub struct_size: usize,
    pub name: Str,
    pub kind: u32,
    pub flags: u32,
    pub type_text: Str,
    pub declaration: Str,
    pub initial: *const Value,
    pub minimum: f64,
    pub maximum: f64,
    pub choices: *const Str,
    pub choice_count: usize,
    pub about: Str,
}

/// `wst_image`.
#[repr(C)]
pub struct Image {
    pub struct_size: usize,
    pub data: *mut c_void,
    pub row_bytes: isize,
    pub width: u32,
    pub height: u32,
    pub format: u32,
    pub flags: u32,
    pub index: u32,
    pub reserved: u32,
}

/// `wst_tensor`.
#[repr(C)]
pub struct Tensor {
    pub dtype: u32,
    pub rank: u32,
    pub shape: *const i64,
    pub data: *const c_void,
}

/// `wst_status`.
#[repr(C)]
pub struct Status {
    pub struct_size: usize,
    pub state: u32,
    pub reserved: u32,
    pub fraction: f64,
    pub node: Str,
    pub done: u32,
    pub of: u32,
    pub previews: u64,
    pub warnings: u64,
}

macro_rules! handles {
    ($($name:ident),*) => {$(
        /// A handle, only ever seen as a pointer.
        #[repr(C)]
        pub struct $name {
            _nothing: [u8; 0],
        }
    )*};
}

handles!(Engine, Graph, Job, Run, Value, Failure);

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions, by the names of the header.
        #[derive(Clone, Copy)]
        pub struct Functions {
            $(pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            /// Looks all of them up; the error is the name of the one that is missing.
            ///
            /// # Safety
            /// The library's functions of these names are those of the header, and it is never unloaded.
            pub unsafe fn of(library: &libloading::Library) -> Result<Functions, &'static str> {
                // SAFETY: promised by the caller.
                unsafe {
                    Ok(Functions {
                        $($name: *library.get(concat!(stringify!($name), "\0")).map_err(|_| stringify!($name))?,)*
                    })
                }
            }
        }
    };
}

functions! {
    wst_abi_version: fn() -> u32;
    wst_version: fn() -> Str;
    wst_error_code: fn(*const Failure) -> u32;
    wst_error_message: fn(*const Failure) -> Str;
    wst_error_free: fn(*mut Failure);
    wst_value_type: fn(*const Value) -> u32;
    wst_value_as_bool: fn(*const Value, *mut c_int) -> *mut Failure;
    wst_value_as_int: fn(*const Value, *mut i64) -> *mut Failure;
    wst_value_as_float: fn(*const Value, *mut f64) -> *mut Failure;
    wst_value_as_text: fn(*const Value, *mut Str) -> *mut Failure;
    wst_value_as_tensor: fn(*const Value, *mut Tensor) -> *mut Failure;
    wst_value_copy: fn(*const Value, *const Image) -> *mut Failure;
    wst_value_image: fn(*const Image, *mut *mut Value) -> *mut Failure;
    wst_value_free: fn(*mut Value);
    wst_engine_new: fn(*const Options, *mut *mut Engine) -> *mut Failure;
    wst_engine_free: fn(*mut Engine);
    wst_graph_open: fn(*const Engine, Str, *mut *mut Graph) -> *mut Failure;
    wst_graph_input_count: fn(*const Graph) -> usize;
    wst_graph_input: fn(*const Graph, usize, *mut Port) -> *mut Failure;
    wst_graph_output_count: fn(*const Graph) -> usize;
    wst_graph_output: fn(*const Graph, usize, *mut Port) -> *mut Failure;
    wst_graph_free: fn(*mut Graph);
    wst_job_new: fn(*const Graph, *mut *mut Job) -> *mut Failure;
    wst_job_set: fn(*mut Job, Str, *const Value) -> *mut Failure;
    wst_job_set_text: fn(*mut Job, Str, Str) -> *mut Failure;
    wst_job_unset: fn(*mut Job, Str) -> *mut Failure;
    wst_job_digest: fn(*const Job, Str, *mut Digest) -> *mut Failure;
    wst_job_start: fn(*mut Job, *const Str, usize, *const c_void, *mut *mut Run) -> *mut Failure;
    wst_job_free: fn(*mut Job);
    wst_run_poll: fn(*const Run, *mut Status) -> *mut Failure;
    wst_run_preview: fn(*const Run, *mut *mut Value) -> *mut Failure;
    wst_run_wait: fn(*const Run, i64) -> c_int;
    wst_run_cancel: fn(*const Run);
    wst_run_take: fn(*mut Run, *mut *mut Value, usize) -> *mut Failure;
    wst_run_free: fn(*mut Run);
}
