//! Tariffs, their dated prices, and options.
//!
//! [`Tariff`] is the entity with the prices in force on a day; [`TariffInput`] and [`TariffEdit`] are what a client sends. A period
//! refers to the [`TariffVersion`] with its terms, so later price changes do not affect it. The use cases are [`create`], [`edit`],
//! [`activate`], [`deactivate`], [`delete`], [`get`], [`list`], [`versions`] and [`history`], and those of [`options`];
//! [`find_active`], [`version_on`] and [`count_contracts`] serve the contracts and billing crates.

mod input;
mod model;
mod service;
mod store;

use database::page::ListSpec;

pub use input::{
    ActiveTariffFilter, OptionFilter, OptionInput, TariffEdit, TariffFilter, TariffHistoryFilter, TariffInput, VersionFilter, repeated,
};
pub use model::{
    OptionIds, OptionKind, OptionPrice, PriceVersion, Prices, Tariff, TariffChange, TariffIds, TariffOption, TariffShort, TariffType,
    TariffVersion, VersionStatus, refusal,
};
pub use service::{
    activate, count_contracts, create, deactivate, delete, edit, exists, find_active, find_active_instead, get, history, insert_all,
    keep_version_on, list, options, peek, short_forms, version_by_id, version_on, versions, versions_between, versions_up_to, violations,
};

/// The names by which tariffs and options are ordered.
pub const ORDERED: [database::order_keys::Named; 2] = [store::ORDERED, store::options::ORDERED];

/// Order fields of a tariff's history.
pub const HISTORY: ListSpec = store::HISTORY;

/// Order fields of tariff lists.
pub const LIST: ListSpec = store::LIST;

/// Order fields of a tariff's versions.
pub const VERSIONS: ListSpec = store::VERSIONS;
