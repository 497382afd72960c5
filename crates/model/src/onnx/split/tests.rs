use super::*;
use crate::onnx::proto::{GraphProto, ModelProto, NodeProto, TensorProto, elem};
use crate::onnx::raw::put;

/// `Op a b -> y`.
fn node(text: &str) -> Vec<u8> {
    let (left, output) = text.split_once(" -> ").unwrap();
    let mut words = left.split(' ').map(str::to_owned);
    let op_type = words.next().unwrap();
    NodeProto { op_type, input: words.collect(), output: vec![output.into()], ..NodeProto::default() }
        .encode_to_vec()
}

/// An `If` whose branches are these nodes, the last of which gives the result.
fn branches(condition: &str, nodes: &[&str], output: &str) -> Vec<u8> {
    let inner: Vec<u8> = nodes.iter().flat_map(|text| put(field::NODE as u32, &node(text))).collect();
    let result = nodes.last().and_then(|text| text.split_once(" -> ")).unwrap().1;
    let graph = [inner, put(field::OUTPUT as u32, &put(1, result.as_bytes()))].concat();
    let branch = |name: &str| put(5, &[put(1, name.as_bytes()), put(6, &graph)].concat());
    let head = node(&format!("If {condition} -> {output}"));
    [head, branch("then_branch"), branch("else_branch")].concat()
}

