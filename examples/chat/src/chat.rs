//! The node: who is here, what comes, and what is sent.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use netaio_tokio::config::{Interface, Limits, ManagementConfig};
use netaio_tokio::core::Printable;
use netaio_tokio::events::{PeerEvent, PeerEvents, RemovalReason, UdpEvent, UdpEvents};
use netaio_tokio::types::CREATE_URI;
use netaio_tokio::{Packed, Remote, UdpNode};
use tokio::sync::{Notify, mpsc};

use crate::Failure;
use crate::event::{Event, Person};
use crate::keys::{Keys, Trust};
use crate::letter::{Received, Session};
use crate::name::Name;
use crate::state::Myself;

/// The uri of letters, and the app id of those who write them.
pub(crate) const APP: &str = "netaio-chat";

/// The most people who are here; others are refused.
const MAX_PEOPLE: usize = 100;

/// Events that wait to be shown. Who sends more waits for their receipts.
const MAX_EVENTS: usize = 256;

/// How often one says that one is here, and how long nobody has to hear it until one is gone.
const EVERY: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(20);

/// How long one waits at the end for what is on its way.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where the people of a chat meet.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The address that the node is bound to; unless given, all of them.
    pub(crate) address: Option<IpAddr>,
    /// The port, which all of them have.
    pub(crate) port: u16,
    pub(crate) group: IpAddr,
    pub(crate) interface: Option<Interface>,
}

/// Oneself among the others.
#[derive(Clone)]
pub(crate) struct Chat {
    pub(crate) node: UdpNode,
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) name: Name,
    pub(crate) keys: Keys,
    pub(crate) session: Session,
    pub(crate) events: mpsc::Sender<Event>,
    /// Keys are trusted that were not, or the other way round.
    look: Notify,
    pub(crate) received: Mutex<Received>,
    /// The number of the last letter.
    pub(crate) last: Mutex<u64>,
}

impl Chat {
    /// Is there from now on. The events are those of the chat.
    ///
    /// # Errors
    /// There is no randomness, or the node cannot be bound.
    pub(crate) async fn enter(
        name: Name,
        keys: Keys,
        place: &Place,
    ) -> Result<(Self, mpsc::Receiver<Event>), Failure> {
        let mut session = Session::default();
        getrandom::fill(&mut session).map_err(io::Error::from)?;
        let introduction = keys.introduction(&name, &session)?;
        let cipher = keys.cipher();
        let (sender, events) = mpsc::channel(MAX_EVENTS);
        let shared = Arc::new(Shared {
            name,
            keys,
            session,
            events: sender,
            look: Notify::new(),
            received: Mutex::default(),
            last: Mutex::new(0),
        });
        let managed = ManagementConfig::new()
            .with_app_id(APP)
            .with_every(Some(EVERY))
            .with_timeout(Some(SILENCE));
        let receiver = shared.clone();
        let mut builder = UdpNode::builder()
            .limits(Limits::default().with_peers(MAX_PEOPLE)?)
            .local_peer(introduction)
            .manage_peers(managed)
            .group(place.group)
            .on((CREATE_URI, APP), move |from: Remote, Packed(letter)| {
                receiver.clone().receive(from, letter)
            })
            .inner_cipher(cipher);
        if let Some(interface) = &place.interface {
            builder = builder.interface(interface.clone());
        }
        let address = place.address.unwrap_or(match place.group {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        });
        let node = builder.bind(SocketAddr::new(address, place.port)).await?;
        let chat = Self { node, shared };
        let (peers, faults) = (chat.node.peers().events(), chat.node.events());
        tokio::spawn(chat.clone().watch_people(peers));
        tokio::spawn(watch_node(chat.shared.events.clone(), faults));
        Ok((chat, events))
    }

