//! The options of `netaio top`.

use std::time::Duration;

use super::runtime::RuntimeChoice;
use super::values::{address, seconds};

/// The options of `netaio top`.
#[derive(Debug, clap::Args)]
pub(crate) struct Top {
    /// Where the server serves its counters: the address of `netaio serve --metrics`.
    #[arg(long, visible_alias = "server", value_name = "ADDR", value_parser = address)]
    pub(crate) metrics: String,
    /// The time from one look to the next, in seconds: 0.1 at least.
    #[arg(long, value_name = "SECS", default_value = "1", value_parser = interval)]
    pub(crate) interval: Duration,
    /// The time that the server has for each answer, in seconds.
    #[arg(long, value_name = "SECS", default_value = "5", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Look twice, print what was seen, and end: with 3 or 4 where the server does not answer.
    #[arg(long)]
    pub(crate) once: bool,
    /// Print one JSON object a line: server, seconds (between this look and the one before), up, own (numbers of
    /// the whole server), and nodes, with the numbers of each. What only grows has its total and its rate
    /// a second. A look at a server that is away is a line with server and error.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) runtime: RuntimeChoice,
}

/// The time between two looks: a server has better things to do all the time.
fn interval(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        interval if interval < Duration::from_millis(100) => Err("must be 0.1 at least".to_owned()),
        interval => Ok(interval),
    }
}
