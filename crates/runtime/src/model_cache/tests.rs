use std::fs;

use super::*;

/// A field of a protobuf message that holds bytes.
fn put(number: u8, content: &[u8]) -> Vec<u8> {
    let mut length = content.len();
    let mut field = vec![number << 3 | 2];
    while length > 0x7f {
        field.push(length as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    [field, content.to_vec()].concat()
}

/// The head of a VQGAN's decoder, with a note of so many bytes.
fn model(note: usize) -> Vec<u8> {
    let outlet = |name: &[u8], channels: u8| {
        let free = put(1, &put(2, b"n"));
        let dims = [free.clone(), put(1, &[8, channels]), free.clone(), free].concat();
        [put(1, name), put(2, &put(1, &[&[8, 1][..], &put(2, &dims)].concat()))].concat()
    };
    let pair = |key: &str, value: &[u8]| put(14, &[put(1, key.as_bytes()), put(2, value)].concat());
    let graph = [put(11, &outlet(b"latents", 4)), put(12, &outlet(b"image", 3))].concat();
    let metadata = [pair("wuerst.contract", b"vqgan-decoder"), pair("wuerst.latent_scale", b"0.5")].concat();
    [put(7, &graph), metadata, pair("note", &vec![b'a'; note])].concat()
}

#[test]
fn rewritten_models_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vqgan.onnx");
    let models = ModelCache::new(RuntimeOptions::default());
    for note in 0..40 {
        fs::write(&path, model((8 << 20) + note)).unwrap();
        let model = Model::open("vqgan", &path).unwrap();
        // Of a file that was changed just now nothing is remembered, unless its content is known.
        model.identify(&CancellationToken::new()).unwrap();
        assert_eq!(
            models.metadata::<Metadata>(&model, Contract::VqganDecoder).unwrap().contract(),
            Contract::VqganDecoder
        );
    }
    let bytes = |text: String| -> usize {
        text.split(' ').rev().nth(1).and_then(|bytes| bytes.parse().ok()).unwrap()
    };
    let held = [format!("{:?}", models.headers), format!("{:?}", models.checked)].map(bytes);
    assert!(held[0] > 0 && held.iter().sum::<usize>() < 64 << 10, "{held:?} bytes of 40 models");
    models.release();
    assert_eq!(
        [format!("{:?}", models.headers), format!("{:?}", models.checked)],
        ["Recent(0 of 0 bytes)"; 2]
    );
}
