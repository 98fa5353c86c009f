//! A layer that authenticates whole messages.

mod keys;
mod lock;
mod session;
#[cfg(test)]
mod tests;
mod window;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use core::fmt;
use core::time::Duration;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{Tag, XNonce};

pub use self::keys::AeadKeys;
use self::keys::{AeadKey, ID_LEN};
use self::lock::Lock;
use self::session::{COUNT_BITS, Session};
use self::window::Window;
use super::envelope::hash_fields;
use super::sha256::{Hash, LEN};
use super::{CipherPlugin, Direction, Envelope, FieldNames, OpenContext, SealContext, hidden_uri};
use crate::error::{AuthFailure, DecryptFailure, FieldRole, OpenError, ReplayRefusal, SealError};
use crate::message::{AuthFields, AuthView, Message, Payload};
use crate::packify::ValueRef;

/// Encrypts messages and authenticates all that a receiver acts on: message type, uri, content,
/// every auth field, which way it goes, and when it was sent. Needs the cargo feature `aead`.
///
/// It is the one plugin of a layer, in the place of a cipher, at both ends. netaio's package has
/// no such plugin; docs/protocol.md describes it, and `docs/python/aead.py` is one for the package.
///
/// The cipher is XChaCha20-Poly1305; its keys are derived from secrets with HKDF. A nonce has 16
/// random bytes and a number that grows with every message. A receiver takes a message once
/// ([`with_replay_window`](Self::with_replay_window) says for how long and how much it
/// remembers), and over datagrams none that it sent itself. [`keys`](Self::keys) changes secrets
/// while nodes run.
///
/// A message that does not pass is refused as by an auth plugin: see
/// [`AuthErrorReply`](crate::AuthErrorReply).
///
/// What it does not do: of those who have the secret, each can be taken for any other; whoever
/// learns it reads what was recorded before; messages that were dropped on the way, or overtook
/// one another, are not noticed; and who it is that talks to whom, when, and in messages of what
/// type and length, everybody sees.
///
/// ```
/// use netaio_core::Layer;
/// use netaio_core::plugin::Aead;
///
/// let secret = [7; 32]; // in earnest: 32 random bytes, kept secret
/// let outer = Layer::new().with_cipher(Aead::new(secret));
/// // A layer within another one: messages are routed by their uris before it is opened.
/// let inner = Layer::new().with_cipher(Aead::new("admin's").with_field("admin").with_plain_uri());
/// assert!(outer.check_clash(&inner).is_ok());
/// ```
///
/// It takes the time and random numbers from the link that has it, as all plugins do, so it needs no
/// operating system. Without the cargo feature `std` its locks spin: they are held for look-ups only, and a
/// program whose interrupts seal or open messages keeps those off meanwhile.
///
/// Clones share keys and window, as the layers that have one do, and [`keys`](Self::keys) changes
/// the keys of all of them. One that is configured further is a clone no more: each of the other
/// methods makes keys, with the secrets until then, and a window of its own, so it changes nothing
/// that is in use. Each node has a window of its own all the same, so that a message to two
/// subscribers in one program reaches both.
#[derive(Clone)]
pub struct Aead {
    keys: AeadKeys,
    session: Arc<Session>,
    window: Option<Arc<Lock<Window>>>,
    /// What was sent before this time is refused, in Unix seconds.
    not_before: u64,
    field: String,
    encrypt_uri: bool,
}

/// What the field holds: the key's number, the nonce and the tag.
const VALUE_LEN: usize = ID_LEN + NONCE_LEN + TAG_LEN;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;

/// The first byte of what is authenticated beside the ciphertext.
const VERSION: u8 = 1;

impl Aead {
    /// How far clocks may differ unless told otherwise, in seconds.
    const SKEW: u64 = 30;
    /// Senders whose messages are remembered unless told otherwise.
    const SENDERS: usize = 16_384;

