//! Places the layers of LoRA files on the parameters of a network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::keys::Part;
use super::merge::{Change, LowRank, Norms};
use super::names::{Named, Names, Side, Target};
use super::{Layer, Lora, LoraError, fits, listed};
use crate::onnx::{BoxError, Weight, Weights};

/// Changes of a network's weights, by parameter, in the order of the files.
#[derive(Debug, Clone, Default)]
pub struct Adapters {
    changes: BTreeMap<String, Vec<Change>>,
    labels: Vec<String>,
}

/// Result of placing a file on a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Matrices of the network that the file changes.
    pub changed: usize,
    /// Matrices of the network that a LoRA may change.
    pub of: usize,
    /// Layers and token rows of the file that belong to another network: to the text encoder or the denoiser.
    pub elsewhere: usize,
}

impl Placed {
    /// A remark on parts of `file` that belong to another network than `stage`.
    pub fn remark(&self, file: &Path, stage: &str) -> Option<String> {
        let (file, parts) = (file.display(), self.elsewhere);
        (parts > 0).then(|| {
            format!(
                "{file}: {parts} of its parts change another stage than {stage} (a denoiser or its text encoder): give \
                 the file there too"
            )
        })
    }
}

/// Weights with changes.
pub struct Merged<'a> {
    base: &'a dyn Weights,
    adapters: &'a Adapters,
}

impl Weights for Merged<'_> {
    fn weight(&self, name: &str) -> Result<Weight, BoxError> {
        let mut weight = self.base.weight(name)?;
        self.adapters.apply(name, &mut weight)?;
        Ok(weight)
    }
}

/// Token table of a text encoder.
const TOKENS: &str = "embeddings.token_embedding.weight";

impl Adapters {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The files' names with their strengths, for a model's metadata.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Whether the parameter of this name changes.
    pub fn changes(&self, name: &str) -> bool {
        self.changes.contains_key(name)
    }

    /// Names of the changed parameters.
    pub fn changed(&self) -> impl Iterator<Item = &str> {
        self.changes.keys().map(String::as_str)
    }

    /// The weights of `base` with these changes.
    pub fn over<'a>(&'a self, base: &'a dyn Weights) -> Merged<'a> {
        Merged { base, adapters: self }
    }

    /// Applies the changes of a parameter to its weight.
    ///
    /// # Errors
    /// If the weight has another size than the parameter for which the changes were placed.
    pub fn apply(&self, name: &str, weight: &mut Weight) -> Result<(), BoxError> {
        for change in self.changes.get(name).into_iter().flatten() {
            if !change.fits(&weight.shape) || weight.data.len() != weight.shape.iter().product::<usize>() {
                return Err(format!("{:?} is not the size that the LoRA changes", weight.shape).into());
            }
            change.apply(weight);
        }
        Ok(())
    }

    /// Adds the changes of a file with this strength to a network with these parameters; `of` names it in messages. A
    /// strength of 0 changes nothing, but the file is checked.
    ///
    /// # Errors
    /// [`LoraError`] that lists all layers without a place, with the network that the file fits, or the first layer of
    /// another size.
    pub fn add<'a>(
        &mut self,
        lora: &Lora,
        strength: f32,
        of: &str,
        params: impl Iterator<Item = Named<'a>>,
    ) -> Result<Placed, LoraError> {
        super::check_strength(strength).map_err(|message| lora.refused(message))?;
        let shapes: BTreeMap<&str, &[usize]> = params.collect();
        let names = Names::of(shapes.iter().map(|(name, shape)| (*name, *shape)));
        let (targets, elsewhere) = targets(lora, &names, of)?;
        let mut changes: BTreeMap<String, Vec<Change>> = BTreeMap::new();
        for (layer, target) in &targets {
            for (param, change) in lora.changes(layer, target, strength, &shapes)? {
                let before = changes.entry(param.clone()).or_default();
                if !before.is_empty() {
                    return Err(lora.refused(format!("changes `{param}` twice, under two names")));
                }
                before.push(change);
            }
        }
        let rows = lora.rows && shapes.contains_key(TOKENS);
        if let Some(shape) = shapes.get(TOKENS).filter(|_| lora.rows) {
            changes.entry(TOKENS.to_owned()).or_default().push(lora.token_rows(strength, shape)?);
        }
        let elsewhere = elsewhere + usize::from(lora.rows && !rows);
        let changed: BTreeSet<&String> = changes.keys().collect();
        let placed = Placed { changed: changed.len(), of: names.layers(), elsewhere };
        if strength != 0. {
            let file = lora.path().file_name().unwrap_or_default().display();
            self.labels.push(format!("{file}{{strength={strength}}}"));
            changes.into_iter().for_each(|(name, more)| self.changes.entry(name).or_default().extend(more));
        }
        Ok(placed)
    }
}

