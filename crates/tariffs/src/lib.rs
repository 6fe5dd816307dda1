//! Tariffs and their dated prices (SPEC 6).
//!
//! [`Tariff`] is the entity with the prices in force on a day; [`TariffInput`] is what a client may send. A charge names
//! the [`TariffVersion`] it was made by, so old prices never change. The use cases are [`create`], [`get`], [`list`], and
//! [`find_active`], [`version_on`], [`version_by_id`] and [`count_contracts`] for the contracts and the billing above.

mod input;
mod model;
mod service;
mod store;

pub use input::{TariffFilter, TariffInput};
pub use model::{Tariff, TariffType, TariffVersion, refusal};
pub use service::{count_contracts, create, find_active, get, insert_all, list, peek, version_by_id, version_on, violations};
pub use store::LIST;
