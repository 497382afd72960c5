//! The context that a run passes to its nodes.

use std::cell::RefCell;

use crate::{CancellationToken, Lora, Origin, Result, Saved, Tensor, Usage, Value, memory};

/// Receives events of a run: progress, previews and warnings. Every method does nothing by default.
pub trait Observer {
    /// The run begins. Lists the nodes that its outputs need, in the order in which they are resolved. Each node is then
    /// reported as reused or started; a reused node may still start later if its result was evicted. A node run once per
    /// item of a batch reports each item.
    fn planned(&mut self, _nodes: &[&str]) {}
    /// The node need not run: its remembered result is used.
    fn reused(&mut self, _node: &str) {}
    /// A node begins to run.
    fn started(&mut self, _node: &str) {}
    /// A node has finished.
    fn finished(&mut self, _node: &str) {}
    /// The node has done `done` of `of` steps, counted over all items of a batch.
    fn progress(&mut self, _node: &str, _done: usize, _of: usize) {}
    /// Progress of the whole run from 0 to 1, never decreasing. `node` is the current node; empty at the beginning and
    /// the end. Only a successful run reaches 1.
    fn overall(&mut self, _node: &str, _fraction: f64) {}
    /// Whether [`Observer::preview`] is to be called. Previews cost time, so the default is no.
    fn wants_preview(&self) -> bool {
        false
    }
    /// Interval of previews in steps; a node's last step has one too. 0 counts as 1.
    fn preview_every(&self) -> usize {
        1
    }
    /// A preview picture: RGB, as `u8[h,w,3]`.
    fn preview(&mut self, _node: &str, _rgb: &Tensor) {}
    /// Item `index` of the `of` items of a batched output is ready, possibly long before the whole output. `value` has
    /// the output's type, with its own first dimension. Not called for outputs remembered as a whole.
    fn part(&mut self, _output: &str, _index: usize, _of: usize, _value: &Value) {}
    /// A warning for the user; the run continues.
    fn warning(&mut self, _node: &str, _message: &str) {}
}

/// Ignores all events.
impl Observer for () {}

/// A node's access to its run: its name in the graph, progress, previews and cancellation.
pub struct Ctx<'a> {
    id: &'a str,
    devices: &'a [String],
    loras: &'a [Lora],
    cancel: &'a CancellationToken,
    observer: &'a mut dyn Observer,
    /// Steps done, and their total; (0, 0) until the node reports its first step.
    step: (usize, usize),
    usage: RefCell<Usage>,
    saved: Saved,
    warnings: Vec<String>,
    origins: &'a [Option<Origin>],
}