/// Layers of a file with their parameters.
type Targets<'l> = Vec<(&'l str, Target)>;

/// The parameters of each layer of a file, and the number of layers for another network.
fn targets<'l>(lora: &'l Lora, names: &Names, of: &str) -> Result<(Targets<'l>, usize), LoraError> {
    let (mut targets, mut elsewhere, mut without) = (vec![], 0, vec![]);
    let entry = |layer: &str| layer.strip_prefix("weights.").and_then(|at| at.parse::<usize>().ok());
    let entries = lora.layers.keys().filter(|layer| entry(layer).is_some()).count();
    let other = match names.side() {
        Side::Denoiser => Side::Text,
        Side::Text => Side::Denoiser,
    };
    if entries > 0 && names.side() == Side::Denoiser && entries != 2 * names.attention_blocks() {
        let blocks = names.attention_blocks();
        let message = format!(
            "lists {entries} changes without names, two for each attention block, and {of} has {blocks} such blocks: it is \
             for {}",
            fits::network(lora)
        );
        return Err(lora.refused(message));
    }
    for layer in lora.layers.keys() {
        let found = match entry(layer) {
            Some(at) => names.listed(at).ok_or(Some(Side::Denoiser)),
            None => names.find(layer),
        };
        match found {
            Ok(target) => targets.push((layer.as_str(), target)),
            Err(Some(side)) if side == other => elsewhere += 1,
            Err(_) => without.push(layer.clone()),
        }
    }
    let rows = lora.rows && names.side() == Side::Text;
    if targets.is_empty() && !rows {
        without = lora.layers.keys().cloned().collect();
        without.extend(lora.rows.then(|| "embeddings.embeddings".to_owned()));
    }
    if without.is_empty() {
        return Ok((targets, elsewhere));
    }
    Err(lora.refused(format!(
        "{} of its {} layers have no place in {of}, the file is for {}: {}",
        without.len(),
        lora.layers.len() + usize::from(lora.layers.is_empty()),
        fits::network(lora),
        listed(&without)
    )))
}

impl Lora {
    /// The changes of a layer's parameters.
    fn changes(
        &self,
        layer: &str,
        target: &Target,
        strength: f32,
        shapes: &BTreeMap<&str, &[usize]>,
    ) -> Result<Vec<(String, Change)>, LoraError> {
        let parts = self.layers.get(layer).ok_or_else(|| self.refused(format!("has no layer `{layer}`")))?;
        let params: Vec<&String> = match target {
            Target::One(param) => vec![param],
            Target::Fused(params) => params.iter().collect(),
        };
        let of = |param: &String| shapes.get(param.as_str()).copied().unwrap_or_default();
        let shape = of(params[0]);
        let outputs: Vec<usize> =
            params.iter().map(|param| of(param).first().copied().unwrap_or(0)).collect();
        let whole = LayerShape { outputs: outputs.iter().sum(), inner: shape.get(1..).unwrap_or_default() };
        let low = self.low_rank(layer, parts, &whole, strength)?;
        if params.len() > 1 && matches!(low.norms, Some(Norms::OfInputs(_))) {
            let message =
                format!("`{layer}` has norms of the inputs of query, key and value together: not supported");
            return Err(self.refused(message));
        }
        let mut from = 0;
        let parts = params.into_iter().zip(outputs).map(|(param, rows)| {
            let range = from..from + rows;
            from += rows;
            (param.clone(), Change::LowRank(low.rows(range)))
        });
        Ok(parts.collect())
    }

