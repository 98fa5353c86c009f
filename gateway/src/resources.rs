//! Resources in a key-value bucket of JetStream.

use std::error::Error as _;
use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::stream::{self, DiscardPolicy, RawMessageErrorKind, Republish, Stream};
use async_nats::jetstream::{Error, ErrorCode};
use bytes::Bytes;
use netaio_driver::core::Change;
use tokio::time::Instant;

use crate::cache::Cache;
use crate::error::{ConnectError, NatsError};
use crate::headers;
use crate::interest::Task;
use crate::nats::Nats;
use crate::options::GatewayOptions;
use crate::subject;

/// How often a change is tried again that another one has come before.
const ATTEMPTS: usize = 32;

/// The bucket. Each change is one message that JetStream takes only if the one before it is the one that
/// was seen: of two servers that create the same, one is told.
pub(crate) struct Resources {
    nats: Nats,
    stream: Stream,
    /// What is before the key in a subject.
    subject: String,
    /// What is read without asking, and the task that keeps it.
    cache: Option<(Arc<Cache>, Task)>,
}

/// The stream that is a bucket: what NATS's tools make, and publishing again what it has taken.
fn config(bucket: &str, republish: Republish, options: &GatewayOptions) -> stream::Config {
    stream::Config {
        name: format!("KV_{bucket}"),
        description: Some("resources of netaio".to_owned()),
        subjects: vec![format!("$KV.{bucket}.>")],
        max_messages_per_subject: 1,
        max_bytes: options.max_bytes.unwrap_or(-1),
        num_replicas: options.replicas,
        // What the stream has taken goes to the subscribers of every gateway.
        republish: Some(republish),
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..stream::Config::default()
    }
}

/// Whether servers of a version take one of two changes that expect the same number, where a stream has
/// several replicas. Those before 2.10 look only at what is applied already (nats-server's issue
/// 4320), and those before 2.10.20 not at a change that expects none (5794).
fn takes_one_of_two(version: &str) -> bool {
    let mut parts = version
        .split(['.', '-'])
        .map(|part| part.parse().unwrap_or(0_u32));
    let mut part = || parts.next().unwrap_or(0);
    (part(), part(), part()) >= (2, 10, 20)
}

/// What has become of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is done, and JetStream has acknowledged it.
    Done,
    /// There is such a resource already.
    Exists,
    /// There is no such resource.
    NotFound,
}

/// The latest message of a key.
struct Entry {
    sequence: u64,
    /// `None` if it says that the resource was deleted.
    content: Option<Bytes>,
}

impl Resources {
    pub(crate) async fn open(nats: &Nats, options: &GatewayOptions) -> Result<Self, ConnectError> {
        let bucket = options.prefix.clone();
        let failed = |reason: String| ConnectError::Bucket {
            bucket: bucket.clone(),
            reason,
        };
        let republish = Republish {
            source: format!("$KV.{bucket}.>"),
            destination: nats.subject("uri", ">"),
            headers_only: false,
        };
        let name = format!("KV_{bucket}");
        let stream = match nats.jetstream.get_stream(&name).await {
            Ok(stream) => stream,
            Err(_) => {
                let config = config(&bucket, republish.clone(), options);
                match nats.jetstream.create_stream(config).await {
                    Ok(stream) => stream,
                    // Another gateway has made it meanwhile, with options of its own.
                    Err(error) => match nats.jetstream.get_stream(&name).await {
                        Ok(stream) => stream,
                        Err(_) => return Err(failed(error.to_string())),
                    },
                }
            }
        };
        let config = &stream.cached_info().config;
        if config.republish.as_ref() != Some(&republish) {
            let made = "it was made by another program: delete it, or choose another prefix";
            return Err(failed(made.to_owned()));
        }
        let version = nats.client.server_info().version;
        if config.num_replicas > 1 && !takes_one_of_two(&version) {
            return Err(failed(format!(
                "it has {} replicas, of which nats-server {version} may let two conflicting changes \
                 pass: use 2.10.20 or later, or one replica",
                config.num_replicas
            )));
        }
        let subject = format!("$KV.{bucket}.");
        let cache = options.cached_reads.map(|staleness| {
            let cache = Cache::new(staleness, options.cache_bytes);
            let task = cache.keep(nats.clone(), stream.clone(), subject.clone());
            (cache, task)
        });
        Ok(Self {
            nats: nats.clone(),
            stream,
            subject,
            cache,
        })
    }

    /// The content of a resource, as the leader of the bucket's stream has it, or as the cache does.
    pub(crate) async fn read(&self, uri: &[u8]) -> Result<Option<Bytes>, NatsError> {
        if let Some((cache, _)) = &self.cache
            && let Some(known) = cache.get(&subject::tokens(uri)?)
        {
            return Ok(known);
        }
        let deadline = self.nats.deadline();
        let entry = self.entry(&self.key(uri)?, deadline).await?;
        Ok(entry.and_then(|entry| entry.content))
    }

    /// How often the cache had the answer.
    pub(crate) fn cached_reads(&self) -> u64 {
        self.cache.as_ref().map_or(0, |(cache, _)| cache.hits())
    }

