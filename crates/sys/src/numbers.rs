//! Named constants.

macro_rules! numbers {
    ($($name:ident: $number:literal;)*) => {
        $(
            #[doc = concat!("`WST_", stringify!($name), "`.")]
            pub const $name: u32 = $number;
        )*

        /// Each constant with its name in the header.
        #[doc(hidden)]
        pub const ALL: &[(&str, u32)] = &[$((concat!("WST_", stringify!($name)), $number),)*];
    };
}

numbers! {
    OK: 0;
    INVALID: 1;
    GRAPH: 2;
    NOT_FOUND: 3;
    FILE: 4;
    MODEL: 5;
    RUNTIME: 6;
    OUT_OF_MEMORY: 7;
    NODE: 8;
    CANCELLED: 9;
    INTERNAL: 10;
    NONE: 0;
    BOOL: 1;
    INT: 2;
    FLOAT: 3;
    TEXT: 4;
    MODEL_NAME: 5;
    TENSOR: 6;
    FILE_NAME: 7;
    I64: 0x4000;
    U8: 0x0801;
    F16: 0x1002;
    F32: 0x2002;
    RGB8: 1;
    RGBA8: 2;
    BGRA8: 3;
    RGB32F: 4;
    RGBA32F: 5;
    RGBA16F: 6;
    IMAGE_LINEAR: 1;
    KIND_VOLATILE: 1;
    PORT_OPTIONAL: 1;
    ROLE_NONE: 0;
    ROLE_EMBEDDING: 1;
    ROLE_LATENTS: 2;
    ROLE_MASK: 3;
    ROLE_PICTURE: 4;
    ROLE_TEXT: 5;
    SAVE_UNMARKED: 1;
    RUNNING: 0;
    DONE: 1;
    STOPPED: 2;
    FAILED: 3;
}
