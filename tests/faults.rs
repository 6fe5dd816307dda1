//! What is acknowledged is done once, and what is not is done once or not at all,
//! whatever dies in between (SPEC 2.7, 8.2, 14).
//!
//! The suite runs a bounded part; `FAULTS=full` runs all of it.

mod crowd;
mod cuts;
mod disk;
mod kills;
mod runs;
mod webhooks;

use crowd::{Crowd, Effects};

/// Whether all of it is wanted.
fn full() -> bool {
    #[allow(clippy::disallowed_methods, reason = "tests have no settings of their own")]
    let wanted = std::env::var("FAULTS").ok();
    wanted.as_deref() == Some("full")
}
