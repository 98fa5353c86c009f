//! Why a received message does not pass a layer.

/// A received message that did not pass a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The auth plugin refused it.
    #[error("auth check failed: {0}")]
    Auth(AuthFailure),
    /// The cipher plugin could not decrypt it.
    #[error("decryption failed: {0}")]
    Decrypt(DecryptFailure),
}

/// Why an auth plugin refused a message. What is told to the remote does not
/// depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthFailure {
    /// A field that the check needs is not there.
    #[error("field {0} is missing")]
    Missing(FieldRole),
    /// A field is there with a wrong type or length.
    #[error("field {0} has a wrong type or length")]
    Unfit(FieldRole),
    /// The MAC or signature is not that of the message.
    #[error("the MAC does not match")]
    Mismatch,
    /// The cover holds, and says that this node itself sent the message: somebody sent it
    /// back.
    #[error("the message is this node's own")]
    Reflected,
    /// The plugin has an empty secret: nothing passes.
    #[error("an empty secret lets nothing pass")]
    EmptySecret,
    /// The message names a key that this plugin does not have.
    #[error("the key is not known")]
    UnknownKey,
    /// The MAC holds, but a replay window does not let the message pass.
    #[error("{0}")]
    Replay(ReplayRefusal),
    /// A peer-specific check, and the sender is no known peer.
    #[error("the sender is no known peer")]
    NoPeer,
    /// A plugin's own reason.
    #[error("{0}")]
    Plugin(&'static str),
}

/// Why a replay window does not let a message pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayRefusal {
    /// It passed before.
    #[error("the message passed before")]
    Seen,
    /// Its timestamp is further back than clocks may differ, or than the window
    /// remembers.
    #[error("the timestamp is too old; see that the clocks agree")]
    TooOld,
    /// Its timestamp is further ahead than clocks may differ.
    #[error("the timestamp is too far ahead; see that the clocks agree")]
    TooNew,
    /// The window is full of messages that could be replayed.
    #[error("more messages came than the replay window holds; make it larger")]
    Full,
}

/// What an auth field is for, as its name is the application's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldRole {
    /// The MAC.
    Mac,
    /// The number used once.
    Nonce,
    /// The timestamp.
    Timestamp,
    /// The MAC of the whole message.
    Cover,
}

impl core::fmt::Display for FieldRole {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Mac => "mac",
            Self::Nonce => "nonce",
            Self::Timestamp => "timestamp",
            Self::Cover => "cover",
        })
    }
}

/// Why a cipher plugin could not decrypt a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptFailure {
    /// The auth field with the initialization vector is missing or not bytes.
    #[error("the initialization vector is missing or not bytes")]
    NoIv,
    /// The decrypted uri ends past the message, as it does under a wrong key.
    #[error("the decrypted uri of {uri_len} bytes ends past the message")]
    UriPastBody {
        /// The length found in the plaintext.
        uri_len: usize,
    },
    /// The plugin has an empty key: it decrypts nothing.
    #[error("an empty key decrypts nothing")]
    EmptySecret,
    /// The ciphertext is shorter than any of this cipher, or was tampered with.
    #[error("the ciphertext does not hold")]
    Corrupt,
    /// A peer-specific cipher, and the sender is no known peer.
    #[error("the sender is no known peer")]
    NoPeer,
    /// A peer-specific cipher, and the sender's data lacks the key that it needs.
    #[error("the sender's peer data lacks the key")]
    NoPeerKey,
    /// The cipher hears peers only whose keys are pinned, and the sender's is not.
    #[error("the sender's key is not pinned")]
    NotPinned,
    /// The sender announces another key than the one that counts for its id, and the ciphertext
    /// is of no such peer: somebody poses as it, or it has a new key.
    #[error(
        "the sender's key is another one than the first that was trusted; forget it if the peer has a new one"
    )]
    KeyChanged,
    /// The sender's public key makes everybody's secret the same.
    #[error("the sender's public key is one that keeps no secrets")]
    WeakPeerKey,
    /// A plugin's own reason.
    #[error("{0}")]
    Plugin(&'static str),
}
