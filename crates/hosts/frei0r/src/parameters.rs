//! Inputs of a graph as parameters of frei0r.
//!
//! Hosts show frei0r's numbers as sliders from 0 to 1, and pass them as doubles, which cannot hold a 64-bit seed. So only
//! suitable inputs are numbers; all others are texts, parsed according to the input's type.

use std::ffi::{CStr, CString};
use wuerst_client::{Kind, Port};

/// Control shown in place of a text field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slider {
    /// Off and on.
    Switch,
    /// 0 to 1.
    Share,
}

/// One parameter. Parameters have the order of the graph's inputs, which projects of hosts depend on.
pub struct Parameter {
    /// The input's name.
    pub name: CString,
    /// Description and type.
    pub explanation: CString,
    /// `None`: a text field.
    pub slider: Option<Slider>,
    /// Initial text; empty if the graph or the model decides the value.
    pub initial: CString,
}

impl Parameter {
    /// The parameter for an input; `None` for tensors, which cannot be typed.
    pub fn of(port: &Port) -> Option<Parameter> {
        if port.kind == Kind::Tensor {
            return None;
        }
        let slider = match port.kind {
            Kind::Bool => Some(Slider::Switch),
            // A slider has no position for an optional input left out.
            Kind::Float if port.limits == [0., 1.] && port.initial.is_some() => Some(Slider::Share),
            _ => None,
        };
        Some(Parameter {
            name: terminated(&port.name),
            explanation: terminated(&explanation(port)),
            slider,
            initial: terminated(port.initial.as_deref().unwrap_or("")),
        })
    }

    /// Converts a slider's position to text for the graph.
    pub fn text_of(&self, number: f64) -> String {
        match self.slider {
            Some(Slider::Switch) => (number >= 0.5).to_string(),
            _ => number.to_string(),
        }
    }

    /// A slider's place of the text for the graph.
    pub fn number_of(&self, text: &CStr) -> f64 {
        match text.to_bytes() {
            b"true" => 1.,
            b"false" => 0.,
            _ => text.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(0.),
        }
    }
}

fn explanation(port: &Port) -> String {
    let [least, most] = port.limits;
    let mut words = vec![];
    words.extend((!port.about.is_empty()).then(|| port.about.clone()));
    let range = match (least.is_finite(), most.is_finite()) {
        (true, true) => format!(" from {least} to {most}"),
        (true, false) => format!(" from {least}"),
        (false, true) => format!(" up to {most}"),
        (false, false) => String::new(),
    };
    words.push(format!("Takes {}{range}", port.type_text));
    if !port.choices.is_empty() {
        words.push(format!("One of {}", port.choices.join(", ")));
    }
    if port.optional {
        words.push("Empty: as the model knows best".to_owned());
    }
    let words: Vec<&str> = words.iter().map(|text| text.trim_end_matches('.')).collect();
    format!("{}.", words.join(". "))
}

/// Text for C, without inner NULs.
pub fn terminated(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).unwrap_or_default()
}
