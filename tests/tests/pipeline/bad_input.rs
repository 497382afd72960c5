//! Bad input: one clear sentence that names the thing and the remedy, and an engine that lives.

use anyhow::Result;
use wuerst::Engine;
use wuerst_tests::bundle;

use crate::{Recorder, options, published, said, set_case, shipped};

#[test]
fn long_prompts_are_truncated() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let job = published(&folder, 1)?;
    set_case(&job)?;
    job.set("steps", 1)?;
    let warned = |prompt: &str| -> Result<Vec<String>> {
        job.set("prompt", prompt)?;
        let mut observer = Recorder::default();
        job.get("embedding", &mut observer)?;
        Ok(observer.warnings)
    };
    for odd in ["", "   ", "🍎🍏 リンゴ “quoted”", "\u{0}\u{feff}"] {
        assert_eq!(warned(odd)?, Vec::<String>::new(), "{odd:?}");
    }
    let warnings = warned(&format!("{}the end", "word ".repeat(10_000)))?;
    assert_eq!(warnings.len(), 1, "one for the prior's text; the decoder is not asked");
    assert!(warnings[0].contains("77 tokens") && warnings[0].contains("more characters"), "{}", warnings[0]);
    let warnings = warned(&format!("{}Straße, the end", "! ".repeat(75)))?;
    assert!(warnings[0].contains("cut off: \"Straße, the end\""), "{}", warnings[0]);
    Ok(())
}

#[test]
fn impossible_sizes_are_refused_early() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let job = published(&folder, 1)?;
    set_case(&job)?;
    let message = said(job.set("width", 200));
    assert!(message.contains("width") && message.contains("200") && message.contains("256"), "{message}");
    assert!(job.report().ran().next().is_none());
    assert!(said(job.set("height", 0)).contains("0 is outside 1..16384"));
    assert!(said(job.set("steps", 0)).contains("steps"));
    assert!(said(job.set("stepz", 1)).contains("did you mean `steps`"));
    Ok(())
}

#[test]
fn missing_library_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let mut options = options(folder.path(), 1);
    options.stages.runtime = Some("/nowhere/libonnxruntime.so".into());
    let engine = Engine::new(options)?;
    let job = engine.job(&engine.graph(&shipped("wuerstchen.yaml")?)?);
    set_case(&job)?;
    let message = said(job.get("image", &mut ()));
    assert!(message.contains("/nowhere/libonnxruntime.so") && message.contains("`runtime`"), "{message}");
    Ok(())
}
