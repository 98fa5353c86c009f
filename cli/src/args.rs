//! What may stand on the command line.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use clap::{Parser, Subcommand};
use netaio_core::Layer;
use netaio_core::plugin::{HmacAuth, Sha256StreamCipher};

/// Speaks netaio: looks into frames and makes them.
#[derive(Debug, Parser)]
#[command(name = "netaio", version, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
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
    fn options_make_the_layer() {
        let layer = |line: &[&str]| match Args::parse_from(line).command {
            Command::Decode(options) => options.outer.layer(),
            Command::Encode(options) => options.outer.layer(),
        };
        assert!(layer(&["netaio", "decode"]).is_empty());
        let both = layer(&["netaio", "encode", "--secret", "", "--key", "k"]);
        assert!(both.auth().is_some());
        assert!(both.cipher().is_some_and(|cipher| cipher.encrypts_uri()));
        let plain = layer(&["netaio", "encode", "--key", "k", "--plain-uri"]);
        assert!(plain.cipher().is_some_and(|cipher| !cipher.encrypts_uri()));
    }
}