    pub(crate) async fn create(
        &self,
        uri: &[u8],
        content: &Bytes,
        from: &HeaderMap,
    ) -> Result<Outcome, NatsError> {
        let (key, deadline) = (self.key(uri)?, self.nats.deadline());
        // It is not there, in most cases.
        let mut seen = 0;
        for _ in 0..ATTEMPTS {
            let change = (Change::Created, content.clone());
            if self.put(&key, seen, change, from, deadline).await? {
                return Ok(Outcome::Done);
            }
            seen = match self.entry(&key, deadline).await? {
                Some(Entry {
                    content: Some(_), ..
                }) => return Ok(Outcome::Exists),
                Some(Entry { sequence, .. }) => sequence,
                None => 0,
            };
        }
        Err(busy())
    }

    pub(crate) async fn update(
        &self,
        uri: &[u8],
        content: &Bytes,
        from: &HeaderMap,
    ) -> Result<Outcome, NatsError> {
        self.change(uri, Change::Updated, content, from).await
    }

    pub(crate) async fn delete(&self, uri: &[u8], from: &HeaderMap) -> Result<Outcome, NatsError> {
        self.change(uri, Change::Deleted, &Bytes::new(), from).await
    }

    /// Changes what has to be there.
    async fn change(
        &self,
        uri: &[u8],
        change: Change,
        content: &Bytes,
        from: &HeaderMap,
    ) -> Result<Outcome, NatsError> {
        let (key, deadline) = (self.key(uri)?, self.nats.deadline());
        for _ in 0..ATTEMPTS {
            let Some(Entry {
                sequence,
                content: Some(_),
            }) = self.entry(&key, deadline).await?
            else {
                return Ok(Outcome::NotFound);
            };
            let change = (change, content.clone());
            if self.put(&key, sequence, change, from, deadline).await? {
                return Ok(Outcome::Done);
            }
        }
        Err(busy())
    }

    fn key(&self, uri: &[u8]) -> Result<String, NatsError> {
        let tokens = subject::tokens(uri)?;
        Ok(format!("{}{tokens}", self.subject))
    }

    /// Adds a message, if the latest one of its subject is the one that was seen, and says whether
    /// it was.
    async fn put(
        &self,
        key: &str,
        seen: u64,
        (change, content): (Change, Bytes),
        from: &HeaderMap,
        deadline: Instant,
    ) -> Result<bool, NatsError> {
        let mut all = from.clone();
        all.insert(
            async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
            seen.to_string(),
        );
        headers::set_change(&mut all, change);
        let put = async {
            self.nats.connected(deadline).await?;
            let room = self.nats.room(key, content.len(), deadline).await?;
            let sent = self
                .nats
                .jetstream
                .publish_with_headers(key.to_owned(), all, content);
            let taken = match async { sent.await?.await }.await {
                Ok(taken) => {
                    if let Some((cache, _)) = &self.cache {
                        cache.wrote(taken.sequence);
                    }
                    Ok(true)
                }
                Err(error) => match error.kind() {
                    PublishErrorKind::WrongLastSequence => Ok(false),
                    PublishErrorKind::MaxPayloadExceeded => Err(NatsError::refused(error)),
                    _ => said(&error),
                },
            };
            if taken.is_ok() {
                room.arrived();
            }
            taken
        };
        self.nats.by(deadline, put).await?
    }

    /// The latest message of a subject.
    async fn entry(&self, key: &str, deadline: Instant) -> Result<Option<Entry>, NatsError> {
        let get = async {
            self.nats.connected(deadline).await?;
            let room = self.nats.room(key, 0, deadline).await?;
            let found = match self.stream.get_last_raw_message_by_subject(key).await {
                Ok(message) => Ok(Some(Entry {
                    sequence: message.sequence,
                    content: (!headers::is_deletion(&message.headers)).then_some(message.payload),
                })),
                Err(error) => match error.kind() {
                    RawMessageErrorKind::NoMessageFound => Ok(None),
                    _ => Err(NatsError::Unavailable),
                },
            };
            if found.is_ok() {
                room.arrived();
            }
            found
        };
        self.nats.by(deadline, get).await?
    }
}

/// What JetStream says no with: another change came first, or it never takes this one. All else is no
/// answer, such as that it has no leader at the moment.
fn said(error: &PublishError) -> Result<bool, NatsError> {
    let Some(said) = error
        .source()
        .and_then(|source| source.downcast_ref::<Error>())
    else {
        return Err(NatsError::Unavailable);
    };
    match said.error_code() {
        ErrorCode::STREAM_WRONG_LAST_SEQUENCE | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => {
            Ok(false)
        }
        // The bucket is full.
        ErrorCode::STREAM_STORE_FAILED => {
            Err(NatsError::refused(format_args!("the store says: {said}")))
        }
        _ if said.code() == 400 => Err(NatsError::refused(format_args!("the store says: {said}"))),
        _ => Err(NatsError::Unavailable),
    }
}

/// Others change the same resource all the time.
fn busy() -> NatsError {
    NatsError::refused("the resource is changed by too many at once")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_known() {
        for (version, expected) in [
            ("2.9.10", false),
            ("2.10.19", false),
            ("2.10.20", true),
            ("2.11.0-preview.2", true),
            ("3.0.0", true),
            ("", false),
        ] {
            assert_eq!(takes_one_of_two(version), expected, "{version}");
        }
    }
}
