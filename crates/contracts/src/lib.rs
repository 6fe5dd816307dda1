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

pub use checklist::{Checklist, REQUIREMENTS, Standing, checklist, sentence_name};
pub use details::{ContractCustomer, ContractDetails, ContractSim, ContractTariff, Hold};
pub use history::{Event, EventKind};
pub use input::{ActivateInput, ContractFilter, ContractInput, HistoryFilter, ResumeInput, StaffHold, SuspendInput, TerminateInput};
pub use model::{Contract, ContractStatus, HoldReason, Holds, refusal};
pub use plan::{ChangeTariffInput, ContractOption, ContractOptionFilter, ContractOptionsInput, MOST_OPTIONS, Plan, When};
pub use service::of_customer;
pub use service::{
    activate, by_number, create, delete, details, edit, exists, find_by_words, get, hold_all, lift_hold, list, load, number, place_hold,
    post, read, read_all, save_all, set_period, terminate, violations,
};
pub use sim_cards::{lose_sim, replace_sim};
pub use statistics::{ContractStatistics, ContractsOfHold, ContractsOfStatus, statistics};
pub use store::{LIST, insert_all, insert_holds};
