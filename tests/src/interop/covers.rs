//! Messages of ours that have a cover, and Python, which knows of none.

use netaio_driver::Runtime;

use super::{Case, cases, tcp, udp};
use crate::python::Python;

/// A case of the table, as if there were no cover: it changes nothing for Python, whoever
/// asks.
pub async fn python_ignores_covers<R: Runtime>(python: &Python) {
    let wanted = ["HMAC", "both, inner both"];
    let cases = cases().into_iter();
    for case in cases.filter(|case| wanted.contains(&case.name)) {
        let case = Case::with_covers(case);
        tcp::python_asks_ours::<R>(python, &case).await;
        tcp::ours_asks_python::<R>(python, &case).await;
        udp::ours_asks_python::<R>(python, &case).await;
    }
}
