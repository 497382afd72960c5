//! How the structs are declared: once, with what a test needs to hold them against the header.

/// A struct that begins with its size, and grows at its end from version to version.
///
/// # Safety
/// It is `repr(C)`, its first field is the size, and all bytes zero are a value of it.
pub unsafe trait Versioned: Sized {
    /// Its name in the header.
    const NAME: &str;
    /// Its size in version 1.
    const FIRST: usize;

    /// What the header's `_INIT` macro gives: the size, and zeros, which mean the defaults. (A node wants a version too.)
    fn init() -> Self {
        let mut zeros = std::mem::MaybeUninit::<Self>::zeroed();
        // SAFETY: promised by whoever implements this.
        unsafe {
            zeros.as_mut_ptr().cast::<usize>().write(size_of::<Self>());
            zeros.assume_init()
        }
    }
}

/// A struct of the header: its name, its size, and where its fields lie.
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
                // SAFETY: repr(C), the size first; zeros are NULL, numbers, empty texts and no callbacks.
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
