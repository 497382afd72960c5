//! What a node took of the machine.

use std::time::Duration;

/// What one run of a node took of the machine, as far as the node says so by [`Ctx::used`](crate::Ctx::used).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time inside the evaluation of models. The rest of a node's time is its own and the run's.
    pub inference: Duration,
    /// Time spent on loading models.
    pub loading: Duration,
    /// The devices that models were evaluated on, each once, as `cuda:0`.
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

    /// Counts another usage in.
    pub fn add(&mut self, other: &Usage) {
        self.inference += other.inference;
        self.loading += other.loading;
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
    fn usages_add_up_and_name_each_device_once() {
        let mut sum = Usage::loading(Duration::from_secs(5));
        for device in ["cuda:0", "cpu", "cuda:0"] {
            sum.add(&Usage::inference(device, Duration::from_secs(2)));
        }
        assert_eq!((sum.inference, sum.loading), (Duration::from_secs(6), Duration::from_secs(5)));
        assert_eq!(sum.devices, ["cuda:0", "cpu"]);
    }
}
