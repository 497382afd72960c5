//! Devices that are there and that are not, and what ran where.

use std::path::Path;

use anyhow::{Context, Result};
use ndarray::ArrayD;
use wuerst::stages::Placement;
use wuerst::{Device, Engine};
use wuerst_tests::built::{root, tiny};
use wuerst_tests::bundle;

use crate::{f32s, options, said, set_case, shipped};

/// The embedding of the case on these devices, and where its models ran.
fn run(folder: &Path, devices: &str, strict: bool) -> Result<(wuerst::Result<ArrayD<f32>>, Vec<Placement>)> {
    let mut options = options(folder, 1);
    options.stages.devices = Device::list(devices)?;
    options.stages.strict = strict;
    let engine = Engine::new(options)?;
    let job = engine.job(&engine.graph(&shipped("wuerstchen.yaml")?)?);
    set_case(&job)?;
    let embedding = job.get("embedding", &mut ()).map(|value| f32s(&value));
    Ok((embedding, engine.model_cache().placements()))
}

#[test]
fn each_refusal_has_its_reason() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    // GPU number 99 is in no machine that runs this test.
    let devices = "tensorrt:99{precision=f16},cuda:99{memory_limit=1GiB},openvino:CPU{library=/nowhere},cpu";
    let (embedding, placements) = run(folder.path(), devices, false)?;
    embedding?;
    for placement in placements {
        assert_eq!(placement.device, Device::Cpu);
        let refused: Vec<String> = placement.refused.iter().map(|(device, _)| device.to_string()).collect();
        assert_eq!(format!("{},cpu", refused.join(",")), devices);
        assert!(placement.refused.iter().all(|(_, why)| !why.is_empty()), "{placement}");
        assert!(placement.refused[2].1.contains("/nowhere is not there"), "{placement}");
    }
    Ok(())
}

#[test]
fn strict_engine_falls_back_to_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let (embedding, placements) = run(folder.path(), "openvino:CPU{library=/nowhere},cpu", true)?;
    let message = said(embedding);
    assert!(message.contains("`strict` lets no other device") && message.contains("/nowhere"), "{message}");
    assert!(placements.is_empty());
    let (embedding, placements) = run(folder.path(), "cpu,cuda:99", true)?;
    embedding?;
    assert!(placements.iter().all(|placement| placement.refused.is_empty()));
    Ok(())
}

#[test]
fn report_counts_operators() -> Result<()> {
    let engine = Engine::new(options(&tiny(), 1))?;
    let job = engine.job(&engine.graph(
        "{wuerstchen: 1, nodes: {t: {use: wuerst.tokenize, with: {text: a red apple, model: text-encoder}}, \
         e: {use: wuerst.text_encode, with: {ids: $t.ids, mask: $t.mask, model: text-encoder}}}, outputs: {s: $e.states}}",
    )?);
    job.get("s", &mut ())?;
    let placements = engine.model_cache().placements();
    let [placement] = placements.as_slice() else { anyhow::bail!("{placements:?}") };
    assert_eq!(placement.operators.keys().collect::<Vec<_>>(), ["cpu"]);
    let operators = &placement.operators["cpu"];
    // One lookup of the words and one of the places; products in every layer.
    assert!(operators.contains_key("Gather"), "{operators:?}");
    let products: usize =
        ["MatMul", "Gemm", "FusedMatMul"].iter().filter_map(|name| operators.get(*name)).sum();
    assert!(products >= 12, "{operators:?}");
    let json = engine.report().to_json();
    assert_eq!(json["models"][0]["operators"]["cpu"]["Gather"], operators["Gather"]);
    let written = placement.to_string();
    let count: usize = operators.values().sum();
    assert_eq!(written, format!("text-encoder.onnx: cpu, {count} operators"));
    Ok(())
}

#[test]
fn graphs_prefer_devices_but_name_no_files() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let prefers = |device: &str| -> Result<String> {
        let text = shipped("wuerstchen.yaml")?;
        let with = format!("use: wuerst.prior\n    devices: [\"{device}\", cpu]");
        let text = text.replacen("use: wuerst.prior", &with, 1);
        assert!(text.contains("devices"));
        // Refused by the check, before anything is loaded.
        Ok(said(engine.graph(&text)))
    };
    let message = prefers("openvino:CPU{library=/tmp/evil.so}")?;
    assert!(message.contains("`library`") && message.contains("no graph"), "{message}");
    let message = prefers("ep:OpenVINO")?;
    assert!(message.contains("`ep:OpenVINO`") && message.contains("no graph"), "{message}");
    let message = prefers("cuda:0{memory=1G}")?;
    assert!(message.contains("no option `memory`"), "{message}");
    Ok(())
}