    /// The factors of a layer, checked against the size of the weight that they change.
    fn low_rank(
        &self,
        layer: &str,
        parts: &Layer,
        whole: &LayerShape<'_>,
        strength: f32,
    ) -> Result<LowRank, LoraError> {
        let key = |part: Part| {
            let missing =
                || self.refused(format!("has `{layer}` without its {part:?} part: the file is incomplete"));
            parts.get(&part).ok_or_else(missing)
        };
        let (down, up) = (key(Part::Down)?, key(Part::Up)?);
        let [d, u] = [self.shape(down), self.shape(up)];
        let inner: usize = whole.inner.iter().product();
        let rank = d.first().copied().unwrap_or(0);
        let product = |shape: &[usize]| shape.iter().fold(1usize, |all, n| all.saturating_mul(*n));
        let fits = d.len() >= 2 && product(&d[1..]) == inner && u.len() >= 2;
        if !fits || u[0] != whole.outputs || u[1] != rank || product(&u[2..]) != 1 {
            let (outputs, inner) = (whole.outputs, whole.inner);
            let message = format!(
                "`{layer}` has factors {u:?} and {d:?}, whose product is not {outputs} by {inner:?}; the file is for {}",
                fits::network(self)
            );
            return Err(self.refused(message));
        }
        if rank == 0 || rank > whole.outputs.max(inner) {
            let message =
                format!("`{layer}` has rank {rank}, and its matrix is {} by {inner}", whole.outputs);
            return Err(self.refused(message));
        }
        let scale = match parts.get(&Part::Alpha) {
            Some(alpha) => self.number(alpha)? / rank as f32,
            None if layer.starts_with("weights.") => 1. / rank as f32,
            None => self.config.scale(layer, rank),
        };
        let norms = self.norms(layer, parts, whole)?;
        let (down, up) = (self.file.tensor(down)?.data, self.file.tensor(up)?.data);
        Ok(LowRank { down, up, rank, scale, strength, norms })
    }

    fn norms(&self, layer: &str, parts: &Layer, whole: &LayerShape<'_>) -> Result<Option<Norms>, LoraError> {
        let (key, always_outputs) = match (parts.get(&Part::DoraScale), parts.get(&Part::Magnitude)) {
            (Some(key), None) => (key, false),
            (None, Some(key)) => (key, true),
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(self.refused(format!("`{layer}` has two sets of norms"))),
        };
        let shape = self.shape(key);
        let count: usize = shape.iter().product();
        let first = shape.first().copied().unwrap_or(0);
        let inputs = whole.inner.first().copied().unwrap_or(0);
        let of_outputs = count == whole.outputs && (always_outputs || first == count);
        let of_inputs = !always_outputs && count == inputs && first == 1 && shape.get(1) == Some(&count);
        if !of_outputs && !of_inputs {
            let message = format!(
                "`{key}` is {shape:?}; a norm for each of {} outputs or {inputs} inputs is expected",
                whole.outputs
            );
            return Err(self.refused(message));
        }
        let norms = self.file.tensor(key)?.data;
        Ok(Some(if of_outputs { Norms::OfOutputs(norms) } else { Norms::OfInputs(norms) }))
    }

    /// The trained rows of the token table.
    fn token_rows(&self, strength: f32, table: &[usize]) -> Result<Change, LoraError> {
        let (rows, ids) =
            (self.file.tensor("embeddings.embeddings")?, self.file.integers("embeddings.indices")?);
        let (tokens, width) = (table[0], table[1]);
        if rows.shape != [ids.len(), width] {
            let message = format!(
                "has token rows {:?} for {} tokens, and the text encoder has rows of {width}",
                rows.shape,
                ids.len()
            );
            return Err(self.refused(message));
        }
        let known = |id: &i64| usize::try_from(*id).ok().filter(|id| *id < tokens);
        let row = |(id, row): (&i64, &[f32])| {
            let unknown = || self.refused(format!("trains token {id}, and the text encoder has {tokens}"));
            Ok((known(id).ok_or_else(unknown)?, row.to_vec()))
        };
        let rows: Result<_, LoraError> =
            ids.iter().zip(rows.data.chunks_exact(width.max(1))).map(row).collect();
        Ok(Change::Rows { rows: rows?, strength })
    }

    /// A tensor of one number, possibly an integer.
    fn number(&self, key: &str) -> Result<f32, LoraError> {
        let one = match self.file.integers(key) {
            Ok(numbers) => numbers.first().map(|number| *number as f32),
            Err(_) => self.file.tensor(key)?.data.first().copied(),
        };
        one.ok_or_else(|| self.refused(format!("`{key}` holds no number")))
    }
}

/// Size of the weight that a layer changes.
struct LayerShape<'a> {
    /// Rows; of several weights if the file stores them one after another.
    outputs: usize,
    /// All other extents.
    inner: &'a [usize],
}