    /// The plugin for this secret, with the field name `aead` and the uri encrypted. The secret
    /// should be 32 random bytes: of one that people can remember, an attacker can try many. Of
    /// it only derived keys are kept; the bytes that are given stay the caller's to wipe.
    ///
    /// An empty secret is everybody's: a layer that has it is refused where it is configured
    /// ([`LayerError::EmptySecret`](crate::LayerError)), and seals and lets pass nothing.
    #[must_use]
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        Self {
            keys: AeadKeys::new(secret.as_ref()),
            session: Arc::default(),
            window: None,
            not_before: 0,
            field: "aead".into(),
            encrypt_uri: true,
        }
        .with_replay_window(Duration::from_secs(Self::SKEW), Self::SENDERS)
    }

    /// Opens messages under another secret too: see [`keys`](Self::keys).
    #[must_use]
    pub fn with_accepted(self, secret: impl AsRef<[u8]>) -> Self {
        let own = self.own();
        own.keys.or_incomplete(own.keys.accept(secret));
        own
    }

    /// The context that keys are derived for, the same at both ends; empty unless set. What was
    /// sealed for another one does not open: the receiver's name, say, where many have the
    /// same secret.
    #[must_use]
    pub fn with_context(self, context: impl AsRef<[u8]>) -> Self {
        let own = self.own();
        own.keys.set_context(context.as_ref());
        own
    }

    /// Names the auth field, which an inner and an outer layer cannot share.
    #[must_use]
    pub fn with_field(self, name: impl Into<String>) -> Self {
        let field = name.into();
        Self {
            field,
            ..self.own()
        }
    }

    /// Leaves the uri readable, and authenticates it: for inner layers.
    #[must_use]
    pub fn with_plain_uri(self) -> Self {
        Self {
            encrypt_uri: false,
            ..self.own()
        }
    }

    /// How far the clocks of senders may differ from the receiver's (30 s unless told otherwise;
    /// whole seconds, up to 34 years), and of how many senders messages are remembered (16,384).
    ///
    /// A sender is a program with this plugin, from its start to its end; over datagrams each of
    /// its nodes. It is remembered until its last message is older than the clocks may
    /// differ. Of each the last 1,024 numbers are kept, so messages that are overtaken by as
    /// many still pass, and later ones do not. There is no bound to how many messages come. Where
    /// there is no room for another sender, its messages are refused; from one connection or
    /// address come as many senders as there is still room for others. A sender takes some
    /// 250 bytes, and all numbers together 128 bytes for each sender that there may be.
    ///
    /// A program that was restarted remembers nothing: [`refuse_before`](Self::refuse_before).
    #[must_use]
    pub fn with_replay_window(self, skew: Duration, senders: usize) -> Self {
        let window = Some(Arc::new(Lock::new(Window::new(skew, senders))));
        Self {
            window,
            ..self.without_replay_window()
        }
    }

    /// Remembers no messages and looks at no clock: for a node without one. Whoever recorded a
    /// message can send it to its receiver again.
    #[must_use]
    pub fn without_replay_window(self) -> Self {
        let without = Self {
            window: None,
            ..self
        };
        without.own()
    }

    /// Refuses what was sent before this time, in Unix seconds: the start of a program that
    /// does not know what passed before. Senders whose clocks are behind are refused for as
    /// long as they are behind. It holds with a replay window and without one; of several times
    /// the latest.
    #[must_use]
    pub fn refuse_before(self, unix: u64) -> Self {
        Self {
            not_before: self.not_before.max(unix),
            ..self.own()
        }
    }

    /// With keys and window that no clone shares. The session stays: two that seal with the same
    /// keys are told apart by it, and its numbers do not come twice.
    fn own(mut self) -> Self {
        self.keys = self.keys.separate();
        let window = self.window.as_deref();
        self.window = window.map(|window| Arc::new(Lock::new(window.read().clone())));
        self
    }

    /// Its keys, to be changed while it is in use: those of all clones.
    #[must_use]
    pub fn keys(&self) -> AeadKeys {
        self.keys.clone()
    }

    /// The digest of all that is authenticated beside the ciphertext: docs/protocol.md.
    fn associated(
        &self,
        envelope: &Envelope<'_>,
        direction: Direction,
        fields: AuthView<'_>,
        uri: &[u8],
    ) -> [u8; LEN] {
        let covered = |name: &str| name != self.field && !envelope.is_written_later(name);
        let mut hash = Hash::new();
        hash.update(&[VERSION, direction.code(), envelope.message_type().value()]);
        hash_fields(&mut hash, fields, &covered);
        hash.update(uri);
        let mut digest = [0; LEN];
        hash.finish(&mut digest);
        digest
    }

    fn seal(
        &self,
        key: &AeadKey,
        envelope: &Envelope<'_>,
        payload: &mut Payload,
        fields: &mut AuthFields,
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        let direction = context.peers.direction;
        let (session, number) = match context.peers.measured {
            // A session is random.
            true => (0, 0),
            false => self.session.next(context.now.unix, context.rng),
        };
        let mut value = [0; VALUE_LEN];
        let (id, rest) = value.split_at_mut(ID_LEN);
        let (nonce, tag) = rest.split_at_mut(NONCE_LEN);
        id.copy_from_slice(&key.id);
        // Over datagrams each node is a sender.
        let sender = session ^ direction.node();
        if let ([to_sender, to_number, random], []) = nonce.as_chunks_mut() {
            *to_sender = sender.to_be_bytes();
            *to_number = number.to_be_bytes();
            context.rng.fill_bytes(random);
        }
        if self.encrypt_uri {
            hidden_uri::hide(payload)?;
            payload.set_uri_len(0);
        }
        // It is not among what is covered: one that a message had before is not sealed.
        let associated = self.associated(envelope, direction, fields.view(), payload.uri());
        let made = key.cipher.encrypt_inout_detached(
            (&*nonce).try_into().map_err(|_| TOO_LONG)?,
            &associated,
            payload.content_mut().into(),
        );
        tag.copy_from_slice(&made.map_err(|_| TOO_LONG)?);
        fields.set_bytes(&self.field, &value)
    }

    /// Leaves the payload as it is unless it is authentic.
    fn open(
        &self,
        envelope: &Envelope<'_>,
        payload: &mut Payload,
        fields: AuthView<'_>,
        context: &OpenContext<'_>,
    ) -> Result<(), AuthFailure> {
        let value: &[u8; VALUE_LEN] = match fields.get(&self.field) {
            Some(ValueRef::Bytes(value)) => value.try_into().ok(),
            Some(_) => None,
            None => return Err(AuthFailure::Missing(FieldRole::Mac)),
        }
        .ok_or(AuthFailure::Unfit(FieldRole::Mac))?;
        let unfit = AuthFailure::Unfit(FieldRole::Mac);
        let (id, rest) = value.split_first_chunk::<ID_LEN>().ok_or(unfit)?;
        let (nonce, tag) = rest.split_first_chunk::<NONCE_LEN>().ok_or(unfit)?;
        let tag: &[u8; TAG_LEN] = tag.try_into().map_err(|_| unfit)?;
        let PeerPart { direction, node } = PeerPart::of(context);
        let associated = self.associated(envelope, direction, fields, payload.uri());
        let (nonce, tag): (&XNonce, &Tag) = (nonce.into(), tag.into());
        let opens = |key: &AeadKey| {
            let text = payload.content_mut().into();
            key.cipher
                .decrypt_inout_detached(nonce, &associated, text, tag)
        };
        let opened = self.keys.find(*id, opens);
        opened
            .ok_or(AuthFailure::UnknownKey)?
            .map_err(|_| AuthFailure::Mismatch)?;
        let ([sender, number, _], []) = nonce.as_chunks() else {
            return Err(unfit);
        };
        let [sender, number] = [sender, number].map(|bytes| u64::from_be_bytes(*bytes));
        if let Direction::Between { node } = direction
            && self.session.is_own(sender ^ node)
        {
            return Err(AuthFailure::Reflected);
        }
        if number >> COUNT_BITS < self.not_before {
            return Err(AuthFailure::Replay(ReplayRefusal::TooOld));
        }
        // Last, so that forgeries do not fill the window.
        match &self.window {
            Some(window) => window
                .write()
                .admit((node, sender), number, context.now, context.peers.place)
                .map_err(AuthFailure::Replay),
            None => Ok(()),
        }
    }
}

