//! `libwuerst.so` in hosts whose memory runs out.

use std::fs;
use std::process::Command;

use anyhow::Result;
use wuerst_tests::built::{c_program, ran, root};
use wuerst_tests::bundle;

const STANDARDS: [&str; 2] = ["c99", "c++11"];
const GRAPH: &str = "graphs/text-to-image.yaml";

#[test]
fn a_host_outlives_its_memory() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write_with_one_encoder(folder.path())?;
    for standard in STANDARDS {
        let program = c_program("limits", standard, folder.path())?;
        for (kibibytes, want) in [("0", "out_of_memory\n"), ("4000000", "runs\n")] {
            let mut run = Command::new(&program);
            run.arg(folder.path()).arg(root().join(GRAPH)).args([kibibytes, "2"]);
            let output = run.output()?;
            ran(&output)?;
            assert_eq!(String::from_utf8(output.stdout)?, want, "{kibibytes} KiB");
        }
    }
    Ok(())
}

/// A file that is small, and of four million pixels when it is decoded.
#[test]
fn a_picture_that_finds_no_room_is_no_wrong_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("large.png");
    let mut encoder = png::Encoder::new(fs::File::create(&path)?, 2048, 2048);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&vec![200; 2048 * 2048 * 3])?;
    let program = c_program("limits", STANDARDS[0], folder.path())?;
    // Its pixels alone are 12 MiB.
    for (kibibytes, want) in [("8000", "out_of_memory\n"), ("4000000", "runs\n")] {
        let output = Command::new(&program).arg(&path).arg(kibibytes).output()?;
        ran(&output)?;
        assert_eq!(String::from_utf8(output.stdout)?, want, "{kibibytes} KiB");
    }
    Ok(())
}