impl<'a> Ctx<'a> {
    /// A context for one run of one node.
    pub fn new(id: &'a str, cancel: &'a CancellationToken, observer: &'a mut dyn Observer) -> Ctx<'a> {
        let (usage, saved, warnings) = Default::default();
        Ctx {
            id,
            devices: &[],
            loras: &[],
            cancel,
            observer,
            step: (0, 0),
            usage,
            saved,
            warnings,
            origins: &[],
        }
    }

    /// Sets the devices that the node prefers, first choice first.
    #[must_use]
    pub fn with_devices(self, devices: &'a [String]) -> Ctx<'a> {
        Ctx { devices, ..self }
    }

    /// Sets the LoRAs that change the weights of the node's model.
    #[must_use]
    pub fn with_loras(self, loras: &'a [Lora]) -> Ctx<'a> {
        Ctx { loras, ..self }
    }

    /// Shares a counter of saved files with the other nodes of the run.
    #[must_use]
    pub fn with_saved(self, saved: &Saved) -> Ctx<'a> {
        Ctx { saved: saved.clone(), ..self }
    }

    /// Sets which arguments were made by models, in the order of the signature.
    #[must_use]
    pub fn with_origins(self, origins: &'a [Option<Origin>]) -> Ctx<'a> {
        Ctx { origins, ..self }
    }

    /// Whether a model made an argument, given its index in the signature. Known only to impure nodes.
    pub fn origin(&self, argument: usize) -> Option<Origin> {
        self.origins.get(argument).copied().flatten()
    }

    /// Files and bytes that the nodes of the run have saved so far.
    pub fn saved(&self) -> &Saved {
        &self.saved
    }

    /// The node's name in the graph.
    pub fn id(&self) -> &str {
        self.id
    }

    /// The devices that the graph prefers for this node; empty without a preference. The engine's own options override
    /// them, and results must not depend on them.
    pub fn devices(&self) -> &[String] {
        self.devices
    }

    /// The LoRAs that the graph gives for this node's model. The engine's own LoRAs of the stage override them.
    pub fn loras(&self) -> &[Lora] {
        self.loras
    }

    /// Reports that `done` of `of` steps are done, and checks whether the run may continue.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`] when the run was cancelled, and [`crate::Error::OutOfMemory`] when memory is short;
    /// return it with `?`.
    pub fn step(&mut self, done: usize, of: usize) -> Result<()> {
        self.cancel.check()?;
        memory::check(0)?;
        self.step = (done, of);
        self.observer.progress(self.id, done, of);
        Ok(())
    }

    /// Whether the observer wants a preview of the current step.
    pub fn wants_preview(&self) -> bool {
        let (done, of) = self.step;
        // The current step is the one after the steps done.
        let due = || (done + 1).is_multiple_of(self.observer.preview_every().max(1)) || done + 1 >= of;
        self.observer.wants_preview() && due()
    }

    /// Shows a preview picture, RGB as `u8[h,w,3]`. `rgb` is only called if the observer wants a preview of this step.
    pub fn preview(&mut self, rgb: impl FnOnce() -> Tensor) {
        if self.wants_preview() {
            self.observer.preview(self.id, &rgb());
        }
    }

    /// Warns the user about the results, for example of a truncated text. The warning is remembered with the results and
    /// repeated whenever they are reused.
    pub fn warn(&mut self, message: &str) {
        self.warnings.push(message.to_owned());
        self.warn_once(message);
    }

    /// Warns the user about this run only, for example of a missing device.
    pub fn warn_once(&mut self, message: &str) {
        self.observer.warning(self.id, message);
    }

    /// Warnings given by [`Ctx::warn`] so far.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Adds to the node's resource usage, for the report of the run. May be called several times.
    pub fn used(&self, usage: &Usage) {
        self.usage.borrow_mut().add(usage);
    }

    /// Resource usage reported by the node so far.
    pub fn usage(&self) -> Usage {
        self.usage.borrow().clone()
    }

    /// The token that cancels the run; for hooks around long calls.
    pub fn cancel(&self) -> &CancellationToken {
        self.cancel
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[derive(Default)]
    struct Log(Vec<String>, bool);

    impl Observer for Log {
        fn progress(&mut self, node: &str, done: usize, of: usize) {
            self.0.push(format!("{node} {done}/{of}"));
        }
        fn wants_preview(&self) -> bool {
            self.1
        }
        fn preview(&mut self, node: &str, rgb: &Tensor) {
            self.0.push(format!("{node} {:?}", rgb.shape()));
        }
    }

    fn picture() -> Tensor {
        Tensor::from(ndarray::Array3::<u8>::zeros((2, 2, 3)))
    }

    #[test]
    fn steps_and_previews_reach_watch() {
        let (cancel, mut log) = (CancellationToken::new(), Log(Vec::new(), true));
        let mut ctx = Ctx::new("prior", &cancel, &mut log);
        ctx.step(1, 2).unwrap();
        ctx.preview(picture);
        cancel.cancel();
        assert!(matches!(ctx.step(2, 2), Err(Error::Cancelled)));
        assert_eq!(log.0, ["prior 1/2", "prior [2, 2, 3]"]);
    }

    #[test]
    fn previews_follow_interval_and_last_step() {
        struct Third(Vec<usize>);
        impl Observer for Third {
            fn wants_preview(&self) -> bool {
                true
            }
            fn preview_every(&self) -> usize {
                3
            }
            fn preview(&mut self, _: &str, rgb: &Tensor) {
                self.0.push(rgb.len());
            }
        }
        let (cancel, mut third) = (CancellationToken::new(), Third(Vec::new()));
        let mut ctx = Ctx::new("prior", &cancel, &mut third);
        for done in 0..8 {
            ctx.step(done, 8).unwrap();
            ctx.preview(|| Tensor::from(ndarray::Array1::from_elem(done + 1, 0u8)));
        }
        assert_eq!(third.0, [3, 6, 8]);
    }

    #[test]
    fn unwatched_preview_costs_nothing() {
        Ctx::new("prior", &CancellationToken::new(), &mut ()).preview(|| unreachable!());
    }
}
