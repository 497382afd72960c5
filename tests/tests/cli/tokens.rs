//! `wuerst tokens`, and prompts that do nothing.

use anyhow::Result;
use serde_json::Value as Json;
use wuerst_tests::built::tiny;
use wuerst_tests::bundle;

use crate::{stdout, wuerst};

#[test]
fn tokens_weights_and_cut_text_are_shown() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let show = |text: &str, more: &[&str]| -> Result<String> {
        let args = [&["tokens", text, "--model", "text-encoder-decoder"][..], more].concat();
        stdout(wuerst(folder.path(), &args)?)
    };
    let expected: Json = bundle::PLAIN.json("expected/prompt_weights.json")?;
    for (weighting, cases) in [("comfyui", &expected["cases"]), ("a1111", &expected["a1111"]["cases"])] {
        let case = &cases[1];
        let text = case["text"].as_str().unwrap_or_default();
        let shown: Json = serde_json::from_str(&show(text, &["--weighting", weighting, "--json"])?)?;
        let all = shown["tokens"].as_array().cloned().unwrap_or_default();
        let ids: Vec<Json> = all.iter().map(|token| token["id"].clone()).collect();
        assert_eq!(Json::from(ids), case["ids"], "{shown}");
        let weights = all.iter().zip(case["weights"].as_array().into_iter().flatten());
        let close = |(token, want): (&Json, &Json)| {
            token["weight"].as_f64().zip(want.as_f64()).is_some_and(|(a, b)| (a - b).abs() < 1e-6)
        };
        assert!(all.len() == 6 && weights.clone().count() == 6 && weights.clone().all(close), "{shown}");
    }
    let plain = show("a red apple", &[])?;
    let long = show(&"many red apples and ".repeat(40), &["--chunks", "4"])?;
    assert!(long.contains("of 308 tokens") && !long.contains("cut off"), "{long}");
    assert!(plain.ends_with("6 of 77 tokens\n") && plain.contains("red"), "{plain}");
    let long = show(&"many red apples and ".repeat(40), &[])?;
    assert!(long.contains("77 of 77 tokens\ncut off: ") && long.trim_end().ends_with("apples and"), "{long}");
    let mut refused = wuerst(
        folder.path(),
        &["tokens", "a (b", "--model", "text-encoder-decoder", "--weighting", "comfyui"],
    )?;
    let said = refused.output()?;
    assert!(String::from_utf8_lossy(&said.stderr).contains("never closed"), "{said:?}");
    let said = wuerst(&tiny(), &["tokens", "a", "--model", "prior"])?.output()?;
    assert!(
        String::from_utf8_lossy(&said.stderr).contains("is a prior, where a text-encoder is expected"),
        "{said:?}"
    );
    Ok(())
}

#[test]
fn negative_prompt_without_guidance_is_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("a.png").display().to_string();
    let said = |more: &[&str]| -> Result<String> {
        let args =
            [&["generate", "a leaf", "--steps", "1", "--set", "decoder_steps=1", "-o", &out][..], more]
                .concat();
        let made = wuerst(&tiny(), &args)?.output()?;
        assert!(made.status.success(), "{made:?}");
        Ok(String::from_utf8(made.stderr)?)
    };
    let want = "`negative` has no effect: guidance is 1, and off up to 1; set it to 2 or more";
    assert!(said(&["--negative", "a tree", "--guidance", "1"])?.contains(want));
    for more in [&["--negative", "a tree"][..], &["--negative", " ", "--guidance", "1"], &["--guidance", "1"]]
    {
        assert!(!said(more)?.contains("negative"), "{more:?}");
    }
    Ok(())
}
