//! The numbers of diffusers, from the prompt and the seed alone, for both bundles.

use anyhow::Result;
use serde::Deserialize;
use wuerst::{Engine, Job, Value};
use wuerst_model::import::ImportOptions;
use wuerst_model::onnx::Precision;
use wuerst_tests::bundle::{Bundle, ODD, PLAIN};
use wuerst_tests::numbers::relative_error;

use crate::{Recorder, bytes, f32s, imported, options, set_case_of};

/// A bundle's picture in 0..1; stored as bytes it is within half of one.
fn picture(bundle: Bundle) -> Result<(ndarray::ArrayD<f32>, f32)> {
    Ok(match bundle {
        PLAIN => (bundle.expected::<u8>("image")?.mapv(|byte| f32::from(byte) / 255.), 0.5 / 255.),
        _ => (bundle.expected("image")?, 0.),
    })
}

#[test]
fn seed_alone_gives_diffusers_picture() -> Result<()> {
    for bundle in [PLAIN, ODD] {
        let (_folder, job) = imported(bundle, &ImportOptions::default())?;
        set_case_of(&job, bundle)?;
        let values = job.get_all(&["embedding", "image", "bytes"], &mut ())?;
        let error = relative_error(&f32s(&values[0]), &bundle.expected("image_embeddings")?)?;
        println!("{bundle:?} image_embeddings: relative error {error:.1e}");
        assert!(error <= 1e-3);
        let (want, rounding) = picture(bundle)?;
        let image = f32s(&values[1]).insert_axis(ndarray::Axis(0));
        assert_eq!(image.shape(), want.shape());
        let apart = image.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0., f32::max);
        println!("{bundle:?} image: {apart:.1e}");
        assert!(apart <= rounding + 1e-3, "{apart}");
        let rounded = image.iter().map(|colour| (colour * 255.).round_ties_even() as u8);
        assert!(rounded.eq(bytes(&values[2])));
    }
    Ok(())
}

/// Half the bytes for weights give nearly the same picture of one and the same embedding.
#[test]
fn picture_of_f16_models_is_near() -> Result<()> {
    let [wide, narrow] = [Precision::F32, Precision::F16].map(|precision| -> Result<Value> {
        let (_folder, job) = imported(ODD, &ImportOptions { precision, ..ImportOptions::default() })?;
        set_case_of(&job, ODD)?;
        Ok(job.get("image", &mut ())?)
    });
    let error = relative_error(&f32s(&narrow?), &f32s(&wide?))?;
    println!("f16 against f32: {error:.1e}");
    assert!(error <= 2e-2 && error > 1e-6);
    Ok(())
}

#[test]
fn tokens_and_states_are_diffusers() -> Result<()> {
    for bundle in [PLAIN, ODD] {
        let folder = tempfile::tempdir()?;
        bundle.import(folder.path(), &ImportOptions::default())?;
        let text = std::fs::read_to_string(folder.path().join("graph.yaml"))?;
        // The reference holds both texts of guidance, the prompt first.
        let ports = ["tokens.ids", "tokens.mask", "text.states"];
        let mut outputs = String::new();
        for which in ["prior", "decoder"] {
            for (i, port) in ports.iter().enumerate() {
                let negative = port.replace("tokens", "negative_tokens").replace("text", "negative");
                outputs +=
                    &format!("\n  {which}_{i}: ${which}_{port}\n  {which}_not_{i}: ${which}_{negative}");
            }
        }
        let engine = Engine::new(options(folder.path(), 1))?;
        let job = engine.job(&engine.graph(&text.replace("outputs:", &format!("outputs:{outputs}")))?);
        set_case_of(&job, bundle)?;
        let both = |which: &str, i: usize| -> Result<[Value; 2]> {
            let names = [format!("{which}_{i}"), format!("{which}_not_{i}")];
            let [text, negative] = names.map(|name| job.get(&name, &mut ()));
            Ok([text?, negative?])
        };
        for which in ["prior", "decoder"] {
            for (i, name) in ["token_ids", "attention_mask"].into_iter().enumerate() {
                let name = if bundle == PLAIN { name.to_owned() } else { format!("{which}_{name}") };
                let got: Vec<u8> = both(which, i)?.iter().flat_map(bytes).collect();
                let want = bundle.expected::<i64>(&name)?;
                let want: Vec<u8> = want.iter().flat_map(|id| id.to_ne_bytes()).collect();
                assert!(got == want, "{bundle:?} {name} differ");
            }
            let [text, negative] = both(which, 2)?.map(|value| f32s(&value));
            let got = ndarray::concatenate(ndarray::Axis(0), &[text.view(), negative.view()])?;
            let want = bundle.expected(&format!("{which}_text_embeds"))?;
            assert!(relative_error(&got, &want)? <= 1e-4, "{bundle:?} {which}");
        }
    }
    Ok(())
}

/// Texts, and the ids that each encoder's tokenizer makes of them.
#[derive(Deserialize)]
struct Tokens {
    texts: Vec<String>,
    prior: Vec<Vec<i64>>,
    decoder: Vec<Vec<i64>>,
}

/// The ids of a text, and how often it was said that it is too long.
fn ids(job: &Job, text: &str) -> Result<(Vec<i64>, Vec<String>)> {
    job.set("text", text)?;
    let mut observer = Recorder::default();
    let ids = bytes(&job.get("ids", &mut observer)?);
    let ids = ids.as_chunks::<8>().0.iter().map(|id| i64::from_ne_bytes(*id)).collect();
    Ok((ids, observer.warnings))
}

#[test]
fn odd_texts_give_diffusers_tokens() -> Result<()> {
    let folder = tempfile::tempdir()?;
    ODD.import(folder.path(), &ImportOptions::default())?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let tokens: Tokens = ODD.json("expected/tokens.json")?;
    for (which, want) in [("prior", &tokens.prior), ("decoder", &tokens.decoder)] {
        let graph = format!(
            "wuerstchen: 1\ninputs: {{ text: text }}\nnodes:\n  tokens: {{ use: wuerst.tokenize, \
             with: {{ text: $text, model: text-encoder-{which} }} }}\noutputs: {{ ids: $tokens.ids }}\n"
        );
        let job = engine.job(&engine.graph(&graph)?);
        let mut cut = vec![];
        for (text, want) in tokens.texts.iter().zip(want) {
            let (got, warnings) = ids(&job, text)?;
            assert_eq!(&got, want, "{which}: {text:?}");
            // The last text is longer than either encoder reads.
            cut = warnings;
        }
        let cut = cut.first().map(String::as_str).unwrap_or_default();
        assert!(cut.contains("cut off: \"") && cut.contains("a long tail and a long tail"), "{cut}");
    }
    Ok(())
}
