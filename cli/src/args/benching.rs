//! The options of `netaio bench`.

use std::time::Duration;

use clap::value_parser;

use super::asking::ServerChoice;
use super::identity::ServerIdentity;
use super::values::seconds;

/// The most callers: each has a request in flight.
const CALLERS: u32 = 65_536;

/// The most connections, publishers' and subscribers': a server takes no more.
const CONNECTIONS: u32 = 10_000;

/// The longest time that is measured.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The bytes of a content that say when it was published.
const STAMP: u16 = 8;

/// The options of `netaio bench`.
#[derive(Debug, clap::Args)]
#[command(mut_arg("timeout", |timeout| timeout.default_value("2")))]
pub(crate) struct Bench {
    /// Measure a server of its own, in this process, on a free port of 127.0.0.1.
    #[arg(long = "self", conflicts_with_all = ["address", "server_key", "known_servers"])]
    pub(crate) own: bool,
    /// The connections.
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = value_parser!(u32).range(1..=i64::from(CONNECTIONS)))]
    pub(crate) connections: u32,
    /// The callers on each connection: so many requests are in flight on it at most.
    #[arg(long, value_name = "N", default_value_t = 64,
        value_parser = value_parser!(u32).range(1..=i64::from(CALLERS)))]
    pub(crate) in_flight: u32,
    /// The content of each request, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub(crate) size: u16,
    /// The time to measure, in seconds.
    #[arg(long, value_name = "SECS", default_value = "5", value_parser = span)]
    pub(crate) secs: Duration,
    /// So many requests a second by all callers together, whatever the server does (open
    /// loop). [default: each as soon as its caller has the answer to the one before]
    #[arg(long, value_name = "R", value_parser = value_parser!(u32).range(1..=10_000_000))]
    pub(crate) rate: Option<u32>,
    /// What callers ask for: `echo`; or to `read` or to `update` a resource, one for each connection, which is
    /// created before and deleted after. A server with an --admin-secret lets nobody do that.
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        default_value = "echo",
        conflicts_with = "fanout"
    )]
    pub(crate) ask: Asking,
    /// Publish instead, to so many subscribers on connections of their own. The content has at
    /// least 8 bytes then, which say when it was published.
    #[arg(long, value_name = "SUBSCRIBERS",
        value_parser = value_parser!(u32).range(1..=i64::from(CONNECTIONS)))]
    pub(crate) fanout: Option<u32>,
    /// Print one JSON object with everything, times in seconds; every value of the histogram too.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) server: ServerChoice,
    /// Who its own server is.
    #[arg(skip)]
    pub(crate) served: ServerIdentity,
}

/// What callers ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Asking {
    Echo,
    Read,
    Update,
}

impl Asking {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Read => "read",
            Self::Update => "update",
        }
    }
}

impl Bench {
    /// How many connections there are, those of the subscribers too.
    pub(crate) fn all_connections(&self) -> u32 {
        self.connections.saturating_add(self.fanout.unwrap_or(0))
    }

    /// Refuses what single options may be, but not together.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        let callers = self.connections.saturating_mul(self.in_flight);
        let connections = self.all_connections();
        if callers > CALLERS {
            let most = format!("at most {CALLERS} callers can be measured");
            return Err(format!(
                "--connections times --in-flight is {callers}; {most}"
            ));
        }
        if connections > CONNECTIONS {
            let most = format!("at most {CONNECTIONS} can be measured");
            return Err(format!(
                "with --fanout there are {connections} connections; {most}"
            ));
        }
        if self.fanout.is_some() && self.size < STAMP {
            return Err(format!("--size must be at least {STAMP} with --fanout"));
        }
        Ok(())
    }
}

/// A time to measure.
fn span(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        time if time <= LONGEST => Ok(time),
        _ => Err(format!("must be at most {} seconds", LONGEST.as_secs())),
    }
}
