//! `int.add`, `int.multiply` and `int.round_to`.

use wuerst_core::{Args, Ctx, Error, Registry, Result, Value, is_whole};

use crate::plain::{Hooks, Plan};

/// Result of a calculation; `None` on overflow.
type Calculation = fn(i128, i128) -> Option<i128>;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "int.add",
        signature: "a: int, b: int -> sum: int",
        about: "Adds two whole numbers; a negative one is taken off.",
        ports: &[("a", "A number."), ("b", "Another number."), ("sum", "a + b.")],
    };
    plan.add_checked(
        registry,
        Hooks { check: |args| check(args, sum), results: |args| foreseen(args, sum), ..Hooks::default() },
        |_, args| run(args, sum),
    )?;
    let plan = Plan {
        kind: "int.multiply",
        signature: "a: int, b: int -> product: int",
        about: "Multiplies two whole numbers.",
        ports: &[("a", "A number."), ("b", "Another number."), ("product", "a · b.")],
    };
    plan.add_checked(
        registry,
        Hooks {
            check: |args| check(args, product),
            results: |args| foreseen(args, product),
            ..Hooks::default()
        },
        |_, args| run(args, product),
    )?;
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
    plan.add_checked(
        registry,
        Hooks {
            check: |known| if complete(known) { round_to(known).map(drop) } else { Ok(()) },
            results: |known| vec![complete(known).then(|| round_to(known).ok().map(Value::Int)).flatten()],
            ..Hooks::default()
        },
        |_: &mut Ctx<'_>, args| Ok(vec![Value::Int(round_to(args)?)]),
    )
}

fn sum(a: i128, b: i128) -> Option<i128> {
    a.checked_add(b)
}

fn product(a: i128, b: i128) -> Option<i128> {
    a.checked_mul(b)
}

/// Result for the arguments `a` and `b`; `None` if one is unknown.
fn result(args: &Args<'_>, calculate: Calculation) -> Result<Option<i128>> {
    let (Some(Value::Int(a)), Some(Value::Int(b))) = (args.get("a"), args.get("b")) else { return Ok(None) };
    match calculate(*a, *b).filter(|number| is_whole(*number)) {
        Some(number) => Ok(Some(number)),
        None => Err(beyond("b", &format!("with {a} and {b}"))),
    }
}

fn beyond(port: &str, with: &str) -> Error {
    let (least, most) = (i64::MIN, u64::MAX);
    Error::invalid(port, format!("the result {with} is not between {least} and {most}: use smaller numbers"))
}

fn check(known: &Args<'_>, calculate: Calculation) -> Result<()> {
    result(known, calculate).map(drop)
}

fn foreseen(known: &Args<'_>, calculate: Calculation) -> Vec<Option<Value>> {
    vec![result(known, calculate).ok().flatten().map(Value::Int)]
}

fn run(args: &Args<'_>, calculate: Calculation) -> Result<Vec<Value>> {
    let number = result(args, calculate)?;
    let number = number.ok_or_else(|| Error::Internal("a calculation without numbers".into()))?;
    Ok(vec![Value::Int(number)])
}

fn complete(known: &Args<'_>) -> bool {
    ["number", "multiple", "way"].into_iter().all(|port| known.has(port))
}

fn round_to(args: &Args<'_>) -> Result<i128> {
    let (Value::Int(number), Value::Int(multiple)) = (args.value("number")?, args.value("multiple")?) else {
        return Err(Error::Internal("the input to round is not a number".into()));
    };
    let rest = number.rem_euclid(*multiple);
    let down = number - rest;
    let up = if rest == 0 { down } else { down + multiple };
    let rounded = match args.text("way")? {
        "down" => down,
        "up" => up,
        _ if 2 * rest < *multiple => down,
        _ => up,
    };
    if is_whole(rounded) {
        Ok(rounded)
    } else {
        Err(beyond("multiple", &format!("with {number} and {multiple}")))
    }
}
