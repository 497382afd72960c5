//! `wst_digest`: names of content.

use wuerst::core::Cancel;

use crate::boundary::{Out, fallible, given};
use crate::error::Failure;
use crate::value::Value;

/// `wst_digest` of the header.
#[repr(C)]
pub struct Digest {
    pub(crate) bytes: [u8; 32],
}

impl From<wuerst::core::Digest> for Digest {
    fn from(digest: wuerst::core::Digest) -> Digest {
        Digest { bytes: *digest.as_bytes() }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_value_digest(value: Option<&Value>, out: Out<Digest>) -> *mut Failure {
    fallible(|| {
        let (value, out) = (given(value, "value")?, out.given()?);
        let digest = value.inner().identify(&Cancel::new())?;
        // SAFETY: the header asks for an output that may be written to.
        unsafe { out.write(digest.into()) };
        Ok(())
    })
}
