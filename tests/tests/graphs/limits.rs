//! Inputs beyond limits: each is an error before a model runs. The time is printed, since only a quiet machine can assert it.

use std::time::Instant;

use anyhow::{Context, Result};
use wuerst::{Engine, Observer, Options, Tensor, Value};
use wuerst_tests::built::tiny;

/// A name, a graph, values of its inputs, and a part of the message.
type Case<'a> = (&'a str, &'a str, Vec<(&'a str, Value)>, &'a str);

/// The number of nodes that began.
#[derive(Default)]
struct Began(usize);

impl Observer for Began {
    fn started(&mut self, _: &str) {
        self.0 += 1;
    }
}

/// A text encoder for each line.
const LINES: &str = "inputs: { text: text }
nodes:
  tokens: { use: wuerst.tokenize, with: { text: $text, lines: true, model: text-encoder } }
  text: { use: wuerst.text_encode, with: { ids: $tokens.ids, mask: $tokens.mask, model: text-encoder } }
outputs: { out: $text.states }";

/// A prompt with weights.
const WEIGHTS: &str = "inputs: { text: text, weighting: 'text = \"comfyui\"' }
nodes:
  tokens: { use: wuerst.tokenize, with: { text: $text, weighting: $weighting, model: text-encoder } }
  text: { use: wuerst.text_encode, with: { ids: $tokens.ids, mask: $tokens.mask, model: text-encoder } }
outputs: { out: $text.states }";

/// A number for each line.
const NUMBERS: &str = "inputs: { text: text }
nodes: { list: { use: int.list, with: { lines: $text } } }
outputs: { out: $list.numbers }";

/// A node for each line.
const EACH: &str = "inputs: { text: text }
nodes: { one: { use: int.from_text, each: [text], with: { text: $text } } }
outputs: { out: $one.number }";

/// Two masks.
const MASKS: &str = "inputs: { a: 'f32[h,w]', b: 'f32[y,x]' }
nodes: { both: { use: mask.union, with: { a: $a, b: $b } } }
outputs: { out: $both.mask }";

/// A picture of a size that is calculated.
const SIZE: &str = "inputs: { image: 'u8[h,w,3]', a: int, b: int }
nodes:
  width: { use: int.multiply, with: { a: $a, b: $b } }
  large: { use: image.resize, with: { image: $image, width: $width.product, height: 8 } }
outputs: { out: $large.image }";

/// A prior's picture.
const PRIOR: &str = "inputs: { text: text, width: int }
nodes:
  tokens: { use: wuerst.tokenize, with: { text: $text, model: text-encoder } }
  text: { use: wuerst.text_encode, with: { ids: $tokens.ids, mask: $tokens.mask, model: text-encoder } }
  prior: { use: wuerst.prior, with: { text: $text.states, model: prior, width: $width } }
outputs: { out: $prior.embedding }";

fn mask(height: usize, width: usize) -> Result<Value> {
    Ok(Tensor::from_vec(&[height, width], vec![0.5f32; height * width])?.into())
}

#[test]
fn inputs_beyond_limits_are_errors_before_a_model_runs() -> Result<()> {
    let engine = Engine::new(Options { models: tiny(), ..Options::default() })?;
    let million = |line: &str| Value::from(format!("{line}\n").repeat(1_000_000));
    let text = |text: String| vec![("text", Value::from(text))];
    let a1111 = ("weighting", Value::from("a1111"));
    let picture = Tensor::from_vec(&[8, 8, 3], vec![0u8; 192])?;
    let size = |a: i128, b: i128| {
        vec![("image", Value::from(picture.clone())), ("a", Value::Int(a)), ("b", Value::Int(b))]
    };
    let most = i128::from(u64::MAX);
    let cases: Vec<Case<'_>> = vec![
        (
            "a million prompts",
            LINES,
            vec![("text", million("a leaf"))],
            "a list of 1000000 lines; the maximum is 16384",
        ),
        ("a million numbers", NUMBERS, vec![("text", million("7"))], "16384"),
        (
            "a node for each of a million lines",
            EACH,
            vec![("text", million("7"))],
            "1000000 entries; the maximum is 16384",
        ),
        (
            "masks of two sizes",
            MASKS,
            vec![("a", mask(2000, 1500)?), ("b", mask(1500, 2000)?)],
            "f32[h=2000,w=1500]",
        ),
        ("a weight of 10^9", WEIGHTS, text("(a:1000000000)".into()), "1000000000 is outside -100..100"),
        (
            "a weight of 10^9 by AUTOMATIC1111's rules",
            WEIGHTS,
            vec![("text", "(a:1000000000)".into()), a1111.clone()],
            "is outside -100..100",
        ),
        (
            "a bracket that is never closed",
            WEIGHTS,
            text(format!("({}", "a ".repeat(20_000))),
            "character 1 is never closed",
        ),
        ("a million brackets", WEIGHTS, text("(".repeat(1_000_000)), "characters; at most 60000"),
        ("60,000 brackets", WEIGHTS, vec![("text", "[(".repeat(30_000).into()), a1111], "more than 32 deep"),
        ("a product that overflows", SIZE, size(most, most), "use smaller numbers"),
        ("a picture larger than memory", SIZE, size(most, 1), "width"),
        ("a negative size", SIZE, size(most / 2, -1), "width"),
        (
            "a prior's picture larger than memory",
            PRIOR,
            vec![("text", "a leaf".into()), ("width", Value::Int(most))],
            "width",
        ),
    ];
    let mut refused = 0;
    for (name, graph, inputs, want) in &cases {
        let job = engine.job(&engine.graph(&format!("wuerstchen: 1\n{graph}\n"))?);
        let (begun, mut began) = (Instant::now(), Began::default());
        let set = inputs.iter().try_for_each(|(input, value)| job.set(input, value.clone()));
        let said = set
            .and_then(|()| job.get("out", &mut began))
            .err()
            .with_context(|| format!("{name} is no error"))?;
        println!("{name}: {:.3} s: {said}", begun.elapsed().as_secs_f64());
        assert!(said.to_string().contains(want) && !said.to_string().contains("  "), "{name}: {said}");
        // Only nodes that calculate may have begun.
        assert!(began.0 <= 1, "{name}: {} nodes began", began.0);
        refused += 1;
    }
    assert_eq!(refused, 13);
    Ok(())
}
