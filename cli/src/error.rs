//! How a command fails: one line for a person, and an exit status.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use netaio_core::packify::EncodeError;
use netaio_core::{CloseReason, FrameError, OpenError, RouteError, SendError};
use netaio_driver::{BuildError, ConnectError, ErrorResponse, RequestError, TaskPanicked};

use crate::capture::file::CaptureError;
use crate::codec::LineError;
use crate::context::ContextError;
use crate::exit::{CONNECTION, FAILED, TIMEOUT, USAGE};
use crate::identity::{IdentityError, PublicKey, REFUSED};
use crate::keygen::error::KeygenError;
use crate::secret::SecretError;
use crate::stdio::NoInput;
use crate::store::RefusedFile;
use crate::systemd::SocketsError;
use crate::tls::{self, TlsError};
#[cfg(feature = "top")]
use crate::top::error::TopError;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The input cannot be opened or read.
    #[error("cannot read {}: {error}", name(path.as_ref()))]
    Input {
        /// The file; `None` is standard input.
        path: Option<PathBuf>,
        error: io::Error,
    },
    /// There is no file of this name. Perhaps what it was to hold was given in its place.
    #[error("cannot read {}: {error}", path.display())]
    NoFile {
        path: PathBuf,
        error: io::Error,
        /// How that is given.
        advice: &'static str,
    },
    /// Standard input is to be read.
    #[error(transparent)]
    NoInput(#[from] NoInput),
    /// What a request is to carry cannot be read.
    #[error("cannot read the content from {}: {error}", name(path.as_ref()))]
    Content {
        /// The file; `None` is standard input.
        path: Option<PathBuf>,
        error: io::Error,
    },
    /// A file or directory cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    /// Standard output cannot be written.
    #[error("cannot write standard output: {0}")]
    Output(io::Error),
    /// The input was to be hex text.
    #[error("hex text at byte {offset}: {problem}")]
    Hex {
        /// Where, in bytes from the start of the text.
        offset: u64,
        problem: HexProblem,
    },
    /// The input is a capture that cannot be read on.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The input is no stream of frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The same where it may be another form of frames.
    #[error("{0}")]
    LooksLikeHex(FrameError),
    /// A frame does not pass the layer that the options ask for.
    #[error("frame at byte {offset}: {error}")]
    Open {
        /// Where the frame starts, in bytes from the start of the stream.
        offset: u64,
        error: OpenError,
    },
    /// A line cannot be made into a frame, or a resource.
    #[error("{}line {number}: {error}", within(path.as_ref()))]
    Line {
        /// The file; `None` is standard input.
        path: Option<PathBuf>,
        /// Counted from 1.
        number: u64,
        error: LineError,
    },
    /// The operating system gives no randomness.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    /// The runtime or the signals could not be set up.
    #[error("cannot start: {0}")]
    Start(io::Error),
    /// The file of a store is not opened.
    #[error(transparent)]
    Store(#[from] RefusedFile),
    /// The server, client or node could not be started.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A handler's key or inner layer is refused.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The peer data cannot be packed.
    #[error("the peer data: {0}")]
    PeerData(#[from] EncodeError),
    /// The server cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A request ended without an answer.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The connection ended while news were awaited.
    #[error("the connection ended: {0}")]
    Lost(CloseReason),
    /// A server or a node has ended by itself.
    #[error(transparent)]
    Ended(#[from] TaskPanicked),
    /// There are more connections than this process may have open files.
    #[error("so many connections need {needed} open files, and this process may have {allowed}")]
    TooManyFiles { needed: u64, allowed: u64 },
    /// The server does not answer as one of `netaio serve` does.
    #[error("the server's answer is another one than that of `netaio serve`")]
    Strange,
    /// The command line is wrong, as its parser says it.
    #[error("{0}")]
    Usage(String),
    /// A secret cannot be read or used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// There is no identity that can be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// There is no context where one is wanted.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// What was handed over cannot be served on.
    #[error(transparent)]
    Sockets(#[from] SocketsError),
    /// A key cannot be made.
    #[error(transparent)]
    Keygen(#[from] KeygenError),
    /// There is no gateway to NATS.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Nats(#[from] netaio_gateway::ConnectError),
    /// There is no TLS where it is wanted.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There are no figures of a server.
    #[cfg(feature = "top")]
    #[error(transparent)]
    Top(#[from] TopError),
    /// The server answered with an error message.
    #[error(transparent)]
    Answer(#[from] ErrorResponse),
    /// The same of a server with an identity, which may not know the client's.
    #[error("{answer}")]
    NotKnown {
        answer: ErrorResponse,
        /// The client's.
        key: Box<PublicKey>,
    },
}

/// What is wrong with hex text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HexProblem {
    #[error("'{}' is not a hexadecimal digit", .0.escape_ascii())]
    NotADigit(u8),
    #[error("the text ends with half a byte")]
    HalfAByte,
}

/// The advice where this process has as many files open as it may.
const TOO_MANY_FILES: &str =
    "each connection is an open file; `ulimit -n` says how many there may be, and sets it";

/// The advice where a connection has ended.
fn closed(reason: &CloseReason) -> Option<&'static str> {
    Some(match reason {
        CloseReason::Truncated(error) | CloseReason::Malformed(error) if error.offset == 0 => {
            "is it a server of netaio? One that wants TLS is asked with --tls"
        }
        CloseReason::Transport(problem) if problem.contains("CertificateRequired") => {
            "the server wants a certificate: --tls-cert and --tls-key show one"
        }
        _ => return None,
    })
}

#[cfg(unix)]
fn too_many_files(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error())
}

#[cfg(not(unix))]
fn too_many_files(_: &io::Error) -> bool {
    false
}

fn name(path: Option<&PathBuf>) -> String {
    match path {
        None => "standard input".to_owned(),
        Some(path) => path.display().to_string(),
    }
}

/// What stands before a place in a file.
fn within(path: Option<&PathBuf>) -> String {
    path.map_or_else(String::new, |path| format!("{}: ", path.display()))
}

impl CliError {
    /// Whether nobody reads our output any more. Only then there is such an error of input.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        let (Self::Output(error) | Self::Input { error, .. }) = self else {
            return false;
        };
        error.kind() == io::ErrorKind::BrokenPipe
    }

    /// Whether the same may succeed later: a server is away, or is late.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Lost(_) => true,
            Self::Request(error) => !matches!(error, RequestError::Send(SendError::Seal(_))),
            _ => false,
        }
    }

    /// The same where the client has an identity.
    pub(crate) fn of_client(self, key: Option<PublicKey>) -> Self {
        use netaio_core::types::AUTH_ERROR;
        match (self, key) {
            (Self::Answer(answer), Some(key))
                if answer.0.message_type == AUTH_ERROR && answer.0.content == REFUSED =>
            {
                let key = Box::new(key);
                Self::NotKnown { answer, key }
            }
            (other, _) => other,
        }
    }

    /// What a person may try, where the error does not say so already.
    pub(crate) fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NotKnown { key, .. } => {
                let advice = format!(
                    "a server with --known-clients wants the client's public key in that file, a line: {key}"
                );
                Some(advice.into())
            }
            _ => self.lasting_advice().map(Cow::from),
        }
    }

    /// The same, where it is always the same.
    fn lasting_advice(&self) -> Option<&'static str> {
        use netaio_core::types::AUTH_ERROR;
        let in_use = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
        let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        Some(match self {
            Self::Request(RequestError::TimedOut(_)) => {
                "is there a server, has it the same secrets and keys, and does it want --identity-file? --timeout gives it more time"
            }
            Self::Connect(error) if refused(&error.source) => {
                "is there a server? `netaio serve` starts one; --server says where it is"
            }
            Self::Request(RequestError::Undelivered(_)) => {
                "is there a server? `netaio serve --udp 127.0.0.1:8888` starts one; --server says where it is"
            }
            Self::Lost(reason)
            | Self::Request(
                RequestError::Closed(reason) | RequestError::Send(SendError::Closed(reason)),
            ) => return closed(reason),
            Self::TooManyFiles { .. } => TOO_MANY_FILES,
            Self::Connect(error) if too_many_files(&error.source) => TOO_MANY_FILES,
            Self::Build(BuildError::Bind { source, .. }) if too_many_files(source) => {
                TOO_MANY_FILES
            }
            Self::Connect(error) if tls::advice(&error.source).is_some() => {
                return tls::advice(&error.source);
            }
            Self::Connect(_) => {
                "--server says where the server is: HOST:PORT, or [ADDRESS]:PORT for one of IPv6"
            }
            Self::Keygen(error) => return error.advice(),
            Self::Context(error) => return error.advice(),
            Self::Identity(error) => return error.advice(),
            Self::Secret(error) => return error.advice(),
            #[cfg(feature = "top")]
            Self::Top(error) => return error.advice(),
            Self::NoFile { advice, .. } => advice,
            Self::NoInput(_) => "`</dev/null` is an empty one",
            Self::LooksLikeHex(_) => "it looks like hex text, which --hex reads",
            Self::Store(RefusedFile { refused, .. }) => return refused.advice(),
            Self::Answer(ErrorResponse(message)) if message.message_type == AUTH_ERROR => {
                "secrets and keys must be the server's, --admin-secret too where it wants one; with the AEAD layer clocks may differ by 30 seconds; a server with an identity for X25519 wants --identity-file, and may have to know its key"
            }
            Self::Build(BuildError::Listen { source, .. }) if in_use(source) => {
                "another program listens there: take another address, or one with port 0 for a free port"
            }
            Self::Tls(TlsError::Listen { error, .. }) if in_use(error) => {
                "another program listens there; --tcp takes another address, one with port 0 a free port"
            }
            Self::Build(BuildError::Bind { source, .. }) if in_use(source) => {
                "another program is bound there; take another address, or port 0 for a free one"
            }
            _ => return None,
        })
    }

    /// The status to exit with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Connect(_) | Self::Lost(_) => CONNECTION,
            Self::Request(RequestError::TimedOut(_)) => TIMEOUT,
            #[cfg(feature = "top")]
            Self::Top(TopError::TimedOut { .. }) => TIMEOUT,
            #[cfg(feature = "top")]
            Self::Top(TopError::Connect(_) | TopError::Lost { .. }) => CONNECTION,
            Self::Request(RequestError::Send(SendError::Seal(_))) | Self::Content { .. } => USAGE,
            // The local peer is what the options say.
            Self::Build(BuildError::Peers(_)) | Self::PeerData(_) => USAGE,
            Self::Usage(_) | Self::NoInput(_) | Self::Secret(_) | Self::Sockets(_) => USAGE,
            Self::Context(error) if error.is_usage() => USAGE,
            Self::Identity(error) if error.is_usage() => USAGE,
            #[cfg(feature = "nats")]
            Self::Nats(netaio_gateway::ConnectError::Options(_)) => USAGE,
            Self::Tls(TlsError::Listen { .. }) => FAILED,
            Self::Tls(_) => USAGE,
            Self::Request(_) => CONNECTION,
            _ => FAILED,
        })
    }
}
