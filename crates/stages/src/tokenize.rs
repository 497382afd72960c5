//! Tokenizers: convert text to the ids that a text encoder reads.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use wuerst_core::{
    Args, Batch, CancellationToken, Ctx, Digest, Error, File, KnownLength, Model, NodeKind, NodeSpec,
    Refusal, Result, Tensor, Value, entries, memory,
};
use wuerst_model::metadata::{self, Metadata};
use wuerst_model::onnx::{HeadError, WireError};
use wuerst_runtime::{Contract, HeaderError, ModelCache};

use crate::chunks::chunked;
use crate::sampling::blame_model;
use crate::tokenizer::{self, Tokenizer};
use crate::weighting::{looks_weighted, read_by};

/// Warning for a text that appears to contain weights while weights are off.
const AS_IT_STANDS: &str = "the text is read as it stands, with its brackets: `weighting: comfyui` and `text.weigh` make weights of them";

/// Number of truncated characters shown in a warning.
const SHOWN: usize = 200;

/// `wuerst.tokenize`: converts text to token ids, using the tokenizer next to the text encoder.
pub(crate) struct Tokenize {
    spec: NodeSpec,
    models: Arc<ModelCache>,
}

impl Tokenize {
    pub(crate) fn new(models: Arc<ModelCache>) -> Result<Tokenize> {
        let signature = "text: text, model: model, lines: bool = false, weighting: text = \"off\" {off|comfyui|a1111}, \
                         chunks: int = 1 {1..16} -> ids: i64[b,l], mask: i64[b,l], weights: f32[b,l]";
        let about = "Makes token ids of a text, or of each line of a list. What is too long for the model is cut off, with a warning.";
        let spec = NodeSpec::new("wuerst.tokenize", 1, signature, about)?
            .describe("text", "The prompt, or the negative prompt; may be empty.")?
            .describe("model", "A model with the contract `text-encoder`, whose tokenizer lies next to it.")?
            .describe(
                "lines",
                "If true, `text` is a list, as `text.lines` makes it, and each line is a text of its own.",
            )?
            .describe(
                "weighting",
                "Whether `(word:1.3)` and `((word))` are weights, for `text.weigh`: by ComfyUI's rules, or by those of \
                 AUTOMATIC1111, which has `[word]` too. Encoders of CLIP \
                 take to them. `off` reads texts as they stand.",
            )?
            .describe(
                "chunks",
                "Number of chunks of the model's length (75 words or parts of words for encoders of CLIP) that a text is \
                 divided into, for prompts that are longer than one. Each is encoded on its own; text and negative text need \
                 equally many. As in ComfyUI and AUTOMATIC1111.",
            )?
            .describe("weights", "What each token weighs; 1 where nothing is said.")?
            .describe("ids", "Token ids of each text, padded to the model's length in each chunk.")?
            .describe("mask", "1 for tokens of the text, 0 for padding.")?;
        Ok(Tokenize { spec, models })
    }

    fn metadata(&self, model: &Model) -> Result<metadata::TextEncoder> {
        self.models.metadata(model, Contract::TextEncoder)
    }

    fn tokenizer(
        &self,
        model: &Model,
        metadata: &metadata::TextEncoder,
        cancel: &CancellationToken,
    ) -> Result<Arc<Tokenizer>> {
        let file = beside(model, &metadata.tokenizer)?;
        self.models.companion((file.identify(cancel)?, metadata.length), cancel, || {
            let tokenizer = Tokenizer::open(&file, metadata.length)?;
            let bytes = tokenizer.held();
            Ok((tokenizer, bytes))
        })
    }

    /// Checks a tokenizer's file without loading it.
    fn sound(&self, file: &File) -> Result<()> {
        let cancel = CancellationToken::new();
        let check = || Ok((tokenizer::check(file).map(|()| Sound)?, 64));
        self.models.companion((file.identify(&cancel)?, 0), &cancel, check).map(drop)
    }
}

/// Marks that a tokenizer's file was checked.
struct Sound;

/// Files next to a model that it needs: a text encoder's tokenizer. Empty for other models.
///
/// # Errors
/// [`Error::Model`] if a file is missing or the model cannot be read.
pub fn companions(models: &ModelCache, model: &Model) -> Result<Vec<File>> {
    match models.metadata(model, Contract::TextEncoder) {
        Ok(Metadata::TextEncoder(metadata)) => Ok(vec![beside(model, &metadata.tokenizer)?]),
        Err(error) if is_unreadable(&error) => Err(error),
        _ => Ok(vec![]),
    }
}

/// Whether reading the model failed, so that its kind is unknown.
fn is_unreadable(error: &Error) -> bool {
    let Error::Model { source, .. } = error else { return false };
    let header = source.downcast_ref::<HeaderError>();
    let refused =
        matches!(header, Some(HeaderError::Io(_) | HeaderError::Head(HeadError::Wire(WireError::Io(_)))));
    refused || source.is::<std::io::Error>()
}

