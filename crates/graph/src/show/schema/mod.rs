//! A JSON Schema of graph files, for editors: completion, descriptions of ports, and mistakes within single values.
//! [`Graph::load`](crate::Graph::load) finds the other mistakes, such as wrong wires.

mod patterns;
mod value;

use serde_json::{Map, Value as Json, json};
use wuerst_core::{Lora, NodeSpec, Port, Registry};

use crate::file::doc::FORMAT;

/// A JSON Schema (draft 7, which editors support) of graph files with the node kinds of `registry`.
///
/// Nodes of unknown namespaces are allowed with any arguments, since another host may have registered them.
pub fn schema(registry: &Registry) -> Json {
    let specs: Vec<&NodeSpec> = registry.kinds().map(|kind| kind.spec()).collect();
    let arguments: Map<String, Json> =
        specs.iter().map(|spec| (spec.kind.clone(), arguments(&spec.signature.inputs))).collect();
    let mut definitions = json!({
        "wire": {
            "type": "string",
            "pattern": patterns::WIRE,
            "description": "A wire: `$input` or `$node.port`.",
        },
        "node": node(registry, &specs),
    });
    if let Some(definitions) = definitions.as_object_mut() {
        definitions.extend(arguments);
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A graph of wuerst",
        "type": "object",
        "additionalProperties": false,
        "required": ["wuerstchen", "outputs"],
        "properties": {
            "wuerstchen": { "const": FORMAT, "description": "The version of the format." },
            "needs": {
                "type": ["object", "null"],
                "additionalProperties": { "type": "string" },
                "description": "Namespaces of nodes that the host must register, and what to say when one is not there.",
            },
            "inputs": {
                "type": ["object", "null"],
                "propertyNames": { "pattern": patterns::NAME },
                "additionalProperties": { "type": "string", "pattern": patterns::declaration() },
                "description": "What a job may set: a type, perhaps a default and a range, as `int = 12 {1..1000}`; \
                                `?` behind the type marks what may be left out.",
            },
            "nodes": {
                "type": ["object", "null"],
                "propertyNames": { "pattern": patterns::NAME },
                "additionalProperties": { "$ref": "#/definitions/node" },
                "description": "The nodes, in any order.",
            },
            "outputs": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": { "pattern": patterns::NAME },
                "additionalProperties": { "$ref": "#/definitions/wire" },
                "description": "What a job may ask for.",
            },
        },
        "definitions": definitions,
    })
}

/// A node of any kind.
fn node(registry: &Registry, specs: &[&NodeSpec]) -> Json {
    let mut kinds: Vec<Json> =
        specs.iter().map(|spec| json!({ "const": spec.kind, "description": spec.about })).collect();
    kinds.push(json!({
        "type": "string",
        "pattern": patterns::foreign(registry.namespaces()),
        "description": "A node that the host registers.",
    }));
    let rules: Vec<Json> = specs.iter().map(|spec| rule(spec)).collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["use"],
        "properties": {
            "use": { "anyOf": kinds, "description": "The node's kind." },
            "with": { "type": ["object", "null"], "description": "Its arguments: literals and wires." },
            "each": {
                "type": "array",
                "items": { "type": "string" },
                "minItems": 1,
                "uniqueItems": true,
                "description": "Inputs that take lists, as `[prompt, seed]`: the node is run for each entry, and gives lists.",
            },
            "devices": {
                "type": "array",
                "items": { "type": "string" },
                "description": "Preferred devices, first choice first, as `[cuda, cpu]` or `[\"openvino{precision=bf16}\", cpu]`.",
            },
            "lora": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["file"],
                    "properties": {
                        "file": { "type": "string", "description": "A file in the folder of models." },
                        "strength": {
                            "type": "number",
                            "minimum": Lora::STRENGTHS.start(),
                            "maximum": Lora::STRENGTHS.end(),
                            "default": 1,
                            "description": "0 for no change, 1 for the trained one.",
                        },
                    },
                },
                "description": "LoRAs that change the weights of the node's model, as `[{ file: style.safetensors, strength: 0.8 }]`.",
            },
        },
        "allOf": rules,
    })
}

/// The schema of a node of this kind.
fn rule(spec: &NodeSpec) -> Json {
    let mut then = json!({ "properties": { "with": { "$ref": format!("#/definitions/{}", spec.kind) } } });
    if spec.signature.inputs.iter().any(Port::required) {
        then["required"] = json!(["with"]);
    }
    json!({ "if": { "properties": { "use": { "const": spec.kind } }, "required": ["use"] }, "then": then })
}

/// The schema of a mapping of these ports.
fn arguments(ports: &[Port]) -> Json {
    let required: Vec<&str> =
        ports.iter().filter(|port| port.required()).map(|port| port.name.as_str()).collect();
    let properties: Map<String, Json> =
        ports.iter().map(|port| (port.name.clone(), value::of_port(port))).collect();
    // If nothing is required, `with:` may be empty.
    let sort = if required.is_empty() { json!(["object", "null"]) } else { json!("object") };
    let mut arguments = json!({ "type": sort, "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        arguments["required"] = json!(required);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::doc::{NODE_KEYS, SECTIONS};

    fn keys(schema: &Json) -> Vec<&str> {
        let properties = schema["properties"].as_object().unwrap();
        let mut keys: Vec<&str> = properties.keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn schema_has_all_keys() {
        let sorted = |keys: &[&'static str]| {
            let mut keys = keys.to_vec();
            keys.sort_unstable();
            keys
        };
        let schema = schema(&Registry::new());
        assert_eq!(keys(&schema), sorted(&SECTIONS));
        assert_eq!(keys(&schema["definitions"]["node"]), sorted(&NODE_KEYS));
    }
}
