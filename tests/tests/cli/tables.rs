//! Tables: a row a picture.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;

use crate::{GRAPH, contents, generate, models, stdout, text, wuerst};

/// As [`generate`] has them.
const FEW: [&str; 4] = ["--steps", "2", "--set", "decoder_steps=2"];

/// Runs `generate --prompts` in a folder; gives exit code, stdout and stderr.
fn rows(models: &Path, table: &str, more: &[&str]) -> Result<(Option<i32>, String, String)> {
    let pattern = models.join("pics/%04d.png");
    fs::create_dir_all(models.join("pics"))?;
    let table = models.join(table);
    let args = ["generate", "--prompts", text(&table)?, "-o", text(&pattern)?];
    let output = wuerst(models, &[&args[..], &FEW, more].concat())?.output()?;
    let said = |bytes: Vec<u8>| String::from_utf8(bytes);
    Ok((output.status.code(), said(output.stdout)?, said(output.stderr)?))
}

fn report(models: &Path) -> Result<Json> {
    Ok(serde_json::from_slice(&fs::read(models.join("rows.json"))?)?)
}

#[test]
fn row_equals_single_picture() -> Result<()> {
    let folder = models()?;
    let at = folder.path();
    fs::write(at.join("a.csv"), "prompt,seed,guidance\na red apple,7,\n\"a cat, black\",8,3\n")?;
    let (code, said, errors) = rows(at, "a.csv", &[])?;
    ensure!(code == Some(0), "{errors}");
    ensure!(said.ends_with("2 made, 0 skipped, 0 failed\n"), "{said}");
    let made = contents(&at.join("pics"))?;
    assert_eq!(made.keys().collect::<Vec<_>>(), ["0001.png", "0002.png"]);
    let one = generate(at, "one.png", &["--seed", "7"])?;
    assert!(made["0001.png"] == one, "the same picture with the same recipe");
    let pic = at.join("pics/0002.png");
    let again = at.join("again.png");
    let output = format!("image={}", text(&again)?);
    stdout(wuerst(at, &["run", "--from", text(&pic)?, "-o", &output])?)?;
    assert!(fs::read(again)? == made["0002.png"], "a picture of a row can be made again");
    Ok(())
}

#[test]
fn seeds_follow_row_numbers() -> Result<()> {
    let folder = models()?;
    let at = folder.path();
    fs::write(at.join("a.jsonl"), "{\"prompt\": \"a red apple\"}\n".repeat(3))?;
    let (code, said, errors) = rows(at, "a.jsonl", &["--seed", "5", "--range", "2-9"])?;
    ensure!(code == Some(0) && said.contains("0003.png, seed 7,"), "{said}{errors}");
    let made = contents(&at.join("pics"))?;
    assert_eq!(made.keys().collect::<Vec<_>>(), ["0002.png", "0003.png"]);
    let one = generate(at, "one.png", &["--seed", "6"])?;
    assert!(made["0002.png"] == one);
    Ok(())
}

#[test]
fn stopped_run_makes_what_is_missing() -> Result<()> {
    let folder = models()?;
    let at = folder.path();
    fs::write(at.join("a.csv"), "prompt\na\nb\nc\nd\n")?;
    let all = [rows(at, "a.csv", &["--range", "1-2"])?, rows(at, "a.csv", &["--range", "4"])?];
    ensure!(all.iter().all(|(code, ..)| *code == Some(0)), "{all:?}");
    fs::write(at.join("pics/0002.png"), "kept")?;
    let report_file = at.join("rows.json");
    let (code, said, errors) = rows(at, "a.csv", &["--skip-existing", "--report", text(&report_file)?])?;
    ensure!(code == Some(0) && said.ends_with("1 made, 3 skipped, 0 failed\n"), "{said}{errors}");
    let made = contents(&at.join("pics"))?;
    assert_eq!(made.len(), 4, "four pictures, and no temporary file");
    assert_eq!(made["0002.png"], b"kept");
    let states = report(at)?["rows"].as_array().context("rows")?.clone();
    let states: Vec<_> = states.iter().filter_map(|row| row["state"].as_str()).collect();
    assert_eq!(states, ["skipped", "skipped", "made", "skipped"]);
    let (code, said, _) = rows(at, "a.csv", &["--range", "50-60"])?;
    assert_eq!((code, said.as_str()), (Some(0), "0 made, 0 skipped, 0 failed\n"), "no such rows");
    Ok(())
}

