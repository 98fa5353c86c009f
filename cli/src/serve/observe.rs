//! What `--metrics` serves.

use std::fmt::Write;
use std::sync::Arc;

use netaio_driver::{Metrics, Runtime, Server, UdpNode, prometheus};

use super::engine::Engine;
use super::handlers::Shared;
use super::http::{Answer, Ask};
use super::process::{Process, clock};
use crate::store::Counted;

/// The type of pages of Prometheus.
const PAGE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers for what serves.
pub(super) fn ask<R: Runtime>(
    tcp: Option<Server<R>>,
    udp: Option<UdpNode<R>>,
    shared: Arc<Shared>,
) -> Ask {
    let start = clock();
    Arc::new(move |path| match path {
        "/metrics" => {
            let tcp = tcp.as_ref().map(|server| ("tcp", server.metrics()));
            let udp = udp.as_ref().map(|node| ("udp", node.metrics()));
            let all: Vec<(&str, Metrics)> = tcp.into_iter().chain(udp).collect();
            let mut body = prometheus(all.iter().map(|(name, metrics)| (*name, metrics)));
            match &shared.store {
                Engine::Memory(store) => {
                    let (resources, bytes) = store.usage();
                    resources_page(&mut body, resources, bytes);
                }
                Engine::File(store) => {
                    let counted = store.counts();
                    resources_page(&mut body, counted.resources, counted.bytes);
                    store_page(&mut body, &counted);
                }
                #[cfg(feature = "nats")]
                Engine::Nats(gateway) => {
                    let (page, up) = (&mut body, u8::from(gateway.is_connected()));
                    let help = "Whether there is a connection to NATS.";
                    sample(page, "netaio_nats_connected", "gauge", help, up);
                    let help = "How often messages of others may have been lost.";
                    sample(
                        page,
                        "netaio_nats_losses_total",
                        "counter",
                        help,
                        gateway.losses(),
                    );
                }
            }
            process_page(&mut body, &Process::now(start));
            Some(Answer {
                status: "200 OK",
                kind: PAGE,
                body,
            })
        }
        "/healthz" => Some(match &shared.store {
            Engine::File(store) if store.counts().is_broken => {
                Answer::text("503 Service Unavailable", "the store does not work\n")
            }
            #[cfg(feature = "nats")]
            Engine::Nats(gateway) if !gateway.is_connected() => {
                Answer::text("503 Service Unavailable", "NATS cannot be reached\n")
            }
            _ => Answer::text("200 OK", "ok\n"),
        }),
        _ => None,
    })
}

fn sample(page: &mut String, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
    // Writing to a text does not fail.
    let _ = write!(
        page,
        "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"
    );
}

fn process_page(page: &mut String, process: &Process) {
    if let Some(start) = process.start {
        let (name, help) = (
            "process_start_time_seconds",
            "When the server was started, since 1970.",
        );
        sample(page, name, "gauge", help, start.as_secs_f64());
    }
    if let Some(memory) = process.memory {
        let (name, help) = (
            "process_resident_memory_bytes",
            "The memory that the process has.",
        );
        sample(page, name, "gauge", help, memory);
    }
    if let Some(time) = process.processor {
        let (name, help) = (
            "process_cpu_seconds_total",
            "The time of processors that the process took.",
        );
        sample(page, name, "counter", help, time.as_secs_f64());
    }
}

fn resources_page(page: &mut String, resources: u64, bytes: u64) {
    let mut gauge = |name, help, value| sample(page, name, "gauge", help, value);
    gauge("netaio_store_resources", "Resources.", resources);
    gauge("netaio_store_bytes", "Bytes that resources count.", bytes);
}

fn store_page(page: &mut String, counted: &Counted) {
    let waiting = "Changes and reads that wait for the store.";
    let waits = counted
        .waiting_changes
        .saturating_add(counted.waiting_reads);
    sample(page, "netaio_store_waiting", "gauge", waiting, waits);
    let mut counter = |name, help, value: &dyn std::fmt::Display| {
        sample(page, name, "counter", help, value);
    };
    counter("netaio_store_reads_total", "Reads.", &counted.reads);
    counter("netaio_store_changes_total", "Changes.", &counted.changes);
    counter(
        "netaio_store_commits_total",
        "Transactions, each with one synchronization of the disk.",
        &counted.commits,
    );
    counter(
        "netaio_store_commit_seconds_total",
        "The time that they took.",
        &counted.commit_time.as_secs_f64(),
    );
    counter(
        "netaio_store_failures_total",
        "Reads and changes that failed since the store did not work.",
        &counted.failures,
    );
}
