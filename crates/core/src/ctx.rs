//! What a node may ask of the run that it is part of.

use std::cell::RefCell;

use crate::{CancellationToken, Origin, Result, Saved, Tensor, Usage, Value, memory};

/// Observes a run: progress, previews and warnings. Every method has a default that does nothing.
pub trait Observer {
    /// A run begins: the nodes that its outputs need, in the order in which they are resolved. Each is
    /// then either reused or started; a reused one may yet be started when its result was evicted. Of a node that makes
    /// several results of a batch, each is.
    fn planned(&mut self, _nodes: &[&str]) {}
    /// A node need not run: its remembered result is used.
    fn reused(&mut self, _node: &str) {}
    /// A node begins to run.
    fn started(&mut self, _node: &str) {}
    /// A node has finished.
    fn finished(&mut self, _node: &str) {}
    /// A node has done `done` of its `of` steps, those of all its results together.
    fn progress(&mut self, _node: &str, _done: usize, _of: usize) {}
    /// How far the whole run is, from 0 to 1 and never less than before. `node` is the one that it has got
    /// to; empty at the very beginning and end. 1 is reached only by a run that succeeds.
    fn overall(&mut self, _node: &str, _fraction: f64) {}
    /// Whether [`Observer::preview`] wants to be called. Previews cost time, so the default is no.
    fn wants_preview(&self) -> bool {
        false
    }
    /// Previews are made at every so many steps of a node, and at its last. 0 is taken for 1.
    fn preview_every(&self) -> usize {
        1
    }
    /// A picture of work in progress: RGB, as `u8[h,w,3]`.
    fn preview(&mut self, _node: &str, _rgb: &Tensor) {}
    /// Result `index` of the `of` that an output joins is finished, long before the output, perhaps: the first of several
    /// pictures. As the output, with a first dimension of its own. Not called for what is remembered as a whole.
    fn part(&mut self, _output: &str, _index: usize, _of: usize, _value: &Value) {}
    /// Something that the user should know, though the run goes on.
    fn warning(&mut self, _node: &str, _message: &str) {}
}

/// Observes nothing.
impl Observer for () {}

/// A node's line to the run that it is part of: its name there, progress, previews and cancellation.
pub struct Ctx<'a> {
    id: &'a str,
    devices: &'a [String],
    cancel: &'a CancellationToken,
    observer: &'a mut dyn Observer,
    /// Steps done, and of how many; none of none before the node has said so.
    step: (usize, usize),
    usage: RefCell<Usage>,
    saved: Saved,
    warnings: Vec<String>,
    origins: &'a [Option<Origin>],
}

impl<'a> Ctx<'a> {
    /// The context of one run of one node.
    pub fn new(id: &'a str, cancel: &'a CancellationToken, observer: &'a mut dyn Observer) -> Ctx<'a> {
        let (usage, saved, warnings) = Default::default();
        Ctx { id, devices: &[], cancel, observer, step: (0, 0), usage, saved, warnings, origins: &[] }
    }

    /// States the devices that the node prefers, first choice first.
    #[must_use]
    pub fn with_devices(self, devices: &'a [String]) -> Ctx<'a> {
        Ctx { devices, ..self }
    }

    /// Lets the node count what it saves with the other nodes of the run.
    #[must_use]
    pub fn with_saved(self, saved: &Saved) -> Ctx<'a> {
        Ctx { saved: saved.clone(), ..self }
    }

    /// States which arguments, in the order of the signature, models have made.
    #[must_use]
    pub fn with_origins(self, origins: &'a [Option<Origin>]) -> Ctx<'a> {
        Ctx { origins, ..self }
    }

    /// Whether a model has made an argument, by its index in the signature. Known to nodes that are no pure functions.
    pub fn origin(&self, argument: usize) -> Option<Origin> {
        self.origins.get(argument).copied().flatten()
    }

    /// What the nodes of the run have saved so far.
    pub fn saved(&self) -> &Saved {
        &self.saved
    }

    /// The node's name in the graph.
    pub fn id(&self) -> &str {
        self.id
    }

    /// The devices that the graph prefers for this node; empty when it has no preference.
    /// The engine's own options come first, and results must not depend on it.
    pub fn devices(&self) -> &[String] {
        self.devices
    }

    /// Reports that `done` of `of` steps are done, and asks whether to go on.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`] when the run was asked to stop, and [`crate::Error::OutOfMemory`] when there is no
    /// memory to go on; return it with `?`.
    pub fn step(&mut self, done: usize, of: usize) -> Result<()> {
        self.cancel.check()?;
        memory::check(0)?;
        self.step = (done, of);
        self.observer.progress(self.id, done, of);
        Ok(())
    }

    /// Whether anybody watches previews, of the step that was begun last.
    pub fn wants_preview(&self) -> bool {
        let (done, of) = self.step;
        // The step that is being worked on is the next one.
        let due = || (done + 1).is_multiple_of(self.observer.preview_every().max(1)) || done + 1 >= of;
        self.observer.wants_preview() && due()
    }

    /// Shows a picture of work in progress, RGB as `u8[h,w,3]`. `rgb` is not called when nobody watches, nor at
    /// steps between those that the observer wants to see.
    pub fn preview(&mut self, rgb: impl FnOnce() -> Tensor) {
        if self.wants_preview() {
            self.observer.preview(self.id, &rgb());
        }
    }

    /// Tells the user something about the results that does not stop the run, as that a text is cut off. It is said again
    /// whenever the results are remembered instead of made again.
    pub fn warn(&mut self, message: &str) {
        self.warnings.push(message.to_owned());
        self.warn_once(message);
    }

    /// Tells the user something about this run alone, as that a device is not there.
    pub fn warn_once(&mut self, message: &str) {
        self.observer.warning(self.id, message);
    }

    /// What was said by [`Ctx::warn`] so far.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Says what the node took of the machine, for the report of the run. It may be said piece by piece.
    pub fn used(&self, usage: &Usage) {
        self.usage.borrow_mut().add(usage);
    }

    /// What the node has said that it took so far.
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
    fn steps_and_previews_reach_the_watch() {
        let (cancel, mut log) = (CancellationToken::new(), Log(Vec::new(), true));
        let mut ctx = Ctx::new("prior", &cancel, &mut log);
        ctx.step(1, 2).unwrap();
        ctx.preview(picture);
        cancel.cancel();
        assert!(matches!(ctx.step(2, 2), Err(Error::Cancelled)));
        assert_eq!(log.0, ["prior 1/2", "prior [2, 2, 3]"]);
    }

    #[test]
    fn previews_come_every_so_many_steps_and_at_the_last() {
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
    fn an_unwatched_preview_costs_nothing() {
        Ctx::new("prior", &CancellationToken::new(), &mut ()).preview(|| unreachable!());
    }
}
