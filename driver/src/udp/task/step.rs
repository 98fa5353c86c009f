//! Waiting for the next datagram, command or deadline.

use std::future::pending;
use std::io;

use super::Task;
use crate::futures::{race, race_from};
use crate::logging::limited;
use crate::runtime::{DatagramSocket, Received, Runtime, Sent};
use crate::udp_handle::{Command, Request};

/// What was ready first.
pub(super) enum Step {
    Sent(io::Result<Sent>),
    Received(io::Result<Received>),
    Command(Command),
    Request(Request),
    /// A deadline or an abort.
    Wake,
}

impl<R: Runtime, S: DatagramSocket> Task<R, S> {
    /// Waits for whatever is ready first. Sending and receiving take turns where
    /// both go on without end.
    pub(super) async fn step(&mut self) -> Step {
        let deadline = self.link.deadline(&mut &*self.node.service);
        let deadline = deadline.map(|deadline| deadline.at);
        let all = deadline.into_iter().chain(self.surroundings.deadline());
        self.timer.set(all.min());
        let clock = self.node.service.context.time();
        let may_receive = self.link.wants_read();
        let may_take = self.may_take_commands();
        let send = async {
            match self.sending.get(self.sent) {
                Some(_) => Step::Sent(self.socket.send_many(&self.sending, self.sent).await),
                None => pending().await,
            }
        };
        let receive = async {
            match may_receive {
                true => Step::Received(self.socket.receive(self.link.receive_buffer()).await),
                false => pending().await,
            }
        };
        let command = async {
            match may_take {
                false => pending().await,
                true => match self.inlet.commands.recv().await {
                    Ok(command) => Step::Command(command),
                    // The handle that this task holds keeps the channel open.
                    Err(_) => pending().await,
                },
            }
        };
        let request = async {
            match self.inlet.requests.recv().await {
                Ok(request) => Step::Request(request),
                Err(_) => pending().await,
            }
        };
        let time = async {
            self.timer.fire(clock).await;
            Step::Wake
        };
        let abort = async {
            (&mut self.aborted).await;
            Step::Wake
        };
        let others = race(receive, race(race(command, request), race(time, abort)));
        race_from(self.just_sent, send, others).await
    }

    pub(super) fn take_step(&mut self, step: Step) {
        self.just_sent = matches!(step, Step::Sent(_));
        self.worked = self.worked.saturating_add(1);
        match step {
            Step::Sent(Err(error)) if self.was_of_earlier(&error) => {
                limited!(self.logs(), DEBUG, "an earlier datagram was refused", %error);
                self.offered = self.offered.saturating_add(1);
            }
            Step::Sent(Err(error)) => {
                let (sending, index) = (&self.sending, self.sent);
                let reason = error.to_string();
                self.link.send_failed(self.now, sending, index, reason);
                self.failed = true;
                self.went(1);
            }
            Step::Sent(Ok(Sent { count, stopped })) => {
                for index in self.sent..self.sent.saturating_add(count) {
                    if let Some((to, bytes)) = self.sending.get(index) {
                        self.flow.sent_messages.add(1);
                        self.flow.sent_bytes.add(bytes.len());
                        self.surroundings.sent(self.now, to);
                    }
                }
                // With this step.
                self.worked = self.worked.saturating_add(count.saturating_sub(1));
                self.went(count);
                if stopped {
                    self.take_undelivered();
                }
            }
            Step::Received(Ok(received)) => {
                self.receive(received);
                self.receive_more();
            }
            Step::Received(Err(error)) => self.not_received(&error),
            Step::Command(command) => self.execute(command),
            Step::Request(request) => self.send_request(request),
            Step::Wake => {}
        }
    }

    /// Goes on behind datagrams that were sent, or not.
    fn went(&mut self, count: usize) {
        self.offered = 0;
        self.sent = self.sent.saturating_add(count);
    }

    /// Whether an error of a send may be about an earlier datagram, so that this one is to be
    /// offered again: as long as the system tells of such ones, within reason, or once.
    fn was_of_earlier(&mut self, error: &io::Error) -> bool {
        const OFFERS: u8 = 16;
        match self.take_undelivered() {
            true => self.offered < OFFERS,
            false => self.offered == 0 && is_of_earlier(error),
        }
    }
}

/// Whether an error of a send may be about an earlier datagram, which found nobody: some
/// systems tell so once.
fn is_of_earlier(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionReset)
}
