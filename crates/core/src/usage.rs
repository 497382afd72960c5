//! Resource usage of nodes.

use std::time::Duration;

/// Resources that one run of a node used, as reported through [`Ctx::used`](crate::Ctx::used).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time spent evaluating models. The remaining time is the node's and the run's own.
    pub inference: Duration,
    /// Time spent on loading models.
    pub loading: Duration,
    /// Multiply-accumulate operations of these evaluations, as far as the models state their networks.
    pub macs: u64,
    /// Peak bytes that an evaluation of these models has allocated so far, as counted by the allocator; 0 where it does
    /// not count.
    pub memory: u64,
    /// Peak bytes predicted for these evaluations from their networks.
    pub predicted_memory: u64,
    /// Number of tiles of a picture; 0 if it was made as a whole.
    pub tiles: usize,
    /// Devices that evaluated models, each once, such as `cuda:0`.
    pub devices: Vec<String>,
}

impl Usage {
    /// An evaluation of a model on a device.
    pub fn inference(device: impl Into<String>, inference: Duration) -> Usage {
        Usage { inference, devices: vec![device.into()], ..Usage::default() }
    }

    /// The loading of a model.
    pub fn loading(loading: Duration) -> Usage {
        Usage { loading, ..Usage::default() }
    }

    /// Adds the arithmetic of the evaluation.
    #[must_use]
    pub fn counting(self, macs: u64) -> Usage {
        Usage { macs, ..self }
    }

    /// Adds measured and predicted peak bytes of the evaluation.
    #[must_use]
    pub fn holding(self, memory: u64, predicted_memory: u64) -> Usage {
        Usage { memory, predicted_memory, ..self }
    }

    /// A picture made in this number of tiles.
    pub fn tiled(tiles: usize) -> Usage {
        Usage { tiles, ..Usage::default() }
    }

    /// Counts another usage in.
    pub fn add(&mut self, other: &Usage) {
        self.inference += other.inference;
        self.loading += other.loading;
        self.macs += other.macs;
        self.tiles += other.tiles;
        self.memory = self.memory.max(other.memory);
        self.predicted_memory = self.predicted_memory.max(other.predicted_memory);
        for device in &other.devices {
            if !self.devices.contains(device) {
                self.devices.push(device.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usages_add_up() {
        let mut sum = Usage::loading(Duration::from_secs(5));
        for device in ["cuda:0", "cpu", "cuda:0"] {
            let usage = Usage::inference(device, Duration::from_secs(2)).counting(7);
            sum.add(&usage.holding(if device == "cpu" { 100 } else { 80 }, 90));
        }
        assert_eq!((sum.memory, sum.predicted_memory), (100, 90), "they are not held at once");
        assert_eq!((sum.inference, sum.loading), (Duration::from_secs(6), Duration::from_secs(5)));
        assert_eq!((sum.devices.join(" "), sum.macs), ("cuda:0 cpu".to_owned(), 21));
    }
}
