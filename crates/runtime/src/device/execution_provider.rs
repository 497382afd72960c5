//! Any execution provider, by its own name: `ep:NAME{library=PATH,key=value}`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::iter;
use std::path::{Path, PathBuf};

use ort::session::builder::SessionBuilder;
use wuerst_core::{Error, Result, did_you_mean};

use super::operators::provider;
use super::plug_in;
use super::settings::Settings;
use crate::library::Runtime;

/// The form, for messages.
pub(super) const FORM: &str = "ep:NAME{library=PATH}";
/// `ort` copies names and a NUL into 128 bytes.
const LONGEST: usize = 120;
/// Suffix of most providers' names.
const ENDING: &str = "ExecutionProvider";

/// An execution provider, by its own name: `ep:QNN:1{library=/opt/libqnn_ep.so,backend_type=htp}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExecutionProvider {
    /// Name, case-insensitive; the suffix `ExecutionProvider` may be left out.
    pub name: String,
    /// Index of its device, in ONNX Runtime's order.
    pub index: usize,
    /// Plug-in of the provider; `None` if ONNX Runtime or the host has it already.
    pub library: Option<PathBuf>,
    /// Options that the provider reads and checks itself.
    pub options: BTreeMap<String, String>,
}

impl ExecutionProvider {
    /// Parses the text after `ep:`; `device` and `braces` are the whole text in two parts.
    pub(super) fn read(device: &str, braces: &str) -> Result<ExecutionProvider> {
        let wrong = |why: &str| Error::invalid("device", format!("`{device}` {why}: write {FORM}"));
        let rest = device.split_once(':').map_or("", |(_, rest)| rest).trim();
        let (name, index) = rest.split_once(':').unwrap_or((rest, "0"));
        let named = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if name.is_empty() || name.len() > LONGEST || !name.chars().all(named) {
            return Err(wrong("names no execution provider"));
        }
        let index = index.parse().map_err(|_| wrong("has no number behind its second colon"))?;
        let mut options = Settings::read_any(device, braces)?.into_texts();
        let library = options.remove("library").map(PathBuf::from);
        Ok(ExecutionProvider { name: name.to_owned(), index, library, options })
    }

    /// Replaces the library's path by `change` of it, for example to resolve it relative to a file.
    #[must_use]
    pub fn with_library(self, change: impl Fn(&Path) -> PathBuf) -> ExecutionProvider {
        let library = self.library.as_deref().map(change);
        ExecutionProvider { library, ..self }
    }

    /// Its name in a placement.
    pub(super) fn short(&self) -> String {
        provider(&self.name)
    }

    fn is(&self, name: &str) -> bool {
        provider(name) == self.short()
    }

    /// Adds the device to a session's options. The error is the reason why it cannot.
    pub(super) fn register(
        &self,
        runtime: &Runtime,
        builder: SessionBuilder,
    ) -> Result<SessionBuilder, String> {
        let names = || -> BTreeSet<String> {
            let names = runtime.environment().devices().filter_map(|device| device.ep().ok());
            names.filter(|name| name.len() <= LONGEST).map(str::to_owned).collect()
        };
        if let Some(library) = &self.library {
            let path = plug_in::file(library)?;
            let mut registered = plug_in::registered();
            // Two libraries that provide the same name could not be distinguished.
            if !registered.contains(&path) && names().iter().any(|name| self.is(name)) {
                return Err(format!(
                    "`{}` is provided already by another library, and a process can use only one",
                    self.name
                ));
            }
            plug_in::register(&mut registered, runtime, path)?;
        }
        let Some(name) = names().into_iter().find(|name| self.is(name)) else {
            return Err(self.unknown(&names()));
        };
        let devices = runtime.environment().devices();
        let mut ours = devices.filter(|device| device.ep().is_ok_and(|ep| ep == name));
        let Some(device) = ours.nth(self.index) else {
            return Err(format!("`{name}` has no device {} here; they count from 0", self.index));
        };
        let options: Vec<(String, String)> =
            self.options.iter().map(|(key, value)| (format!("{name}.{key}"), value.clone())).collect();
        builder.with_devices(iter::once(device), Some(&options)).map_err(|e| e.message().to_owned())
    }

    fn unknown(&self, names: &BTreeSet<String>) -> String {
        let short: Vec<&str> = names.iter().map(|name| name.strip_suffix(ENDING).unwrap_or(name)).collect();
        let hint = did_you_mean(&self.name, short.iter().copied());
        let there = short.join(", ");
        match &self.library {
            Some(library) => {
                format!(
                    "{} provides no `{}` on this machine; there are {there}{hint}",
                    library.display(),
                    self.name
                )
            }
            None => format!(
                "no execution provider `{}` is there, only {there}{hint}; name its plug-in, `ep:{}{{library=PATH}}`",
                self.name, self.name
            ),
        }
    }

    /// Options in braces, in order.
    pub(super) fn written(&self) -> impl Iterator<Item = String> {
        let library = self.library.iter().map(|path| format!("library={}", path.display()));
        library.chain(self.options.iter().map(|(key, value)| format!("{key}={value}")))
    }
}

/// Without the braces.
impl fmt::Display for ExecutionProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            0 => write!(f, "ep:{}", self.name),
            index => write!(f, "ep:{}:{index}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::device::Device;

    #[test]
    fn reads_names_and_options() {
        let text = "ep:QNN:1{library=/opt/Lib.so,backend_path=/opt/B.so,htp=2},ep:OpenVINOExecutionProvider";
        let devices = Device::list(text).unwrap();
        assert_eq!(devices.iter().map(Device::to_string).collect::<Vec<_>>().join(","), text);
        let Device::ExecutionProvider(first) = &devices[0] else { panic!("{devices:?}") };
        assert_eq!((first.name.as_str(), first.index, first.options.len()), ("QNN", 1, 2));
        assert!(first.is("QNNExecutionProvider") && first.is("qnn") && !first.is("QNN2"));
    }

    #[test]
    fn missing_provider_name_is_refused() {
        for (text, part) in [
            ("ep", "`ep` names no execution provider: write ep:NAME{library=PATH}"),
            ("ep:", "names no execution provider"),
            ("ep:a b", "names no execution provider"),
            ("ep:QNN:x", "has no number"),
            ("ep:QNN{library}", "`library` of `ep:QNN` wants a value"),
            ("ep:QNN{=x}", "has an option without a name"),
            ("ep:QNN{a=1,a=2}", "given twice"),
        ] {
            let said = Device::list(text).unwrap_err().to_string();
            assert!(said.contains(part), "{text}: {said}");
        }
    }
}
