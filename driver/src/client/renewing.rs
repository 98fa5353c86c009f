//! Waiting for servers that were asked again to notify.

use std::sync::Weak;

use super::shared::Shared;
use crate::connection::Connection;
use crate::logging::{Shown, limited};
use crate::request::Response;
use crate::subscriptions::AskedAgain;

/// Waits for what a server answers that was asked again to notify.
pub(super) async fn confirm(client: Weak<Shared>, connection: Connection, (uri, sent): AskedAgain) {
    let answer = match sent {
        Ok(sent) => {
            let asked = connection.clone().finish_request(sent);
            asked.await.map(Response::from)
        }
        Err(error) => Err(error.into()),
    };
    let refused = match answer.map(Response::into_result) {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        // It is asked again by the next connection, or the streams end.
        Err(_) if connection.close_reason().is_some() => return,
        Err(error) => Some(error.to_string()),
    };
    let Some(client) = client.upgrade() else {
        return;
    };
    let (subscriptions, monitor) = (&client.subscriptions, &*client.monitor);
    match &refused {
        None => subscriptions.renewed(&connection, &uri, monitor),
        Some(why) => {
            let logs = connection.logs();
            let (name, shown) = (connection.name(), Shown(&uri));
            limited!(logs, WARN, "not subscribed again", server = name, uri = %shown, %why);
            subscriptions.not_renewed(&connection, &uri, why, monitor);
        }
    }
    monitor.resubscribed(&connection, uri, refused);
}
