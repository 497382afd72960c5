//! The declarations against the header, by asking a C compiler.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use wuerst_sys::{ABI_VERSION, LAYOUTS, Str, functions, numbers};

/// Whether a compiler takes a program that includes the header.
fn compiles(asserts: &str) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("asserts.c");
    std::fs::write(&source, format!("#include <stddef.h>\n#include <wuerst.h>\n{asserts}")).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include");
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c11", "-Wall", "-Wextra", "-fsyntax-only", "-I"]).arg(include).arg(&source);
    assert!(compiler.status().expect("a C compiler called cc").success());
}

fn header() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include/wuerst.h")).unwrap()
}

#[test]
fn structs_lie_as_in_c() {
    let text = [("data", std::mem::offset_of!(Str, data)), ("len", std::mem::offset_of!(Str, len))];
    let mut asserts = String::new();
    for (name, size, fields) in LAYOUTS.iter().copied().chain([("wst_str", size_of::<Str>(), &text[..])]) {
        writeln!(asserts, "_Static_assert(sizeof({name}) == {size}, \"the size of {name}\");").unwrap();
        for (field, offset) in fields {
            let place = format!("offsetof({name}, {field})");
            writeln!(asserts, "_Static_assert({place} == {offset}, \"{place}\");").unwrap();
        }
    }
    compiles(&asserts);
}

/// A type as C writes it.
fn in_c(ty: &str) -> String {
    if let Some(to) = ty.strip_prefix("*mut ") {
        return format!("{} *", in_c(to));
    }
    if let Some(to) = ty.strip_prefix("*const ") {
        return format!("const {} *", in_c(to));
    }
    match ty {
        "" => "void".to_owned(),
        "u32" => "uint32_t".to_owned(),
        "i64" => "int64_t".to_owned(),
        "u64" => "uint64_t".to_owned(),
        "f64" => "double".to_owned(),
        "usize" => "size_t".to_owned(),
        "c_int" => "int".to_owned(),
        "c_void" => "void".to_owned(),
        // `NodeKind` is `wst_node_kind`.
        name => name.chars().fold("wst".to_owned(), |c, letter| match letter.is_uppercase() {
            true => format!("{c}_{}", letter.to_lowercase()),
            false => format!("{c}{letter}"),
        }),
    }
}

#[test]
fn function_types_match_c() {
    let mut asserts = String::new();
    for (name, arguments, result) in functions::ALL {
        let arguments: Vec<String> = arguments.iter().map(|ty| in_c(ty)).collect();
        let arguments = if arguments.is_empty() { "void".to_owned() } else { arguments.join(", ") };
        let ty = format!("{} (*)({arguments})", in_c(result));
        writeln!(asserts, "_Static_assert(_Generic(&{name}, {ty}: 1, default: 0), \"{name}\");").unwrap();
    }
    compiles(&asserts);
}

#[test]
fn nothing_of_header_lacks() {
    let header = header();
    let declared: BTreeSet<&str> = functions::ALL.iter().map(|(name, ..)| *name).collect();
    let words = |line: &'_ str| {
        let name = line.split('(').next()?.rsplit([' ', '*']).next()?;
        (line.contains('(') && name.starts_with("wst_")).then(|| name.to_owned())
    };
    let plain = |line: &&str| !line.starts_with([' ', '/', '#', '}', '*']) && !line.starts_with("static");
    let there: BTreeSet<String> = header.lines().filter(plain).filter_map(words).collect();
    assert_eq!(there.iter().map(String::as_str).collect::<BTreeSet<_>>(), declared);
    let mut asserts = format!("_Static_assert(WST_ABI_VERSION == {ABI_VERSION}, \"the version\");\n");
    for (name, number) in numbers::ALL {
        writeln!(asserts, "_Static_assert({name} == {number}, \"{name}\");").unwrap();
    }
    compiles(&asserts);
    let named = header.lines().filter_map(|line| {
        line.strip_prefix("#define WST_")?
            .split_once(" ((wst_")
            .or(line.strip_prefix("#define WST_")?.split_once(" ((uint32_t)"))
    });
    assert_eq!(named.count(), numbers::ALL.len());
}
