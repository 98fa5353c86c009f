//! netaio's HMAC.

mod fields;

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use self::fields::{Fields, Names, Stamp, TS_LEN};
use super::ahead::{Ahead, Next};
use super::cover::{self, Cover, Coverage};
use super::pads::{EMPTY, NETAIO, Pads, ShortText};
use super::secret::{SecretBytes, Wiped};
use super::sha256::{self, Hash, IV_LEN, LEN};
use super::{AuthPlugin, Envelope, FieldNames, OpenContext, ReplayGuard, SealContext};
use crate::error::{AuthFailure, FieldRole, SealError};
use crate::message::{AuthFields, AuthView, Message};

/// netaio's `HMACAuthPlugin`: a shared secret, a nonce and a timestamp.
///
/// The MAC covers the timestamp and the body section, under a key derived from
/// the secret and the nonce. As in netaio it covers neither the message type
/// nor other fields, and the check depends on no clock and remembers no message:
/// who can read traffic can send it again, also under another type or to its sender. A
/// [replay window](Self::with_replay_window) lets no message pass twice, and a
/// [cover](Self::with_cover) vouches for the rest of a message between nodes that have it.
///
/// Some of what netaio accepts is refused here (each would be a forgery, or an
/// exception in Python): a MAC that is not 32 bytes of packify type bytes, a
/// nonce that is not 16 bytes, a timestamp that is neither 4 bytes nor an
/// integer of 32 bits. The comparison takes the same time whatever differs.
///
/// ```
/// use netaio_core::plugin::HmacAuth;
///
/// let outer = HmacAuth::new("secret");
/// // A second layer shares nonce and timestamp, and needs its own MAC field.
/// let inner = HmacAuth::new("admin").with_hmac_field("camh");
/// ```
#[derive(Clone)]
pub struct HmacAuth {
    /// `SHA256(SHA256(secret))`: the digest of the first part of every key. None where the
    /// secret is empty.
    secret_digest: Option<SecretBytes>,
    label_digest: [u8; LEN],
    fields: Fields,
    replay: Option<Arc<dyn ReplayGuard>>,
    coverage: Option<Coverage>,
}

impl HmacAuth {
    /// Length of a nonce, in bytes.
    pub const NONCE_LEN: usize = IV_LEN;
    /// Length of a MAC, in bytes.
    pub const MAC_LEN: usize = LEN;

