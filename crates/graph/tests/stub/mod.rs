//! A small cascade of nodes that compute cheap but real functions of their arguments, and count.
#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

use std::sync::{Arc, Mutex};

use ndarray::{Array2, Array3, Array4, IxDyn};
use wuerst_core::{Args, Batch, CancellationToken, Ctx, Error, NodeKind, NodeSpec, Registry, Result, Value};
use wuerst_graph::{Cache, Graph, Inputs, Report, Run};

type Body = Box<dyn Fn(&mut Ctx<'_>, &Args<'_>) -> Result<Vec<Value>> + Send + Sync>;

/// The names of the nodes that ran, as they themselves saw it.
pub type Log = Arc<Mutex<Vec<String>>>;

pub struct Stub {
    spec: NodeSpec,
    log: Log,
    body: Body,
    batch: Option<Batch>,
}

impl NodeKind for Stub {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn batch(&self, _: &dyn Fn(&str) -> bool) -> Option<Batch> {
        self.batch.clone()
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        self.log.lock().unwrap().push(ctx.id().to_owned());
        (self.body)(ctx, args)
    }
}

/// A registry, a cache and a log.
pub struct Bench {
    pub registry: Registry,
    pub cache: Cache,
    pub log: Log,
}

impl Bench {
    pub fn new(budget: usize) -> Bench {
        let (registry, log) = (Registry::new(), Log::default());
        let mut bench = Bench { registry, cache: Cache::new(budget), log };
        bench.add("wuerst.tokenize", "text: text -> ids: i64[b,l]", |_, args| {
            let words = args.text("text")?.split_whitespace().map(|w| w.bytes().map(i64::from).sum());
            let ids: Vec<i64> = std::iter::once(0).chain(words).collect();
            Ok(vec![Array2::from_shape_vec((1, ids.len()), ids).map_err(bug)?.into()])
        });
        bench.add("wuerst.text_encode", "tokens: i64[b,l] -> states: f32[b,l,4]", |_, args| {
            let ids = args.tensor_i64("tokens")?;
            let shape = (1, ids.shape()[1], 4);
            Ok(vec![Array3::from_shape_fn(shape, |(_, i, j)| (ids[[0, i]] as f32 + j as f32).sin()).into()])
        });
        let prior = "text: f32[b,l,d], steps: int = 20 {1..1000}, seed: int = 0 -> embedding: f32[b,16,h,w]";
        bench.add("wuerst.prior", prior, |ctx, args| {
            let (text, steps) = (args.tensor_f32("text")?, args.count("steps")?);
            (1..=steps).try_for_each(|done| ctx.step(done, steps))?;
            let scale = text.sum() + steps as f32 + args.int("seed")? as f32;
            Ok(vec![Array4::from_shape_fn((1, 16, 2, 2), |(_, c, y, x)| scale * (c + y + x) as f32).into()])
        });
        let decode = "embedding: f32[b,16,h,w], text: f32[b,l,d], steps: int = 12, seed: int = 0 \
                      -> latents: f32[b,4,H,W], rng: u8[n]";
        bench.add("wuerst.decoder", decode, |_, args| {
            let sum = args.tensor_f32("embedding")?.sum() + args.tensor_f32("text")?.sum();
            let scale = sum + args.int("steps")? as f32 - args.int("seed")? as f32;
            let latents = Array4::from_shape_fn((1, 4, 8, 8), |(_, c, y, x)| scale / (1 + c + y + x) as f32);
            Ok(vec![latents.into(), ndarray::Array1::from_elem(4, scale as u8).into()])
        });
        bench.add("wuerst.vqgan_decode", "latents: f32[b,4,H,W] -> image: u8[h,w,3]", |_, args| {
            let latents = args.tensor_f32("latents")?;
            let pixel = |(y, x, _)| latents[IxDyn(&[0, 0, y / 4, x / 4])] as u8;
            Ok(vec![Array3::from_shape_fn((32, 32, 3), pixel).into()])
        });
        bench
    }

