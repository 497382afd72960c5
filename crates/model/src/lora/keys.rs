//! Keys of LoRA files: the layer that a tensor belongs to, and its part in the layer's change.

/// Part of a tensor in the change of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `[r,in]`, applied first.
    Down,
    /// `[out,r]`.
    Up,
    /// The number α; the change is scaled by α/r.
    Alpha,
    /// Norms of DoRA, for each output or for each input.
    DoraScale,
    /// Norms of DoRA in PEFT's files, always for each output.
    Magnitude,
}

/// Meaning of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Key {
    /// A tensor of a layer, which has the name that the file gives it.
    Layer(String, Part),
    /// Trained rows of the token table, or their token ids, in the authors' files.
    TokenRows,
    /// A method or part that is not supported, by name.
    Unsupported(&'static str),
    /// A tensor of no LoRA.
    Unknown,
}

/// Endings of keys, the longest of those with a common end first.
const ENDINGS: [(&str, Part); 15] = [
    (".lora_linear_layer.down.weight", Part::Down),
    (".lora_linear_layer.up.weight", Part::Up),
    (".lora_down.weight", Part::Down),
    (".lora_up.weight", Part::Up),
    (".lora.down.weight", Part::Down),
    (".lora.up.weight", Part::Up),
    ("_lora.down.weight", Part::Down),
    ("_lora.up.weight", Part::Up),
    (".lora_A.weight", Part::Down),
    (".lora_B.weight", Part::Up),
    (".lora_magnitude_vector.weight", Part::Magnitude),
    (".lora_magnitude_vector", Part::Magnitude),
    (".dora_scale", Part::DoraScale),
    (".lora_down", Part::Down),
    (".lora_up", Part::Up),
];

/// Parts of keys of methods that are not supported, with the name of the method.
const UNSUPPORTED: [(&str, &str); 16] = [
    (".hada_", "LoHa"),
    (".lokr_", "LoKr"),
    (".lora_mid", "LoCon in Tucker form"),
    (".a1.weight", "GLoRA"),
    (".a2.weight", "GLoRA"),
    (".b1.weight", "GLoRA"),
    (".b2.weight", "GLoRA"),
    (".w_norm", "trained norms (`w_norm`)"),
    (".b_norm", "trained norms (`b_norm`)"),
    (".oft_", "OFT"),
    (".on_input", "IA³"),
    ("lora_embedding_", "a LoRA of an embedding"),
    (".lora_A.bias", "a LoRA with biases"),
    (".lora_B.bias", "a LoRA with biases"),
    ("bundle_emb", "trained tokens (`bundle_emb`)"),
    ("string_to_param", "a textual inversion"),
];

/// The meaning of a key.
pub fn parse(key: &str) -> Key {
    if ["embeddings.embeddings", "embeddings.indices"].contains(&key) {
        return Key::TokenRows;
    }
    // Trained tokens without a network: one matrix for each text encoder.
    if ["clip_g", "clip_l", "emb_params"].contains(&key) {
        return Key::Unsupported("a textual inversion");
    }
    if let Some((_, method)) = UNSUPPORTED.iter().find(|(part, _)| key.contains(part)) {
        return Key::Unsupported(method);
    }
    if key.ends_with(".diff") || key.ends_with(".diff_b") {
        return Key::Unsupported("whole differences (`diff`)");
    }
    if let Some(layer) = key.strip_suffix(".alpha") {
        return Key::Layer(layer.to_owned(), Part::Alpha);
    }
    let key = without_adapter(key);
    match ENDINGS.iter().find_map(|(end, part)| Some((key.strip_suffix(end)?, *part))) {
        Some((layer, part)) => Key::Layer(layer.replace(".processor.", "."), part),
        None => Key::Unknown,
    }
}

/// PEFT's key without the adapter's name: `lora_A.default.weight` becomes `lora_A.weight`.
fn without_adapter(key: &str) -> String {
    for part in [".lora_A.", ".lora_B.", ".lora_magnitude_vector."] {
        if let Some((layer, rest)) = key.split_once(part)
            && let Some(adapter) = rest.strip_suffix(".weight")
            && !adapter.contains('.')
        {
            return format!("{layer}{part}weight");
        }
    }
    key.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_layer_and_part() {
        for (key, layer, part) in [
            ("prior.blocks.2.attention.to_q.lora_A.weight", "prior.blocks.2.attention.to_q", Part::Down),
            ("a.to_q.lora_B.default.weight", "a.to_q", Part::Up),
            ("unet.a.attention.processor.to_q_lora.down.weight", "unet.a.attention.to_q", Part::Down),
            ("lora_prior_unet_a_to_k.lora_up.weight", "lora_prior_unet_a_to_k", Part::Up),
            ("lora_prior_unet_a_to_k.alpha", "lora_prior_unet_a_to_k", Part::Alpha),
            ("te.fc1.lora_linear_layer.up.weight", "te.fc1", Part::Up),
            ("weights.11.lora_down", "weights.11", Part::Down),
            ("a.dora_scale", "a", Part::DoraScale),
            ("a.lora_magnitude_vector", "a", Part::Magnitude),
            ("a.lora_magnitude_vector.default.weight", "a", Part::Magnitude),
        ] {
            assert_eq!(parse(key), Key::Layer(layer.to_owned(), part), "{key}");
        }
        let key = "model.diffusion_model.a.lora_down.weight";
        assert_eq!(parse(key), Key::Layer("model.diffusion_model.a".to_owned(), Part::Down));
        assert_eq!(parse("embeddings.indices"), Key::TokenRows);
        assert_eq!(parse("down_blocks.0.weight"), Key::Unknown);
        for (key, method) in [
            ("x.hada_w1_a", "LoHa"),
            ("x.lokr_w2", "LoKr"),
            ("x.a1.weight", "GLoRA"),
            ("model.diffusion_model.x.diff_b", "whole differences (`diff`)"),
            ("clip_g", "a textual inversion"),
        ] {
            assert_eq!(parse(key), Key::Unsupported(method), "{key}");
        }
    }
}
