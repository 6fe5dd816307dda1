//! What fills and tries the system: made-up data, simulated months, events of the sandbox gateway. Nothing of it serves requests.

mod progress;
mod sandbox_event;
mod seed;
mod simulate;

pub use progress::Progress;
pub use sandbox_event::SandboxEvent;
pub use seed::Seed;
pub use simulate::{Invariants, Outcome, Simulate, Size, simulate};
