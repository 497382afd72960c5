use std::fs;

use super::*;

fn identity(model: &Model) -> Digest {
    model.reopen().and_then(|model| model.identify(&CancellationToken::new())).unwrap()
}

/// Sets a file's time of change to that of an archive.
fn at_time_zero(path: &Path) {
    fs::File::options().append(true).open(path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
}

#[test]
fn content_makes_identity() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = here.path().join("prior.onnx");
    let mut seen = Vec::new();
    for content in ["one", "two", "three"] {
        fs::write(&path, content).unwrap();
        at_time_zero(&path);
        let model = Model::open("prior", &path).unwrap();
        let copy = there.path().join(content);
        fs::write(&copy, content).unwrap();
        assert_eq!(identity(&model), identity(&Model::open("x", &copy).unwrap()));
        seen.push(identity(&model));
    }
    assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
}

/// A model that names external data: a graph, in it a tensor, in that an entry.
fn names(data: &str) -> Vec<u8> {
    let field = |number: u8, payload: &[u8]| [&[number << 3 | 2, payload.len() as u8], payload].concat();
    let entry = [field(1, b"location"), field(2, data.as_bytes())].concat();
    field(7, &field(5, &field(13, &entry)))
}

#[test]
fn external_data_counts_by_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prior.onnx");
    fs::write(&path, names("5f2a.bin")).unwrap();
    let model = Model::open("prior", &path).unwrap();
    let said = model.identify(&CancellationToken::new()).unwrap_err().to_string();
    assert!(said.contains("prior.onnx") && said.contains("`5f2a.bin`"), "{said}");
    let data = folder.path().join("5f2a.bin");
    let [first, second] = ["old", "new"].map(|content| {
        fs::write(&data, content).unwrap();
        at_time_zero(&data);
        identity(&model)
    });
    assert_ne!(first, second);
    fs::write(folder.path().join("prior.onnx.data"), "of another model").unwrap();
    assert_eq!(identity(&model), second, "a file that the model does not name");
}

#[test]
#[cfg(unix)]
fn links_lead_to_external_data() {
    let cache = tempfile::tempdir().unwrap();
    let (blobs, snapshot) = (cache.path().join("blobs"), cache.path().join("snapshot"));
    fs::create_dir(&blobs).unwrap();
    fs::create_dir(&snapshot).unwrap();
    fs::write(blobs.join("1"), names("m.onnx_data")).unwrap();
    fs::write(blobs.join("2"), "weights").unwrap();
    std::os::unix::fs::symlink("../blobs/1", snapshot.join("m.onnx")).unwrap();
    std::os::unix::fs::symlink("../blobs/2", snapshot.join("m.onnx_data")).unwrap();
    let model = Model::open("m", &snapshot.join("m.onnx")).unwrap();
    assert_eq!(model.data().unwrap(), [snapshot.join("m.onnx_data")]);
    let linked = identity(&model);
    fs::write(blobs.join("2"), "weighed").unwrap();
    assert_ne!(identity(&model), linked);
}

#[test]
fn unreadable_models_equal_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prior.onnx");
    fs::write(&path, "one").unwrap();
    let model = Model::open("prior", &path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(model.identify(&CancellationToken::new()).is_err() && model.reopen().is_err());
    assert_ne!(model.digest(), model.digest());
}

#[test]
fn folders_are_no_models() {
    let folder = tempfile::tempdir().unwrap();
    let said = Model::open("tokenizer", folder.path()).unwrap_err().to_string();
    assert!(said.ends_with("is a folder, not a regular file"), "{said}");
}

#[test]
fn memory_comes_before_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prior.onnx");
    fs::write(&path, names("w.bin")).unwrap();
    fs::write(folder.path().join("w.bin"), "weights").unwrap();
    let disk = Model::open("prior", &path).unwrap();
    let assets = Assets::default();
    let models = Models::new(|_| Err("nowhere".into())).with_assets(assets.clone());
    assert!(matches!(models.open("own/prior"), Err(Error::NotFound { .. })));
    assets.add("own/prior.onnx", Bytes::new(names("w.bin"))).unwrap();
    let said = models.open("own/prior").unwrap_err().to_string();
    assert!(said.contains("own/prior.onnx") && said.contains("`own/w.bin` is not in memory"), "{said}");
    assets.add("own/w.bin", Bytes::new(*b"weights")).unwrap();
    for models in [models.clone(), models.by_host()] {
        let model = models.open("own/prior").unwrap();
        assert_eq!((identity(&model), model.is_unchanged()), (identity(&disk), true));
        assert_eq!(model.memory().unwrap().data[0].0, "w.bin");
        assert!(model.beside("tokenizer.json").unwrap().is_err() && model.data().unwrap().is_empty());
        assert!(model.beside("w.bin").unwrap().is_ok() && disk.beside("w.bin").is_none());
    }
    assert_eq!(models.file("own/w.bin").unwrap().size(), 7);
}

#[test]
fn missing_model_is_named() {
    let models = Models::new(|_| Err("looked in models/".into()));
    assert_eq!(models.open("prior").unwrap_err().to_string(), "no model `prior`: looked in models/");
    let missing = models.allowing_missing().open("prior").unwrap();
    let said = missing.identify(&CancellationToken::new()).unwrap_err().to_string();
    assert_eq!((missing.name(), said.as_str()), ("prior", "no model `prior`: looked in models/"));
    assert!(missing.reopen().is_err() && !missing.is_unchanged() && missing.key().is_none());
    let error = Models::default().open("/nowhere/x.onnx").unwrap_err().to_string();
    assert!(error.contains("/nowhere/x.onnx"), "{error}");
}
