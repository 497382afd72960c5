//! Determines which pictures of a graph a model makes.

use wuerst_core::{DType, Dim, Origin, Port, Result, Ty};

use super::{Graph, ValueSource};

impl Graph {
    /// Whether models make the pixels of an output; `given` tells whether an input, by index, has a value.
    ///
    /// # Errors
    /// An unknown output.
    pub fn origin(&self, output: &str, given: &dyn Fn(usize) -> bool) -> Result<Option<Origin>> {
        let output = &self.outputs[self.output(output)?];
        Ok(match output.source {
            ValueSource::Output { node, .. } => self.origins(given)[node],
            _ => None,
        })
    }

    /// The origin of every node's results.
    pub(crate) fn origins(&self, given: &dyn Fn(usize) -> bool) -> Vec<Option<Origin>> {
        let mut origins: Vec<Option<Origin>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let signature = &node.kind.spec().signature;
            let arguments =
                signature.inputs.iter().zip(&node.args).filter_map(|(port, source)| match source {
                    ValueSource::LeftOut => None,
                    ValueSource::Input(index) => given(*index).then_some((port, None)),
                    ValueSource::Literal(_) => Some((port, None)),
                    // Each node comes after those that it uses.
                    ValueSource::Output { node, .. } => Some((port, origins.get(*node).copied().flatten())),
                });
            let arguments: Vec<(&Port, Option<Origin>)> = arguments.collect();
            let makes_picture = signature.outputs.iter().any(|port| is_picture(&port.ty));
            let origin = of_results(&arguments, makes_picture);
            origins.push(origin);
        }
        origins
    }
}

/// The origin of a node's results, derived from the origins of its arguments.
fn of_results(arguments: &[(&Port, Option<Origin>)], makes_picture: bool) -> Option<Origin> {
    let most =
        || arguments.iter().filter(|(port, _)| has_rank(&port.ty, 3)).filter_map(|(_, origin)| *origin).max();
    if arguments.iter().any(|(port, _)| port.ty == Ty::Model) {
        // A mask of tokens has whole numbers.
        let is_mask =
            |port: &Port| port.name == "mask" && matches!(port.ty, Ty::Tensor { dtype: DType::F32, .. });
        let keeps = arguments.iter().any(|(port, _)| is_mask(port));
        return if keeps { Some(Origin::Composite) } else { most().or(Some(Origin::Trained)) };
    }
    let pictures = arguments.iter().filter(|(port, _)| makes_picture && is_picture(&port.ty));
    let pictures: Vec<Option<Origin>> = pictures.map(|(_, origin)| *origin).collect();
    match pictures.iter().flatten().max() {
        Some(Origin::Trained) if pictures.contains(&None) => Some(Origin::Composite),
        Some(origin) => Some(*origin),
        None if pictures.is_empty() => most(),
        None => None,
    }
}

fn has_rank(ty: &Ty, least: usize) -> bool {
    matches!(ty, Ty::Tensor { dims, .. } if dims.len() >= least)
}

/// Whether a type holds one or several pictures.
fn is_picture(ty: &Ty) -> bool {
    matches!(ty, Ty::Tensor { dims, .. } if dims.len() >= 3 && dims.last() == Some(&Dim::Fixed(3)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_models_are_known() {
        let port = |name: &str, ty: &str| Port::parse(name, ty).unwrap();
        let origin = |ports: &[(&Port, Option<Origin>)], picture| of_results(ports, picture);
        let (model, latents, picture) =
            (port("model", "model"), port("latents", "f32[b,4,h,w]"), port("a", "u8[h,w,3]"));
        let (mask, words) = (port("mask", "f32[y,x]"), port("mask", "i64[b,l]"));
        let trained = Some(Origin::Trained);
        assert_eq!(origin(&[(&picture, None)], true), None);
        assert_eq!(origin(&[(&model, None), (&latents, None)], true), trained);
        assert_eq!(origin(&[(&model, None), (&words, None)], false), trained, "a mask of tokens");
        assert_eq!(origin(&[(&model, None), (&mask, None)], false), Some(Origin::Composite));
        assert_eq!(
            origin(&[(&model, None), (&latents, Some(Origin::Composite))], true),
            Some(Origin::Composite)
        );
        assert_eq!(origin(&[(&picture, trained), (&picture, trained)], true), trained);
        assert_eq!(origin(&[(&picture, trained), (&picture, None)], true), Some(Origin::Composite));
        assert_eq!(origin(&[(&picture, trained), (&mask, None)], true), trained);
        // Noise is not a picture.
        assert_eq!(origin(&[(&latents, trained), (&latents, None)], false), trained);
    }
}
