//! A node on UDP beside its floors: what handling messages costs over echoing datagrams (*bare*),
//! over the least that a node of the protocol can do (*minimal*): a loop by hand that finds the
//! frame, checks its checksum and answers, one system call for each datagram and way; and over the
//! same with many datagrams a system call (*batched*, on Linux).
//!
//! All of them run in one process on a thread of tokio's, take turns, and serve the same client: a
//! thread with one socket that keeps a number of requests of 64 bytes in flight, those with a MAC
//! longer by that. On Linux it sends and receives many with one system call, so that it costs less
//! than whom it measures, and the time that the server's thread was on a processor is told too: that
//! depends less on what else the machine does than the rates. Only the ratios count.
//!
//!     cargo bench -p netaio-tests --bench udp [-- ROUNDS MILLISECONDS [CONTENDER...]]

mod many;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netaio_tests::figures::Spread;
use netaio_tests::plain::sealed;
use netaio_tokio::config::Limits;
use netaio_tokio::plugin::HmacAuth;
use netaio_tokio::plugin::Layer;
use netaio_tokio::types::{REQUEST_URI, RESPOND_URI};
use netaio_tokio::{Content, Message, UdpNode};
use tokio::net::UdpSocket;

const FRAME: usize = 64;
const IN_FLIGHT: [usize; 3] = [1, 8, 32];
const SECRET: &str = "secret";
const SERVER: &str = "server";
/// More than any datagram here.
const ROOM: usize = 256;

/// Whom the client asks.
struct Contender {
    name: &'static str,
    address: SocketAddr,
    request: Vec<u8>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let mut numbers = arguments.iter().filter_map(|it| it.parse::<u64>().ok());
    let rounds = numbers.next().unwrap_or(7);
    let span = Duration::from_millis(numbers.next().unwrap_or(300));
    let wanted = |name: &str| {
        let mut names = arguments
            .iter()
            .filter(|it| !it.starts_with('-') && it.parse::<u64>().is_err())
            .peekable();
        names.peek().is_none() || names.any(|it| it == name)
    };

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(SERVER)
        .enable_all()
        .build()?;
    let (mut contenders, _nodes) = runtime.block_on(contenders())?;
    contenders.retain(|contender| wanted(contender.name));

    println!("requests of {FRAME} bytes, {rounds} rounds of {span:?} each, medians (min..max)");
    for in_flight in IN_FLIGHT {
        println!("{in_flight} in flight");
        let mut all = vec![(Vec::new(), Vec::new(), Vec::new()); contenders.len()];
        for _ in 0..rounds {
            let mut first = None;
            for (contender, (rates, ratios, times)) in contenders.iter().zip(&mut all) {
                let (rate, time) = measure(contender, in_flight, span)?;
                rates.push(rate);
                ratios.push(rate / *first.get_or_insert(rate));
                times.extend(time);
            }
        }
        for (contender, (rates, ratios, times)) in contenders.iter().zip(all) {
            println!(
                "{:>10}  {:>10.0}/s  {} of the first  {}",
                contender.name,
                Spread::of(rates).median,
                Spread::of(ratios),
                match times.is_empty() {
                    true => String::new(),
                    false => format!("{:.0} ns of the processor", Spread::of(times)),
                },
            );
        }
    }
    Ok(())
}

async fn contenders() -> Result<(Vec<Contender>, [UdpNode; 2]), Box<dyn Error>> {
    let mac = || Layer::new().with_auth(HmacAuth::new(SECRET));
    let (plain, with_mac) = (request(&Layer::new())?, request(&mac())?);
    assert_eq!(plain.len(), FRAME);
    let mut contenders = Vec::new();
    let mut add = |name, address, request: &Vec<u8>| {
        let request = request.clone();
        contenders.push(Contender {
            name,
            address,
            request,
        });
    };
    add("bare", serve(bare).await?, &plain);
    add("minimal", serve(minimal).await?, &plain);
    #[cfg(target_os = "linux")]
    add("batched", serve(batched).await?, &plain);

    // The client proves no address.
    let limits = Limits::default()
        .with_unvalidated_burst(usize::MAX)?
        .with_unvalidated_rate(usize::MAX)?
        .with_unvalidated_total(usize::MAX)?;
    // As one at a port of its choice, which is asked and does not only ask.
    let node = || {
        let node = UdpNode::builder().limits(limits.clone()).no_group();
        node.notice_undelivered(false)
    };
    let nodes = [
        node().bind("127.0.0.1:0").await?,
        node()
            .auth(HmacAuth::new(SECRET))
            .bind("127.0.0.1:0")
            .await?,
    ];
    for (node, (name, request)) in nodes.iter().zip([("node", &plain), ("hmac", &with_mac)]) {
        let echo = |content: Content| async move { content };
        node.on((REQUEST_URI, "echo"), echo, Layer::new())?;
        add(name, node.local_addr(), request);
    }
    Ok((contenders, nodes))
}

