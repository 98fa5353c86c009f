//! What may stand on the command line.

use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{EnumValueParser, TypedValueParser};
use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use netaio_core::Layer;
use netaio_core::plugin::{HmacAuth, Sha256StreamCipher};

/// Speaks netaio: serves, asks, and looks into frames.
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
    /// Serves resources kept in memory, over TCP.
    ///
    /// REQUEST_URI, CREATE_URI, UPDATE_URI and DELETE_URI work on a store that is empty at
    /// first; a REQUEST_URI for `echo` is answered with its own content. Whoever sends a
    /// SUBSCRIBE_URI is told with NOTIFY_URI what the uri is created or updated to, that it
    /// was deleted (empty content), and what others publish to it with PUBLISH_URI. Stops on
    /// SIGINT (Ctrl-C) and SIGTERM, once running requests are answered.
    Serve(Serve),
    /// Asks for the content of a uri, and prints it.
    ///
    /// The content goes to standard output as it is, the answer's type and time to standard
    /// error. Exits with 0 for an answer, 1 for an error answer, 2 for wrong usage, 3 for a
    /// timeout, and 4 when it cannot connect.
    Request(Request),
    /// Creates a uri with a content. Output and exit status are as for `request`.
    Create(Request),
    /// Replaces the content of a uri. Output and exit status are as for `request`.
    Update(Request),
    /// Deletes a uri. Output and exit status are as for `request`.
    Delete(Request),
    /// Publishes a content to a uri's subscribers; the answer is how many there are. Output
    /// and exit status are as for `request`.
    Publish(Request),
    /// Subscribes to uris, and prints what their subscribers are told.
    ///
    /// The content of each notification goes to standard output, on a line of its own. Ends
    /// after --count of them, or on SIGINT (Ctrl-C) and SIGTERM. Exits with 0 then, 1 when
    /// the server refuses, 2 for wrong usage, 3 for a timeout, and 4 when it cannot connect
    /// or the connection ends.
    Subscribe(Subscribe),
    /// Prints a stream of frames, one line each.
    ///
    /// A line shows the message type, the uri, the length of the content and the content
    /// itself, and the names of the auth fields. Text that does not speak for itself is in
    /// quotes, other bytes are in hex (0x..); what is long is cut (..). With --json the line
    /// is an object with everything in it, from which `netaio encode` makes the frame again.
    ///
    /// The first thing that is wrong, a truncated last frame included, ends the command with
    /// status 1 and a line on standard error that says where the frame starts; the frames
    /// before it have been printed then. Message types 31 to 255 are all accepted.
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
}

/// The options of `netaio serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8888", value_parser = address)]
    pub(crate) tcp: String,
    #[command(flatten)]
    pub(crate) outer: OuterLayer,
    #[command(flatten)]
    pub(crate) admin: AdminLayer,
    #[command(flatten)]
    pub(crate) runtime: RuntimeChoice,
}

/// The options of `netaio request`, `create`, `update` and `delete`.
#[derive(Debug, clap::Args)]
pub(crate) struct Request {
    /// The uri.
    pub(crate) uri: String,
    #[command(flatten)]
    pub(crate) content: Content,
    /// The server.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8888", value_parser = address)]
    pub(crate) server: String,
    /// The time to connect, and the time to wait for the answer, in seconds.
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Print the answer as one JSON object: type, name, auth, uri (null where it is not
    /// UTF-8), uri_hex, content_hex, verified (whether it passed the outer layer), and
    /// seconds.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) outer: OuterLayer,
    #[command(flatten)]
    pub(crate) admin: AdminLayer,
    #[command(flatten)]
    pub(crate) runtime: RuntimeChoice,
}

/// The options of `netaio subscribe`.
#[derive(Debug, clap::Args)]
pub(crate) struct Subscribe {
    /// The uris.
    #[arg(required = true, value_name = "URI")]
    pub(crate) uris: Vec<String>,
    /// End after so many notifications.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<NonZeroU64>,
    /// The server.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8888", value_parser = address)]
    pub(crate) server: String,
    /// The time to connect, and to wait for each confirmation, in seconds.
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Print each notification as one JSON object: type, name, auth, uri (null where it is
    /// not UTF-8), uri_hex, content_hex.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) outer: OuterLayer,
    #[command(flatten)]
    pub(crate) runtime: RuntimeChoice,
}

/// What a request carries.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(crate) struct Content {
    /// The content, as text.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) content: Option<String>,
    /// A file with the content; - is standard input.
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
}

/// The layer of those who may change things.
#[derive(Debug, clap::Args)]
pub(crate) struct AdminLayer {
    /// The secret of the inner HMAC (field `camh`) of create, update and delete.
    #[arg(long, value_name = "SECRET")]
    admin_secret: Option<Secret>,
}

impl AdminLayer {
    /// The plugin that the option asks for.
    pub(crate) fn layer(&self) -> Layer {
        match &self.admin_secret {
            None => Layer::new(),
            Some(secret) => {
                Layer::new().with_auth(HmacAuth::new(&secret.0).with_hmac_field("camh"))
            }
        }
    }
}

/// Which runtime does the work.
#[derive(Debug, clap::Args)]
pub(crate) struct RuntimeChoice {
    /// The async runtime.
    #[arg(long, value_parser = runtimes(), default_value = "tokio")]
    pub(crate) runtime: RuntimeName,
}

/// All runtimes are listed, but only those can be chosen that were built.
fn runtimes() -> impl TypedValueParser<Value = RuntimeName> {
    EnumValueParser::<RuntimeName>::new().try_map(|name| match name {
        RuntimeName::AsyncStd if !cfg!(feature = "async-std") => {
            Err("this netaio was built without async-std; build it with --features async-std")
        }
        built => Ok(built),
    })
}

/// The name of a runtime.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RuntimeName {
    /// tokio, with as many threads as there are processors.
    Tokio,
    /// smol, with one thread, or as many as the environment's SMOL_THREADS says.
    Smol,
    /// async-std, which is unmaintained; only where it was built with it.
    AsyncStd,
}

