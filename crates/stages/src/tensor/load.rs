//! `tensor.load`: reads a tensor from a `.npy` file.

use std::io::Read;

use ndarray::{ArrayD, Ix4};
use wuerst_core::{Args, Ctx, Error, File, KnownLength, Registry, Result, Value};

use crate::heads::Heads;
use crate::npy::{self, NpyError};
use crate::plain::{Hooks, Plan};

/// Maximum file size in bytes.
const LARGEST: u64 = 256 << 20;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "tensor.load",
        signature: "file: file -> tensor: f32[b,c,h,w]",
        about: "Reads a NumPy file (`.npy`) of four dimensions, f32 or f64, of at most 256 MiB: an embedding or latents.",
        ports: &[
            ("file", "The file; a changed one is read again."),
            ("tensor", "The file's numbers, as f32."),
        ],
    };
    let hooks = Hooks { file: |file| shape(file).map(drop), lengths, ..Hooks::default() };
    plan.add_reading(LARGEST, registry, hooks, run)
}

/// The shape of a file's tensor, without its numbers.
fn shape(file: &File) -> Result<[usize; 4]> {
    static SHAPES: Heads<[usize; 4]> = Heads::new();
    SHAPES.of(file, |file| {
        let mut head = vec![];
        let read = file.content()?.take(npy::HEAD).read_to_end(&mut head);
        read.map_err(|source| Error::File { path: file.path().to_owned(), source })?;
        let shape = npy::shape(&head, file.size()).map_err(|error| failed(file, error.to_string()))?;
        <[usize; 4]>::try_from(shape).map_err(|shape| misshapen(file, &shape))
    })
}

fn lengths(known: &Args<'_>) -> Vec<KnownLength> {
    let Ok(shape) = known.file("file").and_then(shape) else { return Vec::new() };
    let dims = ["b", "c", "h", "w"].into_iter().zip(shape);
    dims.map(|(dim, length)| KnownLength::new(dim, length, "file")).collect()
}

fn misshapen(file: &File, shape: &[usize]) -> Error {
    failed(file, format!("holds a tensor of shape {shape:?}; [b,c,h,w] is expected"))
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let file = args.file("file")?;
    let array = read(file)?;
    let shape = array.shape().to_owned();
    match array.into_dimensionality::<Ix4>() {
        Ok(array) => Ok(vec![array.into_dyn().into_shared().into()]),
        Err(_) => Err(misshapen(file, &shape)),
    }
}

/// The array of a file.
fn read(file: &File) -> Result<ArrayD<f32>> {
    let mut bytes = vec![];
    let read = file.content()?.take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|source| Error::File { path: file.path().to_owned(), source })?;
    if bytes.len() as u64 > LARGEST {
        return Err(failed(file, "has more than 256 MiB".into()));
    }
    npy::read(&bytes).map_err(|error| match error {
        NpyError::Memory(error) => error,
        other => failed(file, other.to_string()),
    })
}

fn failed(file: &File, message: String) -> Error {
    Error::File { path: file.path().to_owned(), source: std::io::Error::other(message) }
}