    /// The plugin for this secret, with netaio's field names `hmac`, `nonce`
    /// and `ts`. Of the secret only a digest is kept; the bytes that are given stay the
    /// caller's to wipe.
    ///
    /// An empty secret is everybody's: a layer that has it is refused where it is configured
    /// ([`LayerError::EmptySecret`](crate::LayerError)), and seals and lets pass nothing.
    #[must_use]
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        Self {
            secret_digest: SecretBytes::digest_of_digest(secret.as_ref()),
            label_digest: sha256::digest(b"mac"),
            fields: Fields::new(Names::default()),
            replay: None,
            coverage: None,
        }
    }

    /// Names the field of the MAC.
    #[must_use]
    pub fn with_hmac_field(mut self, name: impl Into<String>) -> Self {
        self.fields.rename(|names| names.mac = name.into());
        let field = self.cover_field();
        if let Some(coverage) = &mut self.coverage {
            coverage.field = field;
        }
        self
    }

    /// Names the field of the nonce.
    #[must_use]
    pub fn with_nonce_field(mut self, name: impl Into<String>) -> Self {
        self.fields.rename(|names| names.nonce = name.into());
        self
    }

    /// Names the field of the timestamp.
    #[must_use]
    pub fn with_ts_field(mut self, name: impl Into<String>) -> Self {
        self.fields.rename(|names| names.ts = name.into());
        self
    }

    /// Accepts no message twice, and none whose timestamp is far from the clock. Off
    /// by default: clocks must agree, and netaio, which sends the same bytes when
    /// it is given the same message again, is then refused the second time.
    ///
    /// A window is one receiver's. All links of a configuration share it, and so
    /// do clones of this plugin: what passed on one connection does not pass on
    /// another. Receivers that are sent the same frame on purpose, as two
    /// subscribers in one program are, need a plugin and a window each.
    ///
    /// An outer and an inner layer share nonce and timestamp in one message. With
    /// a window each, both must let it pass; they may share one window too, if
    /// their secrets differ. Where a one-time handler and the handler that comes
    /// after it have inner layers with one window, let them share the plugin too
    /// ([`Layer`](crate::Layer)s are cheap to clone): a message that another
    /// thread's message took the one-time handler from is not checked again by
    /// the same plugin.
    ///
    /// The window knows what was received, not what was sent: a message that is
    /// reflected to its sender passes there once. What is answered to a refused
    /// message is decided as for any failed check; see
    /// [`FailedCheck::failure`](crate::FailedCheck).
    ///
    /// ```
    /// # #[cfg(feature = "std")] {
    /// use std::time::Duration;
    ///
    /// use netaio_core::plugin::{HmacAuth, ReplayWindow};
    ///
    /// // 1,000 messages a second of one sender, whose clock is right within half a minute.
    /// let window = ReplayWindow::new(Duration::from_secs(30), 60_000);
    /// let auth = HmacAuth::new("secret").with_replay_window(window);
    /// # }
    /// ```
    #[must_use]
    pub fn with_replay_window(mut self, window: impl ReplayGuard + 'static) -> Self {
        self.replay = Some(Arc::new(window));
        self
    }

    /// Adds a second MAC that covers the whole message: its type, which way it goes, every
    /// auth field and the body, in the field [`cover_field`](Self::cover_field). netaio
    /// itself, and nodes without this option, ignore that field and check the first MAC as
    /// ever. What it protects against, and what not, is in [`Cover`].
    ///
    /// The outer and the inner layer may each have one.
    ///
    /// ```
    /// use netaio_core::plugin::{Cover, HmacAuth};
    ///
    /// // All nodes have this option.
    /// let auth = HmacAuth::new("secret").with_cover(Cover::strict());
    /// // Some are netaio's own, whose messages are taken as they are.
    /// let auth = HmacAuth::new("secret").with_cover(Cover::mixed().with_context("printer 7"));
    /// ```
    #[must_use]
    pub fn with_cover(mut self, cover: Cover) -> Self {
        let field = self.cover_field();
        self.coverage = Some(Coverage::new(cover, field, self.secret_digest.as_ref()));
        self
    }

    /// The field of the [cover](Self::with_cover): that of the MAC with `-all` behind it.
    #[must_use]
    pub fn cover_field(&self) -> String {
        [&self.fields.names().mac, cover::SUFFIX].concat()
    }

    /// Seven compressions of SHA-256 for a body of up to 107 bytes: four and three for the two pads
    /// and what follows them. All of them depend on the key, for which `make_key` takes three: one for
    /// the nonce and two for the key. What does not depend on the nonce, the digests of secret and
    /// label, is kept.
    fn mac(
        &self,
        make_key: impl FnOnce(&mut [u8; LEN]),
        ts: [u8; TS_LEN],
        body: &[u8],
    ) -> [u8; LEN] {
        let mut place = EMPTY;
        let short = ShortText::new(&mut place, &ts, body);
        let mut key = Wiped([0; LEN]);
        make_key(&mut key);
        let (pads, mut mac) = (Pads::<NETAIO>::of(&key), [0; LEN]);
        let feed = |hash: &mut Hash| {
            hash.update(&ts);
            hash.update(body);
        };
        match short {
            Some(text) => pads.mac_of(&text, &mut mac),
            None => pads.mac(feed, &mut mac),
        }
        mac
    }

    fn key(&self, secret: &SecretBytes, nonce: &[u8; IV_LEN], key: &mut [u8; LEN]) {
        sha256::derive_keys_of_ivs(secret.bytes(), [nonce], &self.label_digest, [key]);
    }

    /// Draws a nonce and makes its key, unless that was done ahead.
    fn draw(
        &self,
        secret: &SecretBytes,
        ahead: Option<&Ahead>,
        context: &mut SealContext<'_>,
        key: &mut [u8; LEN],
    ) -> [u8; IV_LEN] {
        let made = ahead.and_then(|ahead| ahead.take(secret, key));
        let nonce = made.unwrap_or_else(|| {
            let mut nonce = [0; IV_LEN];
            context.rng.fill_bytes(&mut nonce);
            if self.coverage.is_some() {
                cover::mark(&mut nonce);
            }
            self.key(secret, &nonce, key);
            nonce
        });
        if let Some(ahead) = ahead {
            ahead.draw(secret, |nonce| context.rng.fill_bytes(nonce));
        }
        nonce
    }

    /// As [`key`](Self::key), and makes that of the link's next message beside it.
    fn key_and_next(
        &self,
        secret: &SecretBytes,
        nonce: &[u8; IV_LEN],
        key: &mut [u8; LEN],
        ahead: Option<&Ahead>,
    ) {
        let Some(mut next) = ahead.and_then(|ahead| ahead.make(secret)) else {
            return self.key(secret, nonce, key);
        };
        let Next {
            nonce: other,
            key: next,
            ..
        } = &mut *next;
        sha256::derive_keys_of_ivs(
            secret.bytes(),
            [nonce, other],
            &self.label_digest,
            [key, next],
        );
    }

    /// What the link keeps for its next message. With a cover nonces are marked, so those of clones
    /// with and without one are not to be mixed.
    fn ahead<'a>(&self, envelope: Option<&Envelope<'a>>) -> Option<&'a Ahead> {
        let ahead = envelope.and_then(Envelope::ahead);
        ahead.filter(|_| self.coverage.is_none())
    }

    /// Writes the fields, the cover's too if there is an envelope to cover.
    fn seal(
        &self,
        envelope: Option<&Envelope<'_>>,
        fields: &mut AuthFields,
        body: &[u8],
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        let secret = self.secret_digest.as_ref().ok_or(SealError::EmptySecret)?;
        let ts = self.fields.timestamp(fields, context.now.unix)?;
        let mut nonce = [0; IV_LEN];
        let mac = &self.mac(
            |key| match self.fields.given_nonce(fields) {
                Some(given) => {
                    nonce = given;
                    self.key(secret, &nonce, key);
                }
                None => nonce = self.draw(secret, self.ahead(envelope), context, key),
            },
            ts,
            body,
        );
        let nonce = &nonce;
        self.fields.write(&Stamp { ts, nonce, mac }, fields)?;
        let Some(coverage) = &self.coverage else {
            return Ok(());
        };
        let envelope = envelope.ok_or(SealError::Plugin("a cover needs the message's type"))?;
        let direction = context.peers.direction;
        let covered = |field: &str| self.covers(envelope, field);
        let made = coverage.make(envelope, direction, fields.view(), &covered, body);
        fields.set_bytes(&coverage.field, &made)
    }

    /// Checks the cover if there is one, else the first MAC.
    fn open(
        &self,
        envelope: Option<&Envelope<'_>>,
        fields: AuthView<'_>,
        body: &[u8],
        context: &OpenContext<'_>,
    ) -> Result<(), AuthFailure> {
        let secret = self.secret_digest.as_ref();
        let secret = secret.ok_or(AuthFailure::EmptySecret)?;
        let Stamp { ts, nonce, mac } = self.fields.read(fields)?;
        let ahead = self.ahead(envelope);
        let made = self.mac(|key| self.key_and_next(secret, nonce, key, ahead), ts, body);
        if !sha256::equal(&made, mac) {
            return Err(AuthFailure::Mismatch);
        }
        if let Some(coverage) = &self.coverage {
            let found = fields.get(&coverage.field);
            match found {
                Some(found) => {
                    let envelope = envelope.ok_or(AuthFailure::Missing(FieldRole::Cover))?;
                    let direction = context.peers.direction;
                    let covered = |field: &str| self.covers(envelope, field);
                    coverage.check(found, envelope, direction, fields, &covered, body)?;
                }
                None if coverage.is_strict() || cover::is_marked(nonce) => {
                    return Err(AuthFailure::Missing(FieldRole::Cover));
                }
                None => {}
            }
        }
        // Last, so that forgeries do not fill the window.
        match &self.replay {
            Some(window) => window
                .admit(
                    mac,
                    u32::from_be_bytes(ts),
                    context.now,
                    context.peers.place,
                )
                .map_err(AuthFailure::Replay),
            None => Ok(()),
        }
    }

    /// Whether the cover vouches for a field: not for itself, nor for what the outer layer
    /// writes after it, unless it shares it.
    fn covers(&self, envelope: &Envelope<'_>, field: &str) -> bool {
        let shared = self.fields.is_shared(field);
        let coverage = self.coverage.as_ref();
        let itself = coverage.is_some_and(|coverage| coverage.field == field);
        !itself && (shared || !envelope.is_written_later(field))
    }
}

