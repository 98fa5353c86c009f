//! What a gateway is told.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::ServerAddr;
use tokio::sync::Semaphore;

use crate::error::ConnectError;

/// What a [`Gateway`](crate::Gateway) connects to, and how.
///
/// ```
/// use std::time::Duration;
///
/// use netaio_gateway::GatewayOptions;
///
/// let options = GatewayOptions::new("nats://10.0.0.1:4222,nats://10.0.0.2:4222")?
///     .with_prefix("plant7")?
///     .with_replicas(3)?
///     .with_timeout(Duration::from_secs(2))?;
/// # Ok::<(), netaio_gateway::ConnectError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    pub(crate) servers: Vec<ServerAddr>,
    pub(crate) prefix: String,
    pub(crate) credentials: Option<PathBuf>,
    pub(crate) replicas: usize,
    pub(crate) timeout: Duration,
    pub(crate) queue: usize,
    pub(crate) queue_bytes: u32,
    pub(crate) cached_reads: Option<Duration>,
    pub(crate) cache_bytes: usize,
    pub(crate) presence: Option<Duration>,
    pub(crate) max_bytes: Option<i64>,
}

impl GatewayOptions {
    /// One or several servers of one NATS, with commas between them: a host with or without a port
    /// (4222 is NATS's), or a url such as `tls://nats.example.com`, with a user or token if need be.
    ///
    /// # Errors
    /// One is no address.
    pub fn new(servers: &str) -> Result<Self, ConnectError> {
        let parse = |server: &str| {
            let server = server.trim();
            let bad =
                |error| ConnectError::Options(format!("`{server}` is no server of NATS: {error}"));
            server.parse::<ServerAddr>().map_err(bad)
        };
        Ok(Self {
            servers: servers.split(',').map(parse).collect::<Result<_, _>>()?,
            prefix: "netaio".to_owned(),
            credentials: None,
            replicas: 1,
            timeout: Duration::from_secs(5),
            queue: 8_192,
            queue_bytes: 16 * 1024 * 1024,
            cached_reads: None,
            cache_bytes: 64 * 1024 * 1024,
            presence: None,
            max_bytes: None,
        })
    }

    /// The first token of all subjects, and the name of the bucket: gateways with one prefix are
    /// one service, and hear nothing of those with another. `netaio` unless set.
    ///
    /// # Errors
    /// It has anything but letters, digits, `-` and `_`, or 1 to 64 of them.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Result<Self, ConnectError> {
        self.prefix = prefix.into();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        match (1..=64).contains(&self.prefix.len()) && self.prefix.bytes().all(is_plain) {
            true => Ok(self),
            false => Err(ConnectError::Options(format!(
                "the prefix `{}` is not 1 to 64 letters, digits, `-` or `_`",
                self.prefix
            ))),
        }
    }

    /// A file of credentials, as `nsc` and `nats` write them.
    #[must_use]
    pub fn with_credentials(mut self, file: impl Into<PathBuf>) -> Self {
        self.credentials = Some(file.into());
        self
    }

    /// On how many servers of a cluster each resource is kept, where the bucket is not there yet: 1
    /// unless set. With 3, one server may be lost.
    ///
    /// # Errors
    /// It is not 1 to 5.
    pub fn with_replicas(mut self, replicas: usize) -> Result<Self, ConnectError> {
        self.replicas = replicas;
        match (1..=5).contains(&replicas) {
            true => Ok(self),
            false => Err(ConnectError::Options(format!(
                "{replicas} replicas: NATS keeps 1 to 5"
            ))),
        }
    }

    /// The bytes that the bucket may take, where it is not there yet; no limit but NATS's own unless
    /// set.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u32) -> Self {
        self.max_bytes = Some(bytes.into());
        self
    }

    /// How long one request may wait for NATS: then it is answered with the `ERROR` `unavailable`. 5 s
    /// unless set: shorter than the 10 s that netaio's clients wait.
    ///
    /// # Errors
    /// It is zero.
    pub fn with_timeout(mut self, timeout: Duration) -> Result<Self, ConnectError> {
        self.timeout = timeout;
        match timeout.is_zero() {
            false => Ok(self),
            true => Err(ConnectError::Options("a timeout of 0 s".to_owned())),
        }
    }

    /// How many messages of one subscription may wait in the client of NATS before they are looked at, and
    /// how many to NATS: 8,192 unless set. With more, messages of a subscription are dropped, which its
    /// subscribers [hear of](netaio_driver::core::Gap), and publishers are slowed down.
    ///
    /// # Errors
    /// It is zero.
    pub fn with_queue(mut self, messages: usize) -> Result<Self, ConnectError> {
        self.queue = messages;
        match messages {
            0 => Err(ConnectError::Options("a queue of no messages".to_owned())),
            _ => Ok(self),
        }
    }

    /// How many bytes of subjects and contents, and 512 for each message, may be on their way to NATS that it
    /// has not answered, and how many may wait here that have come from it: 16 MiB each unless set. So
    /// many bytes of memory are taken at most, whatever comes.
    ///
    /// Where NATS takes no more, as one that stands still, what is published or asked for waits for
    /// room, and is `unavailable` when its [time](Self::with_timeout) is up. What comes waits for
    /// subscribers that are slower than it, or for a place in a service; with no room a publication is
    /// dropped, which its subscribers [hear of](netaio_driver::core::Gap), and a request to a service
    /// is answered with the `ERROR` `unavailable`.
    ///
    /// # Errors
    /// It is zero.
    pub fn with_queue_bytes(mut self, bytes: u32) -> Result<Self, ConnectError> {
        // What a semaphore can count where numbers are shorter.
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        self.queue_bytes = bytes.min(most);
        match bytes {
            0 => Err(ConnectError::Options("a queue of no bytes".to_owned())),
            _ => Ok(self),
        }
    }

    /// Reads resources from a cache, which a watch of the bucket keeps. An answer is as old as this at
    /// most: within it, it may be one that has been changed meanwhile, and two reads of two gateways
    /// may see changes the other way round, so that reads are not linearizable. What this gateway has
    /// changed it sees. Changes are decided by the bucket as before. Where NATS has not confirmed for so
    /// long that the cache has all, reads ask it. Unless set they always do.
    ///
    /// A gateway asks four times in this time for the number of the last change.
    ///
    /// # Errors
    /// It is shorter than 10 ms.
    pub fn with_cached_reads(mut self, staleness: Duration) -> Result<Self, ConnectError> {
        self.cached_reads = Some(staleness);
        match staleness < Duration::from_millis(10) {
            false => Ok(self),
            true => Err(ConnectError::Options(format!(
                "cached reads that are {staleness:?} old at most: 10 ms are the least"
            ))),
        }
    }

    /// How many bytes of keys and contents the cache keeps, and 256 for each resource: 64 MiB unless
    /// set, which is 262,144 resources at most. What finds no room is asked for each time.
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Makes the peers of servers known to all gateways: each gateway keeps its own in a stream of
    /// NATS, in memory, and renews them three times in this time. Those of a gateway that was killed
    /// vanish after it. The first gateway of a prefix decides on it for all. Unless set there are none.
    /// See [`Gateway::share_peers`](crate::Gateway::share_peers).
    ///
    /// # Errors
    /// It is shorter than 1 s.
    pub fn with_presence(mut self, time_to_live: Duration) -> Result<Self, ConnectError> {
        self.presence = Some(time_to_live);
        match time_to_live < Duration::from_secs(1) {
            false => Ok(self),
            true => Err(ConnectError::Options(format!(
                "peers that live for {time_to_live:?}: 1 s is the least"
            ))),
        }
    }
}
