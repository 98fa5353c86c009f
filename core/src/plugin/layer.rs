//! One layer of protection: an auth plugin and a cipher plugin, applied in
//! netaio's order.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::{AuthPlugin, CipherPlugin, Envelope, FieldNames, SealContext};
use crate::error::{LayerError, SealError};
use crate::message::{AuthFields, Codec, Message, Payload};

/// An auth plugin and a cipher plugin, either or both or none. A link has an
/// outer layer; a handler, a send or a request may have an inner one.
///
/// Cloning one copies a pointer.
///
/// ```
/// use netaio_core::Layer;
/// use netaio_core::plugin::{HmacAuth, Sha256StreamCipher};
///
/// let outer = Layer::new()
///     .with_auth(HmacAuth::new("secret"))
///     .with_cipher(Sha256StreamCipher::new("key"));
/// let inner = Layer::new().with_auth(HmacAuth::new("admin"));
/// // Both MACs would be in the field "hmac".
/// assert!(outer.check_clash(&inner).is_err());
/// ```
#[derive(Clone, Default)]
pub struct Layer(Option<Arc<Plugins>>);

#[derive(Clone, Default)]
struct Plugins {
    auth: Option<Arc<dyn AuthPlugin>>,
    cipher: Option<Arc<dyn CipherPlugin>>,
    peer_specific: bool,
    authenticates: bool,
    /// All fields that they write, as it is asked for with every message.
    written: Vec<Written>,
    /// One that both of them write, and should not.
    clash: Option<String>,
}

/// A field that a plugin writes.
#[derive(Clone)]
struct Written {
    name: String,
    /// Whether the auth plugin writes it, else the cipher.
    by_auth: bool,
    /// Whether no other plugin of the same message may write it.
    own: bool,
}

impl Written {
    fn all(names: FieldNames<'_>, by_auth: bool) -> impl Iterator<Item = Self> {
        let own = names.own.into_iter().map(|name| (name, true));
        let shared = names.shared.into_iter().map(|name| (name, false));
        own.chain(shared).map(move |(name, own)| Self {
            name: name.into(),
            by_auth,
            own,
        })
    }

    /// The first of some fields that another plugin writes too, where one of the two must not.
    fn clash<'a>(some: &'a [Self], others: &[Self]) -> Option<&'a str> {
        let clashes = |one: &&Self| {
            let same = |other: &Self| other.name == one.name && (other.own || one.own);
            others.iter().any(same)
        };
        some.iter().find(clashes).map(|one| one.name.as_str())
    }
}

impl Layer {
    /// A layer that does nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Sets the auth plugin.
    #[must_use]
    pub fn with_auth(self, plugin: impl AuthPlugin + 'static) -> Self {
        self.with_shared_auth(Arc::new(plugin))
    }

    /// Sets the cipher plugin.
    #[must_use]
    pub fn with_cipher(self, plugin: impl CipherPlugin + 'static) -> Self {
        self.with_shared_cipher(Arc::new(plugin))
    }

    /// Sets an auth plugin that is shared.
    #[must_use]
    pub fn with_shared_auth(self, plugin: Arc<dyn AuthPlugin>) -> Self {
        self.change(|plugins| plugins.auth = Some(plugin))
    }

    /// Sets a cipher plugin that is shared.
    #[must_use]
    pub fn with_shared_cipher(self, plugin: Arc<dyn CipherPlugin>) -> Self {
        self.change(|plugins| plugins.cipher = Some(plugin))
    }

    /// The same layer without its auth plugin: netaio's `use_auth=False`.
    #[must_use]
    pub fn without_auth(self) -> Self {
        self.change(|plugins| plugins.auth = None)
    }

    /// The same layer without its cipher plugin: netaio's `use_cipher=False`.
    #[must_use]
    pub fn without_cipher(self) -> Self {
        self.change(|plugins| plugins.cipher = None)
    }

    fn change(self, change: impl FnOnce(&mut Plugins)) -> Self {
        let mut plugins = self.0.unwrap_or_default();
        let changed = Arc::make_mut(&mut plugins);
        change(changed);
        let auth = changed.auth.as_ref();
        let cipher = changed.cipher.as_ref();
        changed.peer_specific = auth.is_some_and(|auth| auth.is_peer_specific())
            || cipher.is_some_and(|cipher| cipher.is_peer_specific());
        changed.authenticates =
            auth.is_some() || cipher.is_some_and(|cipher| cipher.error().is_some());
        let of_auth = auth.map(|auth| Written::all(auth.fields(), true));
        let of_cipher = cipher.map(|cipher| Written::all(cipher.fields(), false));
        let mut written: Vec<_> = of_auth.into_iter().flatten().collect();
        let from_cipher = written.len();
        written.extend(of_cipher.into_iter().flatten());
        let (of_auth, of_cipher) = written.split_at(from_cipher);
        changed.clash = Written::clash(of_auth, of_cipher).map(String::from);
        changed.written = written;
        let any = plugins.auth.is_some() || plugins.cipher.is_some();
        Self(any.then_some(plugins))
    }

    /// The auth plugin.
    #[must_use]
    pub fn auth(&self) -> Option<&dyn AuthPlugin> {
        self.0.as_ref()?.auth.as_deref()
    }

    /// The cipher plugin.
    #[must_use]
    pub fn cipher(&self) -> Option<&dyn CipherPlugin> {
        self.0.as_ref()?.cipher.as_deref()
    }

