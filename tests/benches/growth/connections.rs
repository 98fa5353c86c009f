//! Requests over many connections, each with one in flight, beside bytes that are echoed over as
//! many: what sockets cost grows too.
//!
//! The connections are those of another process, which this program starts once more for each side:
//! the system allows each process so many open files.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use netaio_tests::contest::{apart, pin};
use netaio_tests::plain::{FRAME, frame};
use netaio_tokio::types::REQUEST_URI;
use netaio_tokio::{Content, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{FEW, machine, print};

const MANY: u64 = 10_000;
/// What a process has open besides.
const OTHERS: u64 = 100;
const SPAN: Duration = Duration::from_millis(1000);
const LOAD: &str = "--load";

/// Whether this is the other process.
pub(crate) fn is_load(arguments: &[String]) -> bool {
    arguments.first().is_some_and(|first| first == LOAD)
}

/// Compares few connections with many, of a server and of a loop that echoes.
pub(crate) fn compare(rounds: usize) -> Result<(), Box<dyn Error>> {
    let allowed = machine::allow_files(2 * MANY + OTHERS)?;
    let many = MANY.min((allowed - OTHERS) / 2) as usize;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(machine::SERVER)
        .enable_all()
        .build()?;
    let (bare, server) = runtime.block_on(async {
        let server = Server::builder().on((REQUEST_URI, "echo"), |content: Content| content);
        Ok::<_, Box<dyn Error>>((listen().await?, server.bind("127.0.0.1:0").await?))
    })?;
    pin(apart()[1]);
    let mut sides = Vec::new();
    for (name, address) in [("Server", server.local_addr()), ("echo", bare)] {
        let (few, many) = (Load::start(address, FEW)?, Load::start(address, many)?);
        sides.push((name, [few, many], [Vec::new(), Vec::new()]));
    }
    for round in 0..=rounds {
        for (_, loads, costs) in &mut sides {
            for (load, costs) in loads.iter_mut().zip(costs) {
                let cost = load.measure()?;
                // The first turn is for the caches, and for buffers that grow.
                if round > 0 {
                    costs.push(cost);
                }
            }
        }
    }
    for (name, _, [of_few, of_many]) in &sides {
        print(&format!("{many} connections, {name}"), of_few, of_many);
    }
    Ok(())
}

/// Listens, and sends back what comes.
async fn listen() -> io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                stream.set_nodelay(true)?;
                let mut buffer = [0; 1024];
                loop {
                    match stream.read(&mut buffer).await? {
                        0 => return Ok::<_, io::Error>(()),
                        count => stream.write_all(&buffer[..count]).await?,
                    }
                }
            });
        }
    });
    Ok(address)
}

/// The other process.
struct Load {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Load {
    fn start(address: SocketAddr, connections: usize) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([LOAD, &address.to_string(), &connections.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let input = input.ok_or("no input")?;
        let output = BufReader::new(output.ok_or("no output")?);
        let mut load = Self {
            child,
            input,
            output,
        };
        load.told()?;
        Ok(load)
    }

    /// The number that it says next.
    fn told(&mut self) -> Result<u64, Box<dyn Error>> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().parse()?)
    }

    /// Nanoseconds of the server's processor for a message.
    fn measure(&mut self) -> Result<f64, Box<dyn Error>> {
        let before = machine::on_processor(None);
        writeln!(self.input)?;
        let messages = self.told()?;
        let time = machine::on_processor(None) - before;
        Ok(time as f64 / messages as f64)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Connects; then, for each line that it is given, has a request in flight on each connection for
/// a while, and says how many were answered.
pub(crate) fn load(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [_, address, connections, ..] = arguments else {
        return Err("an address, and a number of connections".into());
    };
    let (address, connections): (SocketAddr, usize) = (address.parse()?, connections.parse()?);
    machine::allow_files(connections as u64 + OTHERS)?;
    let (request, mut poll) = (frame()?, Poll::new()?);
    let mut streams = Vec::new();
    for number in 0..connections {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        let registry = poll.registry();
        registry.register(&mut stream, Token(number), Interest::READABLE)?;
        streams.push(stream);
    }
    println!("{connections}");
    let mut events = Events::with_capacity(1024);
    let mut buffer = [0; 1024];
    for line in io::stdin().lines() {
        line?;
        let end = Instant::now() + SPAN;
        for stream in &mut streams {
            stream.write_all(&request)?;
        }
        let (mut answered, mut left) = (0_u64, streams.len());
        while left > 0 {
            poll.poll(&mut events, None)?;
            let goes_on = Instant::now() < end;
            for event in &events {
                let stream = &mut streams[event.token().0];
                match stream.read(&mut buffer) {
                    Ok(FRAME) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    other => return Err(format!("no answer: {other:?}").into()),
                }
                answered += 1;
                match goes_on {
                    true => stream.write_all(&request)?,
                    false => left -= 1,
                }
            }
        }
        println!("{answered}");
    }
    Ok(())
}
