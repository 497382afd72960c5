//! `wst_digest`: names of content.

use wuerst_core::Cancel;

use crate::boundary::{Out, fallible, given};
use crate::error::Failure;
use crate::value::Value;

/// `wst_digest` of the header.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Its bytes.
    pub bytes: [u8; 32],
}

impl From<wuerst_core::Digest> for Digest {
    fn from(digest: wuerst_core::Digest) -> Digest {
        Digest { bytes: *digest.as_bytes() }
    }
}

/// `wst_value_digest`.
pub extern "C" fn value_digest(value: Option<&Value>, out: Out<Digest>) -> *mut Failure {
    fallible(|| {
        let (value, out) = (given(value, "value")?, out.given()?);
        let digest = value.inner().identify(&Cancel::new())?;
        // SAFETY: the header asks for an output that may be written to.
        unsafe { out.write(digest.into()) };
        Ok(())
    })
}
