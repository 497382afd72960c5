//! `*.concat` and `*.count`: join and count lists and batches of any length.

use wuerst_core::{Args, Ctx, Error, KnownLength, Registry, Result, Tensor, Value, memory};

use crate::plain::{Hooks, Plan, check_index};

/// A kind of list.
struct Sort {
    /// Namespace, and suffix of the nodes' names.
    space: &'static str,
    end: &'static str,
    dtype: &'static str,
    /// Dimensions except the first.
    dims: &'static str,
    /// Port for the list.
    port: &'static str,
    about: &'static str,
}

const SORTS: [Sort; 5] = [
    Sort {
        space: "image",
        end: "",
        dtype: "u8",
        dims: ",h,w,3",
        port: "images",
        about: "lists of pictures of one size",
    },
    Sort {
        space: "text",
        end: "_states",
        dtype: "f32",
        dims: ",l,d",
        port: "states",
        about: "batches of states of texts, from one encoder",
    },
    Sort {
        space: "tensor",
        end: "",
        dtype: "f32",
        dims: ",c,h,w",
        port: "tensors",
        about: "batches of embeddings or latents of one size",
    },
    Sort { space: "int", end: "", dtype: "i64", dims: "", port: "numbers", about: "lists of whole numbers" },
    Sort { space: "float", end: "", dtype: "f32", dims: "", port: "numbers", about: "lists of numbers" },
];

const PARTS: [&str; 4] = ["a", "b", "c", "d"];

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    for Sort { space, end, dtype, dims, port, about } in &SORTS {
        let ty = |count: &str| format!("{dtype}[{count}{dims}]");
        let plan = Plan {
            kind: &format!("{space}.concat{end}"),
            signature: &format!(
                "a: {}, b: {}, c: {}?, d: {}? -> {port}: {}",
                ty("n"),
                ty("m"),
                ty("o"),
                ty("p"),
                ty("k")
            ),
            about: &format!("Joins two to four {about}, in this order."),
            ports: &[
                ("a", "The first."),
                ("b", "The second."),
                ("c", "The third, if there is one."),
                ("d", "The fourth, if there is one."),
                (port, "All of them in one."),
            ],
        };
        plan.add_checked(registry, Hooks { lengths: joined_length, ..Hooks::default() }, concat)?;
        let plan = Plan {
            kind: &format!("{space}.count{end}"),
            signature: &format!("{port}: {} -> count: int", ty("n")),
            about: &format!("Counts {about}."),
            ports: &[(port, "The list to count."), ("count", "The number of entries.")],
        };
        let hooks = Hooks { results: |known| vec![count(known)], ..Hooks::default() };
        plan.add_checked(registry, hooks, |_, args| {
            Ok(vec![count(args).ok_or_else(|| Error::Internal("a list without a length".into()))?])
        })?;
    }
    let plan = Plan {
        kind: "text.pick_states",
        signature: "states: f32[n,l,d] as text, index: int = 0 {0..} -> states: f32[1,l,d] as text",
        about: "Picks the states of one text of several.",
        ports: &[
            ("states", "The states of several texts."),
            ("index", "Which one, counted from 0."),
            ("-> states", "The states of that text."),
        ],
    };
    plan.add_checked(registry, Hooks { check: check_pick, ..Hooks::default() }, |_, args| {
        check_pick(args)?;
        let index = args.count("index")?;
        let states = Tensor::from(args.tensor_f32("states")?).rows(index..index + 1);
        Ok(vec![states.ok_or_else(|| Error::Internal("states without a text".into()))?.into()])
    })
}

/// The length of all parts together, if it is known.
fn joined_length(known: &Args<'_>) -> Vec<KnownLength> {
    let length = |port: &str| match known.given(port)? {
        true => known.length(port, 0),
        false => Some(0),
    };
    let sum = PARTS.into_iter().map(length).try_fold(0usize, |sum, length| sum.checked_add(length?));
    sum.map(|sum| KnownLength::new("k", sum, "a")).into_iter().collect()
}

fn concat(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let parts = PARTS.into_iter().filter(|port| args.has(port)).map(|port| args.tensor(port));
    let parts = parts.collect::<Result<Vec<&Tensor>>>()?;
    memory::check(parts.iter().map(|part| part.len() * part.dtype().size()).sum::<usize>() * 2)?;
    Ok(vec![Tensor::joined(&parts)?.into()])
}

fn count(args: &Args<'_>) -> Option<Value> {
    let length = SORTS.iter().find_map(|sort| args.length(sort.port, 0))?;
    Some(Value::Int(i128::try_from(length).ok()?))
}

fn check_pick(known: &Args<'_>) -> Result<()> {
    check_index(known, "states")
}
