//! The functions that a host looks for, and the entry of each effect.

use crate::abi::{EntryPoint, FAILED, Host, Plugin, Properties, Status};
use crate::effects::{Effect, MOST, effects};
use crate::{actions, host, names};
use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::OnceLock;

/// How many effects there are.
#[unsafe(no_mangle)]
extern "C" fn OfxGetNumberOfPlugins() -> c_int {
    catch_unwind(|| c_int::try_from(effects().len()).unwrap_or(0)).unwrap_or(0)
}

/// One of them; NULL beyond the end.
#[unsafe(no_mangle)]
extern "C" fn OfxGetPlugin(nth: c_int) -> *const Plugin {
    let found = || usize::try_from(nth).ok().and_then(|nth| plugins().get(nth));
    catch_unwind(|| found().map_or(ptr::null(), ptr::from_ref)).unwrap_or(ptr::null())
}

/// Every effect has the same host.
///
/// # Safety
/// The host's own struct, which stays good.
unsafe extern "C" fn set_host(given: *const Host) {
    // SAFETY: promised by the host.
    let _ = catch_unwind(|| host::keep(unsafe { given.as_ref() }));
}

/// What the host wants of the effect of a number.
///
/// # Safety
/// The arguments are what the action asks for.
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

/// The effects as the host reads them.
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