#[test]
fn wrong_rows_are_reported_and_others_made() -> Result<()> {
    let folder = models()?;
    let at = folder.path();
    fs::write(at.join("a.csv"), "prompt,steps\na,1\n,1\nc,many\nd,-1\ne,1\n")?;
    let report_file = at.join("rows.json");
    let (code, said, errors) = rows(at, "a.csv", &["--report", text(&report_file)?])?;
    assert_eq!(code, Some(1), "{errors}");
    ensure!(said.ends_with("2 made, 0 skipped, 3 failed\n"), "{said}");
    assert_eq!(contents(&at.join("pics"))?.keys().collect::<Vec<_>>(), ["0001.png", "0005.png"]);
    for (row, line, why) in [(2, 3, "prompt"), (3, 4, "steps"), (4, 5, "steps")] {
        let begins = format!("error: row {row} ({}:{line}): ", at.join("a.csv").display());
        let line = errors.lines().find(|told| told.starts_with(&begins));
        ensure!(line.is_some_and(|told| told.contains(why)), "{begins}: {errors}");
    }
    let report = report(at)?;
    assert_eq!((&report["made"], &report["failed"]), (&2.into(), &3.into()));
    assert_eq!((&report["rows"][1]["line"], &report["rows"][1]["state"]), (&3.into(), &"failed".into()));
    Ok(())
}

#[test]
fn wrong_tables_make_nothing() -> Result<()> {
    let folder = models()?;
    let at = folder.path();
    for (table, content, more, why) in [
        ("a.csv", "prompt,sede\na,1\n", &[][..], "sede"),
        ("b.csv", "prompt\na,1\n", &[], "b.csv:2: has 2 values"),
        ("c.jsonl", "{\"prompt\": \"a\"}\n[]\n", &[], "c.jsonl:2: is no object"),
        ("d.csv", "prompt\na\n", &["--range", "2-1"], "comes before"),
        ("e.txt", "a\n", &[], "tables are .csv files"),
        ("none.csv", "", &[], "has no"),
    ] {
        fs::write(at.join(table), content)?;
        let (code, said, errors) = rows(at, table, more)?;
        ensure!(code == Some(1) && errors.contains(why), "{table}: {code:?} {said}{errors}");
        assert!(contents(&at.join("pics"))?.is_empty(), "{table}");
    }
    let output = wuerst(at, &["generate", "a", "-o", "a.png", "--skip-existing"])?.output()?;
    assert!(String::from_utf8(output.stderr)?.contains("--prompts"));
    let table = at.join("d.csv");
    let output = wuerst(at, &["generate", "--prompts", text(&table)?, "-o", "a.png"])?.output()?;
    assert!(String::from_utf8(output.stderr)?.contains("pics/%04d.png"));
    Ok(())
}

