//! State dicts in PyTorch's format before version 1.6: five pickles, then the numbers.
//!
//! The pickles are a magic number, a version, facts about the machine, the state dict, and the keys of the storages in
//! order. Each storage is its length as i64, followed by its elements.

use std::collections::HashMap;

use super::pickle::{Object, Pickle, Ref};
use super::{Element, Entry};

/// 0x1950a86a20f9469cfc6c.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const VERSION: i64 = 1001;

/// Elements shared by tensors.
struct Storage {
    element: Element,
    /// Number of elements.
    count: usize,
}

/// A tensor as described by the state dict.
struct View<'a> {
    storage: &'a str,
    first: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

/// The tensors of a file, by name; the file's number is left 0.
pub fn entries(bytes: &[u8]) -> Result<Vec<(String, Entry)>, String> {
    let mut rest = bytes;
    if Pickle::read(&mut rest)?.root() != &Object::Long(MAGIC.to_vec()) {
        return Err("is a pickle, but not one of PyTorch's".into());
    }
    match Pickle::read(&mut rest)?.root() {
        Object::Int(VERSION) => {}
        other => return Err(format!("is PyTorch's format {other:?}; {VERSION} is known")),
    }
    let machine = Pickle::read(&mut rest)?;
    if fact(&machine, "little_endian") != Some(&Object::Bool(true)) {
        return Err("was written on a big-endian machine".into());
    }
    let (dict, keys) = (Pickle::read(&mut rest)?, Pickle::read(&mut rest)?);

    let (views, storages) = views(&dict)?;
    let places = places(&keys, &storages, bytes.len() - rest.len(), bytes)?;
    let mut entries = Vec::with_capacity(views.len());
    for (name, view) in views {
        let (storage, place) = storages
            .get(view.storage)
            .zip(places.get(view.storage))
            .ok_or_else(|| format!("`{name}` lies in storage {}, which does not follow", view.storage))?;
        if !within(&view, storage.count) {
            return Err(format!("`{name}` reaches beyond its storage of {} elements", storage.count));
        }
        let start = place + view.first * storage.element.bytes();
        let strides = Some(view.strides);
        entries.push((name, Entry { file: 0, start, element: storage.element, shape: view.shape, strides }));
    }
    Ok(entries)
}

/// A value of the facts of the machine.
fn fact<'a>(facts: &'a Pickle, key: &str) -> Option<&'a Object> {
    let Object::Dict(items) = facts.root() else { return None };
    items.iter().find(|(k, _)| facts.text(*k) == Some(key)).map(|(_, value)| facts.at(*value))
}

/// Tensors by name, and storages by key, from the state dict.
type Views<'a> = (Vec<(String, View<'a>)>, HashMap<&'a str, Storage>);

fn views(dict: &Pickle) -> Result<Views<'_>, String> {
    let Object::Dict(items) = dict.root() else { return Err("holds no state dict".into()) };
    let (mut views, mut storages) = (Vec::new(), HashMap::new());
    for (key, value) in items {
        let name = dict.text(*key).ok_or("a tensor's name is not text")?;
        let (view, storage) = view(dict, *value).ok_or_else(|| {
            format!("`{name}` is not a tensor that is known here; save the state dict alone, as safetensors")
        })?;
        storages.insert(view.storage, storage);
        views.push((name.into(), view));
    }
    Ok((views, storages))
}

/// Reads `_rebuild_tensor_v2(storage, first, shape, strides, …)`.
fn view(dict: &Pickle, tensor: Ref) -> Option<(View<'_>, Storage)> {
    let Object::Call(callable, arguments) = dict.at(tensor) else { return None };
    let known = Object::Global("torch._utils".into(), "_rebuild_tensor_v2".into());
    let [storage, first, shape, strides, ..] = dict.tuple(*arguments)? else { return None };
    let Object::Persistent(id) = dict.at(*storage) else { return None };
    // ("storage", class, key, device, count, view); a view of another storage is long out of use.
    let [_, class, key, _, count, view] = dict.tuple(*id)? else { return None };
    let Object::Global(_, class) = dict.at(*class) else { return None };
    if dict.at(*callable) != &known || dict.at(*view) != &Object::None {
        return None;
    }
    let element = match &class[..] {
        "DoubleStorage" => Element::F64,
        "FloatStorage" => Element::F32,
        "HalfStorage" => Element::F16,
        "BFloat16Storage" => Element::BF16,
        "LongStorage" => Element::Whole(8),
        "IntStorage" => Element::Whole(4),
        "ShortStorage" => Element::Whole(2),
        "ByteStorage" | "CharStorage" | "BoolStorage" => Element::Whole(1),
        _ => return None,
    };
    let (shape, strides) = (dict.sizes(*shape)?, dict.sizes(*strides)?);
    if shape.len() != strides.len() {
        return None;
    }
    let view = View { storage: dict.text(*key)?, first: dict.size(*first)?, shape, strides };
    Some((view, Storage { element, count: dict.size(*count)? }))
}

/// First byte of each storage.
fn places(
    keys: &Pickle,
    storages: &HashMap<&str, Storage>,
    mut at: usize,
    bytes: &[u8],
) -> Result<HashMap<String, usize>, String> {
    let Object::List(order) = keys.root() else { return Err("the keys of the storages are no list".into()) };
    let mut places = HashMap::new();
    for key in order {
        let key = keys.text(*key).ok_or("the key of a storage is not text")?;
        let storage = storages.get(key).ok_or_else(|| format!("storage {key} belongs to no tensor"))?;
        let count = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()).map(|b| u64::from_le_bytes(*b));
        if count != Some(storage.count as u64) {
            return Err(format!("storage {key} should have {} elements, has {count:?}", storage.count));
        }
        places.insert(key.into(), at + 8);
        let size = storage.count.checked_mul(storage.element.bytes());
        at = size
            .and_then(|size| (at + 8).checked_add(size))
            .filter(|end| *end <= bytes.len())
            .ok_or_else(|| format!("ends within storage {key}; the file is cut short"))?;
    }
    Ok(places)
}

/// Whether the last element of a view is inside `count`.
fn within(view: &View<'_>, count: usize) -> bool {
    if view.shape.contains(&0) {
        return view.first <= count;
    }
    let last =
        view.shape.iter().zip(&view.strides).try_fold(view.first, |sum, (extent, stride)| {
            sum.checked_add((extent - 1).checked_mul(*stride)?)
        });
    // A stride of 0 could state more elements than memory holds.
    let elements = view.shape.iter().try_fold(1usize, |product, extent| product.checked_mul(*extent));
    last.is_some_and(|last| last < count) && elements.is_some_and(|elements| elements <= count)
}
