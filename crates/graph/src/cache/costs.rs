//! Measured run times of nodes, which weight the progress of a run.

use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;
use wuerst_core::Digest;

/// Maximum number of remembered kinds of work.
const SORTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// Cost of one kind of work, which is a node kind with its models.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    /// Milliseconds of a whole run, without loading models. A moving average that favours recent runs.
    pub(crate) milliseconds: f64,
    /// Steps of that run; 0 if none were reported.
    pub(crate) steps: usize,
    /// Milliseconds declared by the node kind.
    declared_ms: f64,
}

impl Cost {
    /// Expected milliseconds of a run with this number of steps.
    pub(crate) fn of(&self, steps: usize) -> f64 {
        match self.steps {
            0 => self.milliseconds,
            known => self.milliseconds * steps as f64 / known as f64,
        }
    }
}

/// Measured costs.
pub(super) struct Costs(LruCache<Digest, Cost>);

impl Costs {
    pub(super) fn new() -> Costs {
        Costs(LruCache::new(SORTS))
    }

    pub(super) fn get(&mut self, sort: Digest) -> Option<Cost> {
        self.0.get(&sort).copied()
    }

    /// Ratio of measured to declared times: how much slower this machine is, with these models, than declared. 1 before
    /// any measurement.
    pub(super) fn slowness(&self) -> f64 {
        let sums =
            self.0.iter().fold([0., 0.], |[a, b], (_, cost)| [a + cost.milliseconds, b + cost.declared_ms]);
        if sums[0] > 0. && sums[1] > 0. { sums[0] / sums[1] } else { 1. }
    }

    pub(super) fn measure(&mut self, sort: Digest, took: Duration, steps: usize, declared_ms: f64) {
        let mut milliseconds = took.as_secs_f64() * 1e3;
        if let Some(before) = self.0.get(&sort) {
            milliseconds = f64::midpoint(milliseconds, before.of(steps));
        }
        self.0.put(sort, Cost { milliseconds, steps, declared_ms });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wuerst_core::Value;

    #[test]
    fn costs_follow_steps_and_machine() {
        let mut costs = Costs::new();
        let [a, b] = [1, 2].map(|n: i64| Value::from(n).digest());
        assert_eq!((costs.get(a), costs.slowness()), (None, 1.));
        costs.measure(a, Duration::from_millis(300), 20, 100.);
        assert_eq!(costs.get(a).unwrap().of(60), 900.);
        assert_eq!((costs.get(b), costs.slowness()), (None, 3.));
        costs.measure(a, Duration::from_millis(100), 10, 100.);
        assert_eq!(costs.get(a).unwrap().of(10), 125., "between 150 and 100");
    }
}
