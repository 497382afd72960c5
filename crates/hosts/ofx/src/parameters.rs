//! Converts between inputs of a graph and parameters of OpenFX.

use crate::abi::{OK, Param, ParamSet};
use crate::host::{Set, Suites, terminated};
use crate::names;
use std::ffi::{CStr, c_char, c_int};
use std::ptr;
use wuerst_client::{Kind, Port};

/// Whether float pixels are in linear light, as in compositors.
const LINEAR: &CStr = c"linear_light";

/// How an input looks to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Text,
    Int,
    Float,
    Bool,
    Choice,
}

/// `None` for tensors, which have no parameter.
fn look(port: &Port) -> Option<Look> {
    Some(match port.kind {
        Kind::Tensor => return None,
        // OpenFX has no absent numbers, so an optional number is a text, which may be empty.
        _ if port.initial.is_none() => Look::Text,
        Kind::Bool => Look::Bool,
        Kind::Int => Look::Int,
        Kind::Float => Look::Float,
        Kind::Text if !port.choices.is_empty() => Look::Choice,
        Kind::Text | Kind::Model | Kind::File => Look::Text,
    })
}

/// Defines the parameter of an input.
pub fn define(suites: &Suites, params: *mut ParamSet, port: &Port) -> Option<()> {
    let Some(look) = look(port) else { return Some(()) };
    let kind = match look {
        Look::Text => names::PARAM_STRING,
        Look::Int => names::PARAM_INTEGER,
        Look::Float => names::PARAM_DOUBLE,
        Look::Bool => names::PARAM_BOOLEAN,
        Look::Choice => names::PARAM_CHOICE,
    };
    let set = defined(suites, params, kind, &terminated(&port.name))?;
    set.put_text(names::PROP_LABEL, &port.title);
    set.put_text(names::PARAM_HINT, &hint(port));
    let initial = port.initial.as_deref().unwrap_or("");
    let [least, most] = port.limits;
    match look {
        Look::Text => {
            set.put_text(names::PARAM_DEFAULT, initial);
            let mode = match port.kind {
                Kind::File => Some(names::STRING_FILE),
                Kind::Text => Some(names::STRING_LINES),
                _ => None,
            };
            mode.into_iter().for_each(|mode| set.put(names::PARAM_STRING_MODE, 0, mode));
        }
        Look::Int => {
            // A host's numbers have 32 bits.
            let whole = |number: f64| number.clamp(f64::from(i32::MIN), f64::from(i32::MAX)) as c_int;
            set.put_int(names::PARAM_DEFAULT, whole(initial.parse().unwrap_or(0.)));
            set.put_int(names::PARAM_MIN, whole(least));
            set.put_int(names::PARAM_MAX, whole(most));
        }
        Look::Float => {
            set.put_numbers(names::PARAM_DEFAULT, &[initial.parse().unwrap_or(0.)]);
            set.put_numbers(names::PARAM_MIN, &[least.max(-1e30)]);
            set.put_numbers(names::PARAM_MAX, &[most.min(1e30)]);
            set.put_numbers(names::PARAM_DISPLAY_MIN, &[least.max(0.)]);
            set.put_numbers(names::PARAM_DISPLAY_MAX, &[most.min(20.)]);
        }
        Look::Bool => set.put_int(names::PARAM_DEFAULT, (initial == "true").into()),
        Look::Choice => {
            for (at, choice) in (0..).zip(&port.choices) {
                set.put(names::PARAM_CHOICE_OPTION, at, &terminated(choice));
            }
            let first = port.choices.iter().position(|choice| choice == initial).unwrap_or(0);
            set.put_int(names::PARAM_DEFAULT, c_int::try_from(first).unwrap_or(0));
            set.put_int(names::PARAM_ANIMATES, 0);
        }
    }
    Some(())
}

/// Defines the adapter's own parameter.
pub fn define_light(suites: &Suites, params: *mut ParamSet) -> Option<()> {
    let set = defined(suites, params, names::PARAM_BOOLEAN, LINEAR)?;
    set.put_text(names::PROP_LABEL, "Linear light");
    set.put_text(
        names::PARAM_HINT,
        "Float pixels are in linear light, as compositors have them; off: as sRGB codes them. Bytes are always sRGB.",
    );
    set.put_int(names::PARAM_DEFAULT, 1);
    set.put_int(names::PARAM_ANIMATES, 0);
    Some(())
}

fn defined(suites: &Suites, params: *mut ParamSet, kind: &CStr, name: &CStr) -> Option<Set> {
    // SAFETY: the host's own handle, and names that are valid until the call returns.
    let set =
        suites.ask(|out| unsafe { (suites.parameter.define)(params, kind.as_ptr(), name.as_ptr(), out) })?;
    Some(suites.set(set))
}

fn hint(port: &Port) -> String {
    let empty = if port.optional { " Empty: as the model knows best." } else { "" };
    if port.about.is_empty() {
        format!("Takes {}.{empty}", port.type_text)
    } else {
        format!("{}{empty}", port.about)
    }
}

/// The values of an instance's parameters at a time.
pub struct Values<'a> {
    suites: &'a Suites,
    params: *mut ParamSet,
    time: f64,
}

/// Every call passes the host's handles, and an output of the parameter's type.
impl Values<'_> {
    /// For the parameters of an instance.
    pub fn at(suites: &Suites, params: *mut ParamSet, time: f64) -> Values<'_> {
        Values { suites, params, time }
    }

    /// The value of an input as text; `None` to keep the graph's own value.
    pub fn text(&self, port: &Port) -> Option<String> {
        let look = look(port)?;
        let param = self.param(&terminated(&port.name))?;
        match look {
            Look::Text => {
                let text = self.string(param)?;
                (!text.is_empty() || port.initial.is_some()).then_some(text)
            }
            Look::Int => self.int(param).map(|number| number.to_string()),
            Look::Bool => self.int(param).map(|number| (number != 0).to_string()),
            Look::Float => self.float(param).map(|number| number.to_string()),
            Look::Choice => {
                let at = usize::try_from(self.int(param)?).ok()?;
                port.choices.get(at).cloned()
            }
        }
    }

    /// Whether float pixels are in linear light.
    pub fn linear(&self) -> bool {
        self.param(LINEAR).and_then(|param| self.int(param)).is_none_or(|on| on != 0)
    }

    fn param(&self, name: &CStr) -> Option<*mut Param> {
        let handle = self.suites.parameter.handle;
        // SAFETY: see above.
        self.suites.ask(|out| unsafe { handle(self.params, name.as_ptr(), out, ptr::null_mut()) })
    }

    fn int(&self, param: *mut Param) -> Option<c_int> {
        let mut out: c_int = 0;
        // SAFETY: see above.
        let status = unsafe { (self.suites.parameter.value_at)(param, self.time, &raw mut out) };
        (status == OK).then_some(out)
    }

    fn float(&self, param: *mut Param) -> Option<f64> {
        let mut out = 0f64;
        // SAFETY: see above.
        let status = unsafe { (self.suites.parameter.value_at)(param, self.time, &raw mut out) };
        (status == OK).then_some(out)
    }

    fn string(&self, param: *mut Param) -> Option<String> {
        let mut out: *mut c_char = ptr::null_mut();
        // SAFETY: see above; the host's text is valid until the next call.
        unsafe {
            let status = (self.suites.parameter.value_at)(param, self.time, &raw mut out);
            (status == OK && !out.is_null()).then(|| CStr::from_ptr(out).to_string_lossy().into_owned())
        }
    }
}
