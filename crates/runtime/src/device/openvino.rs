//! OpenVINO, a plug-in of ONNX Runtime: finds its library, registers it once, and chooses its device.

use std::path::{Path, PathBuf};
use std::{env, iter};

use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProvider};
use ort::memory::DeviceType;
use ort::session::builder::SessionBuilder;

use super::name::{OpenVino, Precision};
use super::plug_in;
use crate::library::Runtime;

/// Environment variable with the path of the library or its folder.
const VARIABLE: &str = "WUERST_OPENVINO";

/// Name of the plug-in's execution provider.
const PROVIDER: &str = "OpenVINOExecutionProvider";

impl OpenVino {
    /// Adds the device to a session's options. The error is the reason why it cannot.
    pub(super) fn register(
        &self,
        runtime: &Runtime,
        threads: usize,
        builder: SessionBuilder,
    ) -> Result<SessionBuilder, String> {
        if self.precision == Precision::F16 && self.device == "CPU" {
            // Measured with 1.8.1, see PERFORMANCE.md: 9 dB from the pictures of f32, and never faster than bf16.
            return Err("pictures come out wrong in f16 on processors: take bf16, or f32".to_owned());
        }
        let plug_in_is_named =
            self.library.is_some() || env::var_os(VARIABLE).is_some_and(|path| !path.is_empty());
        if !plug_in_is_named && built_in(runtime.path()) {
            return self.register_built_in(threads, builder);
        }
        self.plug_in(runtime)?;
        let (kind, index) = self.device.split_once('.').unwrap_or((&self.device, "0"));
        let ty = match kind {
            "CPU" => Some(DeviceType::CPU),
            "GPU" => Some(DeviceType::GPU),
            "NPU" => Some(DeviceType::NPU),
            _ => None,
        };
        let devices = runtime.environment().devices();
        let ours: Vec<_> = devices.filter(|device| device.ep().is_ok_and(|name| name == PROVIDER)).collect();
        let there: Vec<String> =
            ours.iter().map(|device| format!("{:?}", device.hardware_device().ty())).collect();
        let alike = ours.into_iter().filter(|device| Some(device.hardware_device().ty()) == ty);
        let device = index
            .parse()
            .ok()
            .and_then(|index| alike.into_iter().nth(index))
            .ok_or_else(|| not_there(&self.device, &there))?;
        let options = [(format!("{PROVIDER}.load_config"), self.configuration(threads))];
        builder.with_devices(iter::once(device), Some(&options)).map_err(|e| e.message().to_owned())
    }

    /// Adds the provider of an ONNX Runtime that was built with OpenVINO, which takes processors of AMD, too.
    fn register_built_in(
        &self,
        threads: usize,
        mut builder: SessionBuilder,
    ) -> Result<SessionBuilder, String> {
        let provider = ep::OpenVINO::default()
            .with_device_type(&self.device)
            .with_arbitrary_config("load_config", self.configuration(threads));
        provider.register(&mut builder).map(|()| builder).map_err(|e| e.message().to_owned())
    }

    /// OpenVINO's own properties. The precision is always set, since the default on CPUs with AMX is bf16.
    fn configuration(&self, threads: usize) -> String {
        let precision = match self.precision {
            Precision::Default | Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
            Precision::F16 => "f16",
        };
        let kind = self.device.split('.').next().unwrap_or_default();
        let threads =
            if kind == "CPU" { format!(",\"INFERENCE_NUM_THREADS\":\"{threads}\"") } else { String::new() };
        format!("{{\"{}\":{{\"INFERENCE_PRECISION_HINT\":\"{precision}\"{threads}}}}}", self.device)
    }

    fn plug_in(&self, runtime: &Runtime) -> Result<(), String> {
        let path = find(self.library.as_deref(), runtime.path())?;
        let mut registered = plug_in::registered();
        let ours =
            || runtime.environment().devices().any(|device| device.ep().is_ok_and(|ep| ep == PROVIDER));
        if !registered.contains(&path) && ours() {
            let message = "another library of OpenVINO is in use already, and a process can use only one";
            return Err(format!("{}: {message}", path.display()));
        }
        plug_in::register(&mut registered, runtime, path)
    }
}

