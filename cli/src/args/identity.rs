//! Identities for X25519: one's own, and whose else is believed.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use netaio_core::Layer;

use crate::context::{ContextError, Saved, kept};
use crate::error::CliError;
use crate::identity::{self, Boxes, Identity, KnownPeers, PublicKey, Trust};
use crate::secret::{IDENTITY, SecretError, Sources};

/// The identity of a client, and the servers that it believes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "X25519")]
pub(crate) struct ClientIdentity {
    /// A file with the seed of one's own key pair, as `netaio keygen x25519` makes it: all contents are
    /// encrypted between this client and a server that has --identity-file too. Message types and uris are
    /// not: --aead-file or --tls is for them. Over UDP both introduce themselves by datagrams.
    #[arg(long, value_name = "PATH")]
    identity_file: Option<PathBuf>,
    /// The public key that the server has to have, as `netaio serve` says it when it starts. Several servers
    /// may have one key, or each its own: then this is there once for each.
    #[arg(long, value_name = "HEX", conflicts_with = "known_servers")]
    server_key: Vec<PublicKey>,
    /// The file with the servers that are trusted: a line for each, with its address as --server has it, and
    /// its public key. A server that is not there is trusted at first use, and added; one
    /// with another key, or with none any more, is refused. [default: the name of --identity-file with .servers behind it]
    #[arg(long, value_name = "PATH")]
    known_servers: Option<PathBuf>,
    /// What they come to.
    #[arg(skip)]
    own: Option<Own>,
}

/// An identity, and whom it believes.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) identity: Identity,
    pub(crate) trust: Trust,
}

impl ClientIdentity {
    /// Takes what was not typed from a context.
    pub(crate) fn merge(&mut self, saved: &Saved) {
        if self.identity_file.is_none() {
            self.identity_file.clone_from(&saved.identity_file);
        }
        if self.server_key.is_empty() && self.known_servers.is_none() {
            self.server_key = saved.server_keys.clone();
            self.known_servers.clone_from(&saved.known_servers);
        }
    }

    /// Puts what was typed into a context.
    ///
    /// # Errors
    /// A file cannot be kept.
    pub(crate) fn save(&self, saved: &mut Saved) -> Result<(), ContextError> {
        let file = |path: &Option<PathBuf>| path.as_ref().map(|path| kept(path)).transpose();
        saved.identity_file = file(&self.identity_file)?;
        saved.known_servers = file(&self.known_servers)?;
        saved.server_keys = self.server_key.clone();
        Ok(())
    }

    /// Reads the seed.
    ///
    /// # Errors
    /// It cannot be used, or options do not go together.
    pub(crate) fn resolve(&mut self, sources: &mut Sources) -> Result<(), CliError> {
        self.check()?;
        let Some(path) = &self.identity_file else {
            return Ok(());
        };
        let trust = match (self.server_key.is_empty(), &self.known_servers) {
            (false, _) => Trust::Keys(self.server_key.clone()),
            (true, Some(servers)) => Trust::file(servers.clone()),
            (true, None) if path == Path::new("-") => {
                return usage(
                    "an identity from standard input needs --server-key or --known-servers",
                );
            }
            (true, None) => Trust::file(beside(path, ".servers")),
        };
        let identity = read(sources, path)?;
        self.own = Some(Own { identity, trust });
        Ok(())
    }

    /// Whether there is to be one.
    pub(crate) fn is_wanted(&self) -> bool {
        self.identity_file.is_some()
    }

    /// Believes the server with this key, as if it was typed.
    pub(super) fn believe(&mut self, key: PublicKey) {
        self.server_key.push(key);
    }

    /// Whether the options go together.
    ///
    /// # Errors
    /// They do not.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        let believes = !self.server_key.is_empty() || self.known_servers.is_some();
        match believes && self.identity_file.is_none() {
            false => Ok(()),
            true => usage("--server-key and --known-servers are for a client with --identity-file"),
        }
    }

    /// The identity, where there is one, once the options are resolved.
    pub(crate) fn own(&self) -> Option<&Own> {
        debug_assert_eq!(self.own.is_some(), self.identity_file.is_some());
        self.own.as_ref()
    }
}