#[test]
fn folder_of_pictures_is_column() -> Result<()> {
    let folder = models()?;
    let at = folder.path();
    for name in ["in", "out"] {
        fs::create_dir(at.join(name))?;
    }
    let graph = "wuerstchen: 1\ninputs: { image: file, name: text = \"a\" }\nnodes:\n  \
                 a: { use: image.load, with: { file: $image } }\noutputs: { image: $a.image, name: $name }\n";
    fs::write(at.join("g.yaml"), graph)?;
    for (name, seed) in [("in/b.png", "1"), ("in/a.png", "2")] {
        generate(at, name, &["--no-metadata", "--no-mark", "--seed", seed])?;
    }
    fs::write(at.join("names.csv"), "name\nfirst\nsecond\n")?;
    let (graph, names, column) =
        (at.join("g.yaml"), at.join("names.csv"), format!("image={}", at.join("in").display()));
    let image = format!("image={}", at.join("out/%d.png").display());
    let name = format!("name={}", at.join("out/%d.txt").display());
    let run = |more: &[&str]| -> Result<std::process::Output> {
        let args = [
            "run",
            text(&graph)?,
            "--column",
            &column,
            "-o",
            &image,
            "-o",
            &name,
            "--no-metadata",
            "--no-mark",
        ];
        Ok(wuerst(at, &[&args, more].concat())?.output()?)
    };
    let output = run(&["--table", text(&names)?])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (made, given) = (contents(&at.join("out"))?, contents(&at.join("in"))?);
    assert_eq!(made.keys().collect::<Vec<_>>(), ["1.png", "1.txt", "2.png", "2.txt"]);
    assert!(made["1.png"] == given["a.png"] && made["2.png"] == given["b.png"], "in the order of names");
    assert_eq!(made["2.txt"], b"second\n");
    fs::remove_file(at.join("out/2.txt"))?;
    let output = run(&["--skip-existing"])?;
    assert!(
        String::from_utf8(output.stdout)?.ends_with("1 made, 1 skipped, 0 failed\n"),
        "a row with all of its files is done"
    );
    fs::write(at.join("names.csv"), "name\nfirst\n")?;
    let output = run(&["--table", text(&names)?])?;
    assert!(String::from_utf8(output.stderr)?.contains("2 pictures, and there are 1 rows"));
    Ok(())
}

#[test]
fn lists_of_pictures_are_numbered_within_row() -> Result<()> {
    let folder = models()?;
    let at = folder.path();
    fs::create_dir(at.join("out"))?;
    let list = at.join("list.txt");
    fs::write(&list, "7|a red apple\n8|a cat\n")?;
    fs::write(at.join("a.csv"), format!("list\n{0}\n{0}\n", text(&list)?))?;
    let (table, pattern) = (at.join("a.csv"), format!("images={}", at.join("out/%02d.png").display()));
    let run = |more: &[&str]| {
        let args = ["run", "graphs/seeded-batch.yaml", "--table", text(&table)?, "-o", &pattern];
        stdout(wuerst(at, &[&args, more].concat())?)
    };
    let set = ["--set", "steps=1", "--set", "decoder.steps=1"];
    run(&set)?;
    let made = contents(&at.join("out"))?;
    assert_eq!(made.keys().collect::<Vec<_>>(), ["01-0001.png", "01-0002.png", "02-0001.png", "02-0002.png"]);
    let said = run(&[&set[..], &["--skip-existing"]].concat())?;
    assert!(said.ends_with("0 made, 2 skipped, 0 failed\n"), "{said}");
    Ok(())
}

/// A device that is not here is no mistake of the input; a model that no device takes is one.
#[test]
fn refused_device_ends_with_75() -> Result<()> {
    let folder = models()?;
    let at = folder.path();
    fs::write(at.join("a.csv"), "prompt\na\nb\n")?;
    let report_file = at.join("rows.json");
    let more = ["--devices", "cuda:0", "--strict", "--report", text(&report_file)?];
    let (code, said, errors) = rows(at, "a.csv", &more)?;
    assert_eq!(code, Some(75), "{said}{errors}");
    assert!(contents(&at.join("pics"))?.is_empty());
    let report = report(at)?;
    ensure!(report["stopped"].as_str().is_some_and(|why| why.starts_with("row 1 ")), "{report}");
    let output = format!("image={}", at.join("a.png").display());
    let args = ["run", GRAPH, "--set", "prompt=a", "--devices", "cuda:0", "-o", &output];
    assert_eq!(wuerst(at, &args)?.output()?.status.code(), Some(75));
    fs::write(at.join("prior.onnx"), "damaged")?;
    let (code, said, errors) = rows(at, "a.csv", &["--devices", "cuda:0"])?;
    assert_eq!(code, Some(1), "{said}{errors}");
    Ok(())
}
