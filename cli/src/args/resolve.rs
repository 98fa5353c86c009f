//! What the options come to once files and the environment are looked at: before anything is
//! started, so that a signal ends a command that waits for a secret.

use std::time::{SystemTime, UNIX_EPOCH};

use netaio_core::plugin::Aead;

use super::{Bench, Ping, ServerChoice, ServerIdentity, Watch};
use super::{Command, Decode, Encode, Input, Node, Request, Serve, Subscribe};
use crate::context::{self, Saved};
use crate::error::CliError;
use crate::identity::{Identity, PROBE, PublicKey};
use crate::secret::Sources;
use crate::stdio::error::warn;
use crate::systemd::{self, SocketsError};

impl Command {
    /// Reads the secrets that the options ask for.
    ///
    /// # Errors
    /// One cannot be read or used, or options do not go together.
    pub(crate) fn resolve(&mut self) -> Result<(), CliError> {
        let sources = &mut Sources::default();
        match self {
            Self::Serve(options) => options.resolve(sources),
            Self::Store(_) => Ok(()),
            Self::Request(options)
            | Self::Create(options)
            | Self::Update(options)
            | Self::Delete(options)
            | Self::Publish(options) => options.resolve(sources),
            Self::Subscribe(Subscribe { feed, .. }) => feed.server.resolve(sources).map(drop),
            Self::Watch(Watch { uri, feed, .. }) => {
                feed.server.resolve(sources)?;
                feed.server.check_uri(uri)
            }
            Self::Ping(Ping { server, .. }) => server.resolve(sources).map(drop),
            Self::Bench(options) => options.resolve(sources),
            #[cfg(feature = "top")]
            Self::Top(_) => Ok(()),
            Self::Keygen(_) | Self::Context(_) | Self::Completions(_) | Self::Man(_) => Ok(()),
            Self::Node(Node {
                outer, identity, ..
            }) => {
                outer.resolve(sources, None)?;
                identity.resolve(sources)
            }
            Self::Decode(Decode { outer, input, .. }) => {
                input.resolve("the frames", sources)?;
                // Frames are of any time, and may be there twice.
                Ok(outer.resolve_with(sources, None, Aead::without_replay_window)?)
            }
            Self::Encode(Encode { outer, input, .. }) => {
                input.resolve("the lines", sources)?;
                Ok(outer.resolve(sources, None)?)
            }
        }
    }

    /// The public key of the client that asks, if it has an identity; once the options are resolved.
    pub(crate) fn public_key(&self) -> Option<PublicKey> {
        let server = match self {
            Self::Request(options)
            | Self::Create(options)
            | Self::Update(options)
            | Self::Delete(options)
            | Self::Publish(options) => &options.server,
            Self::Subscribe(Subscribe { feed, .. }) | Self::Watch(Watch { feed, .. }) => {
                &feed.server
            }
            Self::Ping(Ping { server, .. }) | Self::Bench(Bench { server, .. }) => server,
            _ => return None,
        };
        server.identity.own().map(|own| own.identity.public_key())
    }
}

impl ServerChoice {
    /// Returns the context, which may have more.
    fn resolve(&mut self, sources: &mut Sources) -> Result<Option<Saved>, CliError> {
        let saved = context::find(&self.context)?;
        self.resolve_with(sources, saved.as_ref())?;
        Ok(saved)
    }

    fn resolve_with(
        &mut self,
        sources: &mut Sources,
        saved: Option<&Saved>,
    ) -> Result<(), CliError> {
        self.merge(saved);
        if self.udp && self.address.contains(',') {
            return Err(CliError::Usage(
                "several servers are for TCP; with --udp --server names one".to_owned(),
            ));
        }
        self.outer.resolve(sources, saved)?;
        self.identity.resolve(sources)?;
        Ok(self.tls.resolve(self.udp, self.runtime.runtime)?)
    }

    /// Refuses what a server with an identity answers before it knows the client, and so without
    /// the layer in which the answer is waited for.
    fn check_uri(&self, uri: &str) -> Result<(), CliError> {
        match uri == PROBE && self.identity.own().is_some() {
            false => Ok(()),
            true => Err(CliError::Usage(format!(
                "{PROBE} is what a server is asked for to know who it is; resources have other uris"
            ))),
        }
    }
}

impl Bench {
    fn resolve(&mut self, sources: &mut Sources) -> Result<(), CliError> {
        if !self.own {
            self.server.resolve(sources)?;
            return Ok(());
        }
        // It is no server that a context could be of.
        if self.server.context.context.is_some() {
            let problem = "--self has no context: its server is a new one";
            return Err(CliError::Usage(problem.into()));
        }
        if self.server.tls.is_wanted() {
            let problem = "--self has no TLS: `netaio serve` is a server with it";
            return Err(CliError::Usage(problem.into()));
        }
        if self.server.identity.is_wanted() {
            let served = Identity::random().map_err(CliError::Random)?;
            self.server.identity.believe(served.public_key());
            self.served = ServerIdentity::of(served);
        }
        self.server.resolve_with(sources, None)
    }
}

impl Request {
    fn resolve(&mut self, sources: &mut Sources) -> Result<(), CliError> {
        if self.content.file.as_deref().is_some_and(|path| path == "-") {
            sources.take_stdin("the content")?;
        }
        let saved = self.server.resolve(sources)?;
        self.server.check_uri(&self.uri)?;
        Ok(self.admin.resolve(sources, saved.as_ref())?)
    }
}

impl Serve {
    fn resolve(&mut self, sources: &mut Sources) -> Result<(), CliError> {
        // Before any file is opened.
        self.sockets = systemd::take()?;
        let udp = self.udp.is_some() || !self.sockets.udp.is_empty();
        if self.udp.is_some() && !self.sockets.udp.is_empty() {
            return Err(SocketsError::Twice("a UDP socket", "--udp").into());
        }
        if self.metrics.is_some() && self.sockets.metrics.is_some() {
            return Err(SocketsError::Twice("a socket for --metrics", "that option").into());
        }
        // One that was started again does not know what had passed.
        let start = SystemTime::now().duration_since(UNIX_EPOCH);
        let start = start.unwrap_or_default().as_secs();
        let outer = |aead: Aead| aead.refuse_before(start);
        self.outer.resolve_with(sources, None, outer)?;
        self.admin.resolve(sources, None)?;
        self.identity.resolve(sources)?;
        let runtime = self.runtime.runtime;
        self.tls.resolve(self.serves_tcp(), runtime)?;
        if self.tls.server().is_some() && udp {
            warn("TLS is for TCP: what comes by UDP has --secret and --key alone");
        }
        match self.admin_publish && self.admin.layer().is_empty() {
            false => Ok(()),
            true => Err(CliError::Usage(
                "--admin-publish needs the admin's secret: --admin-secret-file PATH names a file with it"
                    .into(),
            )),
        }
    }
}

impl Input {
    fn resolve(&self, what: &'static str, sources: &mut Sources) -> Result<(), CliError> {
        match self.path() {
            None => Ok(sources.take_stdin(what)?),
            Some(_) => Ok(()),
        }
    }
}
