//! Callers that wait for answers.

use std::time::Duration;

use futures_channel::oneshot;
use netaio_core::{Answer, CloseReason, RequestId};

use crate::error::RequestError;

/// The callers of one link, by [`RequestId::index`].
#[derive(Default)]
pub(crate) struct Callers(Vec<Option<Caller>>);

struct Caller {
    done: oneshot::Sender<Result<Answer, RequestError>>,
    /// The time that the caller gave the request, the way to its task included.
    timeout: Duration,
}

impl Callers {
    pub(crate) fn insert(
        &mut self,
        request: RequestId,
        done: oneshot::Sender<Result<Answer, RequestError>>,
        timeout: Duration,
    ) {
        let index = request.index();
        if index >= self.0.len() {
            self.0.resize_with(index.saturating_add(1), || None);
        }
        if let Some(place) = self.0.get_mut(index) {
            *place = Some(Caller { done, timeout });
        }
    }

    /// Tells the caller of a request how it ended.
    pub(crate) fn end(
        &mut self,
        request: RequestId,
        result: Result<Answer, netaio_core::RequestError>,
    ) {
        let caller = self.0.get_mut(request.index()).and_then(Option::take);
        if let Some(Caller { done, timeout }) = caller {
            // Nobody minds a caller that has lost interest.
            let _ = done.send(result.map_err(|error| match error {
                netaio_core::RequestError::TimedOut(_) => RequestError::TimedOut(timeout),
                netaio_core::RequestError::Closed(reason) => RequestError::Closed(reason),
                other => RequestError::Closed(CloseReason::Transport(other.to_string())),
            }));
        }
    }

    /// Tells all of them that there will be no answer.
    pub(crate) fn fail_all(&mut self, reason: &CloseReason) {
        for Caller { done, .. } in self.0.drain(..).flatten() {
            let _ = done.send(Err(RequestError::Closed(reason.clone())));
        }
    }
}
