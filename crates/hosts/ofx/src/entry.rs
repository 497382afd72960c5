//! The functions that a host looks up, and the entry of each effect.

use crate::abi::{EntryPoint, FAILED, Host, Plugin, Properties, Status};
use crate::effects::{Effect, MOST, effects};
use crate::{actions, host, names};
use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::OnceLock;

/// Number of effects.
#[unsafe(no_mangle)]
extern "C" fn OfxGetNumberOfPlugins() -> c_int {
    catch_unwind(|| c_int::try_from(effects().len()).unwrap_or(0)).unwrap_or(0)
}

/// The effect with this index; NULL beyond the end.
#[unsafe(no_mangle)]
extern "C" fn OfxGetPlugin(nth: c_int) -> *const Plugin {
    let found = || usize::try_from(nth).ok().and_then(|nth| plugins().get(nth));
    catch_unwind(|| found().map_or(ptr::null(), ptr::from_ref)).unwrap_or(ptr::null())
}

/// Stores the host, which is the same for every effect.
///
/// # Safety
/// The host's own struct, which stays valid.
unsafe extern "C" fn set_host(given: *const Host) {
    // SAFETY: promised by the host.
    let _ = catch_unwind(|| host::keep(unsafe { given.as_ref() }));
}

/// Handles an action of the host for effect number `NTH`.
///
/// # Safety
/// The arguments are those that the action requires.
unsafe extern "C" fn main_entry<const NTH: usize>(
    action: *const c_char,
    handle: *const c_void,
    given: *mut Properties,
    wanted: *mut Properties,
) -> Status {
    let body = || {
        let Some(effect) = effects().get(NTH) else { return FAILED };
        // SAFETY: promised by the host.
        unsafe { actions::answer(effect, action, handle.cast_mut().cast(), given, wanted) }
    };
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(FAILED)
}

/// The effects in the form for the host.
fn plugins() -> &'static [Plugin] {
    static PLUGINS: OnceLock<Vec<Plugin>> = OnceLock::new();
    PLUGINS.get_or_init(|| {
        let plugin = |(effect, &main_entry): (&'static Effect, &EntryPoint)| Plugin {
            api: names::API.as_ptr(),
            api_version: 1,
            identifier: effect.identifier.as_ptr(),
            version_major: 1,
            version_minor: 0,
            set_host,
            main_entry,
        };
        effects().iter().zip(&ENTRIES).map(plugin).collect()
    })
}

macro_rules! entries {
    ($($nth:literal)*) => { [$(main_entry::<$nth>),*] };
}

static ENTRIES: [EntryPoint; MOST] = entries!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
);
