//! How letters are sent, and taken.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use netaio_tokio::core::{Layer, Printable};
use netaio_tokio::error::RequestError;
use netaio_tokio::{Packed, Remote, Reply, Response};

use crate::chat::{APP, Chat, Shared};
use crate::event::Event;
use crate::keys::Trust;
use crate::letter::{Arrival, Letter, MAX_TEXT, Receipt};
use crate::name::Name;

/// How often a letter is sent until there is a receipt, and how long each one is waited for.
/// Datagrams get lost; and who has just come may not know yet whose letter it is, and says so.
const ATTEMPTS: usize = 4;
const ANSWER: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(300);

/// Characters that are shown of what others say about a letter that they refuse.
const MAX_REASON: usize = 100;

impl Chat {
    /// Sends a text to each of the receivers, sealed for it. What becomes of it comes as
    /// [`Event::Delivered`], for each of them.
    pub(crate) fn say(&self, message: u64, receivers: Vec<Name>, everyone: bool, text: &str) {
        let number = self.shared.next_number();
        for to in receivers {
            let (chat, text) = (self.clone(), text.to_owned());
            tokio::spawn(async move {
                let outcome = chat.deliver(&to, number, everyone, text).await;
                chat.tell(Event::Delivered {
                    message,
                    to,
                    outcome,
                })
                .await;
            });
        }
    }

    async fn deliver(
        &self,
        to: &Name,
        number: u64,
        everyone: bool,
        text: String,
    ) -> Result<(), String> {
        let layer = Layer::new().with_cipher(self.shared.keys.cipher());
        let mut letter = Letter {
            name: self.shared.name.as_str().into(),
            from: self.shared.session.to_vec(),
            to: Vec::new(),
            number,
            everyone,
            text,
        };
        let mut failed = String::new();
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            // It may be another session, or at another address, than before.
            let Some(known) = self.node.peers().get(to.as_str()) else {
                return Err("has left".into());
            };
            let announced = self.shared.keys.announced(&known.peer);
            let announced = announced.ok_or("announces no key")?;
            if let Trust::Changed { .. } = announced.trust {
                return Err("the key has changed".into());
            }
            letter.to = announced.session.to_vec();
            let places = known.addresses.iter().cycle();
            let Some(at) = places.take(ATTEMPTS).nth(attempt) else {
                return Err("has no address".into());
            };
            let content = Packed(&letter).to_bytes();
            let content = content.map_err(|error| error.to_string())?;
            let request = self.node.create(*at, APP, content);
            match request.inner(layer.clone()).timeout(ANSWER).await {
                Ok(response) => match receipt(response) {
                    Ok(receipt) if receipt == Receipt::of(&letter) => return Ok(()),
                    Ok(_) => failed = "the receipt is of another message".into(),
                    Err(why) => failed = why,
                },
                Err(RequestError::TimedOut(_)) => failed = "no answer".into(),
                Err(error) => failed = reason(error),
            }
        }
        Err(failed)
    }
}

impl Shared {
    /// A letter has come. It was sealed by the peer that is known at that address, or else it would
    /// not come here.
    pub(crate) async fn receive(
        self: Arc<Self>,
        from: Remote,
        letter: Letter,
    ) -> Result<Packed<Receipt>, Reply> {
        let peer = from.identity().peer;
        let name = peer.and_then(|peer| Name::of_id(&peer.id));
        // The peer at the address may be another one by now.
        let name = name.filter(|name| name.as_str() == letter.name);
        let name = name.ok_or_else(|| Reply::error("it is not known whose message this is"))?;
        if letter.to != self.session {
            return Err(Reply::error("the message is for an earlier session"));
        }
        if letter.text.len() > MAX_TEXT {
            return Err(Reply::error("the message is too long"));
        }
        let receipt = Receipt::of(&letter);
        let arrival = {
            let received = self.received.lock();
            let mut received = received.unwrap_or_else(PoisonError::into_inner);
            received.take(&name, letter.number)
        };
        match arrival {
            Arrival::First => {
                let text = Printable::new(letter.text).with_max(MAX_TEXT).to_string();
                let said = Event::Said {
                    from: name,
                    everyone: letter.everyone,
                    text,
                };
                let told = self.events.send(said).await;
                told.map_err(|_| Reply::error("nobody is here any more"))?;
            }
            Arrival::Again => {}
            Arrival::TooOld => return Err(Reply::error("the message is older than others")),
        }
        Ok(Packed(receipt))
    }

    /// The number of the next letter: the time, so that those after a restart are higher.
    fn next_number(&self) -> u64 {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = micros.max(last.saturating_add(1));
        *last
    }
}

/// The receipt that answers a letter, or why there is none.
fn receipt(response: Response) -> Result<Receipt, String> {
    response.packed().map_err(reason)
}

/// A reason that may be another's words.
fn reason(error: impl std::fmt::Display) -> String {
    Printable::new(error).with_max(MAX_REASON).to_string()
}
