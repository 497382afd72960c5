//! `wst_digest`: names of content.

use wuerst_core::CancellationToken;
pub use wuerst_sys::Digest;

use crate::boundary::{Out, fallible, non_null};
use crate::error::Failure;
use crate::value::Value;

/// A digest as C has it.
pub fn in_c(digest: wuerst_core::Digest) -> Digest {
    Digest { bytes: *digest.as_bytes() }
}

/// `wst_value_digest`.
pub extern "C" fn value_digest(value: Option<&Value>, out: Out<Digest>) -> *mut Failure {
    fallible(|| {
        let (value, out) = (non_null(value, "value")?, out.non_null()?);
        let digest = value.inner().identify(&CancellationToken::new())?;
        // SAFETY: the header asks for an output that may be written to.
        unsafe { out.write(in_c(digest)) };
        Ok(())
    })
}
