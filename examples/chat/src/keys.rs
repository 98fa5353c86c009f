//! Keys: one's own, and those of others, trusted on first use and kept in files.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use netaio_tokio::Peer;
use netaio_tokio::core::packify::{Dict, Value};
use netaio_tokio::core::plugin::PeerPlugin;
use netaio_tokio::key_files;
use netaio_tokio::plugin::{DefaultPeerPlugin, X25519Cipher};

use crate::letter::Session;
use crate::name::Name;

/// Peers whose keys are kept.
pub(crate) const MAX_KEYS: usize = 1000;

/// The fields of a peer's data.
const PUBLIC_KEY: &str = "pubkey";
const SESSION: &str = "session";

/// The beginning of a public key, for people to compare: who wants another key with the same one
/// has to try some 2^80.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 10]);

impl Fingerprint {
    fn of(key: &[u8; 32]) -> Self {
        let mut bytes = [0; 10];
        for (byte, of_key) in bytes.iter_mut().zip(key) {
            *byte = *of_key;
        }
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, [high, low]) in self.0.as_chunks().0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{high:02x}{low:02x}")?;
        }
        Ok(())
    }
}

/// What is known of a key that a peer announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Nothing: it is trusted as soon as it is used.
    New,
    /// It is the one that was used before.
    Known,
    /// Another one was used before.
    Changed { known: Fingerprint },
}

/// What a peer announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) trust: Trust,
    pub(crate) session: Session,
}

/// One's own key and those of others.
pub(crate) struct Keys {
    cipher: X25519Cipher,
    peers: PathBuf,
    /// What the file has.
    saved: Mutex<Vec<(Vec<u8>, [u8; 32])>>,
}

impl Keys {
    /// Reads the key, and makes one where there is none. The others' are beside it, in a file with
    /// `.peers` behind its name.
    ///
    /// # Errors
    /// A file cannot be read or written, or is not what it should be.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let named = |path: &Path, error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| named(folder, error))?;
        }
        match key_files::create(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(named(path, error));
            }
            _ => {}
        }
        let seed = key_files::read(path).map_err(|error| named(path, error))?;
        let mut peers = path.as_os_str().to_owned();
        peers.push(".peers");
        let peers = PathBuf::from(peers);
        let saved = key_files::read_peers(&peers).map_err(|error| named(&peers, error))?;
        let cipher = X25519Cipher::from_seed(*seed).with_trust_on_first_use(MAX_KEYS);
        for (id, key) in &saved {
            if !cipher.trust(id, *key) {
                let error = io::Error::other(format!("has an id twice, or more than {MAX_KEYS}"));
                return Err(named(&peers, error));
            }
        }
        Ok(Self {
            cipher,
            peers,
            saved: Mutex::new(saved),
        })
    }

    /// What messages are sealed with.
    pub(crate) fn cipher(&self) -> X25519Cipher {
        self.cipher.clone()
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.cipher.public_key())
    }

    /// How one introduces oneself.
    pub(crate) fn introduction(&self, name: &Name, session: &Session) -> io::Result<Peer> {
        let field = |name: &str, bytes: &[u8; 32]| (name.into(), Value::Bytes(bytes.to_vec()));
        let data = [
            field(PUBLIC_KEY, self.cipher.public_key()),
            field(SESSION, session),
        ];
        let data = Dict::from_pairs(data).map_err(io::Error::other)?;
        let data = Value::from(data).to_vec().map_err(io::Error::other)?;
        Ok(Peer::new(name.as_str().to_owned()).with_data(data))
    }

    /// What a peer announces; `None` where that is not a key and a session.
    pub(crate) fn announced(&self, peer: &Peer) -> Option<Announced> {
        let key = DefaultPeerPlugin.key(peer, PUBLIC_KEY)?;
        let trusted = self.cipher.trusted();
        let known = trusted.iter().find(|(id, _)| *id == peer.id[..]);
        let trust = match known {
            None => Trust::New,
            Some((_, known)) if *known == key => Trust::Known,
            Some((_, known)) => Trust::Changed {
                known: Fingerprint::of(known),
            },
        };
        Some(Announced {
            fingerprint: Fingerprint::of(&key),
            trust,
            session: DefaultPeerPlugin.key(peer, SESSION)?,
        })
    }

    /// Forgets the key of somebody who has a new one. Says whether there was one.
    pub(crate) fn forget(&self, name: &str) -> bool {
        self.cipher.forget_trusted(name)
    }

    /// Writes the keys that are trusted by now, where they are not those that the file has.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn save(&self) -> io::Result<()> {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let trusted = self.cipher.trusted();
        if *saved != trusted {
            key_files::write_peers(&self.peers, trusted.clone())?;
            *saved = trusted;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn announced(byte: u8, trust: Trust) -> Announced {
        Announced {
            fingerprint: Fingerprint([byte; 10]),
            trust,
            session: [byte; 32],
        }
    }

    /// A folder of the test's own, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("netaio-chat-{name}-{}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_key_is_made_once_and_those_of_others_are_kept() {
        let folder = Folder::new("keys");
        let path = |name: &str| folder.0.join("chat").join(name);
        let alice = Keys::open(&path("alice")).unwrap();
        let bob = Keys::open(&path("bob")).unwrap();
        assert_eq!(
            Keys::open(&path("alice")).unwrap().fingerprint(),
            alice.fingerprint()
        );
        assert_ne!(alice.fingerprint(), bob.fingerprint());
        let name: Name = "bob".parse().unwrap();
        let introduced = bob.introduction(&name, &[7; 32]).unwrap();
        let announced = alice.announced(&introduced).unwrap();
        assert_eq!(announced.fingerprint, bob.fingerprint());
        assert_eq!((announced.trust, announced.session), (Trust::New, [7; 32]));
        assert_eq!(alice.announced(&Peer::new("bob")), None);

        // It was used.
        assert!(alice.cipher.trust("bob", *bob.cipher.public_key()));
        alice.save().unwrap();
        let again = Keys::open(&path("alice")).unwrap();
        assert_eq!(again.announced(&introduced).unwrap().trust, Trust::Known);
        let mallory = Keys::open(&path("mallory")).unwrap();
        let introduced = mallory.introduction(&name, &[7; 32]).unwrap();
        let known = bob.fingerprint();
        let changed = Trust::Changed { known };
        assert_eq!(again.announced(&introduced).unwrap().trust, changed);
        assert!(again.forget("bob") && !again.forget("bob"));
        again.save().unwrap();
        let again = Keys::open(&path("alice")).unwrap();
        assert_eq!(again.announced(&introduced).unwrap().trust, Trust::New);
    }

    #[test]
    fn fingerprints_are_easy_to_compare() {
        let mut key = [0xff; 32];
        for (byte, number) in key.iter_mut().zip(0..10) {
            *byte = number * 17;
        }
        let shown = Fingerprint::of(&key).to_string();
        assert_eq!(shown, "0011 2233 4455 6677 8899");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_name() {
        let folder = Folder::new("broken");
        fs::create_dir_all(&folder.0).unwrap();
        let path = folder.0.join("key");
        Keys::open(&path).unwrap();
        let peers = folder.0.join("key.peers");
        fs::write(&peers, "bob\n").unwrap();
        let error = Keys::open(&path).err().unwrap().to_string();
        assert!(error.contains("key.peers: line 1"), "{error}");
    }
}
