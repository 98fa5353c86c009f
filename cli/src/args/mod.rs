//! What may stand on the command line.

mod asking;
mod benching;
mod codec;
mod context;
mod identity;
mod keygen;
mod layers;
mod pages;
mod resolve;
mod runtime;
mod serving;
mod storing;
mod tls;
#[cfg(feature = "top")]
mod top;
mod values;

use clap::{ArgAction, Parser, Subcommand};

pub(crate) use self::asking::{Content, FeedChoice, Ping, Request, ServerChoice, Subscribe, Watch};
pub(crate) use self::benching::{Asking, Bench};
pub(crate) use self::codec::{Decode, Encode, Input, To};
pub(crate) use self::context::{
    ContextChoice, ContextCommand, ContextFolder, Contexts, OneContext, SaveContext,
};
pub(crate) use self::identity::{Own, ServerIdentity};
pub(crate) use self::keygen::Keygen;
#[cfg(feature = "tls")]
pub(crate) use self::keygen::TlsFolder;
pub(crate) use self::layers::AdminLayer;
pub(crate) use self::pages::{Completions, Man};
pub(crate) use self::runtime::RuntimeName;
pub(crate) use self::serving::{Bounds, Nats, Node, Serve};
pub(crate) use self::storing::{StoreCommand, StoreFile, StoreLoad};
pub(crate) use self::tls::ServerTls;
#[cfg(feature = "top")]
pub(crate) use self::top::Top;
pub(crate) use self::values::servers as check_servers;

