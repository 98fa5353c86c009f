//! The options of `netaio decode` and `netaio encode`.

use std::ffi::OsString;
use std::path::Path;

use clap::ValueEnum;

use super::layers::OuterLayer;

/// The options of `netaio decode`.
#[derive(Debug, clap::Args)]
pub(crate) struct Decode {
    /// Print one JSON object a line: type, name (null for a custom type), auth, uri (null
    /// where it is not UTF-8), uri_hex, content_hex, checksum. Of a capture there are time (null where
    /// it has none), transport, from and to before those, and problem in their place.
    #[arg(long)]
    pub(crate) json: bool,
    /// The input is hex text; whitespace in it is ignored.
    #[arg(long)]
    pub(crate) hex: bool,
    /// Of a capture: what goes from or to this port only, and why it is no frame. May be given
    /// several times. [default: all ports, and what is netaio]
    #[arg(long = "port", value_name = "PORT")]
    pub(crate) ports: Vec<u16>,
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) outer: OuterLayer,
}

/// The options of `netaio encode`.
#[derive(Debug, clap::Args)]
pub(crate) struct Encode {
    /// Write hex text, a line for each frame, which `netaio decode --hex` reads. A terminal gets
    /// that anyway.
    #[arg(long)]
    pub(crate) hex: bool,
    /// Whom the frames are for, which the AEAD layer vouches for too. Nothing else does.
    #[arg(long, value_enum, default_value = "server")]
    pub(crate) to: To,
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) outer: OuterLayer,
}

/// Whom a frame is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum To {
    /// A server, over TCP.
    Server,
    /// A client, over TCP.
    Client,
    /// A node, over UDP.
    Node,
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
