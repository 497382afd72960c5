//! The page of all contracts, made from their declarations.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::PREFIX;
use super::table::fields_of;
use crate::contract::Contract;

/// Beginning of the page.
const BEGIN: &str = r#"# Contracts

A stage model is an ONNX file whose inputs and outputs have the names and shapes of a contract, and whose metadata
(`metadata_props`) hold the facts that a node needs. `wuerst inspect FILE` shows both, and what is missing or wrong, all at once.

- A letter stands for a length that the model may fix or leave free; the same letter means the same length within a contract.
- `f32` inputs and outputs may be `f16`. `i64` may not be another type.
- Time goes from 1 to 0: at time 1 the latents are noise, at time 0 they are the result. The output `noise` is the noise in the
  latents; models that predict the result or a velocity need another output for it.
- Pictures are RGB in 0 to 1, with the channels before height and width. A node clips what a model gives beyond that range.
- Large weights may lie in a data file next to the model, without `..` and without links out of its folder.

Facts are texts. Numbers, lists and objects are JSON. In Python, with `onnx`:

```python
import onnx
model = onnx.load("prior.onnx", load_external_data=False)
facts = {"wuerst.contract": "prior", "wuerst.steps": "20", "wuerst.guidance": "4.0"}
onnx.helper.set_model_props(model, {entry.key: entry.value for entry in model.metadata_props} | facts)
onnx.save(model, "prior.onnx")
```
"#;

/// Meaning of an input or output, with unit and range; `None` for an unknown one.
fn about(contract: Contract, outlet: &str) -> Option<&'static str> {
    Some(match (contract, outlet) {
        (_, "input_ids") => "Token ids, from 0 to the number of tokens less 1.",
        (_, "attention_mask") => "1 for tokens of the text, 0 for padding.",
        (_, "states" | "text") => "A vector for each token, of any range, from the text encoder.",
        (_, "pooled") => "A vector for each text as a whole, of any range, from the text encoder.",
        (Contract::Prior | Contract::Decoder, "latents") => "Noisy latents, in about −5 to 5.",
        (_, "latents") => "Latents without noise: those of the decoder times `latent_scale`.",
        (_, "time_embedding") => {
            "Embedding of the time, from 0 (no noise) to 1 (noise); the row holds those of further conditions too."
        }
        (_, "timestep") => "The time itself, from 0 (no noise) to 1 (noise), in older models.",
        (Contract::Decoder, "embedding") => {
            "What the prior made: its latents times `embedding_scale` plus `embedding_shift`."
        }
        (_, "embedding") => "The semantic embedding of the picture, in the range of what the prior makes.",
        (_, "noise") => "The noise in the latents, in about −5 to 5.",
        (Contract::Prior, "image") => "CLIP's embeddings of pictures to vary, of any range; zeros for none.",
        (Contract::Compressor | Contract::ImageEncoder, "image") => {
            "A picture, RGB in 0 to 1 less `mean`, divided by `std`."
        }
        (_, "image") => "A picture, RGB in 0 to 1.",
        (_, "embeds") => "CLIP's embedding of the picture, of any range.",
        _ => return None,
    })
}

/// The page, in Markdown.
pub fn page() -> String {
    let mut page = BEGIN.to_owned();
    Contract::ALL.iter().for_each(|contract| section(*contract, &mut page));
    page
}

fn section(contract: Contract, page: &mut String) {
    let name = contract.name();
    let mut forms = vec![contract.signature_of(|_| false)];
    forms.push(contract.signature_of(|name| name == "pooled"));
    forms.extend(contract.signature_with_timestep());
    forms.dedup();
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing into a text cannot fail.
        let _ = writeln!(page, "{text}");
    };
    line(format_args!("\n## {name}\n\n```text"));
    forms.iter().for_each(|form| line(format_args!("{form}")));
    line(format_args!("```\n\n| input or output | meaning |\n|---|---|"));
    let mut seen = BTreeSet::new();
    for outlet in forms.iter().flat_map(|form| names(form)).filter(|outlet| seen.insert(*outlet)) {
        let about = about(contract, outlet).unwrap_or_default();
        line(format_args!("| `{outlet}` | {about} |"));
    }
    line(format_args!("\n| fact | meaning | value |\n|---|---|---|"));
    line(format_args!("| `{PREFIX}contract` | the contract | `{name}` |"));
    for field in fields_of(name).unwrap_or_default() {
        let may = if field.optional { ", or left out" } else { "" };
        line(format_args!("| `{PREFIX}{}` | {} | {}{may} |", field.name, field.about, field.kind.allowed()));
    }
}

/// Names of the inputs and outputs in a signature.
fn names(signature: &str) -> Vec<&str> {
    let starts = signature.match_indices(": ").map(|(at, _)| &signature[..at]);
    starts.filter_map(|before| before.rsplit([' ', ',']).next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_explains_every_outlet_and_fact() {
        let page = page();
        for contract in Contract::ALL {
            let own = page.split("\n## ").find(|part| part.starts_with(&format!("{contract}\n"))).unwrap();
            for form in [contract.signature().to_owned(), contract.signature_of(|name| name == "pooled")] {
                for name in names(&form) {
                    let about = about(contract, name).unwrap_or_else(|| panic!("{contract}: {name}"));
                    assert!(own.contains(&format!("| `{name}` | {about} |")), "{contract}: {name}");
                }
            }
            for field in fields_of(contract.name()).unwrap() {
                assert!(own.contains(&format!("| `wuerst.{}` | {}", field.name, field.about)), "{contract}");
            }
        }
        assert_eq!(names("a: f32[b,l], b_c: i64[b] -> d: f32[x]"), ["a", "b_c", "d"]);
    }
}
