//! `--compute f16`: models that compute in f16, of an import or of models that there are.

use anyhow::Result;
use wuerst_tests::built::root;
use wuerst_tests::bundle::PLAIN;

use crate::convert::{decibels, fails, pixels, succeeds};
use crate::{contents, text};

#[test]
fn pictures_in_f16_are_those_of_f32() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let models = folder.path().join("half");
    succeeds(&["convert", "models/icons", "--out", text(&models)?, "--compute", "f16"])?;
    for (prompt, seed) in [("a red apple, twemoji style", 1), ("a yellow star", 4)] {
        let got =
            decibels(&pixels(&root().join("models/icons"), prompt, seed)?, &pixels(&models, prompt, seed)?);
        println!("{prompt}: {got:.1} dB");
        assert!(got > 45. && got < 120., "{prompt}: {got} dB");
    }
    let said = succeeds(&["inspect", text(&models.join("prior.onnx"))?])?;
    assert!(said.contains("wuerst.compute = f16"), "{said}");
    assert!(said.contains("latents: f32[") && said.contains("noise: f32["), "{said}");
    Ok(())
}

#[test]
fn an_import_for_f16_is_its_conversion() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [wide, half, converted] = ["wide", "half", "converted"].map(|name| folder.path().join(name));
    let source = PLAIN.source();
    let import = ["import", text(&source.prior)?, text(&source.decoder)?, "--out"];
    succeeds(&[&import[..], &[text(&wide)?]].concat())?;
    succeeds(&[&import[..], &[text(&half)?, "--compute", "f16", "--for", "cuda"]].concat())?;
    let convert = ["convert", text(&wide)?, "--out", text(&converted)?];
    succeeds(&[&convert[..], &["--compute", "f16", "--for", "cuda"]].concat())?;
    let (half, converted) = (contents(&half)?, contents(&converted)?);
    assert!(half == converted);
    let bytes = |models: &std::collections::BTreeMap<String, Vec<u8>>| models["decoder.onnx"].len();
    let whole = bytes(&contents(&wide)?);
    assert!(bytes(&half) * 10 < whole * 8, "{} of {whole}", bytes(&half));
    Ok(())
}

#[test]
fn f16_is_computed_once_and_not_on_int8() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [once, twice] = ["once", "twice"].map(|name| folder.path().join(name));
    succeeds(&["convert", "tests/tiny", "--out", text(&once)?, "--stages", "prior", "--compute", "f16"])?;
    let said = fails(&["convert", text(&once)?, "--out", text(&twice)?])?;
    assert!(
        said.contains("prior.onnx: computes in f16 already: take the model that it was made of"),
        "{said}"
    );
    let args = ["convert", "tests/tiny", "--out", text(&twice)?, "--compute", "f16", "--quantize", "int8"];
    let said = fails(&args)?;
    assert!(said.contains("`--compute f16` is for GPUs and `--quantize int8` for the CPU"), "{said}");
    Ok(())
}
