//! SIGINT and SIGTERM of the commands that take leave, for every runtime alike.
//!
//! The others need no handler: the system ends them, whatever they wait for.

use std::convert::Infallible;
use std::fs;
use std::process;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use async_channel::Receiver;
use async_signal::{Signal, Signals};
use smol::future;
use smol::stream::StreamExt;

use crate::error::CliError;
use crate::stdio::error::hurry;

/// Signals that come within this of the first one are the same wish: `timeout` sends two, one to the
/// command and one to its group.
const SAME: Duration = Duration::from_millis(100);

/// What ends a command, the same for all clones.
#[derive(Clone)]
pub(crate) struct Stop {
    closed: Receiver<Infallible>,
    /// The one that has asked for it.
    #[cfg_attr(
        not(feature = "top"),
        expect(dead_code, reason = "who leaves a terminal as it was asks")
    )]
    first: Arc<OnceLock<Signal>>,
}

impl Stop {
    /// From now on the first signal asks the command to stop. A second one, that is not the
    /// [same](SAME) wish, ends the process, with 128 and the signal's number for its status. One that whoever started the
    /// command has the system ignore stays ignored, where that can be seen: on Linux.
    ///
    /// # Errors
    /// The system takes no handlers, or gives no thread.
    pub(crate) fn on_signals() -> Result<Self, CliError> {
        // Others are left alone: a terminal that is closed ends what it has started.
        Self::on(match cfg!(unix) {
            true => &[Signal::Int, Signal::Term],
            false => &[Signal::Int],
        })
    }

    /// The same for a command that has changed its terminal, and leaves it as it was: SIGHUP and SIGQUIT
    /// are such signals too, with [their status](Self::end_if_by_force).
    ///
    /// # Errors
    /// The system takes no handlers, or gives no thread.
    #[cfg(feature = "top")]
    pub(crate) fn on_signals_of_terminals() -> Result<Self, CliError> {
        Self::on(match cfg!(unix) {
            true => &[Signal::Int, Signal::Term, Signal::Hup, Signal::Quit],
            false => &[Signal::Int],
        })
    }

    fn on(signals: &[Signal]) -> Result<Self, CliError> {
        let mut signals = handled(signals)?;
        let (sender, stop) = async_channel::bounded(1);
        let thread = thread::Builder::new().name("signals".to_owned());
        let asked = Arc::new(OnceLock::new());
        let first_of = asked.clone();
        let work = async move {
            if let Some(Ok(signal)) = signals.next().await {
                first_of.get_or_init(|| signal);
            }
            hurry();
            // Nothing is ever sent: that it is closed, all can see.
            drop(sender);
            let first = Instant::now();
            while let Some(Ok(signal)) = signals.next().await {
                if first.elapsed() >= SAME {
                    process::exit(status(signal));
                }
            }
        };
        let started = thread.spawn(|| smol::block_on(work));
        started.map_err(CliError::Start)?;
        Ok(Self {
            closed: stop,
            first: asked,
        })
    }

    /// Ends the process where the first signal is no wish to end it well: another one than SIGINT and
    /// SIGTERM. To be called once all that there is to put in order is.
    #[cfg(feature = "top")]
    pub(crate) fn end_if_by_force(&self) {
        match self.first.get() {
            None | Some(Signal::Int | Signal::Term) => {}
            Some(signal) => process::exit(status(*signal)),
        }
    }

    /// Waits for the first signal. Cancel-safe.
    pub(crate) async fn requested(&self) {
        let _closed = self.closed.recv().await;
    }

    /// The result of the work, or `None` if a signal came first, with which the work is
    /// dropped.
    pub(crate) async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let stopped = async {
            self.requested().await;
            None
        };
        future::or(stopped, async { Some(work.await) }).await
    }
}

/// The status of a process that a signal has ended.
fn status(signal: Signal) -> i32 {
    128_i32.saturating_add(signal as i32)
}

/// These signals as they come, from now on, but for those that whoever started the command has the system ignore.
///
/// # Errors
/// The system takes no handlers.
pub(crate) fn handled(signals: &[Signal]) -> Result<Signals, CliError> {
    let ignored = ignored();
    let handled = signals.iter().filter(|signal| !has(ignored, **signal));
    Signals::new(handled.copied()).map_err(CliError::Start)
}

/// The signals that are ignored, a bit for each. A shell without job control starts so, for SIGINT, what
/// it runs in the background.
fn ignored() -> u64 {
    // There is no such file on other systems.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// Whether the signals have this one. The lowest bit is that of number 1.
fn has(signals: u64, signal: Signal) -> bool {
    let bit = u32::try_from(signal as i32).ok();
    let bit = bit.and_then(|number| number.checked_sub(1));
    bit.and_then(|bit| signals.checked_shr(bit))
        .is_some_and(|signals| signals & 1 == 1)
}
