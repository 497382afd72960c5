//! `wst_digest`: digests of content.

use wuerst_core::CancellationToken;
pub use wuerst_sys::Digest;

use crate::boundary::{Out, fallible, non_null};
use crate::error::Failure;
use crate::value::Value;

/// Converts a digest to its C struct.
pub fn in_c(digest: wuerst_core::Digest) -> Digest {
    Digest { bytes: *digest.as_bytes() }
}

/// `wst_value_digest`.
pub extern "C" fn value_digest(value: Option<&Value>, out: Out<Digest>) -> *mut Failure {
    fallible(|| {
        let (value, out) = (non_null(value, "value")?, out.non_null()?);
        let digest = value.inner().identify(&CancellationToken::new())?;
        // SAFETY: the header requires a writable output.
        unsafe { out.write(in_c(digest)) };
        Ok(())
    })
}
