//! Tariffs, their dated prices, and options (SPEC 6).
//!
//! [`Tariff`] is the entity with the prices in force on a day; [`TariffInput`] and [`TariffEdit`] are what a client may send. A
//! period names the [`TariffVersion`] it was charged by, so old prices never change. The use cases are [`create`], [`edit`],
//! [`activate`], [`deactivate`], [`delete`], [`get`], [`list`], [`versions`] and [`history`], those of [`options`], and
//! [`find_active`], [`version_on`] and [`count_contracts`] for the contracts and the billing above.

mod input;
mod model;
mod service;
mod store;

use database::page::ListSpec;

pub use input::{
    ActiveTariffFilter, OptionFilter, OptionInput, TariffEdit, TariffFilter, TariffHistoryFilter, TariffInput, VersionFilter, repeated,
};
pub use model::{
    OptionIds, OptionKind, OptionPrice, PriceVersion, Prices, Tariff, TariffChange, TariffIds, TariffOption, TariffType, TariffVersion,
    VersionStatus, refusal,
};
pub use service::{
    activate, count_contracts, create, deactivate, delete, edit, exists, find_active, find_active_instead, get, history, insert_all,
    keep_version_on, list, options, peek, version_by_id, version_on, versions, versions_between, versions_up_to, violations,
};

/// How changes of a tariff are ordered.
pub const HISTORY: ListSpec = store::HISTORY;

/// How lists of tariffs are ordered.
pub const LIST: ListSpec = store::LIST;

/// How versions of a tariff are ordered.
pub const VERSIONS: ListSpec = store::VERSIONS;
