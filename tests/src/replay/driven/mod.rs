//! The scenario with a driver: its servers, clients and nodes on any runtime, in
//! a world of their own.

mod gate;
mod handlers;
mod job;
mod party;
mod runtime;
mod task;
mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use netaio_core::{CloseReason, Message};
use netaio_driver::{Connection, ConnectionOptions, Publisher, RequestBuilder, Runtime};

use self::job::Job;
use self::party::{Kind, Party};
use self::world::World;
use super::log::{Log, show_answer, show_delivery};
use super::scenario::{Request, Side, Step, label};
use super::wire::Wire;

/// Plays the steps on a runtime, and returns what happened. It is called from
/// within the runtime.
pub(super) async fn play<R: Runtime>(steps: &[Step]) -> Log {
    let mut player = Player::<R>::new();
    for (number, step) in steps.iter().enumerate() {
        let world = player.world.clone();
        world.log.begin(number);
        player.step(number, step).await;
        player.settle().await;
        world.state().wire.log();
    }
    let log = player.world.log.clone();
    player.leave().await;
    log
}

struct Player<R: Runtime> {
    world: Arc<World>,
    parties: BTreeMap<String, Party<R>>,
    /// The ends of connections, and whether their closing is in the log.
    ends: BTreeMap<(String, Side), (Connection, bool)>,
    jobs: Vec<Job>,
}

impl<R: Runtime> Player<R> {
    fn new() -> Self {
        Self {
            world: World::new(),
            parties: BTreeMap::new(),
            ends: BTreeMap::new(),
            jobs: Vec::new(),
        }
    }

    /// Lets everything happen that happens without time, and writes down what is
    /// not written down by itself.
    async fn settle(&mut self) {
        loop {
            self.world.quiet().await;
            let world = &self.world;
            let before = self.jobs.len();
            let mut polled = false;
            self.jobs.retain_mut(|job| {
                polled |= job.is_woken();
                !job.poll(world)
            });
            if !polled && self.jobs.len() == before && !world.deliver() {
                break;
            }
        }
        let Self { world, .. } = self;
        for ((name, side), (connection, closed)) in &mut self.ends {
            let reason = connection.close_reason().filter(|_| !*closed);
            if let Some(reason) = reason {
                *closed = true;
                let subject = format!("{} closed", label(name, *side));
                world.log.write(subject, CloseReason::to_string(&reason));
            }
        }
        for (name, party) in &mut self.parties {
            world.enter(|| party.collect(name, world));
        }
    }

    /// Lets time pass, from timer to timer.
    async fn advance(&mut self, by: Duration) {
        let until = self.world.state().elapsed + by;
        loop {
            self.settle().await;
            let next = self.world.next_timer().filter(|at| *at <= until);
            let Some(at) = next else {
                break;
            };
            let elapsed = self.world.state().elapsed;
            self.world.set_time(elapsed.max(at));
        }
        self.world.set_time(until);
    }

    async fn step(&mut self, number: usize, step: &Step) {
        let now = self.world.now();
        if self.world.state().wire.obey(step, number, now) {
            return;
        }
        let world = self.world.clone();
        match step {
            Step::Server(party) => self.add(party, Role::Server),
            Step::Client(party) => self.add(party, Role::Client),
            Step::Node(party) => self.add(party, Role::Node),
            Step::Connect {
                client,
                server,
                name,
            } => self.connect(client, server, name).await,
            Step::Intrude { server, name } => {
                let server = &self.parties[server];
                let address = server.address.expect("a server listens");
                world.connect(address, name, true);
                self.find_server_end(name, address).await;
            }
            Step::Request(request) => {
                let asked = self.end(&request.on, request.from);
                let asked = asked.request_message(request.message());
                self.ask(request, asked);
            }
            Step::Ask(request) => {
                let to = request.to.expect("a node asks somebody");
                let asked = match &self.parties[&request.on].kind {
                    Kind::Node(node) => node.request_message(to, request.message()),
                    _ => panic!("{} is no node", request.on),
                };
                self.ask(request, asked);
            }
            Step::Send { on, from, message } => {
                let end = self.end(on, *from).clone();
                let message = message.message();
                self.start(label(on, *from), async move {
                    let sent = end.send(message).await;
                    Some(format!("not sent: {}", sent.err()?))
                });
            }
            Step::Tell { on, to, message } => {
                let node = match &self.parties[on].kind {
                    Kind::Node(node) => node.clone(),
                    _ => panic!("{on} is no node"),
                };
                let (to, message) = (*to, message.message());
                self.start(on, async move {
                    let sent = match to {
                        Some(to) => node.send(to, message).await,
                        None => node.multicast(message).await,
                    };
                    sent.expect("the scenario's messages fit");
                    None
                });
            }
            Step::Notify { on, key, message } => {
                let message = message.message();
                self.publish(on, |publisher| publisher.notify(key, &message));
            }
            Step::Broadcast { on, message } => {
                let message: Message = message.message();
                self.publish(on, |publisher| publisher.broadcast(&message));
            }
            Step::Finish { uri } => {
                let gates = world.gates.lock();
                let mut gates = gates.unwrap_or_else(PoisonError::into_inner);
                gates.entry(uri.clone().into_bytes()).or_default().open();
            }
            Step::Manage { on, app, inner } => {
                let party = &self.parties[on];
                world.enter(|| party.manage(app, inner.as_ref()));
            }
            Step::Unmanage { on, app } => {
                let job = self.parties[on].unmanage(app);
                self.start(on, job);
            }
            Step::Reset { on } => world.reset(on),
            Step::Advance { ms } => self.advance(Duration::from_millis(*ms)).await,
            Step::Close { on, from } => {
                let end = self.end(on, *from).clone();
                self.start(on, async move {
                    end.close().await;
                    None
                });
            }
            Step::Stop { on } => {
                let job = self.parties[on].stop();
                self.start(on, job);
            }
            Step::Drop { on } => {
                let party = self.parties.remove(on);
                world.enter(|| drop(party));
            }
            other => panic!("{other:?} is for the wire"),
        }
    }

