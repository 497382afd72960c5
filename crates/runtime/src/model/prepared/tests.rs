//! Prepared models in folders that were damaged, that hold what is not ours, and that are too small.

use std::fs::File;
use std::time::{SystemTime, UNIX_EPOCH};

use super::entry::SEAL;
use super::*;

fn prepared(cache: &Path, name: u64, budget: u64) -> Prepared {
    let key = Hasher::new("test").number(name).finish();
    Prepared { place: CacheFolder::new(cache, NAME), key, budget }
}

/// Writes weights of so many bytes.
fn write(prepared: &Prepared, bytes: usize) {
    let unfinished = prepared.begin().unwrap();
    fs::write(unfinished.path.join(MODEL), "graph").unwrap();
    fs::write(unfinished.path.join(WEIGHTS), vec![7; bytes]).unwrap();
    prepared.finish(unfinished).unwrap();
}

fn found(prepared: &Prepared) -> Option<PathBuf> {
    match prepared.find().unwrap() {
        Found::Model(path, _) => Some(path),
        _ => None,
    }
}

fn age(prepared: &Prepared, seconds: u64) {
    let seal = File::options().append(true).open(prepared.path().join(SEAL)).unwrap();
    seal.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

/// The entries; the marker is none.
fn entries(prepared: &Prepared) -> usize {
    let entries = fs::read_dir(prepared.place.path()).unwrap().flatten();
    entries.filter(|entry| CacheFolder::entry(&entry.file_name()).is_some()).count()
}

#[test]
fn changed_models_are_made_again() {
    let tree = tempfile::tempdir().unwrap();
    let one = prepared(&tree.path().join("new"), 1, 1000);
    assert_eq!(found(&one), None);
    // The length and the time stay.
    let flip = |path: PathBuf, byte: u8| {
        let then = fs::metadata(&path).unwrap().modified().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= byte;
        fs::write(&path, bytes).unwrap();
        File::options().append(true).open(&path).unwrap().set_modified(then).unwrap();
    };
    let damages: [&dyn Fn(&Path); 6] = [
        &|entry| flip(entry.join(MODEL), 1),
        &|entry| flip(entry.join(WEIGHTS), 128),
        &|entry| File::options().write(true).open(entry.join(WEIGHTS)).unwrap().set_len(9).unwrap(),
        &|entry| fs::remove_file(entry.join(WEIGHTS)).unwrap(),
        &|entry| fs::remove_file(entry.join(MODEL)).unwrap(),
        &|entry| File::options().write(true).open(entry.join(SEAL)).unwrap().set_len(30).unwrap(),
    ];
    for damage in damages {
        write(&one, 10);
        assert_eq!(found(&one), Some(one.path().join(MODEL)));
        damage(&one.path());
        assert_eq!(found(&one), None);
        assert_eq!(entries(&one), 0, "nothing is left of it");
    }
    // An entry of another model under this name.
    let two = prepared(&tree.path().join("new"), 2, 1000);
    write(&two, 10);
    fs::rename(two.path(), one.path()).unwrap();
    assert_eq!(found(&one), None);
}

#[test]
fn two_writers_keep_first() {
    let cache = tempfile::tempdir().unwrap();
    let one = prepared(cache.path(), 1, 1000);
    let late = one.begin().unwrap();
    for name in [MODEL, WEIGHTS] {
        fs::write(late.path.join(name), "late").unwrap();
    }
    write(&one, 10);
    one.finish(late).unwrap();
    assert_eq!(fs::read(found(&one).unwrap()).unwrap(), b"graph");
    assert_eq!(entries(&one), 1);
}

#[test]
fn longest_unused_is_evicted_first() {
    let cache = tempfile::tempdir().unwrap();
    let all: Vec<Prepared> = (0..3).map(|name| prepared(cache.path(), name, 460)).collect();
    for (seconds, one) in [(9, &all[0]), (5, &all[1])] {
        write(one, 100);
        age(one, seconds);
    }
    assert!(found(&all[0]).is_some(), "and is used now");
    write(&all[2], 100);
    assert_eq!([0, 1, 2].map(|i| found(&all[i]).is_some()), [true, false, true]);
}

#[test]
fn models_beyond_budget_leave_note() {
    let cache = tempfile::tempdir().unwrap();
    let [small, large] = [1, 2].map(|name| prepared(cache.path(), name, 1000));
    write(&small, 100);
    write(&large, 1000);
    assert!(matches!(large.find().unwrap(), Found::TooLarge));
    assert!(found(&small).is_some());
    let files = fs::read_dir(large.path()).unwrap().flatten().map(|entry| entry.file_name());
    assert_eq!(files.collect::<Vec<_>>(), [SEAL]);
    // With a larger budget it is worth another try.
    let large = prepared(cache.path(), 2, 10_000);
    assert_eq!(found(&large), None);
    write(&large, 1000);
    assert!(found(&large).is_some());
}

#[test]
fn abandoned_folders_go_after_hour() {
    let cache = tempfile::tempdir().unwrap();
    let [one, two] = [1, 2].map(|name| prepared(cache.path(), name, 1000));
    let left = one.begin().unwrap();
    let path = left.path.clone();
    std::mem::forget(left);
    write(&two, 10);
    assert!(path.exists(), "it may still be written to");
    File::open(path.join(SEAL)).unwrap().set_modified(UNIX_EPOCH).unwrap();
    write(&prepared(cache.path(), 3, 1000), 10);
    assert!(!path.exists());
}

#[test]
#[cfg(unix)]
fn foreign_folders_stay() {
    use std::os::unix::fs::symlink;
    let cache = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let [one, two] = [1, 2].map(|name| prepared(cache.path(), name, 300));
    write(&one, 100);
    let own = one.place.path();
    let digits = |digit: &str| digit.repeat(64);
    let mut kept = vec![];
    for (name, seal) in [
        (digits("a"), None),
        (digits("b"), Some("")),
        (digits("c"), Some("a seal of wax")),
        ("unfinished-letters".to_owned(), Some("wst1\nunfinished\n")),
        ("letters".to_owned(), Some("wst1\nunfinished\n")),
        (format!("{}-letter.part", digits("d")), None),
        (format!("{}-letters", digits("e")), Some("wst1\nunfinished\n")),
        // One of ours, into which something was put.
        (digits("f"), Some("wst1\nunfinished\n")),
    ] {
        let folder = own.join(name);
        fs::create_dir(&folder).unwrap();
        if let Some(seal) = seal {
            fs::write(folder.join(SEAL), seal).unwrap();
            File::open(folder.join(SEAL)).unwrap().set_modified(UNIX_EPOCH).unwrap();
        }
        fs::write(folder.join("letter"), "").unwrap();
        File::open(&folder).unwrap().set_modified(UNIX_EPOCH).unwrap();
        kept.push(folder.join("letter"));
    }
    // Links to what would count as ours.
    fs::write(home.path().join(SEAL), "wst1\nunfinished\n").unwrap();
    File::open(home.path().join(SEAL)).unwrap().set_modified(UNIX_EPOCH).unwrap();
    kept.push(home.path().join(SEAL));
    for name in [digits("0"), format!("{}-letter.part", digits("1"))] {
        symlink(home.path(), own.join(&name)).unwrap();
        kept.push(own.join(name));
    }
    let inner = own.join(digits("2"));
    fs::create_dir(&inner).unwrap();
    symlink(home.path().join(SEAL), inner.join(SEAL)).unwrap();
    kept.push(inner.join(SEAL));
    age(&one, 60);
    write(&two, 200);
    assert!(found(&two).is_some() && found(&one).is_none(), "there was too much");
    for path in kept {
        assert!(path.symlink_metadata().is_ok(), "{} was removed", path.display());
    }
}

#[test]
#[cfg(unix)]
fn foreign_entries_are_errors() {
    use std::os::unix::fs::symlink;
    let cache = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("letter"), "text").unwrap();
    let pipe =
        |path: PathBuf| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    let damages: [&dyn Fn(&Path); 8] = [
        &|entry| pipe(entry.to_owned()),
        &|entry| symlink(home.path(), entry).unwrap(),
        &|entry| fs::write(entry, "text").unwrap(),
        &|entry| fs::create_dir(entry).unwrap(),
        &|entry| {
            fs::create_dir(entry).unwrap();
            pipe(entry.join(SEAL));
        },
        &|entry| {
            fs::create_dir(entry).unwrap();
            fs::write(entry.join(SEAL), "wst1\n").unwrap();
            pipe(entry.join(WEIGHTS));
        },
        &|entry| {
            fs::create_dir(entry).unwrap();
            fs::write(entry.join(SEAL), "wst1\n").unwrap();
            symlink(home.path().join("letter"), entry.join(WEIGHTS)).unwrap();
        },
        &|entry| {
            fs::create_dir_all(entry.join("letters")).unwrap();
            fs::write(entry.join(SEAL), "wst1\n").unwrap();
        },
    ];
    for (number, damage) in damages.iter().enumerate() {
        let one = prepared(cache.path(), number as u64, 1000);
        write(&one, 10);
        one.remove().unwrap();
        damage(&one.path());
        let said = one.find().err().map(|e| e.to_string()).unwrap_or_default();
        assert!(said.contains("move it away"), "{number}: {said}");
        assert!(one.remove().is_err());
        let unfinished = one.begin().unwrap();
        fs::write(unfinished.path.join(MODEL), "graph").unwrap();
        assert!(one.finish(unfinished).is_err(), "{number}");
        assert!(one.find().is_err(), "{number}: it is still there");
        assert_eq!(fs::read(home.path().join("letter")).unwrap(), b"text");
    }
}

#[test]
fn changed_weights_are_noticed() {
    let cache = tempfile::tempdir().unwrap();
    let one = prepared(cache.path(), 1, 1000);
    write(&one, 100);
    let Found::Model(_, Some(mapped)) = one.find().unwrap() else { panic!("it is there") };
    assert!(mapped.is_intact());
    let weights = one.path().join(WEIGHTS);
    let file = File::options().write(true).open(&weights).unwrap();
    one.remove().unwrap();
    assert!(mapped.is_intact(), "removing harms nobody");
    file.set_len(9).unwrap();
    assert!(!mapped.is_intact());
}
