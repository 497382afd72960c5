use std::io::Cursor;

use crate::onnx::head::Head;
use crate::onnx::raw::{attribute, graph, ints, node, number, put};

const G: i64 = 1_000_000_000;

fn head(model: &[u8]) -> Result<Head, String> {
    Head::read(Cursor::new(model), model.len() as u64).map_err(|e| e.to_string())
}

/// Bytes of the constants of a model of these nodes and integers.
fn unfolded(nodes: &[Vec<u8>], tensors: &[(&str, &[i64])]) -> Result<u64, String> {
    let tensors: Vec<Vec<u8>> = tensors.iter().map(|(name, values)| ints(name, values)).collect();
    head(&put(7, &graph(nodes, &tensors))).map(|head| head.unfolded)
}

fn simple(texts: &[&str], tensors: &[(&str, &[i64])]) -> Result<u64, String> {
    unfolded(&texts.iter().map(|text| node(text, &[])).collect::<Vec<_>>(), tensors)
}

#[track_caller]
fn refused(found: Result<u64, String>, says: &str) {
    let said = found.unwrap_err();
    assert!(said.contains(says), "{said}");
}

#[test]
fn enlarging_operators_are_bounded() {
    let large = "makes the model's constants larger than";
    refused(simple(&["ConstantOfShape n -> y"], &[("n", &[G])]), "at once");
    refused(simple(&["ConstantOfShape n -> y"], &[("n", &[1 << 26])]), large);
    refused(simple(&["Expand v n -> y"], &[("v", &[1]), ("n", &[1 << 13, 1 << 13])]), large);
    refused(simple(&["Tile v n -> y"], &[("v", &[1, 2]), ("n", &[1 << 25])]), large);
    refused(simple(&["Pad v n -> y"], &[("v", &[1, 2]), ("n", &[1 << 25, 0])]), large);
    let range = [("a", &[0][..]), ("b", &[1 << 25]), ("c", &[1])];
    refused(simple(&["Range a b c -> y"], &range), large);
    refused(simple(&["OneHot v n t -> y"], &[("v", &[1, 2]), ("n", &[1 << 25]), ("t", &[0, 1])]), large);
    // 80 bytes for each of a thousand nodes, and twice as many with each.
    let doubling: Vec<String> = (0..40).map(|n| format!("Concat c{n} c{n} -> c{}", n + 1)).collect();
    let axis = || vec![attribute("axis", &number(3, 0))];
    let doubling: Vec<Vec<u8>> = doubling.iter().map(|text| node(text, &axis())).collect();
    refused(unfolded(&doubling, &[("c0", &[1; 10])]), large);
}

#[test]
fn products_are_bounded() {
    let column = ["Expand one n -> wide", "Unsqueeze wide axis -> tall", "Mul wide tall -> y"];
    let tensors: &[(&str, &[i64])] = &[("one", &[1]), ("n", &[10_000]), ("axis", &[1])];
    refused(simple(&column, tensors), "`y` (Mul)");
    let product =
        ["Expand one n -> wide", "Reshape wide a -> tall", "Reshape wide b -> long", "MatMul tall long -> y"];
    let tensors: &[(&str, &[i64])] = &[("one", &[1]), ("n", &[10_000]), ("a", &[-1, 1]), ("b", &[1, -1])];
    refused(simple(&product, tensors), "`y` (MatMul)");
}

#[test]
fn computed_extents_are_followed() {
    let nodes = ["Mul n n -> m", "Concat m m -> shape", "Expand one shape -> y"];
    let axis = vec![attribute("axis", &number(3, 0))];
    let nodes = [node(nodes[0], &[]), node(nodes[1], &axis), node(nodes[2], &[])];
    refused(unfolded(&nodes, &[("n", &[100]), ("one", &[1])]), "(Expand)");
    assert_eq!(unfolded(&nodes, &[("n", &[3]), ("one", &[1])]).unwrap(), 8 + 16 + 81 * 8);
    // An extent that is beyond exact numbers.
    refused(
        simple(&["Mul n n -> m", "Expand one m -> y"], &[("n", &[1 << 40]), ("one", &[1])]),
        "unknown size",
    );
    // An input's own extents are constants, too.
    let dims = put(2, &put(1, &number(1, 1 << 30)));
    let input = [put(1, b"x"), put(2, &put(1, &[number(1, 1), dims].concat()))].concat();
    let nodes = [node("Shape x -> s", &[]), node("Expand one s -> y", &[])];
    let model = [graph(&nodes, &[ints("one", &[1])]), put(11, &input)].concat();
    assert!(head(&put(7, &model)).unwrap_err().contains("at once"));
}

#[test]
fn ordinary_constants_are_counted() {
    let v: &[(&str, &[i64])] = &[("v", &[1; 100])];
    assert_eq!(simple(&["Neg v -> y"], v).unwrap(), 800);
    assert_eq!(simple(&["Neg x -> y"], v).unwrap(), 0, "of an input");
    assert_eq!(simple(&["Expand x v -> y"], v).unwrap(), 0, "of an input's size");
    refused(simple(&["Frobnicate v -> y"], v), "`y` (Frobnicate) computes a constant of unknown size");
}

