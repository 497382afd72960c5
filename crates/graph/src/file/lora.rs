//! Reads the LoRAs of a node: `lora: [{ file: style.safetensors, strength: 0.8 }]`.

use wuerst_core::Lora;

use super::entries::{Entry, entries, unknown_key};
use super::problems::{Place, Problems};
use super::yaml::{Data, Tree};

/// A LoRA for a node's model: the name of its file, and its strength.
#[derive(Debug)]
pub(crate) struct LoraDoc {
    pub(crate) file: String,
    pub(crate) strength: f32,
}

const KEYS: [&str; 2] = ["file", "strength"];

/// The LoRAs of a node, in order.
pub(super) fn list(tree: Tree, place: &Place, problems: &mut Problems) -> Vec<Entry<LoraDoc>> {
    let Data::List(list) = tree.data else {
        if tree.data != Data::Wrong {
            let message = format!(
                "wants a list as `[{{ file: style.safetensors, strength: 0.8 }}]`, but this is {}",
                tree.sort()
            );
            problems.add(place.clone(), message);
        }
        return Vec::new();
    };
    list.into_iter().filter_map(|item| one(item, place, problems)).collect()
}

fn one(item: Tree, place: &Place, problems: &mut Problems) -> Option<Entry<LoraDoc>> {
    let place = place.item(item.mark);
    let is_map = matches!(item.data, Data::Map(_));
    let (mut file, mut strength, mut named) = (None, 1., false);
    for Entry { name, place, value } in entries(item, &place, "a LoRA", problems) {
        named |= name == "file";
        match (name.as_str(), &value.data) {
            (_, Data::Wrong) => return None,
            ("file", Data::Text(text)) => file = Some((place, text.clone())),
            ("file", _) => {
                problems.add(place, format!("wants the name of a file, but this is {}", value.sort()))
            }
            ("strength", Data::Int(_) | Data::Float(_)) => {
                strength = match value.data {
                    Data::Int(whole) => whole as f32,
                    Data::Float(number) => number as f32,
                    _ => f32::NAN,
                };
                if !Lora::STRENGTHS.contains(&strength) {
                    let (least, most) = (Lora::STRENGTHS.start(), Lora::STRENGTHS.end());
                    problems.add(place, format!("{strength} is outside {least}..{most}"));
                }
            }
            ("strength", _) => {
                problems.add(place, format!("wants a number as 0.8, but this is {}", value.sort()))
            }
            (other, _) => unknown_key(other, place, &KEYS, problems),
        }
    }
    if is_map && !named {
        problems.missing(place, || "a LoRA names its `file`".to_owned());
    }
    let (place, file) = file?;
    Some(Entry { name: "file".to_owned(), place, value: LoraDoc { file, strength } })
}
