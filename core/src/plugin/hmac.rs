//! netaio's HMAC.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use digest::common::BlockSizeUser;
use digest::consts::{U32, U136};
use digest::{FixedOutput, HashMarker, KeyInit, Mac, Output, OutputSizeUser, Update};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::sha256::{self, IV_LEN, LEN};
use super::{AuthPlugin, FieldNames, OpenContext, ReplayGuard, SealContext};
use crate::error::{AuthFailure, FieldRole, SealError};
use crate::message::{AuthFields, AuthView, Message};
use crate::packify::ValueRef;

/// netaio's `HMACAuthPlugin`: a shared secret, a nonce and a timestamp.
///
/// The MAC covers the timestamp and the body section, under a key derived from
/// the secret and the nonce. As in netaio it covers neither the message type
/// nor other fields, and the check depends on no clock and remembers no message:
/// who can read traffic can send it again, also under another type. A
/// [replay window](Self::with_replay_window) refuses such messages.
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
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct HmacAuth {
    /// `SHA256(SHA256(secret))`: the digest of the first part of every key.
    secret_digest: [u8; LEN],
    #[zeroize(skip)]
    label_digest: [u8; LEN],
    #[zeroize(skip)]
    hmac_field: String,
    #[zeroize(skip)]
    nonce_field: String,
    #[zeroize(skip)]
    ts_field: String,
    #[zeroize(skip)]
    replay: Option<Arc<dyn ReplayGuard>>,
}

impl HmacAuth {
    /// Length of a nonce, in bytes.
    pub const NONCE_LEN: usize = IV_LEN;
    /// Length of a MAC, in bytes.
    pub const MAC_LEN: usize = LEN;

    /// The plugin for this secret, with netaio's field names `hmac`, `nonce`
    /// and `ts`. Of the secret only a digest is kept.
    #[must_use]
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        let secret_key = Zeroizing::new(sha256::digest(secret.as_ref()));
        Self {
            secret_digest: sha256::digest(&*secret_key),
            label_digest: sha256::digest(b"mac"),
            hmac_field: "hmac".into(),
            nonce_field: "nonce".into(),
            ts_field: "ts".into(),
            replay: None,
        }
    }

    /// Names the field of the MAC.
    #[must_use]
    pub fn with_hmac_field(mut self, name: impl Into<String>) -> Self {
        self.hmac_field = name.into();
        self
    }

    /// Names the field of the nonce.
    #[must_use]
    pub fn with_nonce_field(mut self, name: impl Into<String>) -> Self {
        self.nonce_field = name.into();
        self
    }

    /// Names the field of the timestamp.
    #[must_use]
    pub fn with_ts_field(mut self, name: impl Into<String>) -> Self {
        self.ts_field = name.into();
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
    /// // 1,000 messages a second, from clocks that are right within half a minute.
    /// let window = ReplayWindow::new(Duration::from_secs(30), 60_000);
    /// let auth = HmacAuth::new("secret").with_replay_window(window);
    /// # }
    /// ```
    #[must_use]
    pub fn with_replay_window(mut self, window: impl ReplayGuard + 'static) -> Self {
        self.replay = Some(Arc::new(window));
        self
    }

    fn mac(&self, nonce: &[u8], ts: [u8; 4], body: &[u8]) -> Option<WideHmac> {
        let key = Zeroizing::new(sha256::derive_key(
            &self.secret_digest,
            &sha256::digest(nonce),
            &self.label_digest,
        ));
        // HMAC accepts keys of any length.
        let mut mac = <WideHmac as KeyInit>::new_from_slice(&*key).ok()?;
        Mac::update(&mut mac, &ts);
        Mac::update(&mut mac, body);
        Some(mac)
    }

    /// A timestamp already in the fields, as a number of 32 bits, or that of
    /// `now`. Unix time fits 32 bits until 2106; then the counter starts over, as
    /// a sender's must.
    fn timestamp(&self, fields: &AuthFields, now: u64) -> Result<[u8; 4], SealError> {
        let number = match fields.get(&self.ts_field) {
            None => Some(now as u32),
            Some(ValueRef::Bytes(bytes)) => bytes.iter().try_fold(0u32, |number, byte| {
                Some(number.checked_mul(256)? | u32::from(*byte))
            }),
            Some(ValueRef::Int(int)) => int.to_u32(),
            Some(_) => None,
        };
        let fits = number.map(u32::to_be_bytes);
        fits.ok_or(SealError::Plugin(
            "the given timestamp is no number of 32 bits",
        ))
    }
}

