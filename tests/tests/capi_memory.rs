//! `libwuerst.so` in hosts whose memory runs out.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use wuerst_tests::built::{c_program, ran, root};
use wuerst_tests::bundle;

const STANDARDS: [&str; 2] = ["c99", "c++11"];
const GRAPH: &str = "graphs/text-to-image.yaml";

#[test]
fn host_outlives_its_memory() -> Result<()> {
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

/// A line of `tests/heavy/allocations.c` about a run with a failed allocation.
struct Trial {
    signal: i32,
    code: i32,
    same: bool,
    next: bool,
    blocks: [usize; 2],
}

impl Trial {
    fn read(line: &str) -> Result<Trial> {
        let numbers = line.split(' ').take(6).map(str::parse).collect::<Result<Vec<usize>, _>>()?;
        let [signal, code, same, next, large, small] = numbers[..] else { bail!("{line}") };
        let (signal, code) = (i32::try_from(signal)?, i32::try_from(code)?);
        Ok(Trial { signal, code, same: same == 1, next: next == 1, blocks: [small, large] })
    }
}

/// `.ci/heavy allocations` has each block in turn.
#[test]
fn missing_blocks_are_errors() -> Result<()> {
    const OUT_OF_MEMORY: i32 = 7;
    let folder = tempfile::tempdir()?;
    bundle::write_with_one_encoder(folder.path())?;
    let program = c_program("allocations", "c99", folder.path())?;
    let runtime = std::env::var_os("ORT_DYLIB_PATH").context("ORT_DYLIB_PATH")?;
    let runtime = fs::canonicalize(&runtime).or_else(|_| fs::canonicalize(root().join(&runtime)))?;
    let trials = |lines: &[String]| -> Result<Vec<Trial>> {
        let mut run = Command::new(&program);
        run.arg(folder.path()).arg(root().join(GRAPH)).args(["image", "4096", "128"]);
        run.env("ORT_DYLIB_PATH", &runtime).env("RUST_BACKTRACE", "0");
        let mut run = run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        run.stdin.take().context("stdin")?.write_all(format!("0 0 0\n{}", lines.concat()).as_bytes())?;
        let output = run.wait_with_output()?;
        ran(&output)?;
        String::from_utf8(output.stdout)?.lines().map(Trial::read).collect()
    };
    let good = trials(&[])?.pop().context("a run in which nothing fails")?;
    assert_eq!((good.signal, good.code, good.same, good.next), (0, 0, true, true));
    let mut lines = vec![];
    // Of large and of small blocks: one that fails alone, and some with all that follow.
    for (large, of) in [(1, good.blocks[1]), (0, good.blocks[0])] {
        ensure!(of > 100, "{of} blocks");
        lines.push(format!("{large} {} 0\n", of * 8 / 10));
        lines.extend([1, 6, 7, 9].map(|part| format!("{large} {} 1\n", of * part / 10)));
    }
    for (line, trial) in lines.iter().zip(trials(&lines)?.iter().skip(1)) {
        ensure!(trial.signal == 0, "{line}: ends by signal {}", trial.signal);
        ensure!(trial.code == OUT_OF_MEMORY || trial.same, "{line}: code {}", trial.code);
        ensure!(trial.next, "{line}: the next run is not right");
    }
    Ok(())
}

/// A file that is small, and of four million pixels when it is decoded.
#[test]
fn picture_without_memory_is_no_wrong_file() -> Result<()> {
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
