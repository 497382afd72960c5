//! Opaque handle types.

macro_rules! handles {
    ($($name:ident $c:literal),*) => {$(
        #[doc = concat!("`", $c, "`: a handle, only ever seen as a pointer.")]
        #[repr(C)]
        pub struct $name {
            _nothing: [u8; 0],
        }
    )*};
}

handles!(Error "wst_error", Value "wst_value", Engine "wst_engine", Call "wst_call", Kinds "wst_kinds", Plugin "wst_plugin", Graph "wst_graph", Job "wst_job", Run "wst_run");