/// Where .ci/setup-openvino put it, or WUERST_OPENVINO says it is; nothing to see elsewhere.
#[test]
fn openvino_matches_cpu() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let (want, _) = run(folder.path(), "cpu", false)?;
    let (got, placements) = run(folder.path(), "openvino:CPU,cpu", false)?;
    let (want, got) = (want?, got?);
    let placement = placements.first().context("a model")?;
    if placement.device == Device::Cpu {
        eprintln!("without OpenVINO: {placement}");
        // It takes no processors but Intel's.
        let why = &placement.refused[0].1;
        assert!(why.contains(".ci/setup-openvino") || why.contains("finds no CPU here"), "{placement}");
        return Ok(());
    }
    assert!(placement.operators.contains_key("openvino"), "{placement}");
    // That it is registered now changes nothing for the CPU.
    let (again, placements) = run(folder.path(), "cpu", false)?;
    assert!(again? == want && placements.iter().all(|it| it.operators.keys().eq(["cpu"])), "{placements:?}");
    let far = want.iter().zip(&got).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    let scale = want.iter().fold(0f32, |most, x| most.max(x.abs()));
    assert!(far < 1e-3 * scale, "{far} of {scale}");
    // bf16 has eight bits, where the processor has it.
    let has = |flag| std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains(flag));
    if has("amx_bf16") || has("avx512_bf16") {
        let (rough, _) = run(folder.path(), "openvino:CPU{precision=bf16}", true)?;
        assert!(rough? != got, "the precision is without effect");
    }
    Ok(())
}

/// Why a device refuses the prior.
fn refusal(folder: &Path, device: &str) -> Result<String> {
    let (embedding, placements) = run(folder, &format!("{device},cpu"), false)?;
    embedding?;
    Ok(placements.first().and_then(|it| it.refused.first()).context("it took the model")?.1.clone())
}

#[test]
fn refuses_unknown_providers() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let text = folder.path().join("text.so");
    std::fs::write(&text, "no library")?;
    let runtime = std::env::var("ORT_DYLIB_PATH")?;
    for (device, parts) in [
        (
            "ep:Nothing".to_owned(),
            &["no execution provider `Nothing` is there, only", "CPU", "library=PATH"][..],
        ),
        ("ep:Cpi".to_owned(), &["did you mean `CPU`?"]),
        ("ep:CPU:7".to_owned(), &["`CPUExecutionProvider` has no device 7 here"]),
        (
            "ep:Nothing{library=/nowhere/ep.so}".to_owned(),
            &["/nowhere/ep.so: No such file", "`library` names"],
        ),
        (format!("ep:Nothing{{library={}}}", folder.path().display()), &["is not a file"]),
        (format!("ep:Nothing{{library={}}}", text.display()), &["text.so cannot be loaded"]),
        (
            format!("ep:Nothing{{library={runtime}}}"),
            &["is not a plug-in that ONNX Runtime takes", "CreateEpFactories"],
        ),
    ] {
        let said = refusal(folder.path(), &device)?;
        assert!(parts.iter().all(|part| said.contains(part)), "{device}: {said}");
    }
    Ok(())
}

/// Where WUERST_OPENVINO says that OpenVINO is, or .ci/setup-openvino put it; nothing to see elsewhere.
#[test]
fn providers_have_options_of_their_own() -> Result<()> {
    let file = "libonnxruntime_providers_openvino_plugin.so";
    let named = std::env::var_os("WUERST_OPENVINO").map(std::path::PathBuf::from);
    let there = named.unwrap_or_else(|| root().join(".vendor/openvino"));
    let library = if there.is_dir() { there.join(file) } else { there };
    if !library.is_file() {
        eprintln!("without OpenVINO: {}", library.display());
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let (want, _) = run(folder.path(), "cpu", false)?;
    let device = |options: &str| format!("ep:OpenVINO{{library={}{options}}}", library.display());
    let (_, placements) = run(folder.path(), &format!("{},cpu", device("")), false)?;
    if let Some((_, why)) = placements.first().context("a model")?.refused.first() {
        eprintln!("without a device of OpenVINO: {why}");
        assert!(why.contains("provides no `OpenVINO` on this machine; there are CPU"), "{why}");
        return Ok(());
    }
    let (got, placements) = run(folder.path(), &device(""), true)?;
    let (want, got) = (want?, got?);
    let placement = placements.first().context("a model")?;
    assert_eq!(placement.device.to_string(), device(""));
    assert!(placement.operators.contains_key("openvino"), "{placement}");
    let far = want.iter().zip(&got).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    let scale = want.iter().fold(0f32, |most, x| most.max(x.abs()));
    assert!(far < 5e-2 * scale, "{far} of {scale}");
    let (streams, _) = run(folder.path(), &device(",num_streams=1"), true)?;
    assert!(streams? == got, "an option that changes no numbers");
    let said = refusal(folder.path(), &device(",no_such_option=1"))?;
    assert!(said.contains("no_such_option"), "{said}");
    // The library is registered now, so its name alone is enough; another library of that name is refused.
    let (again, _) = run(folder.path(), "ep:openvino", true)?;
    assert!(again? == got);
    let other = folder.path().join(file);
    std::fs::copy(&library, &other)?;
    let said = refusal(folder.path(), &format!("ep:OpenVINO{{library={}}}", other.display()))?;
    assert!(said.contains("provided already by another library"), "{said}");
    Ok(())
}
