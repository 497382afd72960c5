//! `text.weigh`: states by the weights of their words.

use ndarray::{ArrayViewMutD, Axis};
use wuerst_core::{Args, Ctx, Error, Registry, Result, Value, memory};

use crate::plain::{Hooks, Plan};

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "text.weigh",
        signature: "states: f32[b,l,d] as text, weights: f32[b,l], empty: f32[1,l,d] as text?, formula: text = \"comfyui\" {comfyui|a1111} \
                    -> states: f32[b,l,d] as text",
        about: "Weighs the words of texts, token by token, by ComfyUI's formula, (states - empty) · weight + empty, or by that of \
                AUTOMATIC1111, states · weight with the mean of each text kept.",
        ports: &[
            ("states", "States, from `wuerst.text_encode`."),
            (
                "weights",
                "What each token weighs, from `wuerst.tokenize` with `weighting`; 1 changes nothing.",
            ),
            ("empty", "States of the empty text, from the same encoder, for ComfyUI's formula."),
            ("formula", "Whose formula; that of the rules that the weights were read by."),
            ("-> states", "The weighed states."),
        ],
    };
    plan.add_checked(registry, Hooks { check, example: &["empty"], ..Hooks::default() }, weigh)
}

/// Refuses ComfyUI's formula without the states of the empty text.
fn check(known: &Args<'_>) -> Result<()> {
    match (known.text("formula"), known.given("empty")) {
        (Ok("comfyui"), Some(false)) => Err(without_empty()),
        _ => Ok(()),
    }
}

fn without_empty() -> Error {
    let message = "is left out: give the states of the empty text, which ComfyUI's formula goes from";
    Error::invalid("empty", message)
}

fn weigh(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (states, weights) = (args.tensor_f32("states")?, args.tensor_f32("weights")?);
    memory::check(states.len().saturating_mul(8))?;
    let mut weighed = states.to_owned();
    let empty = if args.has("empty") { Some(args.tensor_f32("empty")?) } else { None };
    let formula = args.text("formula")?;
    for (mut text, weights) in weighed.outer_iter_mut().zip(weights.outer_iter()) {
        if formula == "a1111" {
            let before = sum(&text);
            for (mut state, weight) in text.outer_iter_mut().zip(&weights) {
                state.mapv_inplace(|state| state * weight);
            }
            let after = sum(&text);
            if after == 0. && before != 0. {
                let message = "leave nothing of the mean of a text: weigh fewer words with 0";
                return Err(Error::invalid("weights", message));
            }
            let ratio = if before == after { 1. } else { (before / after) as f32 };
            text.mapv_inplace(|state| state * ratio);
            continue;
        }
        let Some(empty) = &empty else { return Err(without_empty()) };
        let nothing = empty.index_axis(Axis(0), 0);
        for ((mut state, nothing), weight) in text.outer_iter_mut().zip(nothing.outer_iter()).zip(&weights) {
            if *weight != 1. {
                state.zip_mut_with(&nothing, |state, nothing| *state = (*state - nothing) * weight + nothing);
            }
        }
    }
    Ok(vec![weighed.into()])
}

fn sum(text: &ArrayViewMutD<'_, f32>) -> f64 {
    text.iter().map(|state| f64::from(*state)).sum()
}
