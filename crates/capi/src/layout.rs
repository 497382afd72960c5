//! Compares the header's structs and numbers with those of this crate, by asking a C compiler.

use std::collections::BTreeMap;
use std::mem::offset_of;
use std::path::Path;
use std::process::Command;

use wuerst_abi::table::{API_LAYOUT, Api};
use wuerst_sys::{
    Batch, Image, Kind, LAYOUTS, Node, NodeKind, Observer, Options, Port, Status, Str, Versioned,
};

/// Output of `tests/c/layout.c`, one name and number a line.
fn in_c() -> BTreeMap<String, usize> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("layout");
    let built = Command::new("cc")
        .args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(root.join("include"))
        .arg(root.join("tests/c/layout.c"))
        .arg("-o")
        .arg(&program)
        .status()
        .expect("a C compiler called cc");
    assert!(built.success());
    let text = String::from_utf8(Command::new(&program).output().unwrap().stdout).unwrap();
    let pair = |line: &str| {
        let (name, number) = line.split_once(' ').unwrap();
        (name.to_owned(), number.parse().unwrap())
    };
    text.lines().map(pair).collect()
}

#[test]
fn structs_match_header_layout() {
    let mut in_rust = BTreeMap::new();
    for (name, size, fields) in LAYOUTS {
        in_rust.insert((*name).to_owned(), *size);
        in_rust.extend(fields.iter().map(|(field, offset)| (format!("{name}.{field}"), *offset)));
    }
    in_rust.insert("wst_str".to_owned(), size_of::<Str>());
    in_rust.insert("wst_str.data".to_owned(), offset_of!(Str, data));
    in_rust.insert("wst_str.len".to_owned(), offset_of!(Str, len));
    in_rust.insert("wst_api".to_owned(), size_of::<Api>());
    in_rust.extend(API_LAYOUT.iter().map(|(field, offset)| (format!("wst_api.{field}"), *offset)));
    assert_eq!(in_c(), in_rust);
    let whole = [
        ("wst_batch", Batch::FIRST),
        ("wst_image", Image::FIRST),
        ("wst_kind", Kind::FIRST),
        ("wst_node", Node::FIRST),
        ("wst_status", Status::FIRST),
    ];
    for (name, first) in whole {
        assert_eq!(first, in_rust[name], "{name}");
    }
    // Fields of version 1, up to the first field added later.
    assert_eq!(
        (Options::FIRST, Observer::FIRST, NodeKind::FIRST, Port::FIRST),
        (
            in_rust["wst_options.cache_folder"],
            in_rust["wst_observer.overall"],
            in_rust["wst_node_kind.state"],
            in_rust["wst_port.role"]
        )
    );
}
