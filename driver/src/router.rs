//! Handlers that are registered together.

use netaio_core::plugin::{AuthPlugin, CipherPlugin};
use netaio_core::{Key, Layer};

use crate::handler::{AnyMiddleware, Middleware};
use crate::registrations::{Registrations, handler_options};

/// Taking routers in, for whatever has registrations at this place.
macro_rules! nesting_options {
    ($($routes:ident).+) => {
        /// Takes the handlers of a [`Router`](crate::Router) in, each as if it was registered
        /// here.
        pub fn merge(self, router: crate::Router) -> Self {
            self.nest("", router)
        }

        /// As [`merge`](Self::merge), with a text before the uris of its keys: `"rooms/"`, or
        /// a pattern such as `"rooms/{room}/"`. A handler of a message type alone gets what
        /// begins with the text and goes on; it has to end with `/` there, or building fails. Custom keys are
        /// left as they are.
        pub fn nest(mut self, prefix: &str, router: crate::Router) -> Self {
            self.$($routes).+.append(router.into_nested(prefix));
            self
        }
    };
}

pub(crate) use nesting_options;

/// Handlers to be registered together: with [middleware](Middleware) of their own, or in
/// several places. A server, a client, a node or another router takes them by `merge`, or by
/// `nest` with a text before their uris.
///
/// ```
/// use netaio_driver::core::types::{DELETE_URI, REQUEST_URI};
/// use netaio_driver::{Next, Path, Reply, Request, Router};
///
/// let admin = |request: Request, next: Next| async move {
///     match request.remote.identity().authenticated {
///         true => Ok(next.run(request).await),
///         false => Err(Reply::not_permitted("no")),
///     }
/// };
/// let sensors = Router::new()
///     .on((DELETE_URI, "{id}"), |Path(id): Path<u32>| format!("{id} is gone"))
///     .wrap(admin)
///     // Not for admins alone: it is registered behind the middleware.
///     .on((REQUEST_URI, "{id}"), |Path(id): Path<u32>| format!("this is {id}"));
/// // sensors/7
/// let all = Router::new().nest("sensors/", sensors);
/// # let _ = all;
/// ```
#[must_use = "a router does nothing before something takes it"]
#[derive(Debug, Default)]
pub struct Router {
    routes: Registrations,
}

impl Router {
    /// No handlers.
    pub fn new() -> Self {
        Self::default()
    }

    handler_options!(routes);
    nesting_options!(routes);

    /// Puts [`Middleware`] around the handlers that were registered so far.
    pub fn wrap(mut self, middleware: impl Middleware) -> Self {
        self.routes.wrap(&AnyMiddleware::new(middleware));
        self
    }

    pub(crate) fn into_nested(mut self, prefix: &str) -> Registrations {
        if !prefix.is_empty() {
            self.routes.nest(prefix);
        }
        self.routes
    }
}
