//! Rows in files: the same as in memory, computed once, and never silently wrong.

use anyhow::Result;
use std::fs::{self, File};
use std::path::Path;
use tch::{Device, Kind, Tensor};
use wuerst_train::shards::{ROWS, Table, fill, made};

const LEN: usize = ROWS + 100;

/// Row i is i, i+1, …, i+5.
fn content(which: &Tensor) -> Tensor {
    let steps = Tensor::arange(6, (Kind::Int64, Device::Cpu));
    (which.unsqueeze(1) + steps).reshape([-1, 2, 3]).to_kind(Kind::Float)
}

/// Fills a folder; the number of rows that were computed.
fn filled(folder: &Path) -> Result<i64> {
    let mut computed = 0;
    fill(folder, LEN, "rows", &mut |which| {
        computed += which.size()[0];
        Ok(vec![("a", content(which)), ("b", which.shallow_clone())])
    })?;
    Ok(computed)
}

#[test]
fn rows_are_read_from_files() -> Result<()> {
    let folder = tempfile::tempdir()?;
    assert_eq!(filled(folder.path())?, LEN as i64);
    let table = Table::open(folder.path(), "a", LEN)?;
    assert_eq!((table.len(), table.row()), (LEN as i64, &[2, 3][..]));
    let last = LEN as i64 - 1;
    let which = Tensor::from_slice(&[0, last, ROWS as i64 - 1, ROWS as i64, 7, 7]);
    let (got, want) = (table.rows(&which)?, content(&which));
    assert_eq!((got.size(), got.kind()), (want.size(), Kind::Float));
    assert!(got.equal(&want));
    assert!(
        Table::of(content(&Tensor::arange(LEN as i64, (Kind::Int64, Device::Cpu))))
            .rows(&which)?
            .equal(&want)
    );
    let beyond = table.rows(&Tensor::from_slice(&[LEN as i64])).unwrap_err().to_string();
    assert!(beyond.contains("was asked for"), "{beyond}");
    Ok(())
}

#[test]
fn shards_are_computed_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    filled(folder.path())?;
    assert_eq!(filled(folder.path())?, 0);
    // As after a kill: the second file is missing.
    fs::remove_file(folder.path().join("rows-00001.safetensors"))?;
    assert_eq!(filled(folder.path())?, 100);
    Ok(())
}

#[test]
fn shortened_shard_is_error() -> Result<()> {
    let folder = tempfile::tempdir()?;
    filled(folder.path())?;
    let table = Table::open(folder.path(), "a", LEN)?;
    let path = folder.path().join("rows-00000.safetensors");
    File::options().write(true).open(&path)?.set_len(1000)?;
    let open = |name: &str| format!("{:#}", Table::open(folder.path(), name, LEN).err().unwrap());
    let used = format!("{:#}", table.rows(&Tensor::from_slice(&[4000i64])).unwrap_err());
    for told in [used, open("a")] {
        assert!(told.contains("rows-00000.safetensors"), "{told}");
    }
    fs::remove_file(path)?;
    assert!(open("a").contains("to have it computed anew"), "{}", open("a"));
    Ok(())
}

#[test]
fn other_key_replaces_rows() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let keys = ["a".repeat(64), "b".repeat(64)];
    for key in &keys {
        let table = made(folder.path(), ("latents", key), 3, &mut |which| Ok(content(which)))?;
        assert_eq!(table.len(), 3);
    }
    let left: Vec<_> = fs::read_dir(folder.path())?.map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["latents-bbbbbbbbbbbbbbbb"]);
    Ok(())
}