impl AuthPlugin for HmacAuth {
    /// Keeps a nonce of 16 bytes and a timestamp that are there already, as
    /// netaio does, so that an inner and an outer layer share them.
    fn make(
        &self,
        fields: &mut AuthFields,
        body: &[u8],
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        self.seal(None, fields, body, context)
    }

    fn check(
        &self,
        fields: AuthView<'_>,
        body: &[u8],
        context: &OpenContext<'_>,
    ) -> Result<(), AuthFailure> {
        self.open(None, fields, body, context)
    }

    fn make_enveloped(
        &self,
        envelope: &Envelope<'_>,
        fields: &mut AuthFields,
        body: &[u8],
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        self.seal(Some(envelope), fields, body, context)
    }

    fn check_enveloped(
        &self,
        envelope: &Envelope<'_>,
        fields: AuthView<'_>,
        body: &[u8],
        context: &OpenContext<'_>,
    ) -> Result<(), AuthFailure> {
        self.open(Some(envelope), fields, body, context)
    }

    fn error(&self) -> Message {
        Message::error_message("HMAC auth failed")
    }

    fn fields(&self) -> FieldNames<'_> {
        let Names { mac, nonce, ts } = self.fields.names();
        let mut own = alloc::vec![mac.as_str()];
        own.extend(self.coverage.as_ref().map(|coverage| &*coverage.field));
        FieldNames {
            own,
            shared: alloc::vec![nonce, ts],
        }
    }

    fn has_secret(&self) -> bool {
        self.secret_digest.is_some()
    }
}

