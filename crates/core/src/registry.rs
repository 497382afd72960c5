//! The node kinds that graphs can use.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::{Error, Models, NodeKind, Result};

/// Whether a node may prefer a device of this name; if not, a sentence.
type Devices = dyn Fn(&str) -> Result<(), String> + Send + Sync;

/// The node kinds that graphs can use, and where the names of models lead. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<String, Arc<dyn NodeKind>>,
    models: Models,
    devices: Option<Arc<Devices>>,
    /// Kinds that have another name now: old names and new ones.
    renamed: BTreeMap<&'static str, &'static str>,
}

impl Registry {
    /// A registry without node kinds, which takes the names of models as paths.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Adds a node kind.
    ///
    /// # Errors
    /// When the kind is taken, or the old name of another: replacing a kind unnoticed would change what graphs mean.
    pub fn add(&mut self, node: impl NodeKind + 'static) -> Result<()> {
        self.add_shared(Arc::new(node))
    }

    /// Adds a node kind that is shared already.
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

    /// Lets graphs use a kind by the name that it had before, too.
    pub fn rename(&mut self, old: &'static str, new: &'static str) {
        self.renamed.insert(old, new);
    }

    /// The name of a kind that had this one before.
    pub fn renamed(&self, kind: &str) -> Option<&'static str> {
        self.renamed.get(kind).copied()
    }

    /// The kind of a name, also by its old name.
    pub fn get(&self, kind: &str) -> Option<&Arc<dyn NodeKind>> {
        self.kinds.get(self.renamed(kind).unwrap_or(kind))
    }

    /// All node kinds, in the order of their names.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<dyn NodeKind>> {
        self.kinds.values()
    }

    /// The namespaces that have node kinds.
    pub fn namespaces(&self) -> BTreeSet<&str> {
        self.kinds.values().map(|node| node.spec().namespace()).collect()
    }

    /// Says where the names of models lead from now on.
    pub fn set_models(&mut self, models: Models) {
        self.models = models;
    }

    /// Says which devices a node may prefer; without it, any.
    pub fn set_devices(&mut self, allowed: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) {
        self.devices = Some(Arc::new(allowed));
    }

    /// Whether a node may prefer a device of this name.
    ///
    /// # Errors
    /// A sentence, which says what would be right.
    pub fn device(&self, name: &str) -> Result<(), String> {
        self.devices.as_ref().map_or(Ok(()), |allowed| allowed(name))
    }

    /// Where the names of models lead.
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