const TOO_LONG: SealError = SealError::Plugin("no keystream for so long a message");

struct PeerPart {
    direction: Direction,
    node: u64,
}

impl PeerPart {
    fn of(context: &OpenContext<'_>) -> Self {
        let direction = context.peers.direction;
        let node = match direction {
            Direction::Between { node } => node,
            _ => context.peers.node,
        };
        Self { direction, node }
    }
}

impl CipherPlugin for Aead {
    /// Refuses: without the message's type it cannot vouch for it.
    fn encrypt(
        &self,
        _payload: &mut Payload,
        _fields: &mut AuthFields,
        _max_uri: usize,
        _context: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        Err(SealError::Plugin("Aead needs the message's type"))
    }

    /// Refuses, as [`encrypt`](Self::encrypt) does.
    fn decrypt(
        &self,
        _payload: &mut Payload,
        _fields: AuthView<'_>,
        _context: &OpenContext<'_>,
    ) -> Result<(), DecryptFailure> {
        Err(DecryptFailure::Plugin("Aead needs the message's type"))
    }

    fn encrypt_enveloped(
        &self,
        envelope: &Envelope<'_>,
        payload: &mut Payload,
        fields: &mut AuthFields,
        _max_uri: usize,
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        let key = self.keys.sealing().ok_or(SealError::EmptySecret)?;
        self.seal(&key, envelope, payload, fields, context)
    }

    fn decrypt_enveloped(
        &self,
        envelope: &Envelope<'_>,
        payload: &mut Payload,
        fields: AuthView<'_>,
        context: &OpenContext<'_>,
    ) -> Result<(), OpenError> {
        if !self.has_secret() {
            return Err(OpenError::Auth(AuthFailure::EmptySecret));
        }
        let opened = self.open(envelope, payload, fields, context);
        opened.map_err(OpenError::Auth)?;
        if self.encrypt_uri {
            hidden_uri::reveal(payload).map_err(OpenError::Decrypt)?;
        }
        Ok(())
    }

    fn error(&self) -> Option<Message> {
        Some(Message::error_message("AEAD auth failed"))
    }

    fn fields(&self) -> FieldNames<'_> {
        FieldNames {
            own: vec![&self.field],
            shared: vec![],
        }
    }

    fn encrypts_uri(&self) -> bool {
        self.encrypt_uri
    }

    fn has_secret(&self) -> bool {
        self.keys.is_complete()
    }
}

impl fmt::Debug for Aead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aead")
            .field("keys", &self.keys)
            .field("field", &self.field)
            .field("encrypt_uri", &self.encrypt_uri)
            .field("replay_window", &self.window.is_some())
            .finish_non_exhaustive()
    }
}
