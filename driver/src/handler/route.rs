//! What a handler has of its own.

use netaio_core::{CallOptions, Layer};

use super::middleware::{AnyMiddleware, Middleware};

/// What a handler has of its own that is registered while messages come: the inner layer, and
/// how long it may run. Either of them alone is one too.
///
/// ```
/// use std::time::Duration;
///
/// use netaio_driver::RouteOptions;
/// use netaio_driver::core::{CallOptions, Layer};
///
/// let calls = CallOptions::new().with_timeout(Some(Duration::from_secs(5)));
/// let both = RouteOptions::new().with_inner(Layer::new()).with_calls(calls);
/// let one = RouteOptions::from(calls);
/// # let _ = (both, one);
/// ```
#[derive(Clone, Debug, Default)]
pub struct RouteOptions {
    pub(crate) inner: Layer,
    pub(crate) calls: Option<CallOptions>,
    pub(crate) middleware: Option<AnyMiddleware>,
}

impl RouteOptions {
    /// No inner layer, and to run as all handlers may.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Messages must pass this layer to reach the handler, and its replies are sealed with it.
    #[must_use]
    pub fn with_inner(mut self, inner: Layer) -> Self {
        self.inner = inner;
        self
    }

    /// How long the handler may run, and whether it does when its asker is gone, in the place
    /// of what is set for all.
    #[must_use]
    pub const fn with_calls(mut self, calls: CallOptions) -> Self {
        self.calls = Some(calls);
        self
    }
}

impl RouteOptions {
    /// Puts middleware around the handler, in the place of what was set here before; that of
    /// all handlers stands around it.
    #[must_use]
    pub fn with_middleware(mut self, middleware: impl Middleware) -> Self {
        self.middleware = Some(AnyMiddleware::new(middleware));
        self
    }
}

impl From<Layer> for RouteOptions {
    fn from(inner: Layer) -> Self {
        Self::new().with_inner(inner)
    }
}

impl From<CallOptions> for RouteOptions {
    fn from(calls: CallOptions) -> Self {
        Self::new().with_calls(calls)
    }
}
