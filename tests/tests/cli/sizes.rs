//! Sizes that do not fit: refused before any work, with what to set or to resize.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use wuerst_tests::built::tiny;

use crate::{text, wuerst};

/// Writes a grey picture.
fn picture(path: &Path, width: u32, height: u32) -> Result<()> {
    let mut encoder = png::Encoder::new(fs::File::create(path)?, width, height);
    encoder.set_color(png::ColorType::Rgb);
    Ok(encoder.write_header()?.write_image_data(&vec![90; (width * height * 3) as usize])?)
}

/// Runs a graph, with pictures of these sizes for inputs and with other inputs; gives its message.
fn said(graph: &str, pictures: &[(&str, [u32; 2])], more: &[&str]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let output = format!("image={}", folder.path().join("o.png").display());
    let mut args = vec!["run".to_owned(), format!("{graph}.yaml"), "-o".into(), output];
    for (input, [width, height]) in pictures {
        let path = folder.path().join(format!("{input}.png"));
        picture(&path, *width, *height)?;
        args.extend(["--set".into(), format!("{input}={}", path.display())]);
    }
    for set in more.iter().chain(&["decoder_steps=1"]) {
        args.extend(["--set".into(), (*set).to_owned()]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let made = wuerst(&tiny(), &args)?.output()?;
    let said = String::from_utf8(made.stderr)?;
    ensure!(made.status.code() == Some(1) && !folder.path().join("o.png").exists(), "{said}");
    ensure!(said.lines().count() == 1, "{said}");
    Ok(said)
}

#[test]
fn pictures_are_to_be_resized() -> Result<()> {
    for (size, want) in [
        (
            [61, 61],
            "has 61x61 pixels, and its sides must be multiples of 4; resize image to 48x48 or 64x64 pixels",
        ),
        ([65, 65], "; resize image to 64x64 or 80x80 pixels"),
        ([68, 68], "is of a picture of 68x68 pixels, but the model cannot make 68 pixels"),
        ([68, 68], "; resize image to 64x64 or 80x80 pixels"),
        ([64, 68], "; resize image to 64x64 or 64x80 pixels"),
        ([200, 150], "; resize image to 192x144 or 208x160 pixels"),
    ] {
        let said =
            said("tests/graphs/unfitted/image-to-image", &[("image", size)], &["prompt=leaf", "steps=1"])?;
        ensure!(said.contains(want), "{size:?}: {said}");
    }
    Ok(())
}

#[test]
fn mask_size_mismatch_is_reported() -> Result<()> {
    let pictures = [("image", [200, 150]), ("mask", [150, 200])];
    let said = said("graphs/inpainting", &pictures, &["prompt=leaf", "steps=1"])?;
    let want = "`fit`: mask: wants f32[h=150,w=200], but this is f32[200,150]; resize mask to 200x150 pixels";
    ensure!(said.contains(want), "{said}");
    Ok(())
}

#[test]
fn enlarged_picture_has_limit() -> Result<()> {
    let said = said("graphs/upscale", &[("image", [4000, 3000])], &["factor=3.0"])?;
    ensure!(
        said.contains("a picture of 12000x9000 pixels; it must have some, and 67108864 at most"),
        "{said}"
    );
    Ok(())
}

#[test]
fn masks_fit_their_picture() -> Result<()> {
    for (image, mask, want) in [
        (
            64,
            32,
            "`composite`: mask: wants f32[h=64,w=64], but this is f32[32,32]; resize mask to 64x64 pixels",
        ),
        (61, 64, "resize image to 64x64 pixels"),
        (61, 61, "resize image and mask to 48x48 or 64x64 pixels"),
    ] {
        let pictures = [("image", [image; 2]), ("mask", [mask; 2])];
        let said = said("tests/graphs/unfitted/inpainting", &pictures, &["prompt=leaf", "steps=1"])?;
        ensure!(said.contains(want), "{image} {mask}: {said}");
    }
    Ok(())
}

#[test]
fn masks_from_files_are_resized() -> Result<()> {
    let pictures = [("image", [64, 64]), ("mask", [32, 48])];
    let said = said("tests/graphs/unfitted/masked", &pictures, &[])?;
    let want = "mask: wants f32[h=64,w=64], but this is f32[48,32]; resize mask to 64x64 pixels";
    ensure!(said.contains(want), "{said}");
    Ok(())
}

#[test]
fn numbers_are_to_be_set() -> Result<()> {
    for (size, factor, want) in [
        (
            [64, 64],
            "1.1",
            "has 70x70 pixels, and its sides must be multiples of 4; set factor to 1.0 or 1.25",
        ),
        ([64, 64], "1.7", "set factor to 1.5 or 1.75"),
        ([64, 96], "1.1", "set factor to 1.0 or 1.5"),
        ([64, 64], "7.9", "set factor to 7.75 or 8.0"),
    ] {
        let said = said("tests/graphs/unfitted/upscale", &[("image", size)], &[&format!("factor={factor}")])?;
        ensure!(said.contains(want), "{size:?} {factor}: {said}");
    }
    for (size, more, want) in [
        ([128, 128], &[][..], "set width and height to 128"),
        ([128, 128], &["width=64", "height=64"], "set width and height to 128"),
        ([64, 96], &[], "; set height to 96"),
        ([128, 96], &["width=128"], "; set height to 96"),
        ([208, 160], &[], "set height to 160 and width to 208"),
    ] {
        let more = [&["prompt=leaf", "steps=1"], more].concat();
        let said = said("graphs/image-and-text", &[("image", size)], &more)?;
        ensure!(said.contains(want), "{size:?} {more:?}: {said}");
    }
    Ok(())
}

/// The head of a graph that reads a picture of its folder.
const HEAD: &str = "wuerstchen: 1
nodes:
  a: { use: image.load, with: { file: a.png } }
";

/// Checks a graph that reads pictures of these sizes, `a.png` and so on; gives the message.
fn checked(sizes: &[[u32; 2]], rest: &str) -> Result<(bool, String)> {
    let folder = tempfile::tempdir()?;
    for (name, [width, height]) in ["a.png", "b.png"].iter().zip(sizes) {
        picture(&folder.path().join(name), *width, *height)?;
    }
    let graph = folder.path().join("g.yaml");
    fs::write(&graph, format!("{HEAD}{rest}"))?;
    let output = wuerst(&tiny(), &["check", text(&graph)?])?.output()?;
    let said = String::from_utf8([output.stdout, output.stderr].concat())?;
    Ok((output.status.success(), said))
}

#[test]
fn sizes_of_files_are_checked() -> Result<()> {
    let encode = "  e: { use: wuerst.vqgan_encode, with: { image: $a.image, model: vqgan-encoder } }\noutputs: { o: $e.latents }\n";
    let (good, said) = checked(&[[64, 32]], encode)?;
    ensure!(good, "{said}");
    let (good, said) = checked(&[[61, 64]], encode)?;
    let place = ":4:49: nodes.e.with.image: has 61x64 pixels, and its sides must be multiples of 4; resize a.png to 60x64 or 64x64";
    ensure!(!good && said.contains(place), "{said}");
    let rest = "  b: { use: image.load, with: { file: b.png } }
  m: { use: image.mask, with: { image: $b.image } }
  c: { use: image.composite, with: { below: $a.image, above: $a.image, mask: $m.mask } }
outputs: { o: $c.image }
";
    let (good, said) = checked(&[[64, 64], [32, 48]], rest)?;
    ensure!(
        !good
            && said
                .contains("6:78: nodes.c.with.mask: wants f32[h=64,w=64], but `$m.mask` is f32[h=48,w=32]"),
        "{said}"
    );
    let (good, said) = checked(&[[64, 64], [64, 64]], rest)?;
    ensure!(good, "{said}");
    // Numbers that follow from a picture's size are known, too.
    let rest = "  s: { use: image.size, with: { image: $a.image } }
  w: { use: int.multiply, with: { a: $s.width, b: 3 } }
  h: { use: int.add, with: { a: $s.height, b: -3 } }
  r: { use: image.resize, with: { image: $a.image, width: $w.product, height: $h.sum } }
  e: { use: wuerst.vqgan_encode, with: { image: $r.image, model: vqgan-encoder } }
outputs: { o: $e.latents }
";
    let (good, said) = checked(&[[64, 64]], rest)?;
    ensure!(!good && said.contains("8:49: nodes.e.with.image: has 192x61 pixels"), "{said}");
    ensure!(said.contains("; resize a.png to 64x63 or 64x67 pixels"), "{said}");
    let (good, said) = checked(&[[64, 67]], rest)?;
    ensure!(good, "{said}");
    let rest = "  r: { use: image.resize, with: { image: $a.image, factor: 1.1 } }
  e: { use: wuerst.vqgan_encode, with: { image: $r.image, model: vqgan-encoder } }
outputs: { o: $e.latents }
";
    let (good, said) = checked(&[[64, 64]], rest)?;
    ensure!(!good && said.contains("set r.factor to 1.0625 or 1.125"), "{said}");
    Ok(())
}

#[test]
fn late_refusals_are_checked() -> Result<()> {
    let pad = "image: $a.image, right: 16384, bottom: 16384";
    let list = "image.stack, with: { a: $a.image, b: $a.image } }";
    for (nodes, output, want) in [
        (
            format!("  p: {{ use: image.pad, with: {{ {pad} }} }}"),
            "p.image",
            "a picture of 16448x16448 pixels",
        ),
        (
            "  p: { use: image.resize, with: { image: $a.image, width: 16384, height: 16384 } }".into(),
            "p.image",
            "16384x16384",
        ),
        (
            "  p: { use: image.crop, with: { image: $a.image, width: 65, height: 1 } }".into(),
            "p.image",
            "65 pixels from 0 on",
        ),
        (
            format!(
                "  l: {{ use: {list}\n  p: {{ use: image.pick, with: {{ images: $l.images, index: 2 }} }}"
            ),
            "p.image",
            "2 is behind the last of 2",
        ),
        (
            format!(
                "  l: {{ use: {list}\n  p: {{ use: image.grid, with: {{ images: $l.images, gap: 1024, columns: 1 }} }}\n  c: {{ use: image.crop, with: {{ image: $p.image, width: 65, height: 1 }} }}"
            ),
            "c.image",
            "65 pixels from 0 on",
        ),
        (
            "  p: { use: tensor.noise, with: { channels: 4096, height: 4096, width: 4096 } }".into(),
            "p.tensor",
            "the maximum is 16777216",
        ),
        (
            "  p: { use: text.pick, with: { lines: \"a\\nb\", index: 2 } }".into(),
            "p.line",
            "2 is behind the last of 2 entries",
        ),
        (
            "  t: { use: wuerst.tokenize, with: { text: \"# none\", lines: true, model: text-encoder } }"
                .into(),
            "t.ids",
            "is a list without lines",
        ),
        (
            "  t: { use: wuerst.tokenize, with: { text: \"a\\nb\", lines: true, model: text-encoder } }
  s: { use: wuerst.text_encode, with: { ids: $t.ids, mask: $t.mask, model: text-encoder } }
  p: { use: wuerst.prior, with: { text: $s.states, model: prior, seed: 18446744073709551615 } }"
                .into(),
            "p.embedding",
            "18446744073709551615 is too large for the batch to count on",
        ),
    ] {
        let (good, said) =
            checked(&[[64, 64]], &format!("{nodes}\noutputs: {{ o: ${output}, a: $a.image }}\n"))?;
        ensure!(!good && said.contains(want) && said.contains(": 1 problem"), "{want}: {said}");
    }
    Ok(())
}

#[test]
fn small_files_are_checked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let graph = folder.path().join("g.yaml");
    let npy = |shape: &str, bytes: usize| {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = u16::try_from(header.len())?.to_le_bytes();
        anyhow::Ok([&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), &vec![0; bytes]].concat())
    };
    let webp = b"RIFF\x04\x00\x00\x00WEBP".to_vec();
    for (kind, port, file, content, want) in [
        ("image.load", "image", "a.png", b"GIF89a".to_vec(), "is a picture of the format Gif"),
        ("image.load", "image", "a.png", b"\x89PNG\r\n\x1a\n".to_vec(), "is damaged"),
        ("image.load", "image", "a.webp", webp, "is damaged"),
        ("text.load", "text", "a.txt", b"a\xff".to_vec(), "is not UTF-8 text"),
        (
            "tensor.load",
            "tensor",
            "a.npy",
            npy("(2, 3)", 24)?,
            "holds a tensor of shape [2, 3]; [b,c,h,w] is expected",
        ),
        (
            "tensor.load",
            "tensor",
            "a.npy",
            npy("(1, 1, 2, 3)", 20)?,
            "it has 20 bytes of numbers, but its header states 24",
        ),
        ("tensor.load", "tensor", "a.npy", b"no".to_vec(), "is not a NumPy file"),
    ] {
        fs::write(folder.path().join(file), content)?;
        fs::write(
            &graph,
            format!(
                "wuerstchen: 1\nnodes: {{ n: {{ use: {kind}, with: {{ file: {file} }} }} }}\noutputs: {{ o: $n.{port} }}\n"
            ),
        )?;
        let output = wuerst(&tiny(), &["check", text(&graph)?])?.output()?;
        let said = String::from_utf8(output.stderr)?;
        let place = format!(":2:{}: nodes.n.with.file: ", 36 + kind.len());
        ensure!(
            output.status.code() == Some(1) && said.contains(want) && said.contains(&place),
            "{want}: {said}"
        );
    }
    Ok(())
}