/// A request of 64 bytes without what the layer adds.
fn request(outer: &Layer) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut message = Message::request("echo");
    message.content = vec![b'x'; FRAME - 18].into();
    Ok(sealed(outer, &message)?)
}

/// Binds a socket, and serves it.
async fn serve<F: Future<Output = io::Result<()>> + Send + 'static>(
    serve: fn(UdpSocket) -> F,
) -> io::Result<SocketAddr> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let address = socket.local_addr()?;
    tokio::spawn(serve(socket));
    Ok(address)
}

/// Sends back what comes.
async fn bare(socket: UdpSocket) -> io::Result<()> {
    let mut buffer = vec![0; ROOM];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..len], from).await?;
    }
}

/// Answers requests with their own uri and content.
async fn minimal(socket: UdpSocket) -> io::Result<()> {
    let mut buffer = vec![0; ROOM];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).await?;
        if answer(&mut buffer[..len]) {
            socket.send_to(&buffer[..len], from).await?;
        }
    }
}

/// Turns a request into its answer, if it is whole: as netaio frames them, the header is the type,
/// the lengths of auth section and body, and the body's CRC-32.
fn answer(datagram: &mut [u8]) -> bool {
    const HEADER: usize = 9;
    let Some(&[_, a, b, c, d, e, f, g, h]) = datagram.first_chunk::<HEADER>() else {
        return false;
    };
    let auth = usize::from(u16::from_be_bytes([a, b]));
    let body = usize::from(u16::from_be_bytes([c, d]));
    let body = HEADER + auth..HEADER + auth + body;
    let whole = datagram.get(body).map(crc32fast::hash);
    if whole != Some(u32::from_be_bytes([e, f, g, h])) {
        return false;
    }
    datagram[0] = RESPOND_URI.value();
    true
}

/// As [`minimal`], with many datagrams a system call.
#[cfg(target_os = "linux")]
async fn batched(socket: UdpSocket) -> io::Result<()> {
    let mut slots = vec![0; many::MOST * ROOM];
    loop {
        socket.readable().await?;
        let mut served = Ok(());
        let tried = socket.try_io(tokio::io::Interest::READABLE, || {
            loop {
                let received = many::receive(&socket, &mut slots)?;
                let answers = slots.chunks_mut(ROOM).zip(&received);
                let answers = answers.filter_map(|(slot, (len, from))| {
                    let datagram = &mut slot[..*len];
                    answer(datagram).then_some((&*datagram, *from))
                });
                let answers: Vec<_> = answers.collect();
                if let Err(error) = many::send(&socket, &answers) {
                    served = Err(error);
                    return Ok(());
                }
            }
        });
        served?;
        match tried {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
}

/// Answers a second, with so many requests in flight, and how long the server took for each.
fn measure(
    contender: &Contender,
    in_flight: usize,
    span: Duration,
) -> Result<(f64, Option<f64>), Box<dyn Error>> {
    let mut client = Client::new(contender)?;
    client.ask(in_flight)?;
    let warm = Instant::now() + span / 4;
    let mut begun = None;
    let mut answered = 0;
    loop {
        let again = match client.answers() {
            Ok(count) => count,
            // Datagrams may get lost.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => in_flight,
            Err(error) => return Err(error.into()),
        };
        answered += again;
        client.ask(again)?;
        let now = Instant::now();
        match begun {
            None if now >= warm => begun = Some((now, answered, on_processor())),
            Some((at, before, time)) if now - at >= span => {
                let count = (answered - before) as f64;
                let time = on_processor().zip(time);
                let time = time.map(|(after, before)| (after - before) as f64 / count);
                return Ok((count / (now - at).as_secs_f64(), time));
            }
            _ => {}
        }
    }
}

/// How long the server's thread has run, in nanoseconds, where the system says it.
fn on_processor() -> Option<u64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?.flatten();
    let name = |path: &std::path::Path| std::fs::read_to_string(path.join("comm"));
    let mut paths = threads.map(|thread| thread.path());
    let server = paths.find(|path| name(path).is_ok_and(|name| name.trim() == SERVER))?;
    let times = std::fs::read_to_string(server.join("schedstat")).ok()?;
    times.split(' ').next()?.parse().ok()
}

/// The socket that asks.
struct Client {
    socket: std::net::UdpSocket,
    request: Vec<u8>,
    address: SocketAddr,
    slots: Vec<u8>,
}

impl Client {
    fn new(contender: &Contender) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        Ok(Self {
            socket,
            request: contender.request.clone(),
            address: contender.address,
            slots: vec![0; many::MOST * ROOM],
        })
    }

    fn ask(&self, count: usize) -> io::Result<()> {
        let mut left = count;
        while left > 0 {
            let now = left.min(many::MOST);
            many::send(&self.socket, &vec![(&self.request[..], self.address); now])?;
            left -= now;
        }
        Ok(())
    }

    /// Waits for answers, and returns how many there are.
    fn answers(&mut self) -> io::Result<usize> {
        let received = many::receive(&self.socket, &mut self.slots)?;
        Ok(received.len())
    }
}