    /// Whether the layer does nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether one of the plugins needs the remote peer.
    #[must_use]
    pub fn is_peer_specific(&self) -> bool {
        self.0.as_ref().is_some_and(|plugins| plugins.peer_specific)
    }

    /// Whether what it opened was authenticated: by an auth plugin, or by a cipher that is one
    /// too.
    #[must_use]
    pub fn authenticates(&self) -> bool {
        self.0.as_ref().is_some_and(|plugins| plugins.authenticates)
    }

    /// The answer to a message that failed its check.
    pub(crate) fn error(&self) -> Option<Message> {
        match self.auth() {
            Some(auth) => Some(auth.error()),
            None => self.cipher()?.error(),
        }
    }

    /// Whether both have the very same plugins.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        fn same<P: ?Sized>(one: Option<&Arc<P>>, other: Option<&Arc<P>>) -> bool {
            match (one, other) {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                (one, other) => one.is_none() && other.is_none(),
            }
        }
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => {
                same(one.auth.as_ref(), other.auth.as_ref())
                    && same(one.cipher.as_ref(), other.cipher.as_ref())
            }
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// Whether a field is written after this layer's cipher was applied: by its auth plugin,
    /// or by a layer around it.
    pub(crate) fn writes_later(&self, envelope: &Envelope<'_>, field: &str) -> bool {
        let mut written = self.written().iter();
        written.any(|written| written.by_auth && written.name == field)
            || envelope.is_written_later(field)
    }

    /// Whether both share one auth plugin, so that what passed the check of one has
    /// passed that of the other.
    pub(crate) fn shares_auth(&self, other: &Self) -> bool {
        let auth = |layer: &Self| layer.0.as_ref()?.auth.clone();
        auth(self)
            .zip(auth(other))
            .is_some_and(|(one, other)| Arc::ptr_eq(&one, &other))
    }

    /// Refuses an inner layer whose plugins would write the same fields as
    /// these, or as one another: the receiver could check only one of them.
    ///
    /// # Errors
    /// [`SealError::FieldClash`] names the field.
    pub fn check_clash(&self, inner: &Self) -> Result<(), SealError> {
        let own = |layer: &Self| layer.0.as_ref()?.clash.clone();
        let between = || Written::clash(self.written(), inner.written()).map(String::from);
        let clash = own(self).or_else(|| own(inner)).or_else(between);
        clash.map_or(Ok(()), |name| Err(SealError::FieldClash(name)))
    }

    /// Whether a plugin writes this field.
    pub(crate) fn writes(&self, field: &str) -> bool {
        self.written().iter().any(|written| written.name == field)
    }

    fn written(&self) -> &[Written] {
        self.0.as_ref().map_or(&[], |plugins| &plugins.written)
    }

    /// Removes the fields that the plugins make, so that no nonce or
    /// initialization vector is used twice.
    pub(crate) fn strip(&self, fields: &mut AuthFields) {
        for written in self.written() {
            fields.remove(&written.name);
        }
    }

    /// Refuses a layer with a plugin that has an empty secret.
    ///
    /// # Errors
    /// [`LayerError::EmptySecret`].
    pub fn check_secrets(&self) -> Result<(), LayerError> {
        let auth = self.auth().is_none_or(AuthPlugin::has_secret);
        let cipher = self.cipher().is_none_or(CipherPlugin::has_secret);
        match auth && cipher {
            true => Ok(()),
            false => Err(LayerError::EmptySecret),
        }
    }

    /// Encrypts, then authenticates.
    ///
    /// # Errors
    /// A plugin refuses.
    pub fn seal(
        &self,
        envelope: &Envelope<'_>,
        payload: &mut Payload,
        fields: &mut AuthFields,
        codec: &Codec,
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        if let Some(cipher) = self.cipher() {
            let writes = |field: &str| self.writes_later(envelope, field);
            let envelope = Envelope::new(envelope.message_type()).within(&writes);
            cipher.encrypt_enveloped(&envelope, payload, fields, codec.max_uri(), context)?;
        }
        if let Some(auth) = self.auth() {
            auth.make_enveloped(envelope, fields, payload.section(codec), context)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer")
            .field("auth", &self.auth().is_some())
            .field("cipher", &self.cipher().is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{HmacAuth, Sha256StreamCipher};

    #[test]
    fn layers_that_write_the_same_field_clash() {
        let outer = Layer::new()
            .with_auth(HmacAuth::new("a"))
            .with_cipher(Sha256StreamCipher::new("k"));
        let fine = Layer::new()
            .with_auth(HmacAuth::new("b").with_hmac_field("camh"))
            .with_cipher(Sha256StreamCipher::new("l").with_iv_field("vi"));
        assert_eq!(outer.check_clash(&fine), Ok(()));
        assert_eq!(outer.check_clash(&Layer::new()), Ok(()));
        let clashes = [
            Layer::new().with_auth(HmacAuth::new("b")),
            Layer::new().with_cipher(Sha256StreamCipher::new("l")),
            Layer::new().with_auth(HmacAuth::new("b").with_hmac_field("nonce")),
            Layer::new().with_auth(HmacAuth::new("b").with_hmac_field("iv")),
            Layer::new().with_auth(
                HmacAuth::new("b")
                    .with_hmac_field("c")
                    .with_nonce_field("hmac"),
            ),
        ];
        for inner in clashes {
            assert!(
                matches!(outer.check_clash(&inner), Err(SealError::FieldClash(_))),
                "{inner:?}"
            );
            assert!(inner.check_clash(&outer).is_err());
        }
    }
}
