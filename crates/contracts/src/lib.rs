//! Contracts: the life cycle and the holds (SPEC 7). Money is above, in `payments` and `billing`.
//!
//! [`Contract`] tells its transitions as pure functions; the use cases here lock the row ([`load`]), change it and save it
//! under its version. What joins the life cycle with money, such as activation with its first charge, is a use case of
//! `billing`, which calls [`options::set`], [`activate`], [`place_hold`], [`lift_hold`], [`terminate`] and [`post`].

mod checklist;
mod details;
pub mod history;
mod input;
mod model;
pub mod options;
mod plan;
mod service;
mod sim_cards;
mod statistics;
mod store;

/// Steps of use cases that are whole only together with money, SIM cards or a subscriber's other contracts.
///
/// They are for the crates that join them (`payments`, `billing`, `subscribers`, `gateways`), and never for a request by itself.
pub mod steps {
    pub use crate::{
        options::set as set_options,
        service::{activate, edit, hold_all, lift_hold, load, of_customer, place_hold, post, save, save_all, set_period, terminate},
        sim_cards::{lose_sim, replace_sim},
    };
}

use database::page::ListSpec;

pub use checklist::{Checklist, REQUIREMENTS, RequirementState, checklist, sentence_name};
pub use details::{ContractCustomer, ContractDetails, ContractSim, ContractTariff, Hold};
pub use history::{HistoryEntry, HistoryKind};
pub use input::{ActivateInput, ContractFilter, ContractInput, HistoryFilter, ResumeInput, StaffHold, SuspendInput, TerminateInput};
pub use model::{Contract, ContractStatus, HoldReason, Holds, NewContract, refusal};
pub use plan::{ChangeTariffInput, ContractOption, ContractOptionFilter, ContractOptionsInput, MOST_OPTIONS, Plan, When};
pub use service::{
    by_number, create, delete, details, exists, find_by_words, get, insert_all, insert_holds, list, number, read, read_all, violations,
};
pub use statistics::{ContractStatistics, ContractsOfHold, ContractsOfStatus, statistics};

/// How lists of contracts are ordered.
pub const LIST: ListSpec = store::LIST;
