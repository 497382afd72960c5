//! The width of each floating-point value in an f16 model: f16 or f32.
//!
//! ONNX has no operators with mixed widths. A value that is read in another width is converted by a `Cast`, once per width.

use half::f16;

use super::Compute;
use super::builder::Builder;
use super::fold;
use super::proto::{AttributeProto, elem};
use super::store::{encode, transpose};
use super::weights::{ExportError, Weight};
use crate::record::Id;

/// Operators whose result is not a floating-point number, whatever their arguments.
const OF_OTHER_TYPES: [&str; 5] = ["Shape", "Less", "GreaterOrEqual", "And", "ArgMin"];

/// The width of a floating-point value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    Half,
    Single,
    /// f32, since it does not fit into f16; operations that read it are f32 too.
    Beyond,
}

impl Builder<'_> {
    /// Whether the model computes in f16, except for selected values.
    pub fn in_f16(&self) -> bool {
        self.compute == Compute::F16
    }

    /// The value in the width of the current operation.
    pub fn in_width(&mut self, name: String) -> String {
        match self.widths.get(&name) {
            Some(Width::Half) if !self.half => self.cast(&name, elem::FLOAT),
            Some(Width::Single) if self.half => self.cast(&name, elem::FLOAT16),
            _ => name,
        }
    }

    fn cast(&mut self, name: &str, to: i32) -> String {
        let suffix = if to == elem::FLOAT { "f32" } else { "f16" };
        let key = format!("{name} as {suffix}");
        if let Some(cast) = self.shared.get(&key) {
            return cast.clone();
        }
        let to = vec![AttributeProto::int("to", to.into())];
        let cast = self.emit_as(format!("{name}.{suffix}"), "Cast", &[name], to);
        self.shared.insert(key, cast.clone());
        cast
    }

    /// The inputs of an operator, all in one width, and the width of its result.
    pub fn harmonised(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: &[AttributeProto],
    ) -> (Vec<String>, Option<Width>) {
        let mut inputs: Vec<String> = inputs.iter().map(|name| (*name).to_owned()).collect();
        if !self.in_f16() || OF_OTHER_TYPES.contains(&op) {
            return (inputs, None);
        }
        if op == "Cast" {
            let to = attributes.iter().find_map(|attribute| attribute.i);
            let width = match to.and_then(|to| i32::try_from(to).ok()) {
                Some(elem::FLOAT16) => Some(Width::Half),
                Some(elem::FLOAT) => Some(Width::Single),
                _ => None,
            };
            return (inputs, width);
        }
        let widths: Vec<Width> = inputs.iter().filter_map(|name| self.widths.get(name).copied()).collect();
        if widths.iter().all(|width| *width == Width::Half) {
            return (inputs, widths.first().copied());
        }
        for name in &mut inputs {
            if self.widths.get(name) == Some(&Width::Half) {
                *name = self.cast(name, elem::FLOAT);
            }
        }
        // No operation reads it in f16 until the operation is bound.
        (inputs, Some(if self.half { Width::Beyond } else { Width::Single }))
    }

    /// Gives a further result of an operator the width of the first one.
    pub fn same_width(&mut self, first: &str, other: &str) {
        if let Some(width) = self.widths.get(first).copied() {
            self.widths.insert(other.into(), width);
        }
    }

    /// The result of a recorded operation, in f16 unless the operation was selected for f32.
    pub fn settled(&mut self, id: Id, name: String) -> String {
        let beyond = self.widths.get(&name) == Some(&Width::Beyond);
        if beyond && !self.wide[id.0] { self.cast(&name, elem::FLOAT16) } else { name }
    }

    /// A value that depends on no input, as a tensor with this name; `None` if its operations are not supported here.
    pub fn fold(&mut self, id: Id, name: &str, transposed: bool) -> Result<Option<String>, ExportError> {
        let Some(weight) = fold::folded(self.graph, &self.store, id)? else { return Ok(None) };
        let name = self.fresh(name);
        self.keep(&name, weight, transposed)?;
        Ok(Some(name))
    }

    /// Adds a tensor in the width of the current operation, or in f32 if its numbers exceed f16. `transposed` swaps the
    /// axes of a matrix.
    pub fn keep(&mut self, name: &str, weight: Weight, transposed: bool) -> Result<(), ExportError> {
        let Weight { mut shape, mut data } = weight;
        if let ([rows, columns], true) = (&shape[..], transposed) {
            data = transpose(&data, *rows, *columns);
            shape.reverse();
        }
        let fits = data.iter().all(|number| f16::from_f32(*number).is_finite());
        let (width, dtype) = match self.half {
            true if fits => (Width::Half, elem::FLOAT16),
            true => (Width::Beyond, elem::FLOAT),
            false => (Width::Single, elem::FLOAT),
        };
        self.widths.insert(name.into(), width);
        self.store.add(name, dtype, &shape, encode(&data, width == Width::Half))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use prost::Message;

    use super::*;
    use crate::contract::Sizes;
    use crate::decoder::{self, DecoderConfig};
    use crate::onnx::proto::ModelProto;
    use crate::onnx::{BoxError, ExportOptions, Operators, encode, weight_bytes};
    use crate::prior::{self, PriorConfig};
    use crate::record::NetworkGraph;
    use crate::text::clip::{self, ClipConfig};
    use crate::vqgan::{self, VqganConfig};

    const SIZES: Sizes = Sizes { batch: 1, height: 16, width: 16, embedding: [2, 2], length: 3 };

    fn options(operators: Operators) -> ExportOptions {
        ExportOptions { compute: Compute::F16, operators, ..ExportOptions::default() }
    }

    #[test]
    fn weights_are_f16_and_nothing_is_left_to_fold() {
        let decoder = DecoderConfig {
            c_cond: 32,
            c_hidden: vec![8, 16],
            nhead: vec![-1, 2],
            blocks: vec![1, 2],
            level_config: vec!["CT".into(), "CTA".into()],
            inject_effnet: vec![false, true],
            clip_embd: 8,
            ..DecoderConfig::default()
        };
        let vqgan = VqganConfig { embed_dim: 16, bottleneck_blocks: 2, ..VqganConfig::default() };
        let graphs =
            [decoder::graph(&decoder, &SIZES).unwrap(), vqgan::decoder_graph(&vqgan, &SIZES).unwrap()];
        for (graph, operators) in
            graphs.iter().flat_map(|g| [Operators::Standard, Operators::OnnxRuntime].map(|o| (g, o)))
        {
            let weights = |name: &str| -> Result<Weight, BoxError> {
                let shape = graph.params.iter().find(|p| p.name == name).unwrap().shape.clone();
                Ok(Weight { data: vec![0.5; shape.iter().product()], shape })
            };
            let model =
                ModelProto::decode(&encode(graph, &weights, &options(operators)).unwrap()[..]).unwrap();
            let graph = model.graph.unwrap();
            let single = graph.initializer.iter().filter(|tensor| tensor.data_type == elem::FLOAT);
            // The scales and shifts of response norms, and constants.
            let few = single.filter(|tensor| tensor.raw_data.as_ref().unwrap().len() > 4 * 64);
            assert_eq!(few.map(|tensor| &tensor.name[..]).collect::<Vec<_>>(), [""; 0]);
            let stored: HashSet<&str> = graph.initializer.iter().map(|tensor| &tensor.name[..]).collect();
            let of_weights = graph.node.iter().filter(|n| n.input.iter().all(|i| stored.contains(&i[..])));
            let of_weights = of_weights.filter(|node| !matches!(&node.op_type[..], "Reshape" | "Transpose"));
            assert_eq!(of_weights.map(|node| &node.name[..]).collect::<Vec<_>>(), [""; 0]);
        }
    }

    #[test]
    fn the_published_weights_take_half() {
        let graphs: [NetworkGraph; 5] = [
            clip::graph(&ClipConfig::big_g(), &SIZES).unwrap(),
            prior::graph(&PriorConfig::default(), &SIZES).unwrap(),
            clip::graph(&ClipConfig::h(), &SIZES).unwrap(),
            decoder::graph(&DecoderConfig::default(), &SIZES).unwrap(),
            vqgan::decoder_graph(&VqganConfig::default(), &SIZES).unwrap(),
        ];
        let gigabytes = |options: &ExportOptions| {
            let bytes: u64 = graphs.iter().map(|graph| weight_bytes(graph, options)).sum();
            (bytes as f64 / 1e8).round() / 10.
        };
        let of = [ExportOptions::default(), options(Operators::Standard)].map(|options| gigabytes(&options));
        assert_eq!(of, [12.4, 6.2]);
    }
}