    /// Oneself, as one is shown.
    pub(crate) fn myself(&self) -> Myself {
        let group = self.node.group().map(|group| group.ip());
        let group = group.map(|ip| format!(", group {ip}")).unwrap_or_default();
        Myself {
            name: self.shared.name.clone(),
            fingerprint: self.shared.keys.fingerprint(),
            place: format!("{}{group}", self.node.local_addr()),
        }
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    /// Forgets the key of somebody, who is trusted anew with the one that he uses next. Says
    /// whether there was one.
    pub(crate) fn forget(&self, name: &str) -> bool {
        let forgotten = self.shared.keys.forget(name);
        self.shared.look.notify_one();
        forgotten
    }

    /// Says that one leaves, and ends.
    pub(crate) async fn leave(&self) {
        self.node.stop_within(FAREWELL).await;
    }

    /// Is ready when the node has ended by itself.
    pub(crate) async fn ended(&self) -> Result<(), Failure> {
        Ok(self.node.ended().await?)
    }

    /// Tells of those who come, change and go.
    async fn watch_people(self, mut events: PeerEvents) {
        let mut people = BTreeMap::new();
        let mut silent = false;
        loop {
            let changes = self.look(&mut people, silent);
            silent = false;
            for change in changes {
                self.tell(change).await;
            }
            let event = tokio::select! {
                event = events.next() => event,
                () = self.shared.look.notified() => continue,
            };
            match event {
                None => return,
                Some(PeerEvent::Removed { reason, .. }) => {
                    silent = reason != RemovalReason::Disconnect;
                }
                Some(PeerEvent::DuplicateId { id, other, .. }) => {
                    let at = other.map(|other| format!(" at {other}"));
                    let advice = match id[..] == *self.shared.name.as_str().as_bytes() {
                        true => ": come back with another --name",
                        false => "",
                    };
                    self.tell(Event::Alarm(format!(
                        "somebody else{} says to be {} too{advice}",
                        at.unwrap_or_default(),
                        Printable::bytes(&id).with_max(Name::MAX)
                    )))
                    .await;
                }
                Some(PeerEvent::KeyShared { peer, .. }) => {
                    self.tell(Event::Alarm(format!(
                        "{} announces the key of somebody else",
                        Printable::bytes(&peer.peer.id).with_max(Name::MAX)
                    )))
                    .await;
                }
                Some(_) => {}
            }
        }
    }

    /// What has changed since the last look. It is found in the list, which is complete, as events
    /// may be lost.
    fn look(&self, people: &mut BTreeMap<Bytes, Option<Person>>, silent: bool) -> Vec<Event> {
        let list = self.node.peers().list();
        let mut events = Vec::new();
        people.retain(|id, person| {
            let is_here = list.iter().any(|known| known.peer.id == *id);
            if let (false, Some(Person { name, .. })) = (is_here, person) {
                let name = name.clone();
                events.push(Event::Left { name, silent });
            }
            is_here
        });
        for known in list {
            let address = known.addresses.first().copied();
            let announced = self.shared.keys.announced(&known.peer);
            let person = Name::of_id(&known.peer.id).zip(announced);
            let person = person.map(|(name, announced)| Person {
                name,
                announced,
                address,
            });
            match (people.get(&known.peer.id), &person) {
                (Some(Some(before)), Some(now)) if is_same(before, now) => continue,
                (Some(None), None) => continue,
                (_, Some(now)) => events.push(Event::Here(now.clone())),
                (_, None) => events.push(Event::Notice(format!(
                    "somebody{} has no key, or a name that is none: {}",
                    address.map(|it| format!(" at {it}")).unwrap_or_default(),
                    Printable::bytes(&known.peer.id).with_max(Name::MAX)
                ))),
            }
            people.insert(known.peer.id, person);
        }
        events
    }

    pub(crate) async fn tell(&self, event: Event) {
        // Whoever would be told has ended.
        let _ = self.shared.events.send(event).await;
    }
}

/// Whether nothing has to be said: a key that was new and has been used is the same.
fn is_same(before: &Person, now: &Person) -> bool {
    let facts = |person: &Person| {
        let changed = matches!(person.announced.trust, Trust::Changed { .. });
        let announced = person.announced;
        (announced.fingerprint, announced.session, changed)
    };
    facts(before) == facts(now)
}

/// Tells of what happens to the node that people should know.
async fn watch_node(tell: mpsc::Sender<Event>, mut events: UdpEvents) {
    while let Some(event) = events.next().await {
        let event = match event {
            UdpEvent::GroupJoined => Event::Notice("the group was joined".into()),
            UdpEvent::GroupLost { reason } => Event::Alarm(format!(
                "the network of the group is gone, others are not found: {}",
                Printable::new(reason)
            )),
            _ => continue,
        };
        // Whoever would be told has ended.
        let _ = tell.send(event).await;
    }
}
