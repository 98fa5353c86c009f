//! One end of a connection: what smoltcp's socket has goes into the hub, and what the hub
//! wants done is done.

use std::collections::VecDeque;
use std::time::Duration;

use chacha20::ChaCha8Rng;
use netaio_core::types::REQUEST_URI;
use netaio_core::{Call, Hub, LinkConfig, LinkId, Message, Now, Output, RequestOptions};
use rand_core::SeedableRng;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{RecvError, Socket};

use super::Failure;

/// How long the slow handler takes.
pub(crate) const SLOW: Duration = Duration::from_secs(2);

/// What this program's handlers are.
#[derive(Clone, Debug)]
enum Handler {
    Echo,
    Slow,
}

/// A call whose handler is at work.
struct Job {
    ends: Duration,
    call: Call,
    answer: Message,
}

/// A server or a client: its hub, with a link once its socket is connected.
pub(crate) struct End {
    hub: Hub<Handler>,
    pub(super) socket: SocketHandle,
    link: Option<LinkId>,
    jobs: VecDeque<Job>,
    /// What a client asks for once it is connected. A server has none.
    pub(super) requests: Vec<Message>,
    /// What it sent, and what answers it got.
    pub(super) sent: Vec<u8>,
    pub(super) answers: Vec<Message>,
}

impl End {
    pub(crate) fn new(
        config: LinkConfig,
        socket: SocketHandle,
        requests: Vec<Message>,
        seed: u64,
    ) -> Result<Self, Failure> {
        let mut seeds = ChaCha8Rng::seed_from_u64(seed);
        let make_rng = move || ChaCha8Rng::from_rng(&mut seeds);
        let mut hub = Hub::with_config(config, make_rng);
        hub.on((REQUEST_URI, "echo"), Handler::Echo, None)?;
        hub.on((REQUEST_URI, "slow"), Handler::Slow, None)?;
        Ok(Self {
            hub,
            socket,
            link: None,
            jobs: VecDeque::new(),
            requests,
            sent: Vec::new(),
            answers: Vec::new(),
        })
    }

    /// When there is something to do although the network is silent.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let job = self.jobs.front().map(|job| job.ends);
        self.hub.deadline().into_iter().chain(job).min()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.link.is_some() && self.hub.is_empty()
    }

    /// To be called when the socket is connected.
    fn begin(&mut self, now: Now) -> Result<LinkId, Failure> {
        if self.requests.is_empty() {
            let link = self.hub.accept(now, None)?;
            self.link = Some(link);
            return Ok(link);
        }
        let link = self.hub.connect(now, None);
        self.link = Some(link);
        for request in &self.requests {
            let options = RequestOptions::new();
            self.hub.request(now, link, request, &options)?;
        }
        Ok(link)
    }

    /// Does all that can be done without waiting.
    pub(super) fn turn(&mut self, now: Now, socket: &mut Socket<'_>) -> Result<(), Failure> {
        let link = match self.link {
            Some(link) => link,
            None if socket.may_send() => self.begin(now)?,
            None => return Ok(()),
        };
        let is_due = |job: &Job| job.ends <= now.monotonic;
        while self.jobs.front().is_some_and(is_due)
            && let Some(job) = self.jobs.pop_front()
        {
            self.reply(now, job.call, job.answer);
        }
        if socket.can_send() {
            self.hub.writable(now, link);
        }
        let hub = &mut self.hub;
        let received = hub.receive_with(now, link, |buffer| read(socket, buffer));
        if let Err(ReadError::Reset) = received {
            hub.transport_failed(now, link, "the connection was reset");
        }
        while let Some(output) = self.hub.poll(now) {
            match output {
                Output::Call {
                    call,
                    handler,
                    message,
                } => {
                    let answer = Message::respond_uri(message.uri, message.content);
                    let ends = now.deadline(SLOW);
                    match handler {
                        Handler::Echo => self.reply(now, call, answer),
                        Handler::Slow => self.jobs.push_back(Job { ends, call, answer }),
                    }
                }
                Output::Answered { answer, .. } => {
                    self.answers.push(answer.message);
                    if self.answers.len() == self.requests.len() {
                        self.hub.close(now, link);
                    }
                }
                Output::Write { bytes, .. } => match socket.send_slice(bytes) {
                    Ok(count) => {
                        self.sent.extend_from_slice(&bytes[..count]);
                        self.hub.written(now, link, count);
                    }
                    Err(error) => self.hub.transport_failed(now, link, error),
                },
                Output::Shutdown { .. } | Output::Close { .. } => socket.close(),
                other => eprintln!("{other:?}"),
            }
        }
        Ok(())
    }

    fn reply(&mut self, now: Now, call: Call, answer: Message) {
        if let Err(error) = self.hub.reply(now, call, answer) {
            eprintln!("a reply was not sent as it is: {error}");
        }
    }
}

enum ReadError {
    Nothing,
    Reset,
}

fn read(socket: &mut Socket<'_>, buffer: &mut [u8]) -> Result<usize, ReadError> {
    match socket.recv_slice(buffer) {
        Ok(0) => Err(ReadError::Nothing),
        Ok(count) => Ok(count),
        Err(RecvError::Finished) => Ok(0),
        Err(RecvError::InvalidState) => Err(ReadError::Reset),
    }
}