/// A host, by name or number, and a port.
fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(_)) => Ok(text.into()),
        _ => Err("an address is HOST:PORT, such as 127.0.0.1:8888 or [::1]:8888".into()),
    }
}

/// A number of seconds, with decimals if need be.
fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    match Duration::try_from_secs_f64(number) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("must be more than zero, and less than for ever".into()),
    }
}

/// The options of `netaio decode`.
#[derive(Debug, clap::Args)]
pub(crate) struct Decode {
    /// Print one JSON object a line: type, name (null for a custom type), auth, uri (null
    /// where it is not UTF-8), uri_hex, content_hex, checksum.
    #[arg(long)]
    pub(crate) json: bool,
    /// The input is hex text; whitespace in it is ignored.
    #[arg(long)]
    pub(crate) hex: bool,
    #[command(flatten)]
    pub(crate) outer: OuterLayer,
    #[command(flatten)]
    pub(crate) input: Input,
}

/// The options of `netaio encode`.
#[derive(Debug, clap::Args)]
pub(crate) struct Encode {
    #[command(flatten)]
    pub(crate) outer: OuterLayer,
    #[command(flatten)]
    pub(crate) input: Input,
}

/// The layer around every message.
#[derive(Debug, clap::Args)]
pub(crate) struct OuterLayer {
    /// The secret of the outer HMAC.
    #[arg(long, value_name = "SECRET")]
    secret: Option<Secret>,
    /// The key of the outer stream cipher.
    #[arg(long, value_name = "KEY")]
    key: Option<Secret>,
    /// The cipher leaves the uri readable.
    #[arg(long)]
    plain_uri: bool,
}

impl OuterLayer {
    /// The plugins that the options ask for.
    pub(crate) fn layer(&self) -> Layer {
        let mut layer = Layer::new();
        if let Some(secret) = &self.secret {
            layer = layer.with_auth(HmacAuth::new(&secret.0));
        }
        if let Some(key) = &self.key {
            let cipher = Sha256StreamCipher::new(&key.0);
            layer = layer.with_cipher(if self.plain_uri {
                cipher.with_plain_uri()
            } else {
                cipher
            });
        }
        layer
    }
}

/// A secret or a key: what was typed, but never shown.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// Where input comes from.
#[derive(Debug, clap::Args)]
pub(crate) struct Input {
    /// The file to read; - is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: OsString,
}

impl Input {
    /// The file; `None` is standard input.
    pub(crate) fn path(&self) -> Option<&Path> {
        (self.file != "-").then(|| Path::new(&self.file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

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
    fn addresses_have_a_port() {
        for right in ["127.0.0.1:0", "[::1]:8888", "localhost:80"] {
            assert_eq!(address(right), Ok(right.into()));
        }
        for wrong in [
            "nonsense",
            "127.0.0.1",
            "host:",
            "host:port",
            "host:65536",
            "",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn seconds_are_positive_numbers() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "inf", "nan", "1e30", "soon", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn options_make_the_layer() {
        let layer = |line: &[&str]| match Args::parse_from(line).command {
            Command::Decode(options) => options.outer.layer(),
            Command::Encode(options) => options.outer.layer(),
            _ => Layer::new(),
        };
        assert!(layer(&["netaio", "decode"]).is_empty());
        let both = layer(&["netaio", "encode", "--secret", "", "--key", "k"]);
        assert!(both.auth().is_some());
        assert!(both.cipher().is_some_and(|cipher| cipher.encrypts_uri()));
        let plain = layer(&["netaio", "encode", "--key", "k", "--plain-uri"]);
        assert!(plain.cipher().is_some_and(|cipher| !cipher.encrypts_uri()));
    }
}
