//! A node: what the network has goes into the hub, and what the hub wants done is done.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::types::{NOTIFY_URI, REQUEST_URI, SUBSCRIBE_URI, UNSUBSCRIBE_URI};
use netaio_core::{
    DatagramHub, DatagramHubEvent, DatagramOutput, LinkConfig, ManagementConfig, Message, Now,
    Peer, PeerEvent, RequestOptions,
};
use rand_core::CryptoRng;

pub(crate) type Failure = Box<dyn std::error::Error>;

/// What this program's handlers are.
#[derive(Clone, Debug)]
pub(crate) enum Handler {
    Echo,
    Subscribe,
    Unsubscribe,
    Notified,
}

pub(crate) struct Host {
    hub: DatagramHub<Handler>,
    /// The latest deadline that is scheduled.
    alarm: Option<Duration>,
    /// The first peer that it came to know, and what is still to be asked of it.
    first: Option<SocketAddr>,
    questions: Vec<Message>,
    pub(super) answered: usize,
    pub(super) failed: usize,
    pub(super) notified: usize,
}

impl Host {
    pub(crate) fn new<R: CryptoRng + Send + 'static>(
        group: SocketAddr,
        make_rng: impl FnMut() -> R,
    ) -> Result<Self, Failure> {
        let mut hub =
            DatagramHub::with_config(Now::default(), LinkConfig::new(), Some(group), make_rng);
        hub.on((REQUEST_URI, "echo"), Handler::Echo, None)?;
        hub.on(SUBSCRIBE_URI, Handler::Subscribe, None)?;
        hub.on(UNSUBSCRIBE_URI, Handler::Unsubscribe, None)?;
        hub.on(NOTIFY_URI, Handler::Notified, None)?;
        Ok(Self {
            hub,
            alarm: None,
            first: None,
            questions: vec![Message::subscribe("news"), Message::request("echo")],
            answered: 0,
            failed: 0,
            notified: 0,
        })
    }

    pub(crate) fn is_started(&self) -> bool {
        self.hub.node().local_peer().is_some()
    }

    pub(crate) fn start(&mut self, now: Now, number: usize) -> Result<(), Failure> {
        let local = Peer::new(format!("node {number}"));
        self.hub.manage_peers(now, local, ManagementConfig::new())?;
        Ok(())
    }

    pub(crate) fn peers(&self) -> usize {
        self.hub.node().peers().len()
    }

    pub(crate) fn receive(&mut self, now: Now, from: SocketAddr, datagram: &[u8]) {
        // What does not fit in is lost, as a socket's buffer loses it.
        let _ = self.hub.receive(now, from, datagram);
    }

    pub(crate) fn publish(&mut self, now: Now) -> Result<(), Failure> {
        self.hub.publish(now, "news", "all is well")?;
        Ok(())
    }

    /// Its deadline, if that is sooner than the one that is scheduled.
    pub(crate) fn take_alarm(&mut self, now: Duration) -> Option<Duration> {
        let at = self.hub.deadline()?;
        if self.alarm.is_some_and(|alarm| now < alarm && alarm <= at) {
            return None;
        }
        self.alarm = Some(at);
        self.alarm
    }

    /// Does all that there is to do now; what it sends goes to `sent`.
    pub(crate) fn turn(
        &mut self,
        now: Now,
        sent: &mut Vec<(SocketAddr, Bytes)>,
    ) -> Result<(), Failure> {
        while let Some(output) = self.hub.poll(now) {
            match output {
                DatagramOutput::Transmit { to, bytes, .. } => {
                    sent.push((to, Bytes::copy_from_slice(bytes)));
                }
                DatagramOutput::Call {
                    call,
                    handler,
                    message,
                } => {
                    let answer = match handler {
                        Handler::Echo => Some(Message::respond_uri(message.uri, message.content)),
                        Handler::Subscribe => Some(self.hub.subscribe(&call, &message.uri)),
                        Handler::Unsubscribe => Some(self.hub.unsubscribe(&call, &message.uri)),
                        Handler::Notified => {
                            self.notified += 1;
                            None
                        }
                    };
                    if let Err(error) = self.hub.reply(now, call, answer) {
                        eprintln!("a reply was not sent as it is: {error}");
                    }
                }
                DatagramOutput::Answered { .. } => {
                    self.answered += 1;
                    self.questions.pop();
                    self.ask(now)?;
                }
                DatagramOutput::Failed { .. } => {
                    self.failed += 1;
                    self.ask(now)?;
                }
                DatagramOutput::Event(DatagramHubEvent::Peer(PeerEvent::Added(known)))
                    if self.first.is_none() =>
                {
                    let place = known.addresses.first();
                    self.first = place.and_then(|place| place.address());
                    self.ask(now)?;
                }
                // Others came and went, or something was refused.
                _ => {}
            }
        }
        Ok(())
    }

    fn ask(&mut self, now: Now) -> Result<(), Failure> {
        if let (Some(peer), Some(question)) = (self.first, self.questions.last()) {
            let options = RequestOptions::new().with_timeout(Duration::from_secs(2));
            self.hub.request(now, peer, question, &options)?;
        }
        Ok(())
    }
}
