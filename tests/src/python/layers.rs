//! The layers of the scripts, and how they are told.

/// The outer layers of one side.
#[derive(Clone, Debug, Default)]
pub struct Outer {
    /// The secret of the HMAC plugin, if there is one.
    pub secret: Option<String>,
    /// The key of the stream cipher plugin, if there is one.
    pub key: Option<String>,
    /// Turns the cipher's `encrypt_uri` off.
    pub plain_uri: bool,
}

impl Outer {
    pub(crate) fn args(&self) -> Vec<String> {
        let mut args = Vec::new();
        args.extend(option("secret", self.secret.as_ref()));
        args.extend(option("key", self.key.as_ref()));
        args.extend(self.plain_uri.then(|| "--plain-uri".to_owned()));
        args
    }
}

fn option(name: &str, value: Option<&String>) -> Option<String> {
    value.map(|value| format!("--{name}={value}"))
}

/// The inner layers of one message: an HMAC with the field `camh`, a stream cipher with the
/// field `vi` and `encrypt_uri` off.
#[derive(Clone, Debug, Default)]
pub struct Inner {
    /// The secret of the HMAC plugin, if there is one.
    pub secret: Option<String>,
    /// The key of the stream cipher plugin, if there is one.
    pub key: Option<String>,
}

/// What a server or a node with a store is started with.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// The layers of everything it receives and sends.
    pub outer: Outer,
    /// An inner HMAC for create, update and delete.
    pub admin_secret: Option<String>,
    /// The inner layers of REQUEST_URI `inner`.
    pub inner: Inner,
}

impl ServerOptions {
    pub(crate) fn args(&self) -> Vec<String> {
        let mut args = self.outer.args();
        args.extend(option("admin-secret", self.admin_secret.as_ref()));
        args.extend(option("inner-secret", self.inner.secret.as_ref()));
        args.extend(option("inner-key", self.inner.key.as_ref()));
        args
    }
}