/// Speaks netaio: serves, asks, finds others, and looks into frames.
///
/// What others say is raw where content goes to a pipe or a file. On a terminal, on standard
/// error and in JSON everything in it is escaped that would not show as itself.
///
/// Secrets and keys come from their options, else from the files that options name, else from the
/// environment, else from the context: NETAIO_SECRET, NETAIO_KEY, NETAIO_ADMIN_SECRET, NETAIO_AEAD. Each has
/// 4,096 bytes at most.
///
/// Nobody has to read standard error. A second signal ends a command that takes its leave yet.
/// Signals that are ignored when a command starts stay ignored (on Linux).
#[derive(Debug, Parser)]
#[command(name = "netaio", version, arg_required_else_help = true)]
pub(crate) struct Args {
    /// Say more of what happens, on standard error; twice for even more.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves resources kept in memory or in a file, over TCP, UDP or both.
    ///
    /// REQUEST_URI, CREATE_URI, UPDATE_URI and DELETE_URI work on a store that is empty at
    /// first, in memory; with --store it is a file, and what was answered with OK survives whatever
    /// becomes of the server. A REQUEST_URI for `echo` is answered with its own content, and no such resource is stored. Whoever sends a
    /// SUBSCRIBE_URI is told with NOTIFY_URI what the uri is created or updated to, that it
    /// was deleted (empty content), and what others publish to it with PUBLISH_URI; where a segment
    /// of the uri is `*`, or its last one `**`, that of all uris that match. In the
    /// first three the auth field `change` is created, updated or deleted; what others publish
    /// never has it. With --tcp and --udp there is one store, and each side's subscribers hear
    /// of what happens on the other. Stops on SIGINT (Ctrl-C) and SIGTERM, once running
    /// requests are answered and what waits for clients is sent, for which they have 2 seconds and
    /// then 1 more; a second signal ends it at once.
    ///
    /// Sockets that systemd hands over (LISTEN_FDS) are served on: those of TCP and of UDP, and one of TCP
    /// that is named `metrics` as --metrics. It is told when the server listens and when it stops, and given
    /// signs of life where it wants them (NOTIFY_SOCKET, WATCHDOG_USEC).
    ///
    /// Where it listens goes to standard output, a line for each address. It serves whether
    /// or not somebody reads them.
    Serve(Serve),
    /// Looks into the file of a store that `netaio serve --store` has, or writes it.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Asks for the content of a uri, and prints it.
    ///
    /// The content goes to standard output as it is, or, where that is a terminal, as text with
    /// control characters escaped; the answer's type and time go to standard error. Exits with
    /// 0 for an answer, 1 for an error answer or when it cannot be printed, 2 for wrong usage, 3
    /// for a timeout, and 4 when it cannot connect.
    Request(Request),
    /// Creates a uri with a content.
    ///
    /// Output and exit status are as for `request`.
    #[command(mut_group("Content", |content| content.required(true)))]
    Create(Request),
    /// Replaces the content of a uri.
    ///
    /// Output and exit status are as for `request`.
    #[command(mut_group("Content", |content| content.required(true)))]
    Update(Request),
    /// Deletes a uri.
    ///
    /// Output and exit status are as for `request`.
    Delete(Request),
    /// Publishes a content, or an empty one, to a uri's subscribers; the answer is how many there are.
    ///
    /// Output and exit status are as for `request`. Give --admin-secret where the server wants it
    /// for this, and nowhere else: other servers' answers do not pass it.
    Publish(Request),
    /// Subscribes to uris, and prints what their subscribers are told.
    ///
    /// The content of each notification goes to standard output, on a line of its own, with
    /// --changes behind what has happened (a server whose admins alone may change things may
    /// let anybody publish), and behind the uri where there are several or a pattern. Then, and on a
    /// terminal, whatever would not show in it is escaped, ends of lines too; alone it is as it
    /// is. Where the server says that it has lost some, since they were read too slowly or its
    /// NATS was away, standard error says how many at least.
    ///
    /// When the connection ends, the server is connected to and subscribed to again, for as long as it
    /// takes; standard error says so, and what happened meanwhile is missing. Over UDP nothing tells that
    /// a server has gone: the subscription is asked for again after --renew, and what does not come from
    /// the server's address is ignored.
    ///
    /// Ends after --count of them, on SIGINT (Ctrl-C) and SIGTERM, or once nobody reads its output.
    /// Exits with 0 then, 1 when the server refuses or standard output cannot be written, 2 for
    /// wrong usage, 3 for a timeout, and 4 when it cannot connect at first, or with --no-reconnect when
    /// the connection ends.
    Subscribe(Subscribe),
    /// Prints a resource as it is, and again at each change.
    ///
    /// The content goes to standard output, on a line of its own; on a terminal whatever would not
    /// show in it is escaped, ends of lines too. That there is none, or none any more, goes to standard
    /// error. What others publish to the uri is no change.
    ///
    /// When the connection ends the server is connected to again, for as long as it takes, and the
    /// resource is read again: it is printed if it has changed meanwhile. Over UDP it is read
    /// again each --renew.
    ///
    /// Ends, and exits, as `subscribe` does.
    Watch(Watch),
    /// Asks a server again and again whether it is there, and prints how long each answer takes.
    ///
    /// What is asked for is the resource `netaio/heartbeat`. Any answer counts, NOT_FOUND too, which is
    /// what a server says that knows of no such resource; but with AUTH_ERROR it ends, since the secrets are
    /// not those of the server. What has no answer within --timeout is lost, and a connection that ends is
    /// made again for the next request.
    ///
    /// Ends after --count requests, on SIGINT (Ctrl-C) and SIGTERM, and prints how many were answered, and
    /// the least, mean and longest time, and the standard deviation. Exits with 0 when something was
    /// answered, 1 for AUTH_ERROR, 2 for wrong usage, 3 when no answer came in time, and 4 when it
    /// cannot connect.
    Ping(Ping),
    /// Shows a server in the terminal while it works: connections, rates, times, and what goes wrong.
    ///
    /// The server is one with `netaio serve --metrics ADDR`, or any that serves the page of its
    /// `Metrics` at /metrics. The screen has how many messages and bytes a second come in and go out, now and before; of
    /// each node (tcp and udp) its connections, the requests that handlers answer and how long
    /// they take, what waits, subscriptions, slow consumers, what was dropped and refused, and
    /// peers; and memory, processor and store. What grows and should not is red. A server that is away
    /// is looked for until it is there again.
    ///
    /// Ends with q, Esc or Ctrl-C, or on SIGINT and SIGTERM; Ctrl-Z hands the terminal to the shell until `fg`. Where standard output is no terminal, or with --once or
    /// --json, figures are printed as text, without escape codes, each --interval.
    #[cfg(feature = "top")]
    Top(Top),
    /// Joins a multicast group over UDP, and prints which peers come, change and go.
    ///
    /// The node advertises itself to the group, answers those that do, and takes its leave of
    /// them when it ends, on SIGINT (Ctrl-C) and SIGTERM. Its own id and address go to standard
    /// error; to standard output go lines
    ///
    ///   came ID ADDR,.. DATA
    ///   changed ID ADDR,.. DATA
    ///   gone ID ADDR,.. WHY
    ///
    /// With --identity-file contents between peers are encrypted, and there are lines
    ///
    ///   key ID KEY TRUST
    ///
    /// of a peer that came or changed. TRUST is new, for one that has proved its key and is trusted from now on;
    /// known, for one that was; changed, where another key is known for its id; unproved; or none, with - for KEY.
    /// Peers prove their keys to each other, and ask for `echo`; whoever has none, or another one, is refused.
    ///
    /// ID is in hex. DATA is what the peer tells of itself, as JSON where it is packify (bytes
    /// in it as "0x.."), else in quotes where it is text, else in hex (0x..). A peer changes
    /// when its data or its addresses do. WHY is left, timed-out, or displaced: by others, for
    /// there are 4,096 and nothing vouches for it.
    ///
    /// It ends also once nobody reads its output. Exits with 0, with 1 when it cannot bind,
    /// join or write standard output, and with 2 for wrong usage.
    #[command(
        verbatim_doc_comment,
        about = "Joins a multicast group over UDP, and prints which peers come, change and go"
    )]
    Node(Node),
    /// Measures a server: how many requests a second, how long each takes, and what goes wrong.
    ///
    /// Callers ask for `echo` with a content, each as soon as it has its answer; a server of
    /// `netaio serve` gives it back. With --ask they read or update resources instead. After a warm-up of a tenth of the time, a second at most,
    /// all that ends is counted, and what is in flight at the end is waited for. The report has the
    /// answers a second that came in time, the latency of all as percentiles
    /// and as a histogram (three significant figures, up to 60 seconds), and errors by kind. What
    /// has no answer within --timeout is an error, and in no percentile; the measuring goes on.
    ///
    /// So a server that is slow is asked less, and what would have come meanwhile is not
    /// measured. With --rate requests are due at fixed times, whatever the server does, and
    /// one for which no caller was free counts from the time when it was due (this corrects
    /// "coordinated omission"). One that a free caller began late, since timers and
    /// the system's scheduling are late, counts from when it began: that is not the server's. What was
    /// due and could not be begun by the end is counted apart.
    ///
    /// With --fanout what is measured is the time from publishing a message to each of its
    /// deliveries; the callers publish. Over UDP the connections are sockets, and what is lost times out.
    ///
    /// With --identity-file both ends know each other's keys before anything is measured. The server of --self
    /// has a new key then, which is believed.
    ///
    /// Progress is shown where standard error is a terminal. Ends after --secs and the last
    /// answers, or on SIGINT (Ctrl-C) and SIGTERM, with the report so far. Exits with 0 when something
    /// was measured, whether or not there were errors; with 1 when the server refuses, 2 for
    /// wrong usage, 3 when no answer came in time, and 4 when it cannot connect or when no
    /// connection is left (after the report).
    Bench(Bench),
    /// Prints a stream of frames, or those in a capture of packets, one line each.
    ///
    /// A line shows the message type, the uri, the length of the content and the content
    /// itself, and the names of the auth fields. Text that does not speak for itself is in
    /// quotes, other bytes are in hex (0x..); what is long is cut (..). With --json the line
    /// is an object with everything in it, from which `netaio encode` makes the frame again.
    ///
    /// The first thing that is wrong, a truncated last frame included, ends the command with
    /// status 1 and a line on standard error that says where the frame starts; the frames
    /// before it have been printed then. Message types 31 to 255 are all accepted. Ends with
    /// status 0 once nobody reads its output.
    ///
    /// Where the input begins as pcap and pcapng files do it is such a capture, as tcpdump and Wireshark
    /// make them. A line has the time (UTC), TCP or UDP, the addresses, and the frame. TCP's segments are put
    /// in order and IP's fragments together. What is missing or wrong in what is netaio is a line that
    /// has `!` for the frame, and the next frames are printed; a frame that does not pass the layer is one
    /// too. Standard error says how many packets and frames there were.
    Decode(Decode),
    /// Makes frames from the lines that `netaio decode --json` prints.
    ///
    /// Each line is an object with `type` (a number, or a base type's name), `uri` (text) or
    /// `uri_hex`, `content` (text) or `content_hex`, and `auth`: field names to hex, or to
    /// {"packify": hex} for a value that is not bytes. What is left out is empty. A field name
    /// that is not text, or that begins with "packify:", is written "packify:" and the hex of
    /// the packed name. `name` and `checksum` are ignored; other keys are refused.
    ///
    /// With --secret the HMAC keeps a `nonce` of 16 bytes and a `ts` of 4 bytes that `auth`
    /// gives, and makes the `hmac` anew. With --key the `iv` is always drawn anew.
    ///
    /// A line that is wrong ends the command with status 1 and a line on standard error; the
    /// frames of the lines before it have been written then.
    Encode(Encode),
    /// Keeps what is needed to ask servers, so that it need not be typed.
    ///
    /// A context is a file of its owner's, in the folder netaio/contexts of XDG_CONFIG_HOME.
    /// Commands that ask a server take it by --context NAME, by the environment's NETAIO_CONTEXT, or
    /// since it is selected. What an option or another variable of the environment says goes
    /// before what it has.
    Context(Contexts),
    /// Makes keys, in files that their owner alone can read.
    #[command(subcommand)]
    Keygen(Keygen),
    /// Prints a script with which a shell completes command lines of netaio.
    Completions(Completions),
    /// Writes the manual: a page for `netaio`, and one for each subcommand.
    ///
    /// `man -M` finds them in a directory `man1`.
    Man(Man),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use netaio_core::Layer;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn debug_shows_no_secret() {
        let args = Args::parse_from(["netaio", "decode", "--secret", "hunter2", "--key=hunter2"]);
        assert!(!format!("{args:?}").contains("hunter2"));
    }

    #[test]
    fn an_empty_secret_is_none() {
        let line = ["netaio", "decode", "--secret", ""];
        let refused = Args::try_parse_from(line).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(clap::error::ErrorKind::ValueValidation));
    }

    #[test]
    fn options_make_the_layer() {
        let layer = |line: &[&str]| {
            let mut command = Args::parse_from(line).command;
            command.resolve().unwrap();
            match command {
                Command::Decode(options) => options.outer.layer(),
                Command::Encode(options) => options.outer.layer(),
                _ => Layer::new(),
            }
        };
        assert!(layer(&["netaio", "decode"]).is_empty());
        let both = layer(&["netaio", "encode", "--secret", "s", "--key", "k"]);
        assert!(both.auth().is_some());
        assert!(both.cipher().is_some_and(|cipher| cipher.encrypts_uri()));
        let plain = layer(&["netaio", "encode", "--key", "k", "--plain-uri"]);
        assert!(plain.cipher().is_some_and(|cipher| !cipher.encrypts_uri()));
    }

    #[test]
    fn tcp_is_served_unless_udp_is_asked_for_alone() {
        let served = |options: &[&str]| {
            let line = [&["netaio", "serve"], options].concat();
            match Args::parse_from(line).command {
                Command::Serve(options) => (options.tcp().map(str::to_owned), options.udp),
                _ => (None, None),
            }
        };
        let some = |address: &str| Some(address.to_owned());
        assert_eq!(served(&[]), (some("127.0.0.1:8888"), None));
        assert_eq!(served(&["--udp", "a:1"]), (None, some("a:1")));
        assert_eq!(
            served(&["--udp", "a:1", "--tcp", "a:2"]),
            (some("a:2"), some("a:1"))
        );
    }
}
