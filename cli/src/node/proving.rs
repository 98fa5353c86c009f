//! Which peers have the secret keys of the public ones that they announce.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use netaio_core::{Layer, Peer};
use netaio_driver::{Content, KnownPeer, Runtime, UdpNode};
use serde::Serialize;

use crate::codec::hex::hex;
use crate::identity::{KnownPeers, PublicKey, Standing};
use crate::json;
use crate::tally::Tally;

/// What a peer is asked for, to prove its key.
pub(super) const PROVE: &str = "netaio/key";

/// The peers that are asked at once.
const WORKERS: usize = 8;

/// The most that wait; further ones are not asked until they change.
const WAITING: usize = 256;

/// How often one is asked, since datagrams may be lost, and how long each answer may take.
const TRIES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(1);

/// The answer to a challenge. It has to be another than what was asked: whoever sends that back has
/// no key.
pub(super) fn proof(own: PublicKey, challenge: &Content) -> Vec<u8> {
    [&challenge.0[..], own.to_string().as_bytes()].concat()
}

/// What has come of it.
pub(super) struct Outcome {
    pub(super) peer: Peer,
    pub(super) standing: Standing,
    /// It has the key. Of one that announces none, or another than before, nothing is asked.
    is_proved: bool,
}

/// An outcome as JSON, in this order.
#[derive(Serialize)]
struct Printed {
    event: &'static str,
    id: String,
    key: Option<String>,
    trust: &'static str,
}

impl Outcome {
    /// The key that is trusted from now on.
    pub(super) fn first(&self) -> Option<PublicKey> {
        match self.standing {
            Standing::New(key) if self.is_proved => Some(key),
            _ => None,
        }
    }

    pub(super) fn line(&self, json: bool) -> io::Result<String> {
        let (key, trust) = match self.standing {
            Standing::None => (None, "none"),
            Standing::Changed(key) => (Some(key), "changed"),
            Standing::New(key) | Standing::Known(key) if !self.is_proved => (Some(key), "unproved"),
            Standing::New(key) => (Some(key), "new"),
            Standing::Known(key) => (Some(key), "known"),
        };
        let (id, key) = (hex(&self.peer.id), key.map(|key| key.to_string()));
        let line = match json {
            false => format!("key {id} {} {trust}", key.as_deref().unwrap_or("-")),
            true => json::to_string(&Printed {
                event: "key",
                id,
                key,
                trust,
            })?,
        };
        Ok(line + "\n")
    }
}

/// Peers that are to prove their keys, and what came of it.
pub(super) struct Proving {
    peers: Sender<KnownPeer>,
    outcomes: Receiver<Outcome>,
    missed: Tally,
}

impl Proving {
    pub(super) fn start<R: Runtime>(node: &UdpNode<R>, keys: &Arc<KnownPeers>) -> Self {
        let (peers, asked) = async_channel::bounded::<KnownPeer>(WAITING);
        let (told, outcomes) = async_channel::bounded(WAITING);
        for _ in 0..WORKERS {
            let (node, keys) = (node.clone(), keys.clone());
            let (asked, told) = (asked.clone(), told.clone());
            R::spawn(async move {
                while let Ok(known) = asked.recv().await {
                    let outcome = outcome(&node, &keys, known).await;
                    if told.send(outcome).await.is_err() {
                        break;
                    }
                }
            });
        }
        Self {
            peers,
            outcomes,
            missed: Tally::new(),
        }
    }

    /// Has a peer prove its key.
    pub(super) fn ask(&self, peer: &KnownPeer) {
        if self.peers.try_send(peer.clone()).is_err()
            && let Some(number) = self.missed.add()
        {
            tracing::warn!(
                number,
                "peers are not asked for their keys: they come too fast"
            );
        }
    }

    /// The next outcome. Cancel-safe.
    pub(super) async fn next(&self) -> Option<Outcome> {
        self.outcomes.recv().await.ok()
    }
}

async fn outcome<R: Runtime>(node: &UdpNode<R>, keys: &KnownPeers, known: KnownPeer) -> Outcome {
    let standing = keys.standing(&known.peer);
    let is_proved = match standing {
        Standing::None | Standing::Changed(_) => false,
        Standing::New(key) | Standing::Known(key) => proves(node, keys, &known, key).await,
    };
    if !is_proved {
        keys.forget(&known.peer);
    }
    Outcome {
        peer: known.peer,
        standing,
        is_proved,
    }
}

async fn proves<R: Runtime>(
    node: &UdpNode<R>,
    keys: &KnownPeers,
    known: &KnownPeer,
    key: PublicKey,
) -> bool {
    let (Some(address), mut challenge) = (known.addresses.first(), [0; 16]) else {
        return false;
    };
    if getrandom::fill(&mut challenge).is_err() {
        return false;
    }
    let challenge = Content(challenge.to_vec().into());
    let expected = proof(key, &challenge);
    for _ in 0..TRIES {
        let again = Instant::now() + PATIENCE;
        let request = node.request(*address, PROVE).content(challenge.0.clone());
        let request = request.inner(Layer::new().with_cipher(keys.cipher()));
        match request.timeout(PATIENCE).await {
            Ok(answer) if answer.is_verified() && answer.content == expected => return true,
            _ => {}
        }
        // It may not know this node yet.
        R::sleep_until(again).await;
    }
    false
}
