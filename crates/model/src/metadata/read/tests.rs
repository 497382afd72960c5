use super::*;
use crate::metadata::{Compressor, Decoder, Preview, Prior, SamplingDefaults, TextEncoder, Vqgan};
use crate::scale::Scale;

fn read(contract: &str, pairs: &[(&str, &str)]) -> Result<Metadata, String> {
    let pairs: Vec<(String, &str)> =
        pairs.iter().map(|(key, text)| (format!("wuerst.{key}"), *text)).collect();
    let pairs = pairs.iter().map(|(key, text)| (key.as_str(), *text));
    Metadata::read([("wuerst.contract", contract)].into_iter().chain(pairs)).map_err(|e| e.to_string())
}

#[track_caller]
fn refused(contract: &str, pairs: &[(&str, &str)], says: &str) {
    let said = read(contract, pairs).unwrap_err();
    assert!(said.contains(says), "{said}");
}

const PRIOR: [(&str, &str); 9] = [
    ("embedding_scale", "42"),
    ("embedding_shift", "-1"),
    ("resolution_multiple", "42.67"),
    ("latent_dim_scale", "10.67"),
    ("pixels_per_latent", "4"),
    ("latent_multiple", "16"),
    ("native_size", "1024"),
    ("steps", "60"),
    ("guidance", "4"),
];

/// A good prior's metadata, with another value of one, or one more.
fn prior<'a>(field: &'a str, text: &'a str) -> Vec<(&'a str, &'a str)> {
    PRIOR.iter().copied().filter(|(key, _)| *key != field).chain([(field, text)]).collect()
}

/// A value of each contract with all metadata.
fn all() -> [Metadata; 7] {
    let preview = Some(Preview { weight: vec![[0.1, 0.2, 0.3]; 16], bias: [0.5; 3] });
    let scale = Scale { least_latents: Some(16), ..Scale::default() };
    let sampling = SamplingDefaults {
        timesteps: vec![1., 0.5, 0.],
        time_embeddings: 2,
        preview,
        ..SamplingDefaults::new(60, 4.)
    };
    let vqgan = Vqgan { latent_scale: 0.3764, pixels_per_latent: 8 };
    [
        Metadata::TextEncoder(TextEncoder { tokenizer: "tokenizer.json".into(), length: 77 }),
        Metadata::Prior(Prior {
            embedding_scale: 42.,
            embedding_shift: -1.,
            scale,
            native_size: 1024,
            sampling: sampling.clone(),
        }),
        Metadata::Decoder(Decoder { scale, sampling }),
        Metadata::VqganDecoder(vqgan.clone()),
        Metadata::VqganEncoder(vqgan),
        Metadata::Compressor(Compressor {
            stride: 32,
            resolution_multiple: 42.67,
            mean: [0.485; 3],
            std: [0.2; 3],
        }),
        Metadata::ImageEncoder(crate::metadata::ImageEncoder { side: 224, mean: [0.485; 3], std: [0.2; 3] }),
    ]
}

#[test]
fn table_holds_every_fact() {
    for (metadata, contract) in all().iter().zip(CONTRACTS) {
        assert_eq!(metadata.contract().name(), contract);
        let mut names: Vec<String> =
            fields_of(contract).unwrap().iter().map(|field| format!("wuerst.{}", field.name)).collect();
        names.push("wuerst.contract".to_owned());
        names.sort();
        let written: Vec<String> = metadata.pairs().into_iter().map(|(key, _)| key).collect();
        assert_eq!(names, written, "{contract}");
    }
}

#[test]
fn written_facts_are_read_back() {
    for metadata in all() {
        let mut pairs = metadata.pairs();
        pairs.push(("author".into(), "somebody".into()));
        pairs.push((network::KEY.into(), "{}".into()));
        let pairs = pairs.iter().map(|(key, text)| (key.as_str(), text.as_str()));
        assert_eq!(Metadata::read(pairs), Ok(metadata));
    }
    assert_eq!(Metadata::read([]), Err(MetadataError::NoContract));
}

