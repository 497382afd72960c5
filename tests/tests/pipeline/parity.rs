//! The numbers of diffusers, from the prompt and the seed alone.

use anyhow::Result;
use wuerst::{Engine, Value};
use wuerst_tests::bundle;
use wuerst_tests::numbers::{expected, relative_error};

use crate::{bytes, f32s, options, published, set_case, shipped};

#[test]
fn the_seed_alone_gives_diffusers_picture() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let job = published(&folder, 1)?;
    set_case(&job)?;
    let values = job.get_all(&["embedding", "image", "pixels"], &mut ())?;
    let error = relative_error(&f32s(&values[0]), &expected("image_embeddings")?)?;
    println!("image_embeddings: relative error {error:.1e}");
    assert!(error <= 1e-3);
    let want = expected::<u8>("image")?;
    assert_eq!(values[1].ty().to_string(), "u8[256,384,3]");
    let off = bytes(&values[1]).iter().zip(&want).filter(|(a, b)| a != b).count();
    let far = bytes(&values[1]).iter().zip(&want).filter(|(a, b)| a.abs_diff(**b) > 1).count();
    println!("image: {off} of {} bytes are off by one", want.len());
    assert!(far == 0 && off * 1000 < want.len());
    let pixels = f32s(&values[2]);
    let apart = pixels.iter().zip(&want).map(|(a, b)| (a - f32::from(*b) / 255.).abs()).fold(0., f32::max);
    assert!(apart <= 0.5 / 255. + 1e-3, "{apart}");
    Ok(())
}

#[test]
fn tokens_and_states_are_diffusers() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let engine = Engine::new(options(folder.path(), 1))?;
    // The reference holds both texts of guidance, the prompt first.
    let ports = ["prior_tokens.ids", "prior_tokens.mask", "prior_text.states", "decoder_text.states"];
    let outputs: String = ports
        .iter()
        .enumerate()
        .map(|(i, port)| {
            let negative = port.replace("tokens", "negative_tokens").replace("text", "negative");
            format!("\n  text_{i}: ${port}\n  negative_{i}: ${negative}")
        })
        .collect();
    let text = shipped("wuerstchen.yaml")?.replace("outputs:", &format!("outputs:{outputs}"));
    let job = engine.job(&engine.graph(&text)?);
    set_case(&job)?;
    let both = |i: usize| -> Result<[Value; 2]> {
        Ok([job.get(&format!("text_{i}"), &mut ())?, job.get(&format!("negative_{i}"), &mut ())?])
    };
    for (i, name) in ["token_ids", "attention_mask"].into_iter().enumerate() {
        let got: Vec<u8> = both(i)?.iter().flat_map(bytes).collect();
        let want: Vec<u8> = expected::<i64>(name)?.iter().flat_map(|id| id.to_ne_bytes()).collect();
        assert!(got == want, "{name} differ");
    }
    for (i, name) in [(2, "prior_text_embeds"), (3, "decoder_text_embeds")] {
        let [text, negative] = both(i)?.map(|value| f32s(&value));
        let got = ndarray::concatenate(ndarray::Axis(0), &[text.view(), negative.view()])?;
        assert!(relative_error(&got, &expected(name)?)? <= 1e-4, "{name} differ");
    }
    Ok(())
}
