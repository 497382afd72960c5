//! The structs of this crate against those of the header, by asking a C compiler.

use crate::raw::{Digest, Image, Options, Port, Status, Str, Tensor};
use std::fmt::Write as _;
use std::mem::offset_of;
use std::path::Path;
use std::process::Command;

macro_rules! layouts {
    ($($c:literal = $ty:ty { $($field:ident $(as $in_c:literal)?),* })*) => {
        [$(($c, size_of::<$ty>(), vec![$((named!($field $($in_c)?), offset_of!($ty, $field))),*])),*]
    };
}

macro_rules! named {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $in_c:literal) => {
        $in_c
    };
}

#[test]
fn structs_lie_in_memory_as_the_header_says() {
    let ours = layouts! {
        "wst_str" = Str { data, len }
        "wst_digest" = Digest { bytes }
        "wst_tensor" = Tensor { dtype, rank, shape, data }
        "wst_port" = Port {
            struct_size, name, kind as "type", flags, type_text, declaration, initial, minimum, maximum, choices,
            choice_count, about
        }
        "wst_image" = Image { struct_size, data, row_bytes, width, height, format, flags, index, reserved }
        "wst_status" = Status { struct_size, state, reserved, fraction, node, done, of, previews, warnings }
    };
    let mut program = String::from("#include <stddef.h>\n#include <wuerst.h>\n");
    for (name, size, fields) in &ours {
        writeln!(program, "_Static_assert(sizeof({name}) == {size}, \"the size of {name}\");").unwrap();
        for (field, offset) in fields {
            let place = format!("offsetof({name}, {field})");
            writeln!(program, "_Static_assert({place} == {offset}, \"{place}\");").unwrap();
        }
    }
    // Only the beginning: later fields are zeros to the library.
    for (field, offset) in [
        ("runtime", offset_of!(Options, runtime)),
        ("threads", offset_of!(Options, threads)),
        ("log", offset_of!(Options, log)),
        ("cache_folder", offset_of!(Options, cache_folder)),
        ("ort_api_base", offset_of!(Options, ort_api_base)),
        ("outputs", offset_of!(Options, outputs)),
    ] {
        writeln!(program, "_Static_assert(offsetof(wst_options, {field}) == {offset}, \"{field}\");")
            .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("layout.c");
    std::fs::write(&source, program).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../include");
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c11", "-Wall", "-Wextra", "-fsyntax-only", "-I"]).arg(include).arg(source);
    assert!(compiler.status().expect("a C compiler called cc").success());
}
