//! Netaio's server and client.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::layers::option;
use super::{Inner, Outer, PATIENCE, Python, PythonError, Result, Script, hex, unhex};

/// What a [`PythonServer`] is started with.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// The layers of everything it receives and sends.
    pub outer: Outer,
    /// An inner HMAC for create, update and delete.
    pub admin_secret: Option<String>,
    /// The inner layers of REQUEST_URI `inner`.
    pub inner: Inner,
}

/// A real netaio `TCPServer` with a store (`tests/python/server.py` says what it answers).
#[derive(Debug)]
pub struct PythonServer {
    /// Where it listens: a port of its own on the loopback interface.
    pub addr: SocketAddr,
    script: Script,
}

impl PythonServer {
    /// Starts one and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it does not come up: with its standard error.
    pub fn start(python: &Python, options: &ServerOptions) -> Result<Self> {
        let mut args = options.outer.args();
        args.extend(option("admin-secret", options.admin_secret.as_ref()));
        args.extend(option("inner-secret", options.inner.secret.as_ref()));
        args.extend(option("inner-key", options.inner.key.as_ref()));
        let mut script = python.spawn("server.py", &args)?;
        let line = script.read_line(PATIENCE)?;
        let addr = line
            .strip_prefix("listening ")
            .and_then(|place| place.replace(' ', ":").parse().ok())
            .ok_or_else(|| script.failure(&format!("said {line:?}")))?;
        Ok(Self { addr, script })
    }

    /// What it printed to standard error.
    #[must_use]
    pub fn standard_error(&self) -> String {
        self.script.standard_error()
    }

    /// Stops it: its connections are cut.
    pub fn stop(self) {
        self.script.close();
    }
}

/// What a [`PythonClient`]'s request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// REQUEST_URI.
    Request,
    /// CREATE_URI.
    Create,
    /// UPDATE_URI.
    Update,
    /// DELETE_URI.
    Delete,
}

/// What a [`PythonClient`] got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A message, with all layers taken off.
    Message {
        /// Its message type.
        kind: u8,
        /// The type's name.
        name: String,
        /// Its uri.
        uri: Vec<u8>,
        /// Its content.
        content: Vec<u8>,
    },
    /// Nothing came in time.
    Timeout,
    /// The package raised this.
    Error(String),
}

impl Answer {
    /// Type name and content of a message; the others as errors.
    ///
    /// # Errors
    ///
    /// When this is no message.
    pub fn message(&self) -> Result<(&str, &[u8])> {
        match self {
            Self::Message { name, content, .. } => Ok((name, content)),
            Self::Timeout => Err(PythonError::new("the client timed out")),
            Self::Error(text) => Err(PythonError::new(format!("the client failed: {text}"))),
        }
    }
}

#[derive(Serialize)]
struct Order<'a> {
    op: &'a str,
    #[serde(rename = "type")]
    kind: Option<u8>,
    uri: String,
    content: String,
    timeout: f64,
    inner_secret: Option<&'a str>,
    inner_key: Option<&'a str>,
}

#[derive(Deserialize)]
struct RawAnswer {
    #[serde(rename = "type")]
    kind: Option<u8>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    uri: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    timeout: bool,
    error: Option<String>,
}

impl RawAnswer {
    /// The answer to an order that a message, a timeout or an error ends.
    fn into_answer(self) -> Result<Answer> {
        match (self.kind, self.timeout, self.error) {
            (Some(kind), ..) => Ok(Answer::Message {
                kind,
                name: self.name,
                uri: unhex(&self.uri)?,
                content: unhex(&self.content)?,
            }),
            (None, true, _) => Ok(Answer::Timeout),
            (None, false, Some(error)) => Ok(Answer::Error(error)),
            (None, false, None) => Err(PythonError::new("the client's answer says nothing")),
        }
    }

    /// The answer to an order that is just done.
    fn into_done(self) -> Result<()> {
        match self.error {
            None => Ok(()),
            Some(error) => Err(PythonError::new(format!("the client failed: {error}"))),
        }
    }
}

/// A real netaio `TCPClient`, connected to one server.
#[derive(Debug)]
pub struct PythonClient {
    script: Script,
    /// How long a request and [`next`](Self::next) wait; 10 seconds at first.
    pub timeout: Duration,
}

impl PythonClient {
    /// Starts one and waits until it is connected.
    ///
    /// # Errors
    ///
    /// When it cannot connect.
    pub fn connect(python: &Python, addr: SocketAddr, outer: &Outer) -> Result<Self> {
        let mut args = outer.args();
        args.push(format!("--host={}", addr.ip()));
        args.push(format!("--port={}", addr.port()));
        let mut script = python.spawn("client.py", &args)?;
        let line = script.read_line(PATIENCE)?;
        if !line.starts_with("connected ") {
            return Err(script.failure(&format!("said {line:?}")));
        }
        Ok(Self {
            script,
            timeout: Duration::from_secs(10),
        })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    ///
    /// When the client has died; what the package raises is an [`Answer::Error`].
    pub fn request(&mut self, op: Op, uri: &[u8], content: &[u8]) -> Result<Answer> {
        self.request_with(op, uri, content, &Inner::default())
    }

    /// [`request`](Self::request) with inner layers.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn request_with(
        &mut self,
        op: Op,
        uri: &[u8],
        content: &[u8],
        inner: &Inner,
    ) -> Result<Answer> {
        let name = match op {
            Op::Request => "request",
            Op::Create => "create",
            Op::Update => "update",
            Op::Delete => "delete",
        };
        self.order(name, None, uri, content, inner)?.into_answer()
    }

