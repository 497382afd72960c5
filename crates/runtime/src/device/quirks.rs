//! Known faults of execution providers, by the provider's name.

use super::name::Device;
use crate::library::Runtime;

/// Faults of a provider.
struct Quirk {
    /// Short name of the provider.
    provider: &'static str,
    /// Whether its results for operators of `com.microsoft` are wrong.
    wrong_own_operators: bool,
    /// Minor version of ONNX Runtime 1 from which on reports list all of its operators, if it is known to matter.
    reported_from: u32,
}

const QUIRKS: [Quirk; 1] = [
    // From 32 queries on, MultiHeadAttention is wrong by some percent, on several drivers (onnxruntime issues 26715, 28520).
    // Until 1.31, the report omits what a plug-in took in its first pass, which may be everything.
    Quirk { provider: "webgpu", wrong_own_operators: true, reported_from: 31 },
];

fn of(device: &Device) -> Option<&'static Quirk> {
    let name = device.provider();
    QUIRKS.iter().find(|quirk| quirk.provider == name)
}

/// The reason why a device would compute a model with these operator sets wrongly.
pub(crate) fn wrong(device: &Device, domains: &[String]) -> Option<String> {
    let quirk = of(device)?;
    let own = domains.iter().any(|domain| domain == "com.microsoft");
    let why = "it computes attention of `com.microsoft` wrongly: write the model in standard operators, with `wuerst convert \
               --for webgpu`";
    (own && quirk.wrong_own_operators).then(|| why.to_owned())
}

/// Whether reports of this ONNX Runtime list every operator that the device takes.
pub(crate) fn reports_all(device: &Device, runtime: &Runtime) -> bool {
    let minor = runtime.version().split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    of(device).is_none_or(|quirk| minor.is_some_and(|minor| minor >= quirk.reported_from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webgpu_takes_standard_operators_only() {
        let device: Device = "ep:WebGPU{library=/opt/libwebgpu.so}".parse().unwrap();
        let own = ["com.microsoft".to_owned()];
        assert!(wrong(&device, &own).unwrap().contains("--for webgpu"));
        assert_eq!(wrong(&device, &[]), None);
        assert_eq!(wrong(&"cuda:0".parse().unwrap(), &own), None);
    }
}
