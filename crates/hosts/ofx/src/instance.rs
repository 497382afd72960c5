//! An effect in a host's project: its job, and its last picture.

use crate::effects::Effect;
use std::sync::{Arc, Mutex, PoisonError};
use wuerst_client::{Digest, Error, Job};

/// A picture as RGBA, the top row first.
pub struct Picture {
    /// Height and width in pixels.
    pub size: [u32; 2],
    /// Four bytes for each.
    pub rgba: Vec<u8>,
}

/// An instance.
pub struct Instance {
    effect: &'static Effect,
    job: Mutex<Option<Job>>,
    last: Mutex<Option<(Digest, Arc<Picture>)>>,
}

impl Instance {
    /// An instance without a picture.
    pub fn new(effect: &'static Effect) -> Instance {
        Instance { effect, job: Mutex::new(None), last: Mutex::new(None) }
    }

    /// The job, created on first use.
    ///
    /// # Errors
    /// The reason why the effect has no graph.
    pub fn job(&self) -> Result<Job, Error> {
        let mut job = self.job.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = &*job {
            return Ok(job.clone());
        }
        let made = self.effect.made.as_ref().map_err(Clone::clone)?;
        Ok(job.insert(made.graph.job()?).clone())
    }

    /// The last picture, if it has this digest.
    pub fn kept(&self, digest: Digest) -> Option<Arc<Picture>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(kept, _)| *kept == digest).map(|(_, picture)| picture.clone())
    }

    /// Stores a picture in place of the last.
    pub fn keep(&self, digest: Digest, picture: Picture) -> Arc<Picture> {
        let picture = Arc::new(picture);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((digest, picture.clone()));
        picture
    }

    /// Drops the last picture when the host is short of memory.
    pub fn forget(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
