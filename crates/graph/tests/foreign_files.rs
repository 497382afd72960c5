//! A cache folder that holds what is not the cache's, or that others may write to: nothing there is harmed.
#![cfg(unix)]

mod stub;

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use stub::{Bench, CASCADE, inputs};
use wuerst_core::{CancellationToken, Observer, Value};
use wuerst_graph::{Cache, Folder, Run};

/// Approximate size of one stub result; every run exceeds it.
const BUDGET: u64 = 3_000;

#[derive(Default)]
struct Warnings(Vec<String>);

impl Observer for Warnings {
    fn warning(&mut self, _: &str, message: &str) {
        self.0.push(message.to_owned());
    }
}

/// Makes pictures of these seeds with a new engine; gives the warnings.
fn run(folder: &Path, seeds: std::ops::Range<i64>) -> Vec<String> {
    let folder = Folder::new(folder, BUDGET, "test").worth(0.);
    let (bench, alone) = (Bench { cache: Cache::with_folder(0, folder), ..Bench::new(0) }, Bench::new(0));
    let graph = bench.load(CASCADE);
    let mut warnings = Warnings::default();
    for seed in seeds {
        let sets = [("prompt", "a red apple".into()), ("seed", Value::from(seed))];
        let got =
            Run::new(&graph, &inputs(&graph, &sets), &bench.cache, &CancellationToken::new(), &mut warnings)
                .output("image");
        let want = alone.output(&alone.load(CASCADE), "image", &sets).0;
        let want = want.expect("no folder is needed");
        assert_eq!(got.expect("a folder is never an error"), want);
    }
    warnings.0
}

fn results(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("wuerst-results")).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "wst"))
        .collect()
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().is_ok_and(|status| status.success()));
}

#[test]
fn foreign_files_stay() {
    let place = tempfile::tempdir().unwrap();
    let (cache, home) = (place.path().join("cache"), place.path().join("home"));
    fs::create_dir_all(home.join("deep")).unwrap();
    assert_eq!(run(&cache, 0..1), Vec::<String>::new());
    let first = results(&cache);
    let own = cache.join("wuerst-results");
    let digits = |digit: char| digit.to_string().repeat(64);
    let victim = home.join("deep/letter");
    fs::write(&victim, "wuerst results 1\nand more").unwrap();
    let mut kept = vec![victim.clone()];
    let names =
        ["unfinished-novel".to_owned(), "letter.wst".into(), format!("{}.wst", digits('a')), digits('b')];
    let names = names
        .into_iter()
        .chain([format!("{}-abcdef.part", digits('c')), format!("{}-novel.part", digits('d'))]);
    kept.extend(names.map(|name| own.join(name)));
    kept.extend(["letter.wst", "models.wst", "unfinished-x"].map(|name| cache.join(name)));
    for path in &kept[1..] {
        fs::write(path, "weeks of training").unwrap();
    }
    let folder = own.join(format!("{}.wst", digits('e')));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("letter"), "").unwrap();
    kept.extend([folder.join("letter"), folder]);
    for (digit, target) in [('f', victim), ('0', home), ('1', "/nowhere".into())] {
        let link = own.join(format!("{}.wst", digits(digit)));
        symlink(target, &link).unwrap();
        kept.push(link);
    }
    pipe(&own.join(format!("{}.wst", digits('2'))));
    for path in kept.iter().filter(|path| path.is_file() && !path.is_symlink()) {
        File::open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    assert_eq!(run(&cache, 1..20), Vec::<String>::new());
    for path in &kept {
        assert!(path.symlink_metadata().is_ok(), "{} was removed", path.display());
    }
    assert!(!first.iter().all(|path| path.exists()), "the folder was never full");
    let sum = |path: PathBuf| path.symlink_metadata().map_or(0, |about| about.len());
    let ours = results(&cache).into_iter().filter(|path| path.is_file() && !kept.contains(path));
    assert!((1..=BUDGET).contains(&ours.map(sum).sum()));
}

#[test]
fn foreign_entries_are_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let victim = place.path().join("victim");
    fs::write(&victim, "letters").unwrap();
    let damages: [&dyn Fn(&Path); 6] = [
        &|path| pipe(path),
        &|path| drop(UnixListener::bind(path).unwrap()),
        &|path| fs::create_dir(path).unwrap(),
        &|path| symlink("/dev/zero", path).unwrap(),
        &|path| symlink(&victim, path).unwrap(),
        &|path| fs::write(path, "letters").unwrap(),
    ];
    for (number, damage) in damages.iter().enumerate() {
        // The socket's path must be short.
        let cache = place.path().join(number.to_string());
        run(&cache, 0..1);
        let entries = results(&cache);
        let mut kept = vec![];
        for path in &entries {
            fs::remove_file(path).unwrap();
            let short = place.path().join("s");
            damage(&short);
            // A link moves as it is.
            fs::rename(&short, path).unwrap();
            kept.push((path, path.symlink_metadata().unwrap()));
        }
        assert!(!kept.is_empty());
        let warnings = run(&cache, 0..1);
        assert!(
            matches!(warnings.as_slice(), [one] if one.contains("not a file of this cache")),
            "{warnings:?}"
        );
        for (path, before) in kept {
            let now = path.symlink_metadata().unwrap();
            assert!(
                now.file_type() == before.file_type() && now.len() == before.len(),
                "{number}: {}",
                path.display()
            );
        }
    }
    assert_eq!(fs::read(&victim).unwrap(), b"letters");
}

#[test]
fn locks_are_neither_followed_nor_cut_off() {
    let place = tempfile::tempdir().unwrap();
    let (cache, victim) = (place.path().join("cache"), place.path().join("victim"));
    run(&cache, 0..1);
    let lock = cache.join("wuerst-results/lock");
    fs::write(&victim, "letters").unwrap();
    for make in
        [|victim: &Path, lock: &Path| symlink(victim, lock).unwrap(), |_: &Path, lock: &Path| pipe(lock)]
    {
        let _ = fs::remove_file(&lock);
        make(&victim, &lock);
        run(&cache, 1..4);
        assert_eq!(fs::read(&victim).unwrap(), b"letters");
    }
}

#[test]
fn shared_folders_are_not_used() {
    let place = tempfile::tempdir().unwrap();
    let cache = place.path().join("cache");
    let own = cache.join("wuerst-results");
    for folder in [&cache, &own] {
        fs::create_dir(folder).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
        let warnings = run(&cache, 0..2);
        assert!(matches!(warnings.as_slice(), [one] if one.contains("others may write")), "{warnings:?}");
        assert_eq!(results(&cache).len(), 0);
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    run(&cache, 0..1);
    assert!(!results(&cache).is_empty());
    // Existing files are not read either.
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o775)).unwrap();
    assert_eq!(run(&cache, 0..1).len(), 1);
}

#[test]
fn linked_folders_are_not_used() {
    let place = tempfile::tempdir().unwrap();
    let (cache, home) = (place.path().join("cache"), place.path().join("home"));
    fs::create_dir(&home).unwrap();
    symlink(&home, &cache).unwrap();
    let warns = || {
        let warnings = run(&cache, 0..2);
        assert!(matches!(warnings.as_slice(), [one] if one.contains("is a link")), "{warnings:?}");
        assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
    };
    warns();
    fs::remove_file(&cache).unwrap();
    fs::create_dir(&cache).unwrap();
    symlink(&home, cache.join("wuerst-results")).unwrap();
    warns();
}
