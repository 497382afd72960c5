//! Pictures say that they are generated, where they are.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result};
use image::{ImageDecoder, ImageReader};
use wuerst_tests::built::root;

use crate::{generate, models, stdout, text, wuerst};

/// The source type that the XMP data of a picture state, as the image crate reads them.
fn source_type(path: &Path) -> Result<Option<String>> {
    let reader = ImageReader::new(Cursor::new(fs::read(path)?)).with_guessed_format()?;
    let Some(xmp) = reader.into_decoder()?.xmp_metadata()? else { return Ok(None) };
    let xmp = String::from_utf8(xmp)?;
    let (_, after) =
        xmp.split_once("http://cv.iptc.org/newscodes/digitalsourcetype/").context("a source type")?;
    Ok(after.split_once('<').map(|(name, _)| name.to_owned()))
}

const TRAINED: &str = "trainedAlgorithmicMedia";
const COMPOSITE: &str = "compositeWithTrainedAlgorithmicMedia";

#[test]
fn generated_pictures_are_marked() -> Result<()> {
    let models = models()?;
    let at = |name: &str| models.path().join(name);
    let with_recipe = |name: &str| -> Result<bool> {
        Ok(String::from_utf8_lossy(&fs::read(at(name))?).contains("wuerstchen: 1"))
    };
    let kept = generate(models.path(), "a.png", &[])?;
    assert!(source_type(&at("a.png"))?.as_deref() == Some(TRAINED) && with_recipe("a.png")?);
    assert!(generate(models.path(), "a.png", &[])? == kept, "no time is in it");
    generate(models.path(), "b.png", &["--no-metadata"])?;
    assert!(source_type(&at("b.png"))?.as_deref() == Some(TRAINED) && !with_recipe("b.png")?);
    generate(models.path(), "c.png", &["--no-mark"])?;
    assert!(source_type(&at("c.png"))?.is_none() && with_recipe("c.png")?);

    // Made again from one that is resized, laid over another, and painted anew in part.
    let graph = "wuerstchen: 1\ninputs: { file: file }\nnodes:\n  load: { use: image.load, with: { file: $file } }\n  \
                 small: { use: image.resize, with: { image: $load.image, width: 32, height: 32 } }\n  \
                 save: { use: image.save, with: { image: $small.image, name: plain.jpg } }\n\
                 outputs: { image: $small.image, saved: $save.saved }\n";
    fs::write(at("resize.yaml"), graph)?;
    let folder = text(models.path())?;
    let (file, out) = (format!("file={}", text(&at("a.png"))?), format!("image={}", text(&at("r.png"))?));
    let saved = format!("saved={}", text(&at("saved.txt"))?);
    let resize = at("resize.yaml");
    stdout(wuerst(
        models.path(),
        &["run", text(&resize)?, "--set", &file, "-o", &out, "-o", &saved, "--outputs", folder],
    )?)?;
    assert_eq!((source_type(&at("r.png"))?, source_type(&at("plain.jpg"))?), (None, None));

    let shipped = fs::read_to_string(root().join("graphs/text-to-image.yaml"))?;
    let saves: String = ["jpg", "webp", "png"]
        .map(|end| {
            format!(
                "  save-{end}: {{ use: image.save, with: {{ image: $vqgan.image, name: made.{end} }} }}\n"
            )
        })
        .concat();
    let over = "  load: { use: image.load, with: { file: a.png } }\n  \
                half: { use: image.blend, with: { a: $load.image, b: $vqgan.image } }\n  \
                save-half: { use: image.save, with: { image: $half.image, name: half.webp } }\n";
    let outputs = "  jpg: $save-jpg.saved\n  webp: $save-webp.saved\n  png: $save-png.saved\n  half: $save-half.saved\n";
    let graph = shipped.replacen("nodes:\n", &format!("nodes:\n{saves}{over}"), 1);
    let graph = graph.replacen("outputs:\n", &format!("outputs:\n{outputs}"), 1);
    fs::write(at("saves.yaml"), graph)?;
    let saves = at("saves.yaml");
    let wanted = ["jpg", "webp", "png", "half"].map(|name| format!("{name}={folder}/{name}.txt"));
    let mut args =
        vec!["run", text(&saves)?, "--set", "prompt=a red apple", "--set", "steps=1", "--outputs", folder];
    args.extend(["--set", "decoder_steps=1"]);
    args.extend(wanted.iter().flat_map(|output| ["-o", output]));
    stdout(wuerst(models.path(), &args)?)?;
    for (name, mark) in
        [("made.jpg", TRAINED), ("made.webp", TRAINED), ("made.png", TRAINED), ("half.webp", COMPOSITE)]
    {
        assert_eq!(source_type(&at(name))?.as_deref(), Some(mark), "{name}");
    }
    stdout(wuerst(models.path(), &[&args[..], &["--no-mark"]].concat())?)?;
    assert_eq!(source_type(&at("made.webp"))?, None);
    Ok(())
}