/// The tokenizer named by a model.
pub(crate) fn beside(model: &Model, name: &str) -> Result<File> {
    let failed = |message: String| Error::Model { path: model.path().into(), source: message.into() };
    // Models may come from strangers, so they may only name files in their own folder.
    if Path::new(name).file_name().is_none_or(|file| file != name) {
        return Err(failed(format!(
            "its metadata names the tokenizer `{name}`, which is not a plain file name"
        )));
    }
    let missing =
        |error: &Error| matches!(error, Error::File { source, .. } if source.kind() == ErrorKind::NotFound);
    if let Some(file) = model.beside(name) {
        let file = file.map_err(|error| match error {
            error if missing(&error) => {
                failed(format!("its tokenizer is not in memory: add `{name}` next to it"))
            }
            other => other,
        })?;
        tokenizer::check_size(file.path(), file.size())?;
        return Ok(file);
    }
    let next_to = |path: &Path| File::open(name, &path.with_file_name(name));
    // Download caches contain links to models; the tokenizer is next to the link or next to its target.
    let found = next_to(model.path()).or_else(|error| match model.path().canonicalize() {
        Ok(target) if missing(&error) => {
            next_to(&target).map_err(|other| if missing(&other) { error } else { other })
        }
        _ => Err(error),
    });
    let file = found.map_err(|error| match error {
        Error::File { source, .. } if source.kind() == ErrorKind::NotFound => {
            failed(format!("its tokenizer is missing: put `{name}` next to it"))
        }
        Error::File { source, .. } => failed(format!("its tokenizer `{name}` cannot be read: {source}")),
        other => other,
    })?;
    tokenizer::check_size(file.path(), file.size())?;
    Ok(file)
}

impl NodeKind for Tokenize {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("model") {
            let model = known.model("model")?;
            let metadata = self.metadata(model).map_err(blame_model)?;
            let file = beside(model, &metadata.tokenizer).map_err(blame_model)?;
            self.sound(&file).map_err(blame_model)?;
        }
        if known.has("text") && known.has("lines") {
            let texts = texts(known)?;
            if let Ok(rules) = known.text("weighting") {
                texts.into_iter().try_for_each(|text| read_by(rules, text).map(drop))?;
            }
        }
        Ok(())
    }

    fn lengths(&self, known: &Args<'_>) -> Vec<KnownLength> {
        let tokens =
            match (known.model("model").and_then(|model| self.metadata(model)), known.count("chunks")) {
                (Ok(metadata), Ok(chunks)) => {
                    let port = if chunks > 1 { "chunks" } else { "model" };
                    Some(("l", metadata.length.saturating_mul(chunks), port))
                }
                _ => None,
            };
        let texts = match (known.bool("lines"), known.text("text")) {
            (Ok(false), _) => Some(("b", 1, "lines")),
            (Ok(true), Ok(text)) => Some(("b", entries(text).len(), "text")),
            _ => None,
        };
        let known = |(dim, length, port)| KnownLength::new(dim, length, port);
        tokens.into_iter().chain(texts).map(known).collect()
    }

    /// The tokenizer is a separate file, which may be replaced while the encoder stays.
    fn state(&self, known: &Args<'_>) -> Result<Option<Digest>> {
        if !known.has("model") {
            return Ok(None);
        }
        let model = known.model("model")?;
        let metadata = self.metadata(model)?;
        beside(model, &metadata.tokenizer)?.identify(&CancellationToken::new()).map(Some)
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let model = args.model("model")?;
        let metadata = self.metadata(model)?;
        let tokenizer = self.tokenizer(model, &metadata, ctx.cancel())?;
        let texts = texts(args)?;
        let (chunks, rules) = (args.count("chunks")?, args.text("weighting")?);
        let length = metadata.length.saturating_mul(chunks);
        let count = texts.len().saturating_mul(length);
        let (mut ids, mut mask, mut weights) =
            (memory::room(count)?, memory::room(count)?, memory::room::<f32>(count)?);
        for text in &texts {
            ctx.cancel().check()?;
            if rules == "off" && looks_weighted(text) {
                ctx.warn(AS_IT_STANDS);
            }
            let weighted = read_by(rules, text)?;
            let text = weighted.as_ref().map_or(*text, |weighted| &weighted.text);
            let read = chunked(&tokenizer, text, weighted.as_ref(), chunks)?;
            if let Some(rest) = read.rest {
                ctx.warn(&cut_off(rest, length));
            }
            weights.extend(read.tokens.iter().map(|token| token.weight));
            ids.extend(read.tokens.iter().map(|token| i64::from(token.id)));
            mask.extend(read.tokens.iter().map(|token| i64::from(token.read)));
        }
        let shape = [texts.len(), length];
        let rows = |numbers: Vec<i64>| Tensor::from_vec(&shape, numbers);
        Ok(vec![rows(ids)?.into(), rows(mask)?.into(), Tensor::from_vec(&shape, weights)?.into()])
    }
}

/// The texts to convert.
fn texts<'a>(args: &Args<'a>) -> Result<Vec<&'a str>> {
    let text = args.text("text")?;
    let texts = if args.bool("lines")? { entries(text) } else { vec![text] };
    if texts.is_empty() {
        return Err(Error::invalid("text", "is a list without lines"));
    }
    if texts.len() > Batch::MOST {
        let message = format!("is a list of {} lines; the maximum is {}", texts.len(), Batch::MOST);
        return Err(Error::invalid("text", message));
    }
    Ok(texts)
}

fn cut_off(cut: &str, length: usize) -> String {
    let rest = cut.chars().count().saturating_sub(SHOWN);
    let shown: String = cut.chars().take(SHOWN).collect();
    let more = if rest > 0 { format!("… and {rest} more characters") } else { String::new() };
    format!("the text is longer than the {length} tokens that the model reads; cut off: \"{shown}\"{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreadable_models_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.onnx");
        std::fs::write(&path, "no model").unwrap();
        let model = Model::open("m", &path).unwrap();
        let models = ModelCache::new(wuerst_runtime::RuntimeOptions::default());
        assert_eq!(companions(&models, &model).unwrap().len(), 0, "of no kind that is known");
        std::fs::remove_file(&path).unwrap();
        assert!(companions(&models, &model).unwrap_err().to_string().contains("m.onnx"));
    }
}