#[test]
fn stored_constants_are_counted() {
    let value = |field: &[u8]| {
        [node("Constant -> n", &[attribute("value_ints", field)]), node("ConstantOfShape n -> y", &[])]
    };
    refused(unfolded(&value(&number(8, G)), &[]), "at once");
    let tensor = put(5, &ints("", &[G]));
    let nodes = [node("Constant -> n", &[attribute("value", &tensor)]), node("ConstantOfShape n -> y", &[])];
    refused(unfolded(&nodes, &[]), "at once");
    // Stored sparse, made dense.
    let sparse = [put(1, &ints("s", &[1])), put(2, &ints("i", &[0])), number(3, G)].concat();
    let model = [graph(&[], &[]), put(15, &sparse)].concat();
    assert!(head(&put(7, &model)).unwrap_err().contains("sparse"));
}

#[test]
fn subgraphs_are_followed() {
    let inner = graph(&[node("ConstantOfShape n -> z", &[])], &[]);
    let branch = attribute("then_branch", &put(6, &inner));
    refused(unfolded(&[node("If x -> y", &[branch])], &[("n", &[G])]), "`z` (ConstantOfShape)");
    // A decided branch gives a constant.
    let inner =
        [graph(&[node("Neg n -> z", &[]), node("Neg z -> w", &[])], &[]), put(12, &put(1, b"w"))].concat();
    let branch = attribute("then_branch", &put(6, &inner));
    let nodes = [node("If c -> y", &[branch]), node("ConstantOfShape y -> big", &[])];
    refused(unfolded(&nodes, &[("n", &[G]), ("c", &[1])]), "`big`");
}

/// A function of the model's own, from `a` to `b`.
fn function(name: &str, body: &[Vec<u8>]) -> Vec<u8> {
    let nodes: Vec<u8> = body.iter().flat_map(|node| put(7, node)).collect();
    let texts = [put(1, name.as_bytes()), put(4, b"a"), put(5, b"b"), put(10, b"own")].concat();
    put(25, &[texts, nodes].concat())
}

/// A node that is a call of one.
fn call(text: &str) -> Vec<u8> {
    [node(text, &[]), put(7, b"own")].concat()
}

/// Functions F0 to F14, of which each calls the next twice.
fn laughs() -> Vec<u8> {
    let both = |n: usize| [call(&format!("F{n} a -> x")), call(&format!("F{n} x -> b"))];
    (0..15).flat_map(|n| function(&format!("F{n}"), &both(n + 1))).collect()
}

#[test]
fn functions_are_followed() {
    let main = |text: &str| put(7, &graph(&[call(text)], &[ints("n", &[G])]));
    let fill = function("Fill", &[node("ConstantOfShape a -> b", &[])]);
    assert!(head(&[main("Fill n -> y"), fill].concat()).unwrap_err().contains("`b` (ConstantOfShape)"));
    let last = function(
        "F15",
        &[
            node("Neg a -> c", &[]),
            node("Neg c -> d", &[]),
            node("Neg d -> e", &[]),
            node("Neg e -> b", &[]),
            node("Neg b -> f", &[]),
            node("Neg f -> g", &[]),
        ],
    );
    let said = head(&[main("F0 n -> y"), laughs(), last].concat()).unwrap_err();
    assert!(said.contains("call each other"), "{said}");
    let own = function("F", &[call("F a -> b")]);
    assert!(head(&[main("F n -> y"), own].concat()).unwrap_err().contains("call each other"));
}

#[test]
fn long_nodes_count_with_each_call() {
    let main = put(7, &graph(&[call("F0 n -> y")], &[ints("n", &[1])]));
    let many = node(&format!("Max{} -> b", " a".repeat(50_000)), &[]);
    let name = "c".repeat(60_000);
    let long = [node(&format!("Neg a -> {name}"), &[]), node(&format!("Neg {name} -> b"), &[])];
    let subgraph = graph(&[], &vec![ints("t", &[1]); 5000]);
    let nested = [node("If b -> b", &[attribute("then_branch", &put(6, &subgraph))])];
    for body in [&[many][..], &long, &nested] {
        let said = head(&[main.clone(), laughs(), function("F15", body)].concat()).unwrap_err();
        assert!(said.contains("inputs, outputs and attributes"), "{said}");
    }
}

#[test]
fn dimensions_do_not_double() {
    // Each node has the names of its indices in place of one of its own.
    let nodes: Vec<String> = (0..60).map(|n| format!("Gather x{n} x{n} -> x{}", n + 1)).collect();
    let nodes: Vec<&str> =
        ["Unsqueeze v zero -> x0"].into_iter().chain(nodes.iter().map(String::as_str)).collect();
    assert_eq!(simple(&nodes, &[("v", &[0]), ("zero", &[0])]).unwrap(), 61 * 8);
    let tensor = [number(1, 1).repeat(65), number(2, 7), put(9, &[0; 8])].concat();
    let packed = [put(1, &[1; 650]), number(2, 7), put(9, &[0; 8])].concat();
    let shape = put(2, &put(1, &[number(1, 1), put(2, &put(1, &number(1, 1)).repeat(65))].concat()));
    for field in [put(5, &tensor), put(5, &packed), put(11, &shape)] {
        let said = head(&put(7, &field)).unwrap_err();
        assert!(said.contains("64 dimensions of a value"), "{said}");
    }
}