    /// Sends a message that nothing waits for.
    ///
    /// # Errors
    ///
    /// When the client has died or the package raises.
    pub fn send(&mut self, kind: u8, uri: &[u8], content: &[u8], inner: &Inner) -> Result<()> {
        self.order("send", Some(kind), uri, content, inner)?
            .into_done()
    }

    /// The next message that no request waited for.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    #[expect(clippy::should_implement_trait, reason = "it waits, and never ends")]
    pub fn next(&mut self) -> Result<Answer> {
        self.order("next", None, b"", b"", &Inner::default())?
            .into_answer()
    }

    /// Closes the connection and ends the client.
    ///
    /// # Errors
    ///
    /// When it does not end by itself.
    pub fn close(mut self) -> Result<()> {
        self.order("close", None, b"", b"", &Inner::default())?
            .into_done()?;
        match self.script.end() {
            Some(status) if status.success() => Ok(()),
            status => Err(self.script.failure(&format!("ended with {status:?}"))),
        }
    }

    fn order(
        &mut self,
        op: &str,
        kind: Option<u8>,
        uri: &[u8],
        content: &[u8],
        inner: &Inner,
    ) -> Result<RawAnswer> {
        let order = Order {
            op,
            kind,
            uri: hex(uri),
            content: hex(content),
            timeout: self.timeout.as_secs_f64(),
            inner_secret: inner.secret.as_deref(),
            inner_key: inner.key.as_deref(),
        };
        let patience = PATIENCE.saturating_add(self.timeout);
        self.script.ask(&order, patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> Vec<(&'static str, Outer)> {
        let secret = || Some("shared secret".to_owned());
        let key = || Some("-- shared key".to_owned());
        let outer = |secret, key, plain_uri| Outer {
            secret,
            key,
            plain_uri,
        };
        vec![
            ("plain", Outer::default()),
            ("hmac", outer(secret(), None, false)),
            ("cipher", outer(None, key(), false)),
            ("cipher, plain uri", outer(None, key(), true)),
            ("both", outer(secret(), key(), false)),
        ]
    }

    #[test]
    fn a_python_client_talks_to_a_python_server() -> Result<()> {
        let Some(python) = Python::get()? else {
            return Ok(());
        };
        for (name, outer) in layers() {
            let options = ServerOptions {
                outer: outer.clone(),
                ..ServerOptions::default()
            };
            let server = PythonServer::start(&python, &options)?;
            let mut client = PythonClient::connect(&python, server.addr, &outer)?;
            let mut check = |op, uri: &[u8], content: &[u8], wanted: (&str, &[u8])| {
                let answer = client.request(op, uri, content)?;
                assert_eq!(answer.message()?, wanted, "{name}: {op:?}");
                Ok(())
            };
            check(Op::Request, b"echo", b"hi", ("RESPOND_URI", b"hi"))?;
            check(Op::Request, b"a", b"", ("NOT_FOUND", b"not found"))?;
            check(Op::Create, b"a", b"1", ("OK", b"stored"))?;
            check(Op::Create, b"a", b"1", ("ERROR", b"cannot overwrite"))?;
            check(Op::Update, b"a", b"2", ("OK", b"stored"))?;
            check(Op::Request, b"a", b"", ("RESPOND_URI", b"2"))?;
            check(Op::Delete, b"a", b"", ("OK", b"deleted"))?;
            check(Op::Delete, b"a", b"", ("NOT_FOUND", b"not found"))?;
            client.close()?;
            server.stop();
        }
        Ok(())
    }

    #[test]
    fn two_layers_and_subscriptions() -> Result<()> {
        let Some(python) = Python::get()? else {
            return Ok(());
        };
        let Some((_, outer)) = layers().pop() else {
            return Ok(());
        };
        let inner = Inner {
            secret: Some("inner secret".to_owned()),
            key: Some("inner key".to_owned()),
        };
        let admin = Inner {
            secret: Some("admin".to_owned()),
            key: None,
        };
        let options = ServerOptions {
            outer: outer.clone(),
            admin_secret: admin.secret.clone(),
            inner: inner.clone(),
        };
        let server = PythonServer::start(&python, &options)?;
        let mut client = PythonClient::connect(&python, server.addr, &outer)?;
        let answer = client.request_with(Op::Create, b"a", b"1", &admin)?;
        assert_eq!(answer.message()?, ("OK", b"stored".as_slice()));
        let answer = client.request_with(Op::Request, b"inner", b"deep", &inner)?;
        assert_eq!(answer.message()?, ("RESPOND_URI", b"deep".as_slice()));

        client.send(5, b"news", b"", &Inner::default())?;
        assert_eq!(client.next()?.message()?.0, "CONFIRM_SUBSCRIBE");
        client.send(7, b"news", b"today", &Inner::default())?;
        assert_eq!(
            client.next()?.message()?,
            ("NOTIFY_URI", b"today".as_slice())
        );
        assert_eq!(client.next()?.message()?, ("OK", b"1".as_slice()));
        client.timeout = Duration::from_millis(100);
        assert_eq!(client.next()?, Answer::Timeout);
        client.close()
    }
}
