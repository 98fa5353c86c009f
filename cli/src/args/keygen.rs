//! The options of `netaio keygen`.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};

/// What is to be made.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Keygen {
    /// A secret, for --secret-file, --key-file or --admin-secret-file, of Python's netaio too.
    ///
    /// The file has 64 hexadecimal digits and the end of a line; the digits are the secret. What is
    /// printed is a fingerprint, by which files on two machines are compared.
    #[command(
        after_help = "Example:\n  netaio keygen secret secret\n  netaio serve --secret-file secret"
    )]
    Secret(KeyFile),
    /// A key of the AEAD layer, for --aead-file and `key_files::read`.
    ///
    /// The file has 64 hexadecimal digits and the end of a line, which write 32 bytes. What is
    /// printed is a fingerprint, by which files on two machines are compared.
    ///
    /// To change a key, give all nodes the new one behind the old one, then before it, then alone.
    #[command(
        after_help = "Example:\n  netaio keygen aead aead.key\n  netaio serve --aead-file aead.key\n  \
        netaio request echo --content hi --aead-file aead.key"
    )]
    Aead(KeyFile),
    /// The seed of an identity for X25519, for --identity-file and `key_files::read`.
    ///
    /// The file has 64 hexadecimal digits and the end of a line, which write 32 bytes. What is
    /// printed is the public key, which others may know: clients name a server's with --server-key, and a
    /// server has its clients' in the file of --known-clients.
    #[command(
        name = "x25519",
        after_help = "Example:\n  netaio keygen x25519 server.id\n  netaio serve --identity-file server.id\n  \
        netaio keygen x25519 me.id\n  netaio request echo --content hi --identity-file me.id"
    )]
    X25519(KeyFile),
    /// The public key of an identity for X25519 that is there, printed as `x25519` did.
    #[command(
        after_help = "Example:\n  netaio keygen public me.id >> clients\n  netaio serve --identity-file server.id --known-clients clients"
    )]
    Public(SeedFile),
    /// An authority of one's own, and certificates of a server and a client with their keys.
    ///
    /// In the folder are made ca.crt and ca.key, server.crt and server.key, client.crt and
    /// client.key. Others than the owner can read the certificates alone. Keep ca.key elsewhere: whoever has
    /// it can pose as any server, and as any client. What is printed are the SHA-256 digests of
    /// the certificates.
    #[cfg(feature = "tls")]
    #[command(
        after_help = "Example:\n  netaio keygen tls tls localhost 127.0.0.1\n  \
        netaio serve --tls-cert tls/server.crt --tls-key tls/server.key\n  \
        netaio request echo --content hi --server localhost:8888 --ca tls/ca.crt"
    )]
    Tls(TlsFolder),
}

/// Where a key goes.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyFile {
    /// The file to make, which its owner alone can read. One that is there is left as it is: an
    /// error.
    #[arg(value_name = "FILE", value_parser = PathBufValueParser::new().try_map(file))]
    pub(crate) path: PathBuf,
}

/// Where a seed is.
#[derive(Debug, clap::Args)]
pub(crate) struct SeedFile {
    /// The file with the seed; - is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) path: PathBuf,
}

/// A file's name. Standard output is none: it may be a terminal, or a log.
fn file(path: PathBuf) -> Result<PathBuf, &'static str> {
    match path.as_os_str() == "-" {
        true => Err("a key is made in a file, not on standard output; ./- is a file of that name"),
        false => Ok(path),
    }
}

/// Where certificates go, and for whom they are.
#[cfg(feature = "tls")]
#[derive(Debug, clap::Args)]
pub(crate) struct TlsFolder {
    /// The folder, which is made where there is none. If it has a file of these names, nothing is
    /// made: an error.
    #[arg(value_name = "DIR", value_parser = PathBufValueParser::new().try_map(file))]
    pub(crate) folder: PathBuf,
    /// The server's names and IP addresses.
    #[arg(value_name = "NAME", default_values = ["localhost", "127.0.0.1", "::1"])]
    pub(crate) names: Vec<String>,
    /// The days for which the certificates hold.
    #[arg(long, value_name = "N", default_value_t = 3650,
        value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) days: u32,
}
