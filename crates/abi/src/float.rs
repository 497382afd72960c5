//! The floating-point state of the host's thread: rounding, denormals, exception flags.
//!
//! A host may set another rounding or flush denormals to zero. Equal inputs must still give equal bytes, and the host's
//! state must not change. Each call from C therefore runs in the default state and restores the previous one.

/// Sets the default state until dropped.
#[derive(Debug)]
pub struct Plain {
    before: imp::State,
}

impl Plain {
    /// Saves the thread's state and sets the default one.
    #[must_use = "the plain state holds as long as this lives"]
    pub fn set() -> Plain {
        let before = imp::get();
        imp::set(imp::PLAIN);
        Plain { before }
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        imp::set(self.before);
    }
}

#[cfg(target_arch = "x86_64")]
mod imp {
    use std::arch::asm;

    pub(super) type State = u32;
    /// All exceptions masked, round to nearest, denormals kept: the state in which a process starts.
    pub(super) const PLAIN: State = 0x1f80;

    pub(super) fn get() -> State {
        let mut state: State = 0;
        // SAFETY: writes four bytes to the address of a local that has them.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut state, options(nostack, preserves_flags)) };
        state
    }

    pub(super) fn set(state: State) {
        // SAFETY: reads four bytes, which are the default state or a saved one.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const state, options(nostack, preserves_flags)) };
    }
}

#[cfg(target_arch = "aarch64")]
mod imp {
    use std::arch::asm;

    pub(super) type State = u64;
    pub(super) const PLAIN: State = 0;

    pub(super) fn get() -> State {
        let state: State;
        // SAFETY: reads a register that every program may read.
        unsafe { asm!("mrs {}, fpcr", out(reg) state, options(nomem, nostack, preserves_flags)) };
        state
    }

    pub(super) fn set(state: State) {
        // SAFETY: the default state, or a saved one.
        unsafe { asm!("msr fpcr, {}", in(reg) state, options(nomem, nostack, preserves_flags)) };
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod imp {
    /// The state is unknown on this processor and is left alone.
    pub(super) type State = ();
    pub(super) const PLAIN: State = ();
    pub(super) fn get() -> State {}
    pub(super) fn set((): State) {}
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn float_state_is_set_and_restored() {
        let begin = imp::get();
        // Flush to zero, denormals are zero, round towards zero.
        imp::set(0x1f80 | 0x8000 | 0x0040 | 0x6000);
        let odd = imp::get();
        let within = {
            let _plain = Plain::set();
            imp::get()
        };
        let after = imp::get();
        imp::set(begin);
        assert_eq!((within, after), (imp::PLAIN, odd));
    }
}
