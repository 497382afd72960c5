//! Identity and state of a file as Windows reports them.
#![allow(unsafe_code, reason = "the system is asked in C")]

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;

use windows_sys::Win32::Storage::FileSystem::{
    FILE_BASIC_INFO, FILE_ID_INFO, FILE_INFO_BY_HANDLE_CLASS, FileBasicInfo, FileIdInfo,
    GetFileInformationByHandleEx,
};

use super::Stamp;

/// Length of a tick of Windows' clock of files, in nanoseconds.
const TICK: i128 = 100;
/// Ticks from 1601, where that clock begins, to 1970.
const TICKS_BEFORE_1970: i128 = 116_444_736_000_000_000;

pub(super) fn stamp(file: &File) -> io::Result<Stamp> {
    // SAFETY: the structs are those of the classes.
    let (id, basic) = unsafe {
        (asked::<FILE_ID_INFO>(file, FileIdInfo).ok(), asked::<FILE_BASIC_INFO>(file, FileBasicInfo)?)
    };
    let time = |ticks: i64| (i128::from(ticks) - TICKS_BEFORE_1970) * TICK;
    // File systems without identities or times of change, such as FAT, report none; the file is then read each time.
    let changed = (id.is_some() && basic.ChangeTime > 0).then(|| time(basic.ChangeTime));
    let (device, inode) =
        id.map_or((0, 0), |id| (id.VolumeSerialNumber, u128::from_le_bytes(id.FileId.Identifier)));
    Ok(Stamp { device, inode, size: file.metadata()?.len(), modified: time(basic.LastWriteTime), changed })
}

/// # Safety
/// `T` is the struct of the class, and valid for any bytes.
unsafe fn asked<T>(file: &File, class: FILE_INFO_BY_HANDLE_CLASS) -> io::Result<T> {
    let size = u32::try_from(size_of::<T>()).map_err(io::Error::other)?;
    // SAFETY: an open file; the struct has the stated size, and is valid for any bytes.
    unsafe {
        let mut found: T = std::mem::zeroed();
        if GetFileInformationByHandleEx(file.as_raw_handle(), class, (&raw mut found).cast(), size) == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(found)
    }
}
