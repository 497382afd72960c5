//! ONNX models by hand, byte by byte: for models that no writer writes.

use wuerst_model::metadata::{Metadata, Vqgan};

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = vec![];
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A field that holds bytes.
pub fn put(number: u64, content: &[u8]) -> Vec<u8> {
    [&varint(number << 3 | 2), &varint(content.len() as u64), content].concat()
}

/// A field that holds a number.
pub fn number(number: u64, value: i64) -> Vec<u8> {
    [varint(number << 3), varint(value.cast_unsigned())].concat()
}

/// A vector of integers, `TensorProto`.
pub fn ints(name: &str, values: &[i64]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    [number(1, values.len() as i64), number(2, 7), put(8, name.as_bytes()), put(9, &bytes)].concat()
}

/// `Op a b -> y`, with encoded attributes.
pub fn node(text: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let (left, outputs) = text.split_once(" -> ").unwrap_or((text, ""));
    let mut words = left.split(' ');
    let mut node = put(4, words.next().unwrap_or_default().as_bytes());
    words.for_each(|input| node.extend(put(1, input.as_bytes())));
    outputs.split(' ').for_each(|output| node.extend(put(2, output.as_bytes())));
    attributes.iter().for_each(|attribute| node.extend(put(5, attribute)));
    node
}

/// An attribute: a name, and an encoded field. ONNX Runtime wants its type, too.
pub fn attribute(name: &str, kind: i64, field: &[u8]) -> Vec<u8> {
    [&put(1, name.as_bytes())[..], field, &number(20, kind)].concat()
}

/// A pair of metadata.
pub fn pair(key: &str, value: &str) -> Vec<u8> {
    put(14, &[put(1, key.as_bytes()), put(2, value.as_bytes())].concat())
}

/// An input or output of four dimensions, of which the second may be fixed.
fn outlet(name: &str, element: i64, channels: Option<i64>) -> Vec<u8> {
    let free = |name: &[u8]| put(1, &put(2, name));
    let channels = channels.map_or_else(|| free(b"c"), |channels| put(1, &number(1, channels)));
    let dims = [free(b"b"), channels, free(b"h"), free(b"w")].concat();
    let tensor = [number(1, element), put(2, &dims)].concat();
    [put(1, name.as_bytes()), put(2, &put(1, &tensor))].concat()
}

/// The metadata of [`vqgan`].
pub fn metadata() -> Vec<(String, String)> {
    Metadata::VqganDecoder(Vqgan { latent_scale: 0.3764, pixels_per_latent: 1 }).pairs()
}

/// A number, `TensorProto`.
pub fn float(name: &str, value: f32) -> Vec<u8> {
    [number(2, 1), put(8, name.as_bytes()), put(9, &value.to_le_bytes())].concat()
}

/// A VQGAN's decoder that takes the first three channels for colours, with more in its graph, and more in itself.
pub fn vqgan_with(metadata: &[(String, String)], graph: &[u8], model: &[u8]) -> Vec<u8> {
    decoder("image", outlet("image", 1, Some(3)), metadata, graph, model)
}

/// One that calls those channels `colours`, and whose `graph` makes `image` of them, of this type (`TensorProto.DataType`)
/// and of any extents.
pub fn vqgan_from_colours(element: i64, graph: &[u8]) -> Vec<u8> {
    decoder("colours", outlet("image", element, None), &metadata(), graph, &[])
}

fn decoder(
    colours: &str,
    image: Vec<u8>,
    metadata: &[(String, String)],
    graph: &[u8],
    model: &[u8],
) -> Vec<u8> {
    let list = |name: &str, value: i64| attribute(name, 7, &number(8, value));
    let lists = [list("axes", 1), list("starts", 0), list("ends", 3)];
    let slice = node(&format!("Slice latents -> {colours}"), &lists);
    let own = [put(1, &slice), put(2, b"g"), put(11, &outlet("latents", 1, Some(4))), put(12, &image)];
    let graph = [&own.concat(), graph].concat();
    let metadata: Vec<u8> = metadata.iter().flat_map(|(key, value)| pair(key, value)).collect();
    [number(1, 4), put(8, &number(2, 9)), put(7, &graph), metadata, model.to_vec()].concat()
}

/// Like the above, with valid metadata.
pub fn vqgan(graph: &[u8], model: &[u8]) -> Vec<u8> {
    vqgan_with(&metadata(), graph, model)
}

/// A written model with an `Identity` after each node: without optimisations ONNX Runtime then hands on every result in its own
/// type, where it would keep f16 in f32 between operators that the CPU computes in f32.
pub fn step_by_step(model: &[u8]) -> Vec<u8> {
    replaced(model, 7, |graph| put(7, &replaced(graph, 1, stepped)))
}

/// A node under other names for its results, and an `Identity` for each of them.
fn stepped(old: &[u8]) -> Vec<u8> {
    let mut identities = vec![];
    let new = replaced(old, 2, |name| match String::from_utf8_lossy(name) {
        name if name.is_empty() => put(2, b""),
        name => {
            let identity =
                [put(1, format!("{name}#").as_bytes()), put(2, name.as_bytes()), put(4, b"Identity")];
            identities.extend(put(1, &identity.concat()));
            put(2, format!("{name}#").as_bytes())
        }
    });
    [put(1, &new), identities].concat()
}

/// A message with other bytes in the place of each field of this number.
fn replaced(message: &[u8], wanted: u64, mut with: impl FnMut(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (mut rest, mut out) = (message, vec![]);
    while !rest.is_empty() {
        let start = rest;
        let key = read_varint(&mut rest);
        let length = match key & 7 {
            0 => {
                read_varint(&mut rest);
                0
            }
            1 => 8,
            2 => read_varint(&mut rest) as usize,
            _ => 4,
        };
        let (content, after) = rest.split_at(length);
        rest = after;
        match key >> 3 == wanted {
            true => out.extend(with(content)),
            false => out.extend(&start[..start.len() - rest.len()]),
        }
    }
    out
}

fn read_varint(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let [byte, rest @ ..] = *bytes {
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if *byte < 0x80 {
            break;
        }
    }
    number
}
