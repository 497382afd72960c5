//! Macros that declare the structs once, with the layout data that a test compares with the header.

/// A struct that begins with its size, and grows at its end from version to version.
///
/// # Safety
/// It is `repr(C)`, its first field is the size, and all zero bytes are a valid value.
pub unsafe trait Versioned: Sized {
    /// Name in the header.
    const NAME: &str;
    /// Size in version 1.
    const FIRST: usize;

    /// Value of the header's `_INIT` macro: the size, and zeros, which mean the defaults. (A node also needs a version.)
    fn init() -> Self {
        let mut zeros = std::mem::MaybeUninit::<Self>::zeroed();
        // SAFETY: promised by the implementation of this trait.
        unsafe {
            zeros.as_mut_ptr().cast::<usize>().write(size_of::<Self>());
            zeros.assume_init()
        }
    }
}

/// A struct of the header: its name, its size, and the offsets of its fields.
pub type Layout = (&'static str, usize, &'static [(&'static str, usize)]);

macro_rules! structs {
    ($(
        #[$derive:meta]
        $c:ident $name:ident $(from $first:literal)? { $($field:ident $(as $in_c:ident)?: $ty:ty,)* }
    )*) => {
        $(
            #[doc = concat!("`", stringify!($c), "`.")]
            #[$derive]
            #[repr(C)]
            pub struct $name {
                $(pub $field: $ty,)*
            }

            $(
                // SAFETY: `repr(C)`, the size first; zeros are NULL, numbers, empty texts and absent callbacks.
                unsafe impl crate::declare::Versioned for $name {
                    const NAME: &str = stringify!($c);
                    const FIRST: usize = $first;
                }
            )?
        )*

        /// How the structs lie in memory.
        #[doc(hidden)]
        pub const LAYOUTS: &[crate::declare::Layout] = &[$((
            stringify!($c),
            size_of::<$name>(),
            &[$((crate::declare::structs!(@name $field $($in_c)?), std::mem::offset_of!($name, $field)),)*],
        ),)*];
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident r#type) => { "type" };
}
pub(crate) use structs;
