//! `wst_asset`: files that a host keeps in memory, or reads by a callback.

use std::ffi::c_void;
use std::io;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wuerst::core::Bytes;
use wuerst::core::inside::Inside;
use wuerst::{Engine, Error, Result};
use wuerst_sys::Asset;

use crate::boundary::{At, fallible};
use crate::error::Failure;
use crate::grow::Grows;
use crate::handle::{Handle, alive};
use crate::text::{Read, Str};

/// The host's functions and pointer. `drop` is called with the last use, if the engine ever owned it.
struct Host {
    user: *mut c_void,
    drop: Option<unsafe extern "C" fn(user: *mut c_void)>,
    owned: AtomicBool,
}

// SAFETY: the header requires functions that may be called from any thread.
unsafe impl Send for Host {}
// SAFETY: see `Send`.
unsafe impl Sync for Host {}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(drop) = self.drop.filter(|_| *self.owned.get_mut()) {
            let _inside = Inside::enter();
            // SAFETY: the host's own function with its own pointer, called once.
            unsafe { drop(self.user) };
        }
    }
}

/// Memory of the host.
struct Memory {
    data: *const u8,
    size: usize,
    _host: Arc<Host>,
}

// SAFETY: the header requires memory that stays unchanged until `drop` is called.
unsafe impl Send for Memory {}
// SAFETY: see `Send`.
unsafe impl Sync for Memory {}

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        if self.size == 0 {
            return &[];
        }
        // SAFETY: checked not to be NULL; the header requires this many bytes.
        unsafe { slice::from_raw_parts(self.data, self.size) }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn wst_engine_add_file(
    engine: Option<&Handle<Engine>>,
    name: Str,
    asset: At<Asset>,
) -> *mut Failure {
    fallible(|| {
        let engine = alive(engine, "engine")?;
        // SAFETY: the header requires a string valid during the call, and NULL or a struct begun with its _INIT macro.
        let (name, asset) = unsafe { (name.read("name")?, Asset::read(asset.pointer())?) };
        add(engine, name, &asset.ok_or_else(|| Error::invalid("asset", "is NULL"))?)
    })
}

fn add(engine: &Engine, name: &str, asset: &Asset) -> Result<()> {
    let wrong = |field: &str, why: &str| Error::invalid(format!("{field} of the asset"), why.to_owned());
    let size = usize::try_from(asset.size).ok().filter(|size| *size <= isize::MAX.unsigned_abs());
    let size = size.ok_or_else(|| wrong("size", "is more than memory can be"))?;
    let host = Arc::new(Host { user: asset.user, drop: asset.drop, owned: AtomicBool::new(false) });
    match asset.read {
        Some(_) if !asset.data.is_null() => return Err(wrong("data", "and read are both given: give one")),
        None if asset.data.is_null() && size > 0 => return Err(wrong("data", "is NULL, and so is read")),
        Some(read) => {
            let host = Arc::clone(&host);
            engine.assets().add_read(name, asset.size, move |offset, into| {
                let _inside = Inside::enter();
                // SAFETY: the host's own function with its own pointer, and a buffer of this size.
                let done = unsafe { read(host.user, offset, into.as_mut_ptr().cast(), into.len()) };
                if done == 0 { Err(io::Error::other("the host did not read it")) } else { Ok(()) }
            })?;
        }
        None => {
            let memory = Memory { data: asset.data.cast(), size, _host: Arc::clone(&host) };
            engine.assets().add(name, Bytes::new(memory))?;
        }
    }
    host.owned.store(true, Ordering::Relaxed);
    Ok(())
}
