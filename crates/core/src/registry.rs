//! The registry of node kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::{Error, Models, NodeKind, Result};

/// Checks whether a node may prefer a device of this name; returns a sentence if not.
type Devices = dyn Fn(&str) -> Result<(), String> + Send + Sync;

/// The node kinds that graphs can use, and the resolver of model names. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<String, Arc<dyn NodeKind>>,
    models: Models,
    devices: Option<Arc<Devices>>,
    /// Renamed kinds: old names and new names.
    renamed: BTreeMap<&'static str, &'static str>,
}

impl Registry {
    /// An empty registry that takes names of models as paths.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Adds a node kind.
    ///
    /// # Errors
    /// If the kind's name is taken, or is the old name of another kind: a silent replacement would change the meaning of
    /// graphs.
    pub fn add(&mut self, node: impl NodeKind + 'static) -> Result<()> {
        self.add_shared(Arc::new(node))
    }

    /// Adds a shared node kind.
    ///
    /// # Errors
    /// As [`Registry::add`].
    pub fn add_shared(&mut self, node: Arc<dyn NodeKind>) -> Result<()> {
        let kind = node.spec().kind.clone();
        if self.kinds.contains_key(&kind) {
            return Err(Error::invalid("node kind", format!("`{kind}` is registered already")));
        }
        if let Some(new) = self.renamed(&kind) {
            return Err(Error::invalid("node kind", format!("`{kind}` is the old name of `{new}`")));
        }
        self.kinds.insert(kind, node);
        Ok(())
    }

    /// Also accepts the old name of a kind in graphs.
    pub fn rename(&mut self, old: &'static str, new: &'static str) {
        self.renamed.insert(old, new);
    }

    /// The new name of a kind, if `kind` is an old name.
    pub fn renamed(&self, kind: &str) -> Option<&'static str> {
        self.renamed.get(kind).copied()
    }

    /// The kind with this name or old name.
    pub fn get(&self, kind: &str) -> Option<&Arc<dyn NodeKind>> {
        self.kinds.get(self.renamed(kind).unwrap_or(kind))
    }

    /// All node kinds, in the order of their names.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<dyn NodeKind>> {
        self.kinds.values()
    }

    /// All namespaces of the registered kinds.
    pub fn namespaces(&self) -> BTreeSet<&str> {
        self.kinds.values().map(|node| node.spec().namespace()).collect()
    }

    /// Sets the resolver of model names.
    pub fn set_models(&mut self, models: Models) {
        self.models = models;
    }

    /// Sets the check of device names that nodes may prefer; without one, all are allowed.
    pub fn set_devices(&mut self, allowed: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) {
        self.devices = Some(Arc::new(allowed));
    }

    /// Checks whether a node may prefer this device.
    ///
    /// # Errors
    /// A sentence that lists valid devices.
    pub fn device(&self, name: &str) -> Result<(), String> {
        self.devices.as_ref().map_or(Ok(()), |allowed| allowed(name))
    }

    /// The resolver of model names.
    pub fn models(&self) -> &Models {
        &self.models
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.kinds.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Args, Ctx, NodeSpec, Value};

    struct Nothing(NodeSpec);

    impl NodeKind for Nothing {
        fn spec(&self) -> &NodeSpec {
            &self.0
        }
        fn run(&self, _: &mut Ctx<'_>, _: &Args<'_>) -> Result<Vec<Value>> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn kinds_are_unique() {
        let node = |kind| Nothing(NodeSpec::new(kind, 1, "->", "").unwrap());
        let mut registry = Registry::new();
        registry.add(node("b.x")).unwrap();
        registry.add(node("a.x")).unwrap();
        let error = registry.add(node("a.x")).unwrap_err().to_string();
        assert_eq!(error, "node kind: `a.x` is registered already");
        assert!(registry.namespaces().into_iter().eq(["a", "b"]));
        registry.rename("a.old", "a.x");
        let by_old_name = registry.get("a.old").map(|node| node.spec().kind.as_str());
        assert_eq!(
            (by_old_name, registry.renamed("a.old"), registry.renamed("a.x")),
            (Some("a.x"), Some("a.x"), None)
        );
        let error = registry.add(node("a.old")).unwrap_err().to_string();
        assert_eq!(error, "node kind: `a.old` is the old name of `a.x`");
        assert_eq!(format!("{registry:?}"), r#"{"a.x", "b.x"}"#);
    }
}
