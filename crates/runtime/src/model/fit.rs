//! Explains why a tensor does not fit a model's input, by the meaning of the dimensions.

use wuerst_core::Dim;

use crate::model_header::Outlet;

/// Describes the dimension of input `name` that differs, with advice.
pub(super) fn why(name: &str, wanted: &[Dim], shape: &[usize]) -> String {
    let lengths: Vec<Option<usize>> = shape.iter().copied().map(Some).collect();
    let differs = (wanted.len() == shape.len()).then(|| first(name, wanted, &lengths)).flatten();
    differs.unwrap_or_else(|| "it has another number of dimensions".to_owned())
}

/// Like `why`, for partly known lengths; `None` if no known length differs.
pub(crate) fn differing(outlet: &Outlet, lengths: &[Option<usize>]) -> Option<String> {
    first(&outlet.name, &outlet.dims, lengths)
}

fn first(name: &str, wanted: &[Dim], lengths: &[Option<usize>]) -> Option<String> {
    let differing = wanted.iter().zip(lengths).enumerate().find_map(|(axis, pair)| match pair {
        (Dim::Fixed(want), Some(got)) if want != got => Some((axis, *want, *got)),
        _ => None,
    });
    let (axis, want, got) = differing?;
    let sequence = matches!(name, "text" | "states" | "input_ids" | "attention_mask");
    Some(match (axis, sequence) {
        // Guidance evaluates two batch items at once.
        (0, _) if (want, got) == (1, 2) => {
            "the model was exported for a fixed batch of 1, not 2; export it with a free batch \
            (a dynamic axis), or set guidance_batch to 1"
                .to_owned()
        }
        (0, _) => format!(
            "the model was exported for a fixed batch of {want}, not {got}; export it with a free batch (a dynamic axis)"
        ),
        (1, true) => format!(
            "it has {got} tokens, and the model was exported for {want}; use the tokenizer that belongs to it"
        ),
        (_, true) => format!(
            "it has {got} features, and the model takes {want}; use the text encoder that belongs to it"
        ),
        (1, false) => format!(
            "it has {got} channels, and the model takes {want}; wire what the stage before this one makes, with models \
             that belong together"
        ),
        _ => format!(
            "the model was exported for one size, {want} along this side and not {got}; make a picture of that size, or \
             export the model with free sides (dynamic axes)"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_named() {
        let dims =
            |text: [&str; 4]| text.map(|dim| dim.parse().map_or_else(|_| Dim::Named(dim.into()), Dim::Fixed));
        let said = |dims: [Dim; 4], shape: [usize; 4]| why("latents", &dims, &shape);
        assert!(said(dims(["1", "4", "h", "w"]), [2, 4, 8, 8]).contains("fixed batch of 1, not 2"));
        assert!(
            said(dims(["b", "4", "h", "w"]), [1, 16, 8, 8]).contains("16 channels, and the model takes 4")
        );
        assert!(
            said(dims(["b", "4", "64", "64"]), [1, 4, 64, 32])
                .contains("one size, 64 along this side and not 32")
        );
        let text = [Dim::Named("b".into()), Dim::Fixed(77), Dim::Fixed(1280)];
        assert!(why("text", &text, &[1, 64, 1280]).contains("64 tokens"));
        assert!(why("text", &text, &[1, 77, 384]).contains("384 features"));
        assert!(why("text", &text, &[77, 384]).contains("number of dimensions"));
    }
}
