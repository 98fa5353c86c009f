//! Netaio's server and client.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use super::{Outer, PATIENCE, Python, Result, ServerOptions};
use crate::puppet::{Identity, Puppet};

/// A real netaio `TCPServer` with a store (`tests/python/store.py` says what it answers).
#[derive(Debug)]
pub struct PythonServer {
    /// Where it listens: a port of its own on the loopback interface.
    pub addr: SocketAddr,
    puppet: Puppet,
}

impl PythonServer {
    /// Starts one and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it does not come up: with its standard error.
    pub fn start(python: &Python, options: &ServerOptions) -> Result<Self> {
        Self::start_as(python, options, None)
    }

    /// Starts one that is somebody, and may have peers.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_as<'a>(
        python: &Python,
        options: &ServerOptions,
        identity: impl Into<Option<&'a Identity>>,
    ) -> Result<Self> {
        let mut args = options.args();
        args.extend(identity.into().into_iter().flat_map(Identity::args));
        let mut script = python.spawn("server.py", &args)?;
        let addr = script.read_place("listening", PATIENCE)?;
        let puppet = Puppet::new(script);
        Ok(Self { addr, puppet })
    }

    /// Stops it: its connections are cut.
    pub fn stop(self) {
        self.puppet.end();
    }
}

/// A real netaio `TCPClient`, connected to one server.
#[derive(Debug)]
pub struct PythonClient {
    puppet: Puppet,
}

impl PythonClient {
    /// Starts one and waits until it is connected.
    ///
    /// # Errors
    ///
    /// When it cannot connect.
    pub fn connect(python: &Python, addr: SocketAddr, outer: &Outer) -> Result<Self> {
        Self::connect_as(python, addr, outer, None)
    }

    /// Starts one that is somebody, and may have peers.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_as<'a>(
        python: &Python,
        addr: SocketAddr,
        outer: &Outer,
        identity: impl Into<Option<&'a Identity>>,
    ) -> Result<Self> {
        let mut args = outer.args();
        args.extend(identity.into().into_iter().flat_map(Identity::args));
        args.push(format!("--host={}", addr.ip()));
        args.push(format!("--port={}", addr.port()));
        let mut script = python.spawn("client.py", &args)?;
        let line = script.read_line(PATIENCE)?;
        if !line.starts_with("connected ") {
            return Err(script.failure(&format!("said {line:?}")));
        }
        let puppet = Puppet::new(script);
        Ok(Self { puppet })
    }

    /// Closes the connection and ends the client.
    ///
    /// # Errors
    ///
    /// When it does not end by itself.
    pub fn close(self) -> Result<()> {
        self.puppet.close()
    }
}

macro_rules! puppets {
    ($($name:ty),*) => {$(
        impl Deref for $name {
            type Target = Puppet;

            fn deref(&self) -> &Puppet {
                &self.puppet
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut Puppet {
                &mut self.puppet
            }
        }
    )*};
}

puppets!(PythonServer, PythonClient);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::puppet::{Answer, Op};
    use crate::python::Inner;

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
