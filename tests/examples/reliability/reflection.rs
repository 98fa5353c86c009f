//! What a node sends to an address that somebody writes into datagrams.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use netaio_tokio::UdpNode;
use netaio_tokio::types::REQUEST_URI;

use crate::Error;
use crate::fanout::frame;
use crate::server::Process;

/// The bytes that a node sends to one address in so many seconds of requests from there, and
/// whether short runs of ours at the same host are answered meanwhile.
pub(crate) async fn measure(seconds: usize) -> Result<(), Error> {
    let node = Process::start_as("datagrams")?;
    let (stop, received) = (AtomicBool::new(false), AtomicUsize::new(0));
    let forged = UdpSocket::bind("127.0.0.1:0")?;
    forged.set_read_timeout(Some(Duration::from_millis(100)))?;
    let address = node.address;
    let request = frame(REQUEST_URI.value(), b"long", b"");
    let (sent, runs) = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = [0; 65_536];
            while !stop.load(Ordering::SeqCst) {
                if let Ok((len, _)) = forged.recv_from(&mut buffer) {
                    received.fetch_add(len, Ordering::SeqCst);
                }
            }
        });
        let asking = scope.spawn(|| {
            let mut sent = 0;
            while !stop.load(Ordering::SeqCst) {
                for _ in 0..10 {
                    sent += usize::from(forged.send_to(&request, address).is_ok());
                }
                // As many as the node can take, so that none is lost.
                std::thread::sleep(Duration::from_millis(1));
            }
            sent
        });
        let runs = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let until = Instant::now() + Duration::from_secs(u64::try_from(seconds)?);
                let (mut answered, mut asked) = (0, 0);
                while Instant::now() < until {
                    let ours = UdpNode::builder().no_group().bind("127.0.0.1:0").await?;
                    asked += 1;
                    let answer = ours.request(address, "long").await;
                    answered +=
                        usize::from(answer.is_ok_and(|answer| answer.into_result().is_ok()));
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Ok::<_, Error>((answered, asked))
            })
        });
        stop.store(true, Ordering::SeqCst);
        (asking.join().unwrap_or(0), runs)
    });
    let (answered, asked) = runs?;
    let received = received.into_inner();
    println!(
        "reflection: {sent} requests of {} B for 60 kB each in {seconds} s; {:.1} MiB went to their address \
         (goal: 4 and 1 a second, and no more than 3 times the rest), {:.1} times what came; of {asked} short \
         runs of ours from there {answered} were answered",
        request.len(),
        received as f64 / f64::from(1 << 20),
        received as f64 / (sent * request.len()).max(1) as f64,
    );
    Ok(())
}
