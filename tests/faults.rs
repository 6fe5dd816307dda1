//! An acknowledged operation is done exactly once, any other one at most once,
//! whichever process or connection fails in between.
//!
//! By default the suite runs a part; `FAULTS=full` runs all of it.

mod crowd;
mod cuts;
mod disk;
mod kills;
mod locked;
mod runs;
mod webhooks;

use crowd::{Crowd, Effects};

/// Whether to run all of it.
fn full() -> bool {
    #[allow(clippy::disallowed_methods, reason = "tests read the environment directly")]
    let wanted = std::env::var("FAULTS").ok();
    wanted.as_deref() == Some("full")
}
