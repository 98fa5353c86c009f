//! The options of the commands that ask a server.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use super::context::ContextChoice;
use super::identity::ClientIdentity;
use super::layers::{AdminLayer, OuterLayer};
use super::runtime::RuntimeChoice;
use super::tls::ClientTls;
use super::values::{limit, seconds, servers};
use crate::context::Saved;

/// Which server is asked, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct ServerChoice {
    /// The server; or several that are as good as each other, of which one that answers is taken, and
    /// another one when it is gone. [default: the context's, else 127.0.0.1:8888]
    #[arg(id = "address", long = "server", value_name = "ADDR[,ADDR]", value_parser = servers)]
    typed: Option<String>,
    /// Where it is.
    #[arg(skip)]
    pub(crate) address: String,
    /// Speak UDP instead of TCP. A datagram may be lost, an error that does not pass the outer
    /// layer may be anybody's, and not every network says that nobody listens: each ends in a
    /// timeout. Of a name's addresses the next is asked where nobody was at the one before.
    #[arg(long)]
    pub(crate) udp: bool,
    /// The time to connect, and the time to wait for each answer, in seconds. A secret that comes from
    /// a pipe is waited for before, as long as it takes.
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) runtime: RuntimeChoice,
    #[command(flatten)]
    pub(crate) outer: OuterLayer,
    #[command(flatten)]
    pub(crate) identity: ClientIdentity,
    #[command(flatten)]
    pub(crate) tls: ClientTls,
    #[command(flatten)]
    pub(crate) context: ContextChoice,
}

impl ServerChoice {
    /// Takes what was not typed from the context, which has more.
    pub(crate) fn merge(&mut self, saved: Option<&Saved>) {
        let server = saved.and_then(|saved| saved.server.as_deref());
        let server = self.typed.as_deref().or(server);
        self.address = server.unwrap_or("127.0.0.1:8888").to_owned();
        if let Some(saved) = saved {
            self.udp |= saved.udp;
            self.tls.merge(saved);
            self.identity.merge(saved);
        }
    }
}

/// The options of `netaio request`, `create`, `update`, `delete` and `publish`.
#[derive(Debug, clap::Args)]
pub(crate) struct Request {
    /// The uri.
    pub(crate) uri: String,
    #[command(flatten)]
    pub(crate) content: Content,
    /// Print the answer as one JSON object: type, name, auth, uri (null where it is not
    /// UTF-8), uri_hex, content_hex, verified (whether it passed the layers that it
    /// had to), and seconds.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) server: ServerChoice,
    #[command(flatten)]
    pub(crate) admin: AdminLayer,
}

/// What a request carries.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(crate) struct Content {
    /// The content, as text; '' is an empty one.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) content: Option<String>,
    /// A file with the content; - is standard input, which must not be closed.
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
}

/// Which server is subscribed to, and what becomes of that when it is away.
#[derive(Debug, clap::Args)]
pub(crate) struct FeedChoice {
    /// End with status 4 when the connection ends, instead of connecting again; over UDP, when the
    /// subscription is not confirmed any more, with 3 or 4.
    #[arg(long)]
    pub(crate) no_reconnect: bool,
    /// Over UDP: the time after which the subscription is asked for again, in seconds. A server
    /// that has restarted knows of it from then on.
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = seconds)]
    pub(crate) renew: Duration,
    #[command(flatten)]
    pub(crate) server: ServerChoice,
}

/// The options of `netaio subscribe`.
#[derive(Debug, clap::Args)]
pub(crate) struct Subscribe {
    /// The uris. Where the server grants patterns, as `netaio serve` does, `*` is one segment
    /// of a uri, and `**` at the end all that follows.
    #[arg(required = true, value_name = "URI")]
    pub(crate) uris: Vec<String>,
    /// End after so many notifications.
    #[arg(long, value_name = "N", value_parser = limit::<NonZeroU64>)]
    pub(crate) count: Option<NonZeroU64>,
    /// Begin each line with what has happened: created, updated or deleted, or published
    /// where the notification does not say that the server's own resource has changed.
    #[arg(long, conflicts_with = "json")]
    pub(crate) changes: bool,
    /// Print each notification as one JSON object: type, name, auth, uri (null where it is
    /// not UTF-8), uri_hex, content_hex, change (created, updated or deleted; null where the
    /// notification does not say that the server's own resource has changed).
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) feed: FeedChoice,
}

/// The options of `netaio watch`.
#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// The uri.
    pub(crate) uri: String,
    /// End after so many lines.
    #[arg(long, value_name = "N", value_parser = limit::<NonZeroU64>)]
    pub(crate) count: Option<NonZeroU64>,
    /// Print each state as one JSON object, as `subscribe` prints notifications: one that was
    /// read has change null, and the name RESPOND_URI or, where there is no such resource, NOT_FOUND.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) feed: FeedChoice,
}

/// The options of `netaio ping`.
#[derive(Debug, clap::Args)]
#[command(mut_arg("timeout", |timeout| timeout.default_value("2")))]
pub(crate) struct Ping {
    /// End after so many requests. [default: none]
    #[arg(long, value_name = "N", value_parser = limit::<NonZeroU64>)]
    pub(crate) count: Option<NonZeroU64>,
    /// The time from one request to the next, in seconds; the next one waits for the answer, or
    /// for --timeout, too.
    #[arg(long, value_name = "SECS", default_value = "1", value_parser = seconds)]
    pub(crate) interval: Duration,
    /// Print one JSON object a line: number, answer (its type), from, verified and seconds, or
    /// number and error; and at last server, transport, sent, answered, and seconds (min, avg,
    /// max, mdev).
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) server: ServerChoice,
}
