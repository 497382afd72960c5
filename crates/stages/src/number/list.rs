//! `int.range`, `float.range`, `int.repeat`, `int.pick` and `float.pick`: lists of numbers.

use wuerst_core::{Args, Batch, Element, Error, KnownLength, Registry, Result, Tensor, Value};

use crate::plain::{Hooks, Plan, check_index};

pub(super) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "int.range",
        signature: "first: int = 0, count: int {1..16384}, step: int = 1 -> numbers: i64[n]",
        about: "Makes a list of whole numbers that rise, or fall, by equal steps; by a step of 0 all are the same.",
        ports: &[
            ("first", "The first number."),
            ("count", "The number of entries."),
            ("step", "The difference between two."),
            ("numbers", "The list, as seeds."),
        ],
    };
    let hooks = Hooks {
        check: |known| {
            let all = ["first", "count", "step"].into_iter().all(|port| known.has(port));
            if all { ints(known).map(drop) } else { Ok(()) }
        },
        lengths: counted,
        ..Hooks::default()
    };
    plan.add_checked(registry, hooks, |_, args| Ok(vec![list(ints(args)?)?]))?;
    let plan = Plan {
        kind: "float.range",
        signature: "first: float = 0.0, last: float = 1.0, count: int {1..16384} -> numbers: f32[n]",
        about: "Makes a list of numbers that lie evenly between two, both of which it holds.",
        ports: &[
            ("first", "The first number."),
            ("last", "The last number; left out of a list of one."),
            ("count", "The number of entries."),
            ("numbers", "The list, as amounts of a sweep."),
        ],
    };
    plan.add_checked(registry, Hooks { lengths: counted, ..Hooks::default() }, |_, args| {
        let (first, last, count) = (args.float("first")?, args.float("last")?, args.count("count")?);
        let share = |at: usize| at as f64 / (count - 1).max(1) as f64;
        let number = |at: usize| (first * (1. - share(at)) + last * share(at)) as f32;
        Ok(vec![list((0..count).map(number).collect())?])
    })?;
    let plan = Plan {
        kind: "int.repeat",
        signature: "numbers: i64[n], each: int = 1 {1..16384}, all: int = 1 {1..16384} -> numbers: i64[m]",
        about: "Repeats the numbers of a list: each of them, and then all of it. It has at most 16,384 in the end.",
        ports: &[
            ("numbers", "The list."),
            ("each", "Number of repetitions of each number."),
            ("all", "Number of repetitions of the whole list."),
            ("-> numbers", "The longer list."),
        ],
    };
    let hooks = Hooks {
        check: |known| repeated_length(known).map(drop),
        lengths: |known| {
            let length = repeated_length(known).ok().flatten();
            length.map(|length| KnownLength::new("m", length, "numbers")).into_iter().collect()
        },
        ..Hooks::default()
    };
    plan.add_checked(registry, hooks, |_, args| {
        repeated_length(args)?;
        let numbers = args.tensor_i64("numbers")?;
        let (each, all) = (args.count("each")?, args.count("all")?);
        let once = numbers.iter().flat_map(|number| std::iter::repeat_n(*number, each));
        let once: Vec<i64> = once.collect();
        Ok(vec![list(once.repeat(all))?])
    })?;
    let picking = Hooks { check: check_pick, ..Hooks::default() };
    let plan = Plan {
        kind: "int.pick",
        signature: "numbers: i64[n], index: int = 0 {0..} -> number: int",
        about: "Picks one number of a list.",
        ports: &PICK,
    };
    plan.add_checked(registry, picking, |_, args| {
        check_pick(args)?;
        let number = args.tensor_i64("numbers")?[args.count("index")?];
        Ok(vec![Value::from(number)])
    })?;
    let plan = Plan {
        kind: "float.pick",
        signature: "numbers: f32[n], index: int = 0 {0..} -> number: float",
        about: "Picks one number of a list.",
        ports: &PICK,
    };
    plan.add_checked(registry, picking, |_, args| {
        check_pick(args)?;
        let number = args.tensor_f32("numbers")?[args.count("index")?];
        Ok(vec![Value::Float(number.into())])
    })
}

const PICK: [(&str, &str); 3] = [
    ("numbers", "The list."),
    ("index", "Position of the number, counted from 0."),
    ("number", "The number at that position."),
];

fn check_pick(known: &Args<'_>) -> Result<()> {
    check_index(known, "numbers")
}

/// A list of numbers as a value.
pub(super) fn list<T: Element>(numbers: Vec<T>) -> Result<Value> {
    Ok(Tensor::from_vec(&[numbers.len()], numbers)?.into())
}

fn counted(known: &Args<'_>) -> Vec<KnownLength> {
    known.count("count").map(|count| KnownLength::new("n", count, "count")).into_iter().collect()
}

fn ints(args: &Args<'_>) -> Result<Vec<i64>> {
    let (first, count, step) = (args.int("first")?, args.count("count")?, args.int("step")?);
    let too_large = || {
        let message =
            format!("{count} numbers from {first} on do not stay between {} and {}", i64::MIN, i64::MAX);
        Error::invalid("count", message)
    };
    let number = |at: usize| {
        let number = i128::from(first) + i128::from(step) * at as i128;
        i64::try_from(number).map_err(|_| too_large())
    };
    (0..count).map(number).collect()
}

/// The length of a repeated list, if it is known.
fn repeated_length(known: &Args<'_>) -> Result<Option<usize>> {
    let (Some(length), Ok(each), Ok(all)) =
        (known.length("numbers", 0), known.count("each"), known.count("all"))
    else {
        return Ok(None);
    };
    let longer = length.checked_mul(each).and_then(|longer| longer.checked_mul(all));
    match longer.filter(|longer| *longer <= Batch::MOST) {
        Some(longer) => Ok(Some(longer)),
        None => {
            let message = format!(
                "makes {length} numbers {each} times {all} times; the maximum is {}: repeat them less",
                Batch::MOST
            );
            Err(Error::invalid("numbers", message))
        }
    }
}
