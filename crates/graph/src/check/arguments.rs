//! Checks the arguments of nodes: each port is given once, no unknown ports, and values have the right type and range.

use wuerst_core::{Error, Models, NodeKind, Port, Ty, Value};

use super::scope::{Argument, Scope};
use crate::file::doc::{Entry, Given, NodeDoc};
use crate::file::problems::{Place, Problems};
use crate::file::wire::{self, Read};
use crate::file::yaml::Data;
use crate::graph::ValueSource;
use wuerst_core::did_you_mean;

/// The arguments of one node, in the order of its signature.
///
/// For an unknown node kind the list is empty, but the wires are still checked.
pub(super) fn of_node(
    node: usize,
    entry: &Entry<NodeDoc>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Vec<Argument> {
    let with = &entry.value.with;
    let Some(kind) = &scope.nodes[node].1 else {
        with.iter().for_each(|given| follow(given, scope, problems));
        return Vec::new();
    };
    surplus(kind.as_ref(), with, scope, problems);
    missing(kind.as_ref(), entry, problems);
    let inputs = kind.spec().signature.inputs.iter().enumerate();
    let argument = |(index, port): (usize, &Port)| {
        let (place, source) = match with.iter().find(|given| given.name == port.name) {
            Some(given) => (given.place.clone(), source(kind.as_ref(), port, given, scope, problems)),
            None => {
                let place = entry.place.clone().name();
                let source = default(kind.as_ref(), port, &place, scope, problems);
                (place, source)
            }
        };
        Argument { place, node, port: index, source }
    };
    inputs.map(argument).collect()
}

/// Checks the source of a wire whose port is unknown.
fn follow(given: &Entry<Given>, scope: &Scope<'_>, problems: &mut Problems) {
    if let Some(Ok(Read::Wire(wire))) = given.value.text().map(wire::read) {
        scope.resolve(&wire, &given.place, problems);
    }
}

fn surplus(kind: &dyn NodeKind, with: &[Entry<Given>], scope: &Scope<'_>, problems: &mut Problems) {
    let spec = kind.spec();
    for given in with.iter().filter(|given| spec.signature.input(&given.name).is_none()) {
        let ports: Vec<&str> = spec.signature.inputs.iter().map(|p| p.name.as_str()).collect();
        let hint = match did_you_mean(&given.name, ports.iter().copied()) {
            hint if !hint.is_empty() => hint,
            _ if ports.is_empty() => "; it takes nothing".to_owned(),
            _ => format!("; it takes {}", ports.join(", ")),
        };
        let message = format!("`{}` has no input `{}`{hint}", spec.kind, given.name);
        problems.add(given.place.clone().name(), message);
        follow(given, scope, problems);
    }
}

fn missing(kind: &dyn NodeKind, entry: &Entry<NodeDoc>, problems: &mut Problems) {
    let spec = kind.spec();
    let given = |port: &Port| entry.value.with.iter().any(|given| given.name == port.name);
    let missing = spec.signature.inputs.iter().filter(|port| port.required() && !given(port));
    let missing: Vec<String> = missing.map(|port| format!("`{port}`")).collect();
    if !missing.is_empty() {
        let message = format!("`{}` needs {}", spec.kind, missing.join(", "));
        problems.missing(entry.place.clone().name(), || message);
    }
}

/// Value of a port that is not given; `None` if the port is required, which [`missing`] reports.
fn default(
    kind: &dyn NodeKind,
    port: &Port,
    place: &Place,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<ValueSource> {
    let models = (scope.models_of)(kind).unwrap_or(scope.models);
    match &port.default {
        Some(value) => admitted(port, value.clone(), place, scope, models, problems),
        None => port.optional.then_some(ValueSource::LeftOut),
    }
}

fn source(
    kind: &dyn NodeKind,
    port: &Port,
    given: &Entry<Given>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<ValueSource> {
    let place = &given.place;
    if let Some(text) = given.value.text() {
        match wire::read(text) {
            Err(message) => problems.add(place.clone(), message),
            Ok(Read::Wire(wire)) => {
                let source = scope.resolve(&wire, place, problems)?;
                return wired(kind, port, source, text, place, scope, problems);
            }
            Ok(Read::Text(text)) => {
                // Changed arguments come from the caller of the graph.
                let (value, models) = match given.value {
                    Given::Tree(_) => (Ok(Value::from(text)), scope.models),
                    Given::Written(_) => (port.read(&text), scope.models),
                    _ => (port.read(&text), &scope.host),
                };
                match value {
                    Ok(value) => return admitted(port, value, place, scope, models, problems),
                    Err(message) => problems.add(place.clone(), message),
                }
            }
        }
        return None;
    }
    let tree = match &given.value {
        Given::Tree(tree) => tree,
        Given::Value(value) => {
            return admitted(port, value.clone(), place, scope, &scope.host, problems);
        }
        Given::Path(path) => {
            let value = port.ty.at_path(path);
            return match value {
                Ok(value) => admitted(port, value, place, scope, &scope.host, problems),
                Err(error) => {
                    problems.add(place.clone(), error.to_string());
                    None
                }
            };
        }
        Given::Text(_) | Given::Written(_) => return None,
    };
    match &tree.data {
        Data::Bool(x) => literal(port, Value::Bool(*x), place, scope, problems),
        Data::Int(x) => literal(port, Value::Int(*x), place, scope, problems),
        Data::Float(x) => literal(port, Value::Float(*x), place, scope, problems),
        Data::Wrong => None,
        _ => {
            let message = format!("wants {}, but this is {}", port.ty, tree.sort());
            problems.add(place.clone(), message);
            None
        }
    }
}

fn literal(
    port: &Port,
    value: Value,
    place: &Place,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<ValueSource> {
    admitted(port, value, place, scope, scope.models, problems)
}

fn admitted(
    port: &Port,
    value: Value,
    place: &Place,
    scope: &Scope<'_>,
    models: &Models,
    problems: &mut Problems,
) -> Option<ValueSource> {
    let hint = match &value {
        Value::Text(text) => match port.ty {
            Ty::Int | Ty::Float if port.read(text).is_ok() => "; write numbers without quotes".to_owned(),
            Ty::Bool => "; write true or false, without quotes".to_owned(),
            _ => scope.unmarked_wire(text),
        },
        Value::Bool(_) | Value::Int(_) | Value::Float(_) if port.ty == Ty::Text => {
            "; write text in quotes".to_owned()
        }
        _ => String::new(),
    };
    match port.admit(&port.name, value, models) {
        Ok(value) => return Some(ValueSource::Literal(value)),
        Err(Error::Type { want, got, .. }) => {
            problems.add(place.clone(), format!("wants {want}, but this is {got}{hint}"));
        }
        Err(Error::Invalid { message, .. }) => problems.add(place.clone(), message),
        Err(other) => problems.add(place.clone(), other.to_string()),
    }
    None
}

/// Checks a single wire; types are checked later, over the whole graph.
fn wired(
    kind: &dyn NodeKind,
    port: &Port,
    source: ValueSource,
    text: &str,
    place: &Place,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<ValueSource> {
    let ValueSource::Input(index) = source else { return Some(source) };
    let input = scope.inputs[index].1.as_ref()?;
    if input.optional && !port.optional && port.default.is_none() {
        problems.add(place.clone(), format!("must have a value, but `{text}` may be left out"));
        return None;
    }
    if input.optional && port.default.is_some() {
        // The port's default is used if the input is left out, so a model default must exist.
        default(kind, port, place, scope, problems)?;
    }
    if let Some(Err(message)) = input.default.as_ref().map(|default| port.allows(default)) {
        problems.add(place.clone(), format!("the default of `{text}`: {message}"));
        return None;
    }
    Some(source)
}
