//! Files that the system has mapped into this process as programs and libraries.

use std::ops::Range;
use std::path::PathBuf;

/// A mapped file, and addresses that it occupies.
pub(super) struct Module {
    pub(super) addresses: Range<usize>,
    pub(super) path: PathBuf,
}

/// The mapped files; empty if the system does not report them.
#[cfg(not(windows))]
#[expect(clippy::disallowed_methods, reason = "the system's own file")]
pub(super) fn modules() -> Vec<Module> {
    let text =
        if cfg!(target_os = "linux") { std::fs::read("/proc/self/maps").unwrap_or_default() } else { vec![] };
    String::from_utf8_lossy(&text).lines().filter_map(line).collect()
}

/// Parses `55e0-56f0 r-xp 00000000 08:01 1234      /usr/lib/libonnxruntime.so.1`.
#[cfg(not(windows))]
fn line(line: &str) -> Option<Module> {
    let (addresses, rest) = line.split_once(' ')?;
    let (start, end) = addresses.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    let path = &rest[rest.find('/')?..];
    Some(Module { addresses: number(start)?..number(end)?, path: path.into() })
}

/// The mapped files; empty if the system does not report them.
#[cfg(windows)]
#[allow(unsafe_code, reason = "the system is asked in C")]
pub(super) fn modules() -> Vec<Module> {
    use windows_sys::Win32::System::ProcessStatus::{
        K32EnumProcessModules, K32GetModuleInformation, MODULEINFO,
    };
    use windows_sys::Win32::System::Threading::GetCurrentProcess;

    let size = |count: usize| u32::try_from(count * size_of::<usize>()).unwrap_or(0);
    let mut handles = vec![std::ptr::null_mut(); 512];
    // SAFETY: the pseudo handle of this process is always valid; the buffers have the stated sizes, and handles of other
    // modules than the first `bytes` name are not read.
    unsafe {
        let process = GetCurrentProcess();
        loop {
            let mut bytes = 0;
            if K32EnumProcessModules(process, handles.as_mut_ptr(), size(handles.len()), &raw mut bytes) == 0
            {
                return vec![];
            }
            let count = bytes as usize / size_of::<usize>();
            if count <= handles.len() {
                handles.truncate(count);
                break;
            }
            // More were loaded than there is room for.
            handles.resize(count + 64, std::ptr::null_mut());
        }
        let module = |handle| {
            let mut about: MODULEINFO = std::mem::zeroed();
            let known = K32GetModuleInformation(
                process,
                handle,
                &raw mut about,
                u32::try_from(size_of::<MODULEINFO>()).ok()?,
            );
            let start = about.lpBaseOfDll.addr();
            let path = file_name(handle)?;
            (known != 0).then(|| Module { addresses: start..start + about.SizeOfImage as usize, path })
        };
        handles.into_iter().filter_map(module).collect()
    }
}

/// The file of a module.
///
/// # Safety
/// The handle is one of a module of this process.
#[cfg(windows)]
#[allow(unsafe_code, reason = "the system is asked in C")]
unsafe fn file_name(handle: windows_sys::Win32::Foundation::HMODULE) -> Option<PathBuf> {
    use std::os::windows::ffi::OsStringExt;
    use windows_sys::Win32::System::LibraryLoader::GetModuleFileNameW;

    // The longest path of Windows, in units of UTF-16.
    let mut units = vec![0u16; 1 << 15];
    // SAFETY: promised by the caller; the buffer has the stated length.
    let length = unsafe { GetModuleFileNameW(handle, units.as_mut_ptr(), u32::try_from(units.len()).ok()?) };
    let name = units.get(..length as usize).filter(|name| !name.is_empty())?;
    Some(std::ffi::OsString::from_wide(name).into())
}

/// Whether a file belongs to the operating system. Windows 10 and 11 have an ONNX Runtime of their own, which is too old.
pub(super) fn is_of_the_system(path: &std::path::Path) -> bool {
    #[cfg(windows)]
    {
        let root = std::env::var_os("SystemRoot").and_then(|root| PathBuf::from(root).canonicalize().ok());
        path.canonicalize().is_ok_and(|path| root.is_some_and(|root| path.starts_with(root)))
    }
    #[cfg(not(windows))]
    {
        let _ = path;
        false
    }
}
