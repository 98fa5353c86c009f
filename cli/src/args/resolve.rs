//! What the options come to once files and the environment are looked at: before anything is
//! started, so that a signal ends a command that waits for a secret.

use super::{Bench, ServerChoice};
use super::{Command, Decode, Encode, Input, Node, Request, Serve, Subscribe};
use crate::error::CliError;
use crate::secret::Sources;

impl Command {
    /// Reads the secrets that the options ask for.
    ///
    /// # Errors
    /// One cannot be read or used, or options do not go together.
    pub(crate) fn resolve(&mut self) -> Result<(), CliError> {
        let sources = &mut Sources::default();
        match self {
            Self::Serve(options) => options.resolve(sources),
            Self::Request(options)
            | Self::Create(options)
            | Self::Update(options)
            | Self::Delete(options)
            | Self::Publish(options) => options.resolve(sources),
            Self::Subscribe(Subscribe { server, .. }) | Self::Bench(Bench { server, .. }) => {
                server.resolve(sources)
            }
            Self::Node(Node { outer, .. }) => Ok(outer.resolve(sources)?),
            Self::Decode(Decode { outer, input, .. }) => {
                input.resolve("the frames", sources)?;
                Ok(outer.resolve(sources)?)
            }
            Self::Encode(Encode { outer, input, .. }) => {
                input.resolve("the lines", sources)?;
                Ok(outer.resolve(sources)?)
            }
        }
    }
}

impl ServerChoice {
    fn resolve(&mut self, sources: &mut Sources) -> Result<(), CliError> {
        Ok(self.outer.resolve(sources)?)
    }
}

impl Request {
    fn resolve(&mut self, sources: &mut Sources) -> Result<(), CliError> {
        if self.content.file.as_deref().is_some_and(|path| path == "-") {
            sources.take_stdin("the content")?;
        }
        self.server.resolve(sources)?;
        Ok(self.admin.resolve(sources)?)
    }
}

impl Serve {
    fn resolve(&mut self, sources: &mut Sources) -> Result<(), CliError> {
        self.outer.resolve(sources)?;
        self.admin.resolve(sources)?;
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
