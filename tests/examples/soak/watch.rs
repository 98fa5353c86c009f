//! What the server's process holds, second by second.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use netaio_tests::process::{Process, resident};

use crate::Error;
use crate::server::{Counters, counters};
use crate::world::World;

/// What was seen at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Seconds from the start.
    pub(crate) at: f64,
    /// The server's memory, in MiB.
    pub(crate) server: f64,
    /// The memory of the clients' process, in MiB.
    pub(crate) clients: f64,
    /// The server's file descriptors.
    pub(crate) descriptors: f64,
    /// The server's connections.
    pub(crate) open: f64,
    /// Requests answered so far.
    pub(crate) answered: u64,
    /// Faults so far.
    pub(crate) faults: u64,
}

/// A server that is watched.
pub(crate) struct Watched {
    pub(crate) process: Process,
    pub(crate) samples: Vec<Sample>,
    started: Instant,
}

impl Watched {
    pub(crate) fn new(process: Process) -> Self {
        Self {
            process,
            samples: Vec::new(),
            started: Instant::now(),
        }
    }

    /// Takes a sample each second until the world is over, and says each minute
    /// how it is.
    pub(crate) fn watch(mut self, world: &Arc<World>) -> Result<Self, Error> {
        let mut next = Instant::now();
        while !world.is_over() {
            let (sample, _) = self.sample(world)?;
            self.samples.push(sample);
            if self.samples.len() % 60 == 1 {
                println!(
                    "{:5.1} min: server {:.1} MiB, {} descriptors, {} connections; clients {:.1} MiB; {} \
                     requests, {} faults, {} broken",
                    sample.at / 60.0,
                    sample.server,
                    sample.descriptors,
                    sample.open,
                    sample.clients,
                    sample.answered,
                    sample.faults,
                    world.tally.all_broken().values().sum::<u64>(),
                );
            }
            next += Duration::from_secs(1);
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        Ok(self)
    }

    /// What is seen now.
    pub(crate) fn sample(&mut self, world: &World) -> Result<(Sample, Counters), Error> {
        // These two next to each other, so that they belong together.
        let descriptors = self.process.descriptors()?;
        let counters = counters(&mut self.process)?;
        let sample = Sample {
            at: self.started.elapsed().as_secs_f64(),
            server: self.process.resident()? as f64 / 1024.0,
            clients: resident("self")? as f64 / 1024.0,
            descriptors: descriptors as f64,
            open: counters.open as f64,
            answered: world.tally.work.answered.get(),
            faults: world.tally.faults.total(),
        };
        Ok((sample, counters))
    }
}