/// Four bytes, or an integer that fits them. An integer zero is no timestamp to
/// netaio.
fn timestamp_bytes(value: ValueRef<'_>) -> Option<[u8; 4]> {
    match value {
        ValueRef::Bytes(bytes) => bytes.try_into().ok(),
        ValueRef::Int(int) => int.to_u32().filter(|ts| *ts != 0).map(u32::to_be_bytes),
        _ => None,
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
        let mut nonce = [0; IV_LEN];
        match fields
            .get_bytes(&self.nonce_field)
            .and_then(|given| given.try_into().ok())
        {
            Some(given) => nonce = given,
            None => context.rng.fill_bytes(&mut nonce),
        }
        let ts = self.timestamp(fields, context.now.unix)?;
        let mac = self
            .mac(&nonce, ts, body)
            .ok_or(SealError::Plugin("no MAC for this key"))?;
        fields.set_bytes(&self.nonce_field, &nonce)?;
        fields.set_bytes(&self.ts_field, &ts)?;
        fields.set_bytes(&self.hmac_field, &mac.finalize().into_bytes())
    }

    fn check(
        &self,
        fields: AuthView<'_>,
        body: &[u8],
        context: &OpenContext<'_>,
    ) -> Result<(), AuthFailure> {
        let field = |name: &str, role| fields.get(name).ok_or(AuthFailure::Missing(role));
        let ts = timestamp_bytes(field(&self.ts_field, FieldRole::Timestamp)?)
            .ok_or(AuthFailure::Unfit(FieldRole::Timestamp))?;
        let nonce = match field(&self.nonce_field, FieldRole::Nonce)? {
            ValueRef::Bytes(nonce) if nonce.len() == IV_LEN => nonce,
            _ => return Err(AuthFailure::Unfit(FieldRole::Nonce)),
        };
        let given: &[u8; LEN] = match field(&self.hmac_field, FieldRole::Mac)? {
            ValueRef::Bytes(mac) => mac.try_into().ok(),
            _ => None,
        }
        .ok_or(AuthFailure::Unfit(FieldRole::Mac))?;
        let mac = self.mac(nonce, ts, body).ok_or(AuthFailure::Mismatch)?;
        mac.verify_slice(given).map_err(|_| AuthFailure::Mismatch)?;
        // Last, so that forgeries do not fill the window.
        match &self.replay {
            Some(window) => window
                .admit(given, u32::from_be_bytes(ts), context.now)
                .map_err(AuthFailure::Replay),
            None => Ok(()),
        }
    }

    fn error(&self) -> Message {
        Message::error_message("HMAC auth failed")
    }

    fn fields(&self) -> FieldNames<'_> {
        FieldNames {
            own: alloc::vec![&self.hmac_field],
            shared: alloc::vec![&self.nonce_field, &self.ts_field],
        }
    }
}

impl fmt::Debug for HmacAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacAuth")
            .field("secret", &"..")
            .field("hmac_field", &self.hmac_field)
            .field("nonce_field", &self.nonce_field)
            .field("ts_field", &self.ts_field)
            .field("replay_window", &self.replay.is_some())
            .finish()
    }
}

/// HMAC over SHA-256 with a block of 136 bytes, which is what netaio computes:
/// its pads are 136 bytes long where RFC 2104 asks for SHA-256's 64.
type WideHmac = hmac::SimpleHmac<WideSha256>;

/// SHA-256 under a block size that only HMAC's padding looks at.
#[derive(Clone, Default)]
struct WideSha256(Sha256);

impl HashMarker for WideSha256 {}

impl BlockSizeUser for WideSha256 {
    type BlockSize = U136;
}

impl OutputSizeUser for WideSha256 {
    type OutputSize = U32;
}

impl Update for WideSha256 {
    fn update(&mut self, data: &[u8]) {
        Update::update(&mut self.0, data);
    }
}

impl FixedOutput for WideSha256 {
    fn finalize_into(self, out: &mut Output<Self>) {
        FixedOutput::finalize_into(self.0, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn the_mac_is_netaios() {
        // netaio.crypto.hmac(sha256(b"secret").digest(), b"n" * 16, b"\x00\x00\x00\x01" + b"body")
        let mac = HmacAuth::new("secret")
            .mac(&[b'n'; 16], [0, 0, 0, 1], b"body")
            .unwrap();
        let hex: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "77a79b3b774f94f2608c8578eb6a4614a731b49afceafb8f7b67ca2aceb97ab3"
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = format!("{:?}", HmacAuth::new("hunter2"));
        assert!(
            text.contains("hmac_field") && !text.contains("hunter2") && !text.contains("digest")
        );
    }
}
