//! Contracts: their life cycle and holds. The crates `payments` and `billing` handle the money.
//!
//! [`Contract`] has the transitions as pure functions. The use cases here lock the row ([`load`]), change it and save it under its
//! version. A use case that also moves money, such as activation with its first charge, is in `billing`, which calls [`options::set`],
//! [`activate`], [`place_hold`], [`lift_hold`], [`terminate`] and [`post`].

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
mod texts;

/// Steps of use cases that are complete only together with money, SIM cards or a subscriber's other contracts.
///
/// The crates that combine them (`payments`, `billing`, `subscribers`, `gateways`) call these; a request handler never does.
pub mod steps {
    pub use crate::{
        options::set as set_options,
        service::{
            Debt, activate, edit, hold_all_for_debt, hold_for_debt, lift_hold, load, of_customer, place_hold, post, save, save_all,
            set_period, tell_debt, terminate,
        },
        sim_cards::{lose_sim, replace_sim},
    };
}

use database::page::ListSpec;

pub use checklist::{Checklist, REQUIREMENTS, RequirementState, checklist, sentence_name};
pub use details::{ContractDetails, Hold, HoldTime, HoldsSince};
pub use history::{HistoryEntry, HistoryKind};
pub use input::{ActivateInput, ContractFilter, ContractInput, HistoryFilter, ResumeInput, StaffHold, SuspendInput, TerminateInput};
pub use model::{Contract, ContractShort, ContractStatus, HoldReason, Holds, NewContract, refusal};
pub use plan::{ChangeTariffInput, ContractOption, ContractOptionFilter, ContractOptionsInput, MOST_OPTIONS, Plan, When};
pub use service::{
    by_number, create, delete, details, exists, find_by_words, get, hold_times, insert_all, insert_holds, list, number, read, read_all,
    short_forms, violations,
};
pub use statistics::{ContractStatistics, ContractsOfHold, ContractsOfStatus, statistics};

/// The sort orders of contract lists.
pub const LIST: ListSpec = store::LIST;