/// The identity of a server, and the clients that it serves.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "X25519")]
pub(crate) struct ServerIdentity {
    /// A file with the seed of the server's own key pair, as `netaio keygen x25519` makes it: clients have
    /// to introduce themselves with keys of their own, and all contents are encrypted between both.
    /// Message types and uris are not, and whoever has recorded a message can send it again, unless the
    /// layer of --aead-file or TLS is around it.
    #[arg(long, value_name = "PATH")]
    identity_file: Option<PathBuf>,
    /// A file with the public keys of the clients that are served, a line each, as `netaio keygen public`
    /// prints them; what is behind a # is a comment. It is read at the start, and has to be there. Without this option
    /// all clients that have a key are served.
    #[arg(long, value_name = "PATH", requires = "identity_file")]
    known_clients: Option<PathBuf>,
    /// What they come to.
    #[arg(skip)]
    served: Option<Served>,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity.fmt(f)
    }
}

/// A server's identity, and what encrypts between it and its clients.
struct Served {
    identity: Identity,
    clients: Arc<Boxes>,
}

impl ServerIdentity {
    /// That of a server which serves every client that has a key.
    pub(crate) fn of(identity: Identity) -> Self {
        let clients = Arc::new(identity.towards_clients(None));
        Self {
            served: Some(Served { identity, clients }),
            ..Self::default()
        }
    }

    /// Reads the files.
    ///
    /// # Errors
    /// One cannot be used.
    pub(crate) fn resolve(&mut self, sources: &mut Sources) -> Result<(), CliError> {
        let Some(path) = &self.identity_file else {
            return Ok(());
        };
        let identity = read(sources, path)?;
        let known = self.known_clients.as_deref().map(identity::read_keys);
        let clients = Arc::new(identity.towards_clients(known.transpose()?));
        self.served = Some(Served { identity, clients });
        Ok(())
    }

    /// The identity, where there is one, once the options are resolved.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        debug_assert!(self.served.is_some() || self.identity_file.is_none());
        self.served.as_ref().map(|served| &served.identity)
    }

    /// What encrypts between the server and its clients, where it has an identity.
    pub(crate) fn clients(&self) -> Option<Arc<Boxes>> {
        self.served.as_ref().map(|served| served.clients.clone())
    }

    /// The layer with nothing else in it.
    pub(crate) fn layer(&self) -> Layer {
        match self.clients() {
            None => Layer::new(),
            Some(clients) => Layer::new().with_shared_cipher(clients),
        }
    }
}

/// The identity of a node, and the peers that it knows.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "X25519")]
pub(crate) struct NodeIdentity {
    /// A file with the seed of the node's own key pair, as `netaio keygen x25519` makes it. Its public key is
    /// announced, and peers that announce one have to prove it: what is asked for and answered then is encrypted
    /// between both, and of others it is refused.
    #[arg(long, value_name = "PATH")]
    identity_file: Option<PathBuf>,
    /// The file with the peers that are trusted: a line for each, with its id and its public key. One that is not
    /// there is trusted once it has proved its key, and added. [default: the name of --identity-file with
    /// .peers behind it]
    #[arg(long, value_name = "PATH", requires = "identity_file")]
    known_peers: Option<PathBuf>,
    /// What they come to.
    #[arg(skip)]
    own: Option<(Identity, Arc<KnownPeers>)>,
}

impl NodeIdentity {
    /// Reads the files.
    ///
    /// # Errors
    /// One cannot be used, or options do not go together.
    pub(crate) fn resolve(&mut self, sources: &mut Sources) -> Result<(), CliError> {
        let Some(path) = &self.identity_file else {
            return Ok(());
        };
        let peers = match &self.known_peers {
            Some(peers) => peers.clone(),
            None if path == Path::new("-") => {
                return usage("an identity from standard input needs --known-peers");
            }
            None => beside(path, ".peers"),
        };
        let identity = read(sources, path)?;
        let peers = KnownPeers::open(&identity, peers)?;
        self.own = Some((identity, Arc::new(peers)));
        Ok(())
    }

    /// The identity, where there is one, once the options are resolved.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.own.as_ref().map(|(identity, _)| identity)
    }

    /// The peers that are known, where there is an identity.
    pub(crate) fn peers(&self) -> Option<&Arc<KnownPeers>> {
        self.own.as_ref().map(|(_, peers)| peers)
    }
}

/// The name of a file with something behind it.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

fn read(sources: &mut Sources, path: &PathBuf) -> Result<Identity, SecretError> {
    Ok(Identity::new(&sources.key(IDENTITY, path)?))
}

fn usage<T>(problem: &str) -> Result<T, CliError> {
    Err(CliError::Usage(problem.into()))
}
