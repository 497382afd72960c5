//! The part of a run's report that drawings show: JSON as written by `wuerst run --report`.

use serde_json::Value as Json;

use super::layout::ROW;

/// The height of a preview.
pub(super) const THUMBNAIL: f64 = 96.;

/// Report of one node.
pub(super) struct Entry {
    pub(super) node: String,
    pub(super) ran: bool,
    pub(super) reason: String,
    pub(super) milliseconds: f64,
    pub(super) inference: f64,
    pub(super) bytes: u64,
    pub(super) devices: String,
    /// Its time in relation to the slowest node, from 0 to 1.
    pub(super) share: f64,
    /// A picture, as a `data:` address.
    pub(super) preview: Option<String>,
}

impl Entry {
    /// Height that it needs below the ports of its node.
    pub(super) fn height(&self) -> f64 {
        2. * ROW + if self.preview.is_some() { THUMBNAIL + 12. } else { 4. }
    }

    pub(super) fn headline(&self) -> String {
        format!("{} · {:.1} ms", if self.ran { "ran" } else { "reused" }, self.milliseconds)
    }
}

/// Nodes of a report, in its order; empty if it has another form.
pub(super) fn entries(report: &Json) -> Vec<Entry> {
    let nodes = report["nodes"].as_array().map_or(&[] as &[Json], Vec::as_slice);
    let longest = nodes.iter().filter_map(|node| node["milliseconds"].as_f64()).fold(0., f64::max);
    let mut entries: Vec<Entry> = nodes.iter().map(entry).collect();
    let share = |milliseconds: f64| if longest > 0. { (milliseconds / longest).clamp(0., 1.) } else { 0. };
    entries.iter_mut().for_each(|entry| entry.share = share(entry.milliseconds));
    entries
}

fn entry(node: &Json) -> Entry {
    let texts = |list: &Json| {
        let texts = list.as_array().into_iter().flatten().filter_map(Json::as_str);
        texts.collect::<Vec<_>>().join(", ")
    };
    let text = |key: &str| node[key].as_str().unwrap_or_default().to_owned();
    let changed = texts(&node["changed"]);
    let reason = if changed.is_empty() { text("why") } else { format!("{}: {changed}", text("why")) };
    let number = |key: &str| node[key].as_f64().unwrap_or(0.);
    // Only pictures embedded in the report.
    let preview = node["preview"].as_str().filter(|address| address.starts_with("data:image/png;base64,"));
    Entry {
        node: text("node"),
        ran: node["did"] == "ran",
        reason,
        milliseconds: number("milliseconds"),
        inference: number("inference_milliseconds"),
        bytes: node["bytes"].as_u64().unwrap_or(0),
        devices: texts(&node["devices"]),
        share: 0.,
        preview: preview.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn page_shows_report_offline() {
        let report = json!({ "nodes": [
            { "node": "a", "did": "ran", "why": "changed", "changed": ["seed", "text"], "milliseconds": 4.0,
              "preview": "data:image/png;base64,AA==" },
            { "node": "b", "did": "reused", "why": "unchanged", "milliseconds": 1.0, "preview": "https://example.org/x" },
        ] });
        let entries = entries(&report);
        assert_eq!(
            (entries[0].headline(), entries[0].reason.as_str()),
            ("ran · 4.0 ms".into(), "changed: seed, text")
        );
        assert_eq!((entries[0].share, entries[1].share), (1., 0.25));
        assert!(entries[0].preview.is_some() && entries[1].preview.is_none() && !entries[1].ran);
        assert!(
            super::entries(&json!([1])).is_empty() && super::entries(&json!({ "nodes": [3] })).len() == 1
        );
    }
}