#[test]
fn defaults_are_checked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    picture(&folder.path().join("a.png"), 61, 64)?;
    let graph = folder.path().join("g.yaml");
    let models = tiny();
    let nodes = "nodes: { a: { use: image.load, with: { file: $f } }, e: { use: wuerst.vqgan_encode, with: { image: $a.image, model: $m } } }";
    let head = |file: &str, model: &str| {
        format!(
            "wuerstchen: 1\ninputs: {{ f: 'file = \"{file}\"', m: 'model = \"{model}\"' }}\n{nodes}\noutputs: {{ o: $e.latents }}\n"
        )
    };
    let check = || -> Result<String> {
        let output = wuerst(&models, &["check", text(&graph)?])?.output()?;
        ensure!(output.status.code() == Some(1), "{output:?}");
        Ok(String::from_utf8(output.stderr)?)
    };
    fs::write(&graph, head("a.png", "vqgan-encoder"))?;
    let wrong = check()?;
    ensure!(
        wrong.contains("nodes.e.with.image: has 61x64 pixels")
            && wrong.contains("resize f to 60x64 or 64x64"),
        "{wrong}"
    );
    fs::write(&graph, head("a.png", "vqgan-decoder"))?;
    let wrong = check()?;
    ensure!(
        wrong.contains("nodes.e.with.model: ")
            && wrong.contains("is a vqgan-decoder, where a vqgan-encoder is expected"),
        "{wrong}"
    );
    // A run may set others.
    picture(&folder.path().join("b.png"), 64, 64)?;
    let (file, output) = (folder.path().join("b.png"), folder.path().join("o.npy"));
    let set = |name: &str, value: &str| ["--set".to_owned(), format!("{name}={value}")];
    let out = format!("o={}", output.display());
    let args = [
        vec!["run".into(), text(&graph)?.to_owned(), "-o".into(), out],
        set("f", text(&file)?).into(),
        set("m", "vqgan-encoder").into(),
    ];
    let args: Vec<String> = args.concat();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let run = wuerst(&models, &args)?.output()?;
    ensure!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    fs::metadata(&output).context("the latents")?;
    Ok(())
}
