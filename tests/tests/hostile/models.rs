//! Models that mean no good, each a little other than one that works.

use wuerst_tests::onnx_bytes::{attribute, ints, metadata, node, number, pair, put, vqgan, vqgan_with};

const G: i64 = 1_000_000_000;

/// Each with what is wrong with it.
pub fn all() -> Vec<(String, Vec<u8>)> {
    let parts = [nested(), crowds(), tensors(), unfolding(), functions(), odd_facts(), damaged()];
    parts.into_iter().flatten().map(|(name, model)| (name.to_owned(), model)).collect()
}

type Models = Vec<(&'static str, Vec<u8>)>;

/// Nodes and tensors of a graph.
fn graph(nodes: &[Vec<u8>], tensors: &[Vec<u8>]) -> Vec<u8> {
    let nodes = nodes.iter().flat_map(|node| put(1, node));
    nodes.chain(tensors.iter().flat_map(|tensor| put(5, tensor))).collect()
}

fn nested() -> Models {
    let subgraphs = |depth, field| {
        let inner = (0..depth).fold(node("Identity latents -> y", &[]), |inner, _| {
            node("If latents -> y", &[attribute("then_branch", 5, &put(field, &put(1, &inner)))])
        });
        vqgan(&put(1, &inner), &[])
    };
    let types = |field, depth| {
        let ty = (0..depth).fold(vec![], |inner, _| put(field, &put(1, &inner)));
        vqgan(&put(13, &[put(1, b"v"), put(2, &ty)].concat()), &[])
    };
    let in_function = (0..3000).fold(node("Identity a -> y", &[]), |inner, _| {
        node("If a -> y", &[attribute("then_branch", 5, &put(6, &put(1, &inner)))])
    });
    vec![
        ("17 subgraphs within each other", subgraphs(17, 6)),
        ("5,000 subgraphs within each other", subgraphs(5000, 6)),
        ("lists of 5,000 subgraphs within each other", subgraphs(5000, 11)),
        ("5,000 sequences within each other", types(4, 5000)),
        ("5,000 optional types within each other", types(9, 5000)),
        ("subgraphs in a function", vqgan(&[], &put(25, &put(7, &in_function)))),
    ]
}

fn crowds() -> Models {
    let many = |field: &[u8], count| vqgan(&field.repeat(count), &[]);
    let names: Vec<u8> = (0..1100).flat_map(|n| pair(&format!("k{n}"), "")).collect();
    let long = pair("note", &"a".repeat(17 << 20));
    vec![
        ("40 million empty nodes", many(&[0x0a, 0], 40_000_000)),
        ("empty tensors", many(&[0x2a, 0], 1_000_000)),
        ("empty inputs", many(&[0x5a, 0], 100_000)),
        ("empty types", many(&[0x6a, 0], 3_000_000)),
        ("empty attributes", vqgan(&put(1, &[0x2a, 0].repeat(3_000_000)), &[])),
        ("empty names", vqgan(&put(1, &[0x0a, 0].repeat(10_000_000)), &[])),
        ("unpacked numbers", vqgan(&put(1, &put(5, &[0x40, 0].repeat(10_000_000))), &[])),
        ("packed numbers", vqgan(&put(5, &put(7, &vec![0; 40 << 20])), &[])),
        ("pairs of metadata", vqgan(&[], &names)),
        ("empty pairs of metadata", vqgan(&[], &[0x72, 0].repeat(10_000_000))),
        ("17 MiB of metadata", vqgan(&[], &long)),
        ("empty functions", vqgan(&[], &[0xca, 1, 0].repeat(1_000_000))),
        ("a graph for training", vqgan(&[], &put(20, &put(1, &[])))),
    ]
}

fn tensors() -> Models {
    let tensor = |dims: &[i64], kind: i64, more: &[u8]| {
        let dims: Vec<u8> = dims.iter().flat_map(|n| number(1, *n)).collect();
        vqgan(&put(5, &[&dims, &number(2, kind)[..], &put(8, b"w"), more].concat()), &[])
    };
    let outside = |location: &str, length: &str| {
        let entry =
            |key: &str, value: &str| put(13, &[put(1, key.as_bytes()), put(2, value.as_bytes())].concat());
        [number(14, 1), entry("location", location), entry("offset", "0"), entry("length", length)].concat()
    };
    let raw = put(9, &[0; 8]);
    let endless = [&[0x4a], &[0xff; 9][..], &[1]].concat();
    let sparse = [put(1, &ints("s", &[1])), put(2, &ints("i", &[0])), number(3, G)].concat();
    vec![
        ("extents past all numbers", tensor(&[i64::MAX, i64::MAX], 1, &raw)),
        ("a negative extent", tensor(&[-1], 1, &raw)),
        ("10^12 elements in 8 bytes", tensor(&[1000 * G], 1, &raw)),
        ("10^9 elements in no bytes", tensor(&[G], 1, &[])),
        ("10^9 texts in no bytes", tensor(&[G], 8, &[])),
        ("a thousand extents", tensor(&[2; 1000], 1, &raw)),
        ("raw data of 2^64 bytes", tensor(&[2], 1, &endless)),
        ("data in /dev/zero", tensor(&[2], 1, &outside("/dev/zero", "8"))),
        ("data above the folder", tensor(&[2], 1, &outside("../secret", "8"))),
        ("data in no file", tensor(&[2], 1, &outside("missing.data", "8"))),
        ("data in the folder itself", tensor(&[2], 1, &outside(".", "8"))),
        ("data past the end", tensor(&[1 << 20], 1, &outside("hostile.onnx", "4194304"))),
        ("a sparse tensor of 10^9", vqgan(&put(15, &sparse), &[])),
    ]
}

fn unfolding() -> Models {
    let one = |text: &str, tensors: &[(&str, &[i64])]| {
        let tensors: Vec<Vec<u8>> = tensors.iter().map(|(name, values)| ints(name, values)).collect();
        vqgan(&graph(&[node(text, &[])], &tensors), &[])
    };
    let several = |texts: &[&str], tensors: &[Vec<u8>]| {
        vqgan(&graph(&texts.iter().map(|text| node(text, &[])).collect::<Vec<_>>(), tensors), &[])
    };
    let axis = [attribute("axis", 2, &number(3, 0))];
    let doubled: Vec<Vec<u8>> =
        (0..40).map(|n| node(&format!("Concat c{n} c{n} -> c{}", n + 1), &axis)).collect();
    let listed = attribute("value_ints", 7, &number(8, G));
    let inner = put(1, &node("ConstantOfShape n -> z", &[]));
    let branch = attribute("then_branch", 5, &put(6, &inner));
    let squares = ["Expand one n -> wide", "Unsqueeze wide axis -> tall", "Mul wide tall -> y"];
    let products = ["Mul n n -> m", "Mul m m -> k", "Expand one k -> y"];
    let overflow = ["Mul n n -> m", "Expand one m -> y"];
    let shared = || [ints("one", &[1]), ints("n", &[30_000]), ints("axis", &[1])];
    vec![
        ("ConstantOfShape", one("ConstantOfShape n -> y", &[("n", &[G])])),
        ("ConstantOfShape of a quarter", one("ConstantOfShape n -> y", &[("n", &[1 << 26])])),
        ("Expand", one("Expand v n -> y", &[("v", &[1]), ("n", &[1 << 15, 1 << 15])])),
        ("Tile", one("Tile v n -> y", &[("v", &[1, 2]), ("n", &[G])])),
        ("Range", one("Range a b c -> y", &[("a", &[0]), ("b", &[G]), ("c", &[1])])),
        ("Pad", one("Pad v n -> y", &[("v", &[1]), ("n", &[G, 0])])),
        ("OneHot", one("OneHot v n t -> y", &[("v", &[1]), ("n", &[G]), ("t", &[0, 1])])),
        ("an operator that is not known", one("Frobnicate n -> y", &[("n", &[G])])),
        ("doubled forty times", vqgan(&graph(&doubled, &[ints("c0", &[1; 10])]), &[])),
        ("a row times a column", several(&squares, &shared())),
        ("a computed extent", several(&products, &[ints("one", &[1]), ints("n", &[200])])),
        ("an extent past all numbers", several(&overflow, &[ints("one", &[1]), ints("n", &[1 << 40])])),
        (
            "an extent in an attribute",
            vqgan(&graph(&[node("Constant -> n", &[listed]), node("ConstantOfShape n -> y", &[])], &[]), &[]),
        ),
        (
            "an unfolding in a branch",
            vqgan(&graph(&[node("If latents -> y", &[branch])], &[ints("n", &[G])]), &[]),
        ),
    ]
}

fn functions() -> Models {
    let call = |text: &str| [node(text, &[]), put(7, b"own")].concat();
    let function = |name: &str, body: &[Vec<u8>]| {
        let nodes: Vec<u8> = body.iter().flat_map(|node| put(7, node)).collect();
        put(
            25,
            &[&put(1, name.as_bytes())[..], &put(4, b"a"), &put(5, b"b"), &put(10, b"own"), &nodes].concat(),
        )
    };
    let main = |text: &str| graph(&[call(text)], &[ints("n", &[G])]);
    let thrice = |n: usize| {
        let calls = ["a -> x", "x -> z", "z -> b"].map(|text| call(&format!("F{} {text}", n + 1)));
        function(&format!("F{n}"), &calls)
    };
    let laughs = |depth| {
        let last = function(&format!("F{depth}"), &[node("Neg a -> b", &[])]);
        [(0..depth).flat_map(thrice).collect(), last].concat()
    };
    vec![
        ("a function that calls itself", vqgan(&main("F n -> y"), &function("F", &[call("F a -> b")]))),
        ("twelve functions that call the next thrice", vqgan(&main("F0 n -> y"), &laughs(12))),
        ("thirty functions that call the next thrice", vqgan(&main("F0 n -> y"), &laughs(30))),
        (
            "an unfolding in a function",
            vqgan(&main("F n -> y"), &function("F", &[node("ConstantOfShape a -> b", &[])])),
        ),
    ]
}

fn odd_facts() -> Models {
    let fact = |value: &str| {
        let mut pairs = metadata();
        pairs.retain(|(key, _)| key != "wuerst.latent_scale");
        pairs.push(("wuerst.latent_scale".to_owned(), value.to_owned()));
        vqgan_with(&pairs, &[], &[])
    };
    vec![
        ("a scale past all numbers", fact("1e400")),
        ("a scale of 10^300", fact("1e300")),
        ("a scale of 0", fact("0")),
        ("a scale that is not a number", fact("NaN")),
        ("a scale of lists within lists", fact(&"[".repeat(1 << 20))),
        ("a scale of a million lists", fact(&format!("[{}[]]", "[],".repeat(1 << 20)))),
        ("a scale of 10 MiB", fact(&"1".repeat(10 << 20))),
    ]
}

fn damaged() -> Models {
    let whole = vqgan(&graph(&[node("Neg n -> y", &[])], &[ints("n", &[1, 2, 3])]), &[]);
    let cut = |part: usize| whole[..whole.len() * part / 5].to_vec();
    let two = [&whole[..], &put(7, &[])].concat();
    vec![
        ("nothing", vec![]),
        ("zeros", vec![0; 4 << 20]),
        ("ones", vec![0xff; 4 << 20]),
        ("a page", b"<html></html>".to_vec()),
        ("a pointer of Git LFS", b"version https://git-lfs.github.com/spec/v1\n".to_vec()),
        ("a fifth", cut(1)),
        ("two fifths", cut(2)),
        ("three fifths", cut(3)),
        ("a second graph", two),
        ("a group", [whole.clone(), vec![0x3b]].concat()),
        ("a field without a number", [whole.clone(), vec![0x02, 0]].concat()),
        ("a number without an end", [whole, vec![0x80; 100]].concat()),
    ]
}
