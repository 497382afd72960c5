//! The file that code was loaded from.

use std::ffi::c_void;
use std::path::PathBuf;

/// The path of the shared library that contains `address`, and its folder: the adapter's own, for an address in it.
pub fn folder_of(address: *const c_void) -> Option<(PathBuf, PathBuf)> {
    let file = file_of(address)?;
    // Links are followed, so that an adapter linked into a host's folder finds the neighbours of the real file.
    let folder = file.canonicalize().ok()?.parent()?.to_owned();
    Some((file, folder))
}

#[cfg(unix)]
fn file_of(address: *const c_void) -> Option<PathBuf> {
    use std::ffi::{CStr, OsStr};
    use std::mem::MaybeUninit;
    use std::os::unix::ffi::OsStrExt;

    let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: `dladdr` only looks the address up, and fills the struct when it returns non-zero; the name is a string of
    // the loader that lives as long as the library.
    unsafe {
        if libc::dladdr(address, found.as_mut_ptr()) == 0 {
            return None;
        }
        let found = found.assume_init();
        if found.dli_fname.is_null() {
            return None;
        }
        Some(PathBuf::from(OsStr::from_bytes(CStr::from_ptr(found.dli_fname).to_bytes())))
    }
}

#[cfg(windows)]
fn file_of(address: *const c_void) -> Option<PathBuf> {
    use std::ffi::OsString;
    use std::os::windows::ffi::OsStringExt;
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
        GetModuleFileNameW, GetModuleHandleExW,
    };

    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    let mut module = std::ptr::null_mut();
    // The longest path of Windows, in units of UTF-16.
    let mut units = vec![0u16; 1 << 15];
    // SAFETY: the address is only looked up, and the module stays loaded, since it contains this code; the buffer has the
    // stated length.
    let length = unsafe {
        if GetModuleHandleExW(flags, address.cast(), &raw mut module) == 0 {
            return None;
        }
        GetModuleFileNameW(module, units.as_mut_ptr(), u32::try_from(units.len()).ok()?)
    };
    let name = units.get(..length as usize).filter(|name| !name.is_empty())?;
    Some(OsString::from_wide(name).into())
}