/// A model from `latents`, `timestep`, `text` and the weights `w` and `v`, of 2×3 numbers each, to `noise`.
fn model(nodes: &[Vec<u8>]) -> Vec<u8> {
    let outlet = |name: &str| ValueInfoProto { name: name.into(), r#type: None };
    let weight = |name: &str| TensorProto {
        name: name.into(),
        dims: vec![2, 3],
        data_type: elem::FLOAT16,
        raw_data: Some(vec![7; 12]),
        ..TensorProto::default()
    };
    let graph = GraphProto {
        name: "network".into(),
        input: ["latents", "timestep", "text"].map(outlet).to_vec(),
        output: vec![outlet("noise")],
        initializer: ["w", "v"].map(weight).to_vec(),
        ..GraphProto::default()
    };
    let nodes: Vec<u8> = nodes.iter().flat_map(|node| put(field::NODE as u32, node)).collect();
    let graph = [graph.encode_to_vec(), nodes].concat();
    [ModelProto { ir_version: 10, ..ModelProto::default() }.encode_to_vec(), put(7, &graph)].concat()
}

fn nodes(texts: &[&str]) -> Vec<u8> {
    model(&texts.iter().map(|text| node(text)).collect::<Vec<_>>())
}

/// Inputs, operators, tensors and outputs of a part.
fn about(bytes: &[u8]) -> [Vec<String>; 4] {
    let graph = ModelProto::decode(bytes).unwrap().graph.unwrap();
    assert_eq!(graph.name, "network");
    [
        graph.input.into_iter().map(|input| input.name).collect(),
        graph.node.into_iter().map(|node| node.op_type).collect(),
        graph.initializer.into_iter().map(|tensor| tensor.name).collect(),
        graph.output.into_iter().map(|output| output.name).collect(),
    ]
}

/// Both parts; none where the model stays whole.
fn parts(model: &[u8]) -> Option<[[Vec<String>; 4]; 2]> {
    let split = ModelSplit::of(model, &["latents", "timestep"])?;
    let ty = TensorType { element: elem::FLOAT, rank: 2 };
    let types = split.crossing().iter().map(|name| ((*name).to_owned(), ty)).collect();
    assert!(split.step(&BTreeMap::new()).unwrap().is_none(), "a type is missing");
    Some([about(&split.invariant().unwrap()), about(&split.step(&types).unwrap().unwrap())])
}

#[test]
fn text_part_is_split_off() {
    let model =
        nodes(&["MatMul text w -> k", "Add latents timestep -> x", "MatMul x k -> y", "Add y v -> noise"]);
    let [invariant, step] = parts(&model).unwrap();
    assert_eq!(invariant, [vec!["text"], vec!["MatMul"], vec!["w"], vec!["k"]]);
    assert_eq!(
        step,
        [vec!["latents", "timestep", "k"], vec!["Add", "MatMul", "Add"], vec!["v"], vec!["noise"]]
    );
}

#[test]
fn shared_inputs_stay_inputs() {
    let [invariant, step] = parts(&nodes(&["MatMul text w -> k", "Sum latents text k -> noise"])).unwrap();
    assert_eq!((invariant[0].as_slice(), invariant[3].as_slice()), (&["text".into()][..], &["k".into()][..]));
    assert_eq!(step[0], ["latents", "text", "k"]);
}

#[test]
fn nothing_is_gained_without_product() {
    assert_eq!(parts(&nodes(&["Mul text w -> k", "Add latents k -> noise"])), None);
    assert_eq!(parts(&nodes(&["MatMul latents w -> noise"])), None);
    // The weights' own product is computed while loading.
    assert_eq!(parts(&nodes(&["MatMul w v -> k", "Add latents k -> noise"])), None);
    // A result without readers.
    assert_eq!(parts(&nodes(&["MatMul text w -> k", "Add latents v -> noise"])), None);
    assert_eq!(parts(&nodes(&["MatMul text w -> noise"])), None);
}

#[test]
fn weight_only_values_are_in_both_parts() {
    let model =
        nodes(&["Cast w -> wide", "MatMul text wide -> k", "MatMul latents wide -> x", "Add x k -> noise"]);
    let [invariant, step] = parts(&model).unwrap();
    assert_eq!(
        (&invariant[1], &invariant[2]),
        (&vec!["Cast".to_owned(), "MatMul".into()], &vec!["w".to_owned()])
    );
    assert_eq!((&step[0], &step[2]), (&vec!["latents".to_owned(), "k".into()], &vec!["w".to_owned()]));
    let split = ModelSplit::of(&model, &["latents"]).unwrap();
    assert_eq!((split.shared(), split.tensors()), (6, HashSet::from(["w"])));
}

#[test]
fn random_values_run_in_each_step() {
    let model = ["RandomNormalLike text -> r", "MatMul r w -> k", "Add latents k -> noise"];
    assert_eq!(parts(&nodes(&model)), None);
    let inside = branches("text", &["RandomNormalLike text -> r", "MatMul r w -> i"], "k");
    assert_eq!(parts(&model_of(inside)), None);
}

/// A node that gives `k`, which each step adds.
fn model_of(first: Vec<u8>) -> Vec<u8> {
    model(&[first, node("Add latents k -> noise")])
}

#[test]
fn subgraphs_read_graph_around_them() {
    let [invariant, step] = parts(&model_of(branches("text", &["MatMul text w -> i"], "k"))).unwrap();
    assert_eq!(invariant, [vec!["text"], vec!["If"], vec!["w"], vec!["k"]]);
    assert_eq!(step[0], ["latents", "k"]);
    // One that captures the latents belongs to the step, though its own inputs do not change.
    assert_eq!(parts(&model_of(branches("text", &["MatMul latents w -> i"], "k"))), None);
    // A name of its own is none of the graph's.
    let inner = branches("text", &["MatMul text w -> i", "Add i v -> j"], "k");
    assert_eq!(parts(&model_of(inner)).unwrap()[0][2], ["w", "v"]);
}

#[test]
fn enlarging_nodes_run_in_each_step() {
    let model = nodes(&["MatMul text w -> k", "Expand k v -> e", "Tile e v -> t", "Add latents t -> noise"]);
    let [invariant, step] = parts(&model).unwrap();
    assert_eq!((&invariant[1], &invariant[3]), (&vec!["MatMul".to_owned()], &vec!["k".to_owned()]));
    assert_eq!(step[1], ["Expand", "Tile", "Add"]);
}

#[test]
fn extents_are_step_invariant() {
    let model =
        nodes(&["Shape latents -> s", "Resize text s -> r", "MatMul r w -> k", "Add latents k -> noise"]);
    let [invariant, step] = parts(&model).unwrap();
    assert_eq!(invariant[0], ["latents", "text"]);
    assert_eq!(step, [vec!["latents", "k"], vec!["Add"], vec![], vec!["noise"]]);
}

#[test]
fn damaged_model_stays_whole() {
    let whole = nodes(&["MatMul text w -> k", "Add latents k -> noise"]);
    assert!(parts(&whole).is_some());
    for length in 0..whole.len() {
        assert!(ModelSplit::of(&whole[..length], &["latents"]).is_none(), "cut at {length}");
    }
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0xff;
        let _ = ModelSplit::of(&flipped, &["latents"]);
    }
    // A node with an unknown input, and a function, whose content is hidden.
    assert_eq!(parts(&nodes(&["MatMul text missing -> k", "Add latents k -> noise"])), None);
    assert_eq!(parts(&[whole, put(field::FUNCTION as u32, b"")].concat()), None);
}

#[test]
fn deep_subgraphs_stay_whole() {
    let nested = |depth: usize| {
        let mut inner = node("MatMul text w -> i");
        for _ in 0..depth {
            let graph = [put(1, &inner), put(12, &put(1, b"i"))].concat();
            inner =
                [node("If text -> i"), put(5, &[put(1, b"then_branch"), put(6, &graph)].concat())].concat();
        }
        model(&[inner, node("Add latents i -> noise")])
    };
    assert!(parts(&nested(10)).is_some());
    assert!([17, 5000].iter().all(|depth| parts(&nested(*depth)).is_none()));
}
