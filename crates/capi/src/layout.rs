//! The structs and numbers of the header against those of this crate, by asking a C compiler.

use std::collections::BTreeMap;
use std::mem::offset_of;
use std::path::Path;
use std::process::Command;

use wuerst_abi::node::RawNode;
use wuerst_abi::table::{API_LAYOUT, Api};

use crate::engine::Options;
use crate::graph::Change;
use crate::grow::Grows;
use crate::tensor::View;
use crate::text::Str;
use crate::watch::Watch;

/// What `tests/c/layout.c` prints: a name and a number a line.
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

macro_rules! layout {
    ($($name:literal = $ty:ty { $($field:ident),* })*) => {
        BTreeMap::from([$(
            ($name.to_owned(), size_of::<$ty>()),
            $((concat!($name, ".", stringify!($field)).to_owned(), offset_of!($ty, $field)),)*
        )*])
    };
}

#[test]
fn structs_lie_in_memory_as_the_header_says() {
    let mut in_rust = layout! {
        "wst_str" = Str { data, len }
        "wst_tensor" = View { dtype, rank, shape, data }
        "wst_options" = Options {
            struct_size, runtime, models, devices, model_bytes, cache_bytes, threads, reserved, log, user, cache_folder,
            cache_folder_bytes
        }
        "wst_change" = Change { name, text, value }
        "wst_node" = RawNode {
            struct_size, kind, signature, about, ports, version, flags, run, check, drop, user
        }
        "wst_watch" = Watch {
            struct_size, progress, preview, warning, user, overall, preview_every, reserved
        }
    };
    in_rust.insert("wst_api".to_owned(), size_of::<Api>());
    in_rust.extend(API_LAYOUT.iter().map(|(field, offset)| (format!("wst_api.{field}"), *offset)));
    assert_eq!(in_c(), in_rust);
    assert_eq!(RawNode::FIRST, in_rust["wst_node"]);
    // What was there in version 1: up to the first fields that came later.
    assert_eq!(
        (Options::FIRST, Watch::FIRST),
        (in_rust["wst_options.cache_folder"], in_rust["wst_watch.overall"])
    );
}
