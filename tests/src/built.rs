//! The command and the C library, built in the profile that the tests are in.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{env, fs};

use anyhow::{Context, Result, anyhow, ensure};

/// Names a folder in which both are built already, which saves asking cargo.
const VARIABLE: &str = "WUERST_BUILT";

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A model of every stage with random weights, so that no test depends on what the shipped model has learnt.
pub fn tiny() -> PathBuf {
    root().join("tests/tiny")
}

/// The folder that holds `wuerst` and `libwuerst.so`, up to date.
fn folder() -> Result<&'static Path> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| build().map_err(|e| format!("{e:#}")));
    folder.as_deref().map_err(|e| anyhow!("{e}"))
}

fn build() -> Result<PathBuf> {
    if let Some(folder) = env::var_os(VARIABLE) {
        return Ok(folder.into());
    }
    let (folder, profile) = profile()?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "-q",
            "--profile",
            &profile,
            "-p",
            "wuerst-cli",
            "-p",
            "wuerst-capi",
            "-p",
            "wuerst-pooled",
        ])
        .current_dir(root())
        .status()?;
    ensure!(built.success(), "cargo build: {built}");
    Ok(folder)
}

/// The target folder's part that this test is in, and its profile.
fn profile() -> Result<(PathBuf, String)> {
    // target/debug/deps/cli-0123
    let program = env::current_exe()?;
    let folder = program.ancestors().nth(2).context("a test outside a target folder")?.to_owned();
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev".to_owned(),
        Some(name) => name.to_owned(),
    };
    Ok((folder, profile))
}

/// An example of `crates/wuerst`. `cargo test` builds it; a test that runs alone asks cargo for it.
pub fn rust_example(name: &str) -> Result<PathBuf> {
    let (folder, profile) = profile()?;
    let path = folder.join("examples").join(name);
    if !path.exists() {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "-q", "--profile", &profile, "-p", "wuerst", "--examples"])
            .current_dir(root())
            .status()?;
        ensure!(built.success(), "cargo build --examples: {built}");
    }
    Ok(path)
}

/// The command. Neither models nor a runtime is named to it but by its arguments and ORT_DYLIB_PATH.
pub fn command() -> Result<Command> {
    let mut command = Command::new(folder()?.join("wuerst"));
    command.env_remove("WUERST_MODELS");
    Ok(command)
}

/// The C library.
pub fn library() -> Result<PathBuf> {
    Ok(folder()?.join("libwuerst.so"))
}

/// Compiles a program of `crates/capi/examples` (as `cpp/batch`) or `tests/c` against the C library, into `folder`.
///
/// # Errors
/// Any warning of the compiler.
pub fn c_program(name: &str, standard: &str, folder: &Path) -> Result<PathBuf> {
    let library = library()?;
    // By its soname, as the program loader looks for it.
    let soname = folder.join(concat!("libwuerst.so.", env!("CARGO_PKG_VERSION_MAJOR")));
    if !soname.exists() {
        std::os::unix::fs::symlink(&library, &soname)?;
    }
    let program = folder.join(format!("{}-{standard}", name.replace('/', "-")));
    let path = fs::canonicalize(folder)?;
    let (library, path) = (library.display().to_string(), format!("-Wl,-rpath,{}", path.display()));
    compile(name, standard, &[&library, &path], &program)?;
    Ok(program)
}

/// Compiles a program of `tests/c` that loads the C library by itself, into `folder`.
///
/// # Errors
/// Any warning of the compiler.
pub fn c_tool(name: &str, standard: &str, folder: &Path) -> Result<PathBuf> {
    let program = folder.join(format!("{name}-{standard}"));
    compile(name, standard, &[], &program)?;
    Ok(program)
}

/// Whether a program ended well.
///
/// # Errors
/// How it ended, with what it wrote.
pub fn ran(output: &Output) -> Result<()> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(output.status.success(), "{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr));
    Ok(())
}

/// The example of a plug-in in Rust.
pub fn plugin() -> Result<PathBuf> {
    Ok(folder()?.join("libwuerst_pooled.so"))
}

/// Compiles a plug-in of `crates/capi/examples` or `tests/c`, which links against nothing, into `folder`.
///
/// # Errors
/// Any warning of the compiler.
pub fn c_plugin(name: &str, standard: &str, more: &[&str], folder: &Path) -> Result<PathBuf> {
    // Options may hold paths.
    let more_of_it = more.concat().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let plugin = folder.join(format!("{name}-{standard}{more_of_it}.so"));
    compile(name, standard, &[&["-shared", "-fPIC"], more].concat(), &plugin)?;
    Ok(plugin)
}

/// The source of a C or C++ program: an example, or a test.
fn source(name: &str) -> Result<PathBuf> {
    let folders = ["crates/capi/examples", "crates/capi/examples/c", "tests/c", "tests/heavy"];
    let files = folders.iter().flat_map(|folder| ["c", "cpp"].map(|end| format!("{folder}/{name}.{end}")));
    let mut paths = files.map(|file| root().join(file));
    paths.find(|path| path.exists()).with_context(|| format!("no source of {name}"))
}

/// Of a standard, `c++17-no-exceptions` is one without exceptions, and `c++17-sanitized` one whose mistakes with memory and
/// undefined behaviour end the program.
fn compile(name: &str, standard: &str, more: &[&str], out: &Path) -> Result<()> {
    let (compiler, language) = if standard.contains("++") { ("c++", "c++") } else { ("cc", "c") };
    let (standard, flags): (_, &[&str]) = match standard.split_once('-') {
        Some((standard, "no-exceptions")) => (standard, &["-fno-exceptions"]),
        Some((standard, "sanitized")) => (
            standard,
            &["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"],
        ),
        _ => (standard, &[]),
    };
    let built = Command::new(compiler)
        .args(["-x", language, "-pedantic", "-Wall", "-Wextra", "-Werror", "-g", "-pthread", "-D_GNU_SOURCE"])
        .arg(format!("-std={standard}"))
        .arg("-I")
        .arg(root().join("include"))
        .args(flags)
        .arg(source(name)?)
        .args(["-x", "none"])
        .args(more)
        .arg("-lm")
        .arg("-o")
        .arg(out)
        .status()
        .with_context(|| format!("a compiler called {compiler}"))?;
    ensure!(built.success(), "{name} as {standard}: {built}");
    Ok(())
}

/// A PNG file's pixels, `[h,w,3]` u8 in a row, with height and width.
pub fn png(path: &Path) -> Result<([usize; 2], Vec<u8>)> {
    let file = std::io::BufReader::new(fs::File::open(path).with_context(|| path.display().to_string())?);
    let mut reader = png::Decoder::new(file).read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().context("a picture too large")?];
    let frame = reader.next_frame(&mut pixels)?;
    ensure!(frame.color_type == png::ColorType::Rgb && frame.bit_depth == png::BitDepth::Eight, "{frame:?}");
    Ok(([frame.height as usize, frame.width as usize], pixels))
}
