//! `wuerst bench --against`: options refused before another program is started.

use anyhow::Result;
use wuerst_tests::bundle::PLAIN;

use crate::convert::{fails, succeeds};
use crate::text;

#[test]
fn peers_are_refused_with_the_reason() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [standard, fused] = ["standard", "fused"].map(|name| folder.path().join(name));
    let source = PLAIN.source();
    let import = ["import", text(&source.prior)?, text(&source.decoder)?, "--out"];
    succeeds(&[&import[..], &[text(&standard)?]].concat())?;
    succeeds(&[&import[..], &[text(&fused)?, "--for", "cpu"]].concat())?;
    let [standard, fused] = [&standard, &fused].map(|folder| folder.join("graph.yaml"));
    for (graph, peer, more, why) in [
        (
            &standard,
            "candle",
            &["--peer-compile"][..],
            "only diffusers is compiled: leave --peer-compile out",
        ),
        (&standard, "candle", &["--peer-precision", "bf16"], "candle computes in f32 here"),
        (&standard, "openvino", &[], "is not there: tests/peers/setup makes it"),
        (&standard, "diffusers", &["--peer-compile"], "is not there: tests/peers/setup makes it"),
        (&fused, "openvino", &[], "prior.onnx has operators that only ONNX Runtime has"),
    ] {
        let args = ["bench", text(graph)?, "--against", peer, "--peer", text(folder.path())?];
        let said = fails(&[&args[..], more].concat())?;
        assert!(said.contains(why), "{why}\n{said}");
    }
    Ok(())
}