    fn add(&mut self, party: &super::cast::Party, role: Role) {
        let made = self.world.enter(|| Party::new(party, role, &self.world));
        self.parties.insert(party.name.clone(), made);
    }

    async fn connect(&mut self, client: &str, server: &str, name: &str) {
        let address = self.parties[server].address.expect("a server listens");
        self.world.state().next_name = name.into();
        let client = match &self.parties[client].kind {
            Kind::Client(client, _) => client.clone(),
            _ => panic!("{client} is no client"),
        };
        let options = ConnectionOptions::new().with_name(name);
        let connecting = client.connect_with(address, options);
        let connected = job::at_once(&self.world, connecting);
        let connection = connected.expect("the server listens");
        self.ends
            .insert((name.into(), Side::Client), (connection, false));
        self.find_server_end(name, address).await;
    }

    /// Waits until a server has accepted a connection.
    async fn find_server_end(&mut self, name: &str, address: SocketAddr) {
        self.world.quiet().await;
        let stream = self.world.state().wire.find(name);
        let mut servers = self.parties.values();
        let server = servers.find_map(|party| match &party.kind {
            Kind::Server(server) if party.address == Some(address) => Some(server),
            _ => None,
        });
        let accepted = server.expect("it is there").publisher().connections();
        let accepted = accepted
            .into_iter()
            .find(|accepted| accepted.remote() == Some(Wire::client_address(stream)));
        let accepted = accepted.expect("the server accepts");
        self.ends
            .insert((name.into(), Side::Server), (accepted, false));
    }

    fn end(&self, name: &str, side: Side) -> &Connection {
        let found = self.ends.get(&(name.into(), side));
        let (connection, _) = found.unwrap_or_else(|| panic!("nobody has this end of {name}"));
        connection
    }

    fn ask(&mut self, request: &Request, asked: RequestBuilder) {
        let asked = asked.options(request.options());
        self.start(request.subject(), async move {
            Some(match asked.await {
                Ok(answer) => show_answer(&answer, answer.is_verified()),
                Err(error) => format!("failed: {error}"),
            })
        });
    }

    fn publish<E: std::fmt::Debug>(
        &self,
        on: &str,
        publish: impl FnOnce(&Publisher) -> Result<netaio_driver::Delivery, E>,
    ) {
        let publisher = self.parties[on].publisher();
        let delivery = self.world.enter(|| publish(publisher));
        let delivery = delivery.expect("the scenario's messages fit");
        let shown = show_delivery(delivery.accepted(), delivery.lost());
        self.world.log.write(on, shown);
    }

    /// Starts something that may take its time. What it returns is written down.
    fn start(
        &mut self,
        subject: impl Into<String>,
        job: impl Future<Output = Option<String>> + Send + 'static,
    ) {
        self.jobs.push(Job::new(subject.into(), job));
    }

    /// Lets go of everything, and waits until all tasks are gone.
    async fn leave(mut self) {
        let world = self.world.clone();
        self.jobs.clear();
        world.enter(|| self.parties.clear());
        while let Some(at) = {
            world.quiet().await;
            world.next_timer()
        } {
            world.set_time(at);
        }
        assert!(world.state().sockets.is_empty() && world.state().listeners.is_empty());
    }
}

/// What a party is.
#[derive(Clone, Copy, Debug)]
enum Role {
    Server,
    Client,
    Node,
}