#[test]
fn all_mistakes_are_named() {
    let said = read("prior", &[("steps", "six"), ("stpes", "7"), ("guidance", "999")]).unwrap_err();
    let lines = [
        "its metadata has 10 mistakes:",
        "\n  `wuerst.embedding_scale` is missing: the factor from latents to the embedding, a number from 0.000001",
        "\n  `wuerst.native_size` is missing",
        "\n  `wuerst.steps` is \"six\": steps when none are asked for, a whole number from 1 to 1000",
        "\n  `wuerst.guidance` is \"999\": guidance when none is asked for, a number from 0 to 100",
        "\n  `wuerst.stpes` is unknown; the fields of a prior are contract, embedding_scale, ",
    ];
    for line in lines {
        assert!(said.contains(line), "{line}: {said}");
    }
    let twice = [&PRIOR[..], &[("steps", "6")]].concat();
    refused("prior", &twice, "`wuerst.steps` is there twice");
    refused("Prior", &PRIOR, "`wuerst.contract` is \"Prior\"; it is one of text-encoder, prior,");
    refused("\u{1b}[2J", &PRIOR, "\"\\u{1b}[2J\"");
}

#[test]
fn lengths_are_bounded() {
    let length = |text| [("tokenizer", "t.json"), ("length", text)];
    assert!(read("text-encoder", &length("77")).is_ok());
    for text in [
        "1000000000000",
        "18446744073709551615",
        "30000000",
        "0",
        "-1",
        "1e400",
        "7.5",
        "7.0",
        "NaN",
        "[[1]]",
    ] {
        let says = format!("`wuerst.length` is \"{text}\": token positions, a whole number from 1 to 16384");
        refused("text-encoder", &length(text), &says);
    }
    refused("text-encoder", &[("tokenizer", ""), ("length", "5")], "`wuerst.tokenizer` is \"\"");
    assert!(read("text-encoder", &[("tokenizer", "123"), ("length", "5")]).is_ok());
}

#[test]
fn numbers_are_bounded() {
    assert!(read("prior", &PRIOR).is_ok());
    let bad = [
        ("embedding_scale", "0"),
        ("embedding_scale", "nan"),
        ("embedding_scale", "1e400"),
        ("resolution_multiple", "-1"),
        ("latent_dim_scale", "1e300"),
        ("pixels_per_latent", "18446744073709551615"),
        ("latent_multiple", "0"),
        ("native_size", "1000000000000"),
        ("steps", "100000"),
        ("steps", "6.0"),
        ("guidance", "-1"),
        ("schedule", "cosine"),
        ("schedule", r#"{"s": -8}"#),
        ("schedule", r#"{"scalar": 1}"#),
        ("timesteps", "[2, 1]"),
        ("timesteps", "[0.5, 1]"),
        ("timesteps", "[1]"),
        ("preview", r#"{"weight": [[1, 2]], "bias": [1, 2, 3]}"#),
    ];
    for (field, text) in bad {
        refused("prior", &prior(field, text), &format!("`wuerst.{field}` is \""));
    }
    let times = format!("[{}1]", "1,".repeat(2000));
    refused("prior", &prior("timesteps", &times), "2 to 1001 times");
    refused("prior", &prior("preview", &"[".repeat(100_000)), "`wuerst.preview` is \"[[[");
    refused("prior", &prior("preview", &"[0,".repeat(1 << 20)), "1048576");
    refused("vqgan-decoder", &[("latent_scale", "1e400")], "`wuerst.latent_scale` is \"1e400\": the factor");
    refused("vqgan-decoder", &[("latent_scale", "NaN")], "`wuerst.latent_scale` is \"NaN\": the factor");
}

#[test]
fn native_size_must_fit() {
    refused("prior", &prior("native_size", "1000"), "the nearest that it can are 896 and 1024");
    refused("prior", &prior("pixels_per_latent", "8"), "`wuerst.native_size` is 1024");
}
