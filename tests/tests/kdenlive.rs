//! The file by which Kdenlive lists the frei0r generator, held against the graph. `UPDATE_GOLDEN=1` writes it anew.

use std::fs;

use anyhow::{Context, Result};
use wuerst::core::{Port, Ty};
use wuerst::{Engine, Options};
use wuerst_tests::built::root;

const GENERATOR: &str = "crates/hosts/frei0r/kdenlive/frei0r_wuerstchen.xml";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// A parameter of Kdenlive for an input; `None` for tensors, as in the plug-in. Texts are of the type `keyword`, the one with
/// a free text; so are numbers, since an empty one is as the model has it.
fn parameter(port: &Port) -> Option<String> {
    let title: String = port.name.replace('_', " ");
    let title = title[..1].to_uppercase() + &title[1..];
    let initial = match &port.default {
        Some(value) => value.to_string().trim_matches('"').to_owned(),
        None => String::new(),
    };
    let (name, initial, about) = (escaped(&port.name), escaped(&initial), escaped(&port.about));
    let kind = match (&port.ty, port.choices.as_slice()) {
        (Ty::Tensor { .. }, _) => return None,
        (Ty::Bool, _) => format!(
            "type=\"bool\" name=\"{name}\" default=\"{}\" min=\"0\" max=\"1\"",
            u8::from(initial == "true")
        ),
        (_, []) => format!("type=\"keyword\" name=\"{name}\" default=\"{initial}\""),
        (_, choices) => {
            let choices = choices.join(";");
            format!("type=\"list\" name=\"{name}\" default=\"{initial}\" paramlist=\"{choices}\"")
        }
    };
    let comment = if about.is_empty() { String::new() } else { format!("\n\t\t<comment>{about}</comment>") };
    Some(format!("\t<parameter {kind}>\n\t\t<name>{title}</name>{comment}\n\t</parameter>\n"))
}

#[test]
fn generator_file_has_the_inputs_of_the_graph() -> Result<()> {
    let engine = Engine::new(Options { models: root().join("models/icons"), ..Options::default() })?;
    let graph = engine.graph(&fs::read_to_string(root().join("graphs/text-to-image.yaml"))?)?;
    let parameters: String = graph.effective_inputs().iter().filter_map(parameter).collect();
    let want = format!(
        "<!DOCTYPE kpartgui>\n<generator tag=\"frei0r.wuerstchen\" id=\"frei0r.wuerstchen\">\n\t<name>Würstchen</name>\n\
         \t<description>Makes a picture from a prompt.</description>\n\t<author>Würstchen</author>\n{parameters}</generator>\n"
    );
    let path = root().join(GENERATOR);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &want)?;
    }
    assert_eq!(fs::read_to_string(&path).with_context(|| path.display().to_string())?, want);
    assert_eq!(parameters.matches("<parameter ").count(), 9);
    Ok(())
}