    pub fn add(
        &mut self,
        kind: &str,
        signature: &str,
        body: impl Fn(&mut Ctx<'_>, &Args<'_>) -> Result<Vec<Value>> + Send + Sync + 'static,
    ) {
        let spec = NodeSpec::new(kind, 1, signature, "").unwrap();
        self.add_spec(spec, body);
    }

    pub fn add_spec(
        &mut self,
        spec: NodeSpec,
        body: impl Fn(&mut Ctx<'_>, &Args<'_>) -> Result<Vec<Value>> + Send + Sync + 'static,
    ) {
        self.add_stub(spec, None, body);
    }

    /// A node that makes several results one by one.
    pub fn add_batch(
        &mut self,
        kind: &str,
        signature: &str,
        batch: Batch,
        body: impl Fn(&mut Ctx<'_>, &Args<'_>) -> Result<Vec<Value>> + Send + Sync + 'static,
    ) {
        self.add_stub(NodeSpec::new(kind, 1, signature, "").unwrap(), Some(batch), body);
    }

    fn add_stub(
        &mut self,
        spec: NodeSpec,
        batch: Option<Batch>,
        body: impl Fn(&mut Ctx<'_>, &Args<'_>) -> Result<Vec<Value>> + Send + Sync + 'static,
    ) {
        self.registry.add(Stub { spec, log: self.log.clone(), body: Box::new(body), batch }).unwrap();
    }

    pub fn load(&self, yaml: &str) -> Graph {
        Graph::load(yaml, &self.registry).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Report of a run for one output.
    pub fn report(&self, graph: &Graph, name: &str, sets: &[(&str, Value)]) -> Report {
        let inputs = inputs(graph, sets);
        let (cancel, mut observer) = (CancellationToken::new(), ());
        let mut run = Run::new(graph, &inputs, &self.cache, &cancel, &mut observer);
        run.output(name).unwrap();
        run.report().clone()
    }

    /// Computes one output; gives it with the names of the nodes that ran, as nodes and report agree.
    pub fn output(&self, graph: &Graph, name: &str, sets: &[(&str, Value)]) -> (Result<Value>, Vec<String>) {
        let inputs = inputs(graph, sets);
        self.log.lock().unwrap().clear();
        let (cancel, mut observer) = (CancellationToken::new(), ());
        let mut run = Run::new(graph, &inputs, &self.cache, &cancel, &mut observer);
        let value = run.output(name);
        let ran: Vec<String> = run.report().ran().map(|ran| ran.node.clone()).collect();
        if value.is_ok() {
            assert_eq!(ran, *self.log.lock().unwrap(), "the report agrees with the nodes");
            assert!(run.report().reused().all(|reused| !ran.contains(&reused.node)));
        }
        (value, ran)
    }

    /// The names of the nodes that run for the image.
    pub fn ran(&self, graph: &Graph, sets: &[(&str, Value)]) -> Vec<String> {
        let (value, ran) = self.output(graph, "image", sets);
        value.unwrap_or_else(|error| panic!("{error}"));
        ran
    }
}

pub fn inputs(graph: &Graph, sets: &[(&str, Value)]) -> Inputs {
    let mut inputs = Inputs::new();
    for (input, value) in sets {
        inputs.set(graph, input, value.clone()).unwrap();
    }
    inputs
}

fn bug(error: impl std::error::Error) -> Error {
    Error::Internal(error.to_string())
}

pub const CASCADE: &str = "
wuerstchen: 1
inputs:
  prompt: text
  seed: int = 0
  steps: int = 12 {1..100}
nodes:
  tokens: { use: wuerst.tokenize, with: { text: $prompt } }
  text: { use: wuerst.text_encode, with: { tokens: $tokens.ids } }
  prior: { use: wuerst.prior, with: { text: $text.states, seed: $seed } }
  decode:
    use: wuerst.decoder
    with: { embedding: $prior.embedding, text: $text.states, seed: $seed, steps: $steps }
  vqgan: { use: wuerst.vqgan_decode, with: { latents: $decode.latents } }
outputs:
  image: $vqgan.image
  embedding: $prior.embedding
  echo: $prompt
";