/// The plug-in's file: the named one, or one near ONNX Runtime.
fn find(named: Option<&Path>, runtime: &Path) -> Result<PathBuf, String> {
    let variable = env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let by =
        if named.is_some() { "the option `library`".to_owned() } else { format!("the variable {VARIABLE}") };
    if let Some(path) = named.map(Path::to_owned).or(variable) {
        let file = if path.is_dir() { path.join(file_name()) } else { path.clone() };
        let found = file.canonicalize().ok().filter(|file| file.is_file());
        let missing = || format!("{} is not there, or no {}; {by} names it", path.display(), file_name());
        return found.ok_or_else(missing);
    }
    let home = runtime.parent().unwrap_or(Path::new(""));
    // Next to ONNX Runtime; in the folder of .ci/setup-openvino; in a Python package.
    let places =
        ["", "openvino", "../openvino", "../../onnxruntime_ep_openvino"].map(|place| home.join(place));
    let found = places.iter().find_map(|place| place.join(file_name()).canonicalize().ok());
    found.ok_or_else(|| {
        let looked: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        format!(
            "no {} in {}: install it (.ci/setup-openvino, or the Python package onnxruntime-ep-openvino) and name it by \
             `openvino:CPU{{library=PATH}}` or by {VARIABLE}",
            file_name(),
            looked.join(", ")
        )
    })
}

/// Whether an ONNX Runtime was built with OpenVINO, as that of the Python package onnxruntime-openvino.
fn built_in(runtime: &Path) -> bool {
    let provider = if cfg!(windows) {
        "onnxruntime_providers_openvino.dll"
    } else {
        "libonnxruntime_providers_openvino.so"
    };
    runtime.with_file_name(provider).is_file()
}

/// The reason why there is no such device among those that the plug-in offers.
fn not_there(device: &str, offered: &[String]) -> String {
    match offered {
        [] => format!(
            "OpenVINO finds no {device} here: its plug-in takes hardware of Intel only; on other processors use the ONNX Runtime \
             of the Python package onnxruntime-openvino, and name it by `--runtime`"
        ),
        offered => format!("OpenVINO finds no {device} here, only {}", offered.join(", ")),
    }
}

fn file_name() -> &'static str {
    if cfg!(windows) {
        "onnxruntime_providers_openvino_plugin.dll"
    } else {
        "libonnxruntime_providers_openvino_plugin.so"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtime_may_have_openvino_inside() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = folder.path().join("libonnxruntime.so");
        assert!(!built_in(&runtime));
        let (start, end) = if cfg!(windows) { ("", "dll") } else { ("lib", "so") };
        std::fs::write(folder.path().join(format!("{start}onnxruntime_providers_openvino.{end}")), "")
            .unwrap();
        assert!(built_in(&runtime));
    }

    #[test]
    fn missing_devices_are_named_with_remedy() {
        assert!(not_there("CPU", &[]).contains("onnxruntime-openvino"));
        assert_eq!(not_there("GPU", &["CPU".to_owned()]), "OpenVINO finds no GPU here, only CPU");
    }

    #[test]
    fn configuration_says_precision_and_threads() {
        let configuration = |text: &str, threads| match text.parse() {
            Ok(super::super::Device::OpenVino(device)) => device.configuration(threads),
            _ => panic!("{text}"),
        };
        let cpu = r#"{"CPU":{"INFERENCE_PRECISION_HINT":"bf16","INFERENCE_NUM_THREADS":"3"}}"#;
        assert_eq!(configuration("openvino{precision=bf16}", 3), cpu);
        let gpu = r#"{"GPU.1":{"INFERENCE_PRECISION_HINT":"f32"}}"#;
        assert_eq!(configuration("openvino:gpu.1", 3), gpu);
    }

    #[test]
    fn missing_plug_in_lists_places() {
        let tree = tempfile::tempdir().unwrap();
        let runtime = tree.path().join("onnxruntime").join("libonnxruntime.so");
        std::fs::create_dir_all(runtime.parent().unwrap()).unwrap();
        let said = find(Some(tree.path()), &runtime).unwrap_err();
        assert!(said.contains("the option `library`"), "{said}");
        // The variable, where it is set, counts before the places.
        if env::var_os(VARIABLE).is_some() {
            return;
        }
        let said = find(None, &runtime).unwrap_err();
        assert!(said.contains(VARIABLE) && said.contains("onnxruntime/openvino"), "{said}");
        let there = tree.path().join("openvino").join(file_name());
        std::fs::create_dir_all(there.parent().unwrap()).unwrap();
        std::fs::write(&there, "").unwrap();
        assert_eq!(find(None, &runtime), Ok(there.canonicalize().unwrap()));
    }
}
