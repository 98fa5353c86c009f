//! The commands of a node.

use std::sync::atomic::Ordering;

use super::Task;
use crate::logging::limited;
use crate::runtime::{DatagramSocket, Runtime};
use crate::udp_handle::{Command, Request};

impl<R: Runtime, S: DatagramSocket> Task<R, S> {
    /// Executes commands, up to a turn's worth.
    pub(super) fn take_commands(&mut self) {
        self.cancel_abandoned();
        let limit = self.shared().limits().frames_per_turn();
        for _ in 0..limit {
            match self.inlet.requests.try_recv() {
                Ok(request) => self.send_request(request),
                Err(_) => break,
            }
        }
        for _ in 0..limit {
            if !self.may_take_commands() {
                return;
            }
            match self.inlet.commands.try_recv() {
                Ok(command) => self.execute(command),
                Err(_) => return,
            }
        }
    }

    /// Cancels the requests whose callers were dropped.
    fn cancel_abandoned(&mut self) {
        if self.handle.0.cancellations.take() {
            for request in self.callers.take_cancelled() {
                self.link.cancel(request);
            }
        }
    }

    /// Commands wait while the queue is half full: the other half is for answers.
    pub(super) fn may_take_commands(&self) -> bool {
        !self.link.is_half_full()
    }

    pub(super) fn execute(&mut self, command: Command) {
        self.worked = self.worked.saturating_add(1);
        let (now, node) = (self.now, &mut &*self.node.service);
        match command {
            Command::Send {
                to,
                message,
                options,
                done,
            } => {
                // The sender may have been dropped.
                let _ = done.send(self.link.send(now, node, to, &message, &options));
            }
            Command::Introduce { to, done } => {
                // Whoever asked may have been dropped.
                let _ = done.send(self.link.introduce(now, node, to));
            }
            Command::Announce(said) => self.link.announce(now, node, *said),
            Command::Forward(fan_out) => {
                if let Err(error) = self.link.forward(now, node, *fan_out) {
                    limited!(self.logs(), WARN, "a notification was not sent", %error);
                }
            }
            Command::Reply { call, completed } => self.reply(call, completed),
            // The link checks the peers when it is polled.
            Command::CheckPeers => {}
            Command::Drain(grace) => self.link.drain(now, node, grace),
        }
    }

    pub(super) fn send_request(&mut self, request: Request) {
        self.worked = self.worked.saturating_add(1);
        // A request that was cancelled before this one must not count any longer.
        self.cancel_abandoned();
        let (now, node) = (self.now, &mut &*self.node.service);
        let bytes = request.request.bytes();
        let handle = &self.handle.0;
        handle.request_bytes.fetch_sub(bytes, Ordering::Relaxed);
        let (link, Request { to, request }) = (&mut self.link, request);
        self.callers.send(now, request, |message, options| {
            link.request(now, node, to, message, options)
        });
    }
}
