//! Tools that fill and test the system: generated data, simulated months, events of the sandbox gateway. None of them serves requests.

mod progress;
mod sandbox_event;
mod seed;
mod simulate;

pub use progress::{Progress, print};
pub use sandbox_event::SandboxEvent;
pub use seed::Seed;
pub use simulate::{Invariants, Outcome, Simulate, Size, simulate};
