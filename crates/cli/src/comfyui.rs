//! Recipes from pictures that ComfyUI saved with one of the project's graph nodes: their graph and inputs.

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;
use wuerst::Graph;

use crate::find;
use crate::graph_file::GraphFile;
use crate::pairs::{Pairs, Texts};
use crate::recipe::Recipe;

/// Keyword under which ComfyUI stores the nodes of a picture: a mapping of ids to `class_type` and `inputs`.
pub(crate) const KEYWORD: &str = "prompt";

/// Prefixes of the node classes for shipped graphs and for the user's own.
const SHIPPED: &str = "wuerst_graph_";
const OWN: &str = "wuerst_user_";

/// The recipe of the one graph node among ComfyUI's nodes. The graph's text is empty where the graph is the user's own.
///
/// # Errors
/// The text is not a mapping of nodes, there is no graph node or there are several, or the graph does not ship with this version.
pub(crate) fn recipe(prompt: &str) -> Result<Recipe> {
    let nodes: Json = serde_json::from_str(prompt).context("`prompt` is not JSON")?;
    let nodes = nodes.as_object().context("`prompt` is not a mapping of nodes")?;
    let ours = nodes.values().filter_map(|node| {
        let class = node["class_type"].as_str()?;
        let name = class.strip_prefix(SHIPPED).or_else(|| class.strip_prefix(OWN))?;
        Some((class, name, &node["inputs"]))
    });
    let ours: Vec<_> = ours.collect();
    let &[(class, name, inputs)] = ours.as_slice() else {
        let classes: Vec<&str> = ours.iter().map(|(class, ..)| *class).collect();
        match classes.as_slice() {
            [] => bail!("none of its nodes is a Würstchen graph, and other nodes cannot be run here"),
            _ => bail!(
                "several of its nodes are Würstchen graphs, of which only one can be run: {}",
                classes.join(", ")
            ),
        }
    };
    let graph = match class.starts_with(SHIPPED) {
        true => {
            let file = format!("graphs/{}.yaml", name.replace('_', "-"));
            let found = find::first_around_program(&file).or_else(|| find::first(&file));
            GraphFile::open(&found.with_context(|| format!("{file} does not ship with this version"))?)?.text
        }
        false => String::new(),
    };
    let inputs = inputs.as_object().into_iter().flatten().filter_map(|(name, value)| {
        let text = match value {
            Json::String(text) => text.clone(),
            Json::Number(_) | Json::Bool(_) => value.to_string(),
            // A wire to another node.
            _ => return None,
        };
        Some((name.clone(), text))
    });
    // ComfyUI decides which set of models runs.
    let inputs: Texts = inputs.filter(|(name, _)| name != "models").collect();
    Ok(Recipe { graph, output: "image".to_owned(), inputs, of_comfyui: true, ..Recipe::default() })
}

/// Removes inputs that ComfyUI's widgets show although they are left out: optional numbers below their range, empty
/// optional texts.
pub(crate) fn leave_out(graph: &Graph, inputs: &mut Pairs<'_>) {
    let ports = graph.effective_inputs();
    inputs.retain(|(name, text)| {
        let Some(port) = ports.iter().find(|port| port.name == *name && port.optional) else { return true };
        match (text.parse::<f64>(), &port.range) {
            (Ok(number), Some(range)) => number >= *range.start(),
            _ => !text.is_empty(),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graph_node_is_found_among_others() {
        let prompt = r#"{"3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
            "1": {"class_type": "wuerst_user_my_graph", "inputs":
                {"models": "icons", "prompt": "a pear", "seed": 18446744073709551615, "flag": true, "image": ["2", 0]}}}"#;
        let recipe = recipe(prompt).unwrap();
        let given: Vec<_> = recipe.inputs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(given, [("flag", "true"), ("prompt", "a pear"), ("seed", "18446744073709551615")]);
        assert!(recipe.graph.is_empty() && recipe.of_comfyui);
    }

    #[test]
    fn other_pictures_are_refused() {
        let refused = |prompt: &str| format!("{:#}", recipe(prompt).unwrap_err());
        assert!(refused("{").contains("not JSON") && refused("[]").contains("not a mapping"));
        assert!(refused(r#"{"1": {"class_type": "KSampler"}, "2": 3}"#).contains("none of its nodes"));
        let two = r#"{"1": {"class_type": "wuerst_user_a"}, "2": {"class_type": "wuerst_user_b"}}"#;
        assert!(refused(two).contains("wuerst_user_a, wuerst_user_b"));
        assert!(
            refused(r#"{"1": {"class_type": "wuerst_graph_nosuch"}}"#).contains("nosuch.yaml does not ship")
        );
    }
}
