//! The structs and numbers of the header against those of this crate, by asking a C compiler.

use std::collections::BTreeMap;
use std::mem::offset_of;
use std::path::Path;
use std::process::Command;

use wuerst_abi::image::Image;
use wuerst_abi::node::{BatchView, RawNode};
use wuerst_abi::table::{API_LAYOUT, Api};

use crate::digest::Digest;
use crate::engine::Options;
use crate::graph::Change;
use crate::grow::Grows;
use crate::kinds::KindView;
use crate::ports::PortView;
use crate::run::StatusView;
use crate::steps::StepView;
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
            cache_folder_bytes, ort_api_base, files, outputs, stage_devices, stage_threads,
            strict, reserved2, outputs_bytes, outputs_files, reserved3, settings
        }
        "wst_image" = Image { struct_size, data, row_bytes, width, height, format, flags, index, reserved }
        "wst_digest" = Digest { bytes }
        "wst_kind" = KindView { struct_size, kind, signature, about, version, flags, input_count, output_count }
        "wst_step" = StepView { struct_size, name, kind, devices, arguments, argument_count }
        "wst_status" = StatusView {
            struct_size, state, reserved, fraction, node, done, of, previews, warnings
        }
        "wst_change" = Change { name, text, value }
        "wst_node" = RawNode {
            struct_size, kind, signature, about, ports, version, flags, run, check, drop, user, state, batch, weight
        }
        "wst_batch" = BatchView { struct_size, over, each, counts }
        "wst_watch" = Watch {
            struct_size, progress, preview, warning, user, overall, preview_every, reserved, part
        }
    };
    // `type` is a word of Rust.
    in_rust.extend([
        ("wst_port".to_owned(), size_of::<PortView>()),
        ("wst_port.type".to_owned(), offset_of!(PortView, kind)),
    ]);
    in_rust.extend(layout! { "wst_port" = PortView {
        struct_size, name, flags, type_text, declaration, initial, minimum, maximum, choices, choice_count, about
    } });
    in_rust.insert("wst_api".to_owned(), size_of::<Api>());
    in_rust.extend(API_LAYOUT.iter().map(|(field, offset)| (format!("wst_api.{field}"), *offset)));
    assert_eq!(in_c(), in_rust);
    let whole = [
        ("wst_batch", BatchView::FIRST),
        ("wst_image", Image::FIRST),
        ("wst_kind", KindView::FIRST),
        ("wst_step", StepView::FIRST),
        ("wst_status", StatusView::FIRST),
        ("wst_port", PortView::FIRST),
    ];
    for (name, first) in whole {
        assert_eq!(first, in_rust[name], "{name}");
    }
    // What was there in version 1: up to the first fields that came later.
    assert_eq!(
        (Options::FIRST, Watch::FIRST, RawNode::FIRST),
        (in_rust["wst_options.cache_folder"], in_rust["wst_watch.overall"], in_rust["wst_node.state"])
    );
}