impl fmt::Debug for HmacAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Names { mac, nonce, ts } = self.fields.names();
        f.debug_struct("HmacAuth")
            .field("secret", &"..")
            .field("hmac_field", mac)
            .field("nonce_field", nonce)
            .field("ts_field", ts)
            .field("replay_window", &self.replay.is_some())
            .field("cover", &self.coverage.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use core::time::Duration;

    use chacha20::ChaCha8Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::message::types::REQUEST_URI;
    use crate::now::Now;
    use crate::plugin::PeerContext;

    #[test]
    fn the_mac_is_netaios() {
        // netaio.crypto.hmac(sha256(b"secret").digest(), b"n" * 16, b"\x00\x00\x00\x01" + b"body")
        let auth = HmacAuth::new("secret");
        let secret = auth.secret_digest.clone().unwrap();
        let key = |key: &mut [u8; LEN]| auth.key(&secret, &[b'n'; 16], key);
        let mac = auth.mac(key, [0, 0, 0, 1], b"body");
        let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "77a79b3b774f94f2608c8578eb6a4614a731b49afceafb8f7b67ca2aceb97ab3"
        );
    }

    #[test]
    fn a_key_that_was_made_ahead_is_used_once_and_by_its_plugin_alone() {
        let (auth, other) = (HmacAuth::new("secret"), HmacAuth::new("other"));
        let now = Now::new(Duration::ZERO, 1_700_000_000);
        let peers = PeerContext::default();
        let opened = OpenContext { now, peers };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let ahead = Ahead::default();
        let envelope = Envelope::new(REQUEST_URI).with_ahead(Some(&ahead));
        let mut nonces = alloc::vec::Vec::new();
        for (auth, received) in [
            (&auth, 1),
            (&auth, 2),
            (&auth, 0),
            (&other, 1),
            (&auth, 1),
            (&auth, 0),
        ] {
            let mut fields = AuthFields::new();
            let rng = &mut rng;
            let mut context = SealContext { now, rng, peers };
            auth.make_enveloped(&envelope, &mut fields, b"body", &mut context)
                .unwrap();
            nonces.push(fields.get_bytes("nonce").unwrap().to_vec());
            auth.check(fields.view(), b"body", &opened).unwrap();
            for _ in 0..received {
                auth.check_enveloped(&envelope, fields.view(), b"body", &opened)
                    .unwrap();
            }
        }
        let all = nonces.len();
        nonces.sort();
        nonces.dedup();
        assert_eq!(nonces.len(), all);
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = format!("{:?}", HmacAuth::new("hunter2"));
        assert!(
            text.contains("hmac_field") && !text.contains("hunter2") && !text.contains("digest")
        );
    }
}
