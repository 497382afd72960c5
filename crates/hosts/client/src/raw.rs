//! Functions of `include/wuerst.h` that adapters use, looked up in the library.

use wuerst_sys::functions;
pub use wuerst_sys::{
    Digest, Engine, Error as Failure, Graph, Image, Job, Options, Port, Run, Status, Str, Tensor, Value,
    Versioned,
};

macro_rules! lookup {
    ($($name:ident)*) => {
        /// The functions, by the names of the header.
        #[derive(Clone, Copy)]
        pub struct Functions {
            $(pub $name: functions::$name,)*
        }

        impl Functions {
            /// Looks up all functions; the error is the name of a missing one.
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

lookup! {
    wst_abi_version
    wst_version
    wst_error_code
    wst_error_message
    wst_error_free
    wst_value_type
    wst_value_as_bool
    wst_value_as_int
    wst_value_as_float
    wst_value_as_text
    wst_value_as_tensor
    wst_value_copy
    wst_value_image
    wst_value_free
    wst_engine_new
    wst_engine_free
    wst_graph_open
    wst_graph_input_count
    wst_graph_input
    wst_graph_output_count
    wst_graph_output
    wst_graph_free
    wst_job_new
    wst_job_set
    wst_job_set_text
    wst_job_unset
    wst_job_digest
    wst_job_start
    wst_job_free
    wst_run_poll
    wst_run_preview
    wst_run_wait
    wst_run_cancel
    wst_run_take
    wst_run_free
}
