//! `int.add`, `int.multiply` and `int.round_to`.

use wuerst_core::{Args, Error, Registry, Result, Value, is_whole};

use crate::plain::Plan;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "int.add",
        signature: "a: int, b: int -> sum: int",
        about: "Adds two whole numbers; a negative one is taken off.",
        ports: &[("a", "A number."), ("b", "Another number."), ("sum", "a + b.")],
    };
    plan.add_derived(registry, |args| calculated(args, ["a", "b"], i128::checked_add))?;
    let plan = Plan {
        kind: "int.multiply",
        signature: "a: int, b: int -> product: int",
        about: "Multiplies two whole numbers.",
        ports: &[("a", "A number."), ("b", "Another number."), ("product", "a · b.")],
    };
    plan.add_derived(registry, |args| calculated(args, ["a", "b"], i128::checked_mul))?;
    let plan = Plan {
        kind: "int.round_to",
        signature: "number: int, multiple: int {1..}, way: text = \"nearest\" {nearest|down|up} -> number: int",
        about: "Rounds a whole number to a multiple of another, as a size to what a model makes.",
        ports: &[
            ("number", "The number."),
            ("multiple", "The result is a multiple of this number."),
            (
                "way",
                "Which multiple is taken: the nearest, and the upper of two equally near; or the next one down or up.",
            ),
            ("-> number", "The multiple."),
        ],
    };
    plan.add_derived(registry, |args| {
        let way = args.text("way")?;
        calculated(args, ["number", "multiple"], |number, multiple| Some(rounded(number, multiple, way)))
    })
}

/// The result of a calculation with the arguments of two ports, checked to be in the range of an `int`.
fn calculated(
    args: &Args<'_>,
    ports: [&str; 2],
    calculate: impl FnOnce(i128, i128) -> Option<i128>,
) -> Result<Value> {
    let [Some(Value::Int(a)), Some(Value::Int(b))] = ports.map(|port| args.get(port)) else {
        return Err(Error::Internal("a calculation without numbers".into()));
    };
    calculate(*a, *b).filter(|number| is_whole(*number)).map(Value::Int).ok_or_else(|| {
        let (least, most) = (i64::MIN, u64::MAX);
        let message =
            format!("the result with {a} and {b} is not between {least} and {most}: use smaller numbers");
        Error::invalid(ports[1], message)
    })
}

/// A multiple of a positive number near `number`.
fn rounded(number: i128, multiple: i128, way: &str) -> i128 {
    let rest = number.rem_euclid(multiple);
    let down = number - rest;
    let up = if rest == 0 { down } else { down + multiple };
    match way {
        "down" => down,
        "up" => up,
        _ if 2 * rest < multiple => down,
        _ => up,
    }
}
